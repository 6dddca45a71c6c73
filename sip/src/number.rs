//! Numbers and secrets that do not show themselves.

use std::fmt;

/// Country code of China (E.164).
const COUNTRY: &str = "86";
/// Digits of a number of the country without any prefix, at most.
const LONGEST: usize = 11;

/// A number to dial or to show as caller. `Debug` and `Display` are masked.
#[derive(Clone, PartialEq, Eq)]
pub struct Number(String);

impl Number {
    /// Keeps digits and a leading plus; everything else of a written number is layout.
    pub fn new(text: &str) -> Self {
        let mut number = String::with_capacity(text.len());
        for c in text.chars() {
            if c.is_ascii_digit() || (c == '+' && number.is_empty()) {
                number.push(c);
            }
        }
        Self(number)
    }

    /// Whether both lead to the same line, in whatever form: with the country in front (`+86`,
    /// `0086`, `86`) or not, with the 0 before an area code or a distant mobile or not. Not
    /// equality: what is dialled is the form.
    pub(crate) fn is_the_line_of(&self, other: &Self) -> bool {
        self.line() == other.line()
    }

    /// The digits behind country and trunk prefix of a Chinese number; any other number whole,
    /// behind a plus.
    fn line(&self) -> (&str, &str) {
        let digits = self.0.as_str();
        let abroad = digits.strip_prefix('+').or_else(|| digits.strip_prefix("00"));
        // Without a plus no number of the country is so long.
        let long = digits.strip_prefix(COUNTRY).filter(|_| digits.len() > LONGEST);
        let national = match abroad {
            Some(abroad) => match abroad.strip_prefix(COUNTRY) {
                Some(national) => national,
                None => return ("+", abroad),
            },
            None => long.unwrap_or(digits),
        };
        ("", national.strip_prefix('0').unwrap_or(national))
    }

    /// The number itself: only the INVITE may need it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.len();
        if length < 8 {
            return f.write_str("****");
        }
        write!(f, "{}****{}", &self.0[..3], &self.0[length - 4..])
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({self})")
    }
}

/// A password. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_known_in_every_form_of_its_number_and_no_other_is_taken_for_it() {
        let same = |one: &str, other: &str| Number::new(one).is_the_line_of(&Number::new(other));
        for form in ["13800000001", "+8613800000001", "008613800000001", "8613800000001", "013800000001"] {
            assert!(same(form, "13800000001") && same("+86 138 0000 0001", form), "{form}");
        }
        for form in ["02988009000", "+862988009000", "00862988009000", "862988009000", "2988009000", "+86 029 88009000"]
        {
            assert!(same(form, "02988009000"), "{form}");
        }
        assert!(same("+85221234567", "0085221234567"));
        for (one, other) in [
            ("13800000001", "13800000002"),
            ("+85221234567", "85221234567"),
            ("+113800000001", "13800000001"),
            ("8612345678", "12345678"),
            ("88009000", "02988009000"),
            ("", "13800000001"),
        ] {
            assert!(!same(one, other) && !same(other, one), "{one} {other}");
        }
    }
}
