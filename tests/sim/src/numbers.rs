//! Telephone numbers: how they are compared, and the range this world has.
//!
//! The carrier knows the demo range only, so that nothing aimed at it by mistake
//! ever looks like a success. A number is compared in its national digits, however
//! it was written (`+86…`, `0086…`, with hyphens, as `tel:` or `sip:`).

use std::fmt;

/// First seven digits of every mobile of the demo range; four more follow.
pub const DEMO_MOBILE: &str = "1380000";
/// Area code and first four digits of every landline of the demo range.
pub const DEMO_LANDLINE: &str = "0298800";

/// A telephone number in national digits. `Debug` and `Display` are masked.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(String);

impl Number {
    /// Reads a number as people and SIP user parts write it; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().replace("%2B", "+").replace("%2b", "+");
        if text.len() > 40 {
            return None;
        }
        let mut digits = String::new();
        for (at, c) in text.chars().enumerate() {
            match c {
                '0'..='9' => digits.push(c),
                '+' if at == 0 => digits.push(c),
                '-' | '.' | '(' | ')' | ' ' => {}
                _ => return None,
            }
        }
        let national = if let Some(rest) = digits.strip_prefix("+86").or_else(|| digits.strip_prefix("0086")) {
            let mobile = rest.len() == 11 && rest.starts_with('1');
            if rest.len() >= 9 && !mobile && !rest.starts_with('0') { format!("0{rest}") } else { rest.to_owned() }
        } else {
            digits
        };
        let plain = !national.starts_with('+') && (3..=20).contains(&national.len());
        plain.then_some(Self(national))
    }

    /// The digits themselves: for the test side of the house only, never for a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The last four digits of a number of the demo range, which decide how its party
    /// behaves; `None` for every other number.
    pub fn demo_ending(&self) -> Option<u16> {
        let ending = self.0.strip_prefix(DEMO_MOBILE).or_else(|| self.0.strip_prefix(DEMO_LANDLINE))?;
        if ending.len() == 4 { ending.parse().ok() } else { None }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only ASCII digits can be inside, see `parse`.
        match self.0.len() {
            8.. => write!(f, "{}****{}", &self.0[..3], &self.0[self.0.len() - 4..]),
            _ => f.write_str("****"),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn every_spelling_of_a_number_is_the_same_number() {
        let plain = Number::parse("02988001234").unwrap();
        for other in ["029-88001234", "+862988001234", "0086-29-88001234", "%2B8602988001234"] {
            assert_eq!(Number::parse(other).unwrap().reveal(), plain.reveal(), "{other}");
        }
        assert_eq!(Number::parse("+8613800000001").unwrap().reveal(), "13800000001");
        assert!(Number::parse("+1 202 555 0100").is_none());
        assert!(Number::parse("anonymous").is_none());
    }

    #[test]
    fn only_the_demo_range_has_parties() {
        assert_eq!(Number::parse("13800004001").unwrap().demo_ending(), Some(4001));
        assert_eq!(Number::parse("029-88000012").unwrap().demo_ending(), Some(12));
        assert_eq!(Number::parse("13912345678").unwrap().demo_ending(), None);
    }

    #[test]
    fn a_number_is_masked_when_it_is_printed() {
        let number = Number::parse("13800001234").unwrap();
        assert_eq!(format!("{number} {number:?}"), "138****1234 138****1234");
    }
}
