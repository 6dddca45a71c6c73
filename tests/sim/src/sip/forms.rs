//! How a trunk wants its numbers written, and which nobody may dial.

use std::fmt;
use std::str::FromStr;

use crate::numbers::Number;

/// Numbers that a court's machine must never dial.
const EMERGENCY: [&str; 4] = ["110", "119", "120", "122"];
/// How numbers begin that cost the caller more than a call.
const PREMIUM: [&str; 2] = ["168", "160"];

/// How numbers are written in a user part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberForm {
    /// `13800000001`, `02988001234`.
    National,
    /// `+8613800000001`, `+862988001234`.
    Plus86,
    /// National, with a 0 before mobiles that do not begin like these.
    ZeroMobiles(Vec<String>),
    /// An access prefix, then the national number.
    Prefixed(String),
}

impl NumberForm {
    /// The number, when `raw` is written in this form.
    fn read(&self, raw: &str) -> Option<Number> {
        match self {
            Self::National => national(raw),
            Self::Plus86 => {
                let rest = raw.strip_prefix("+86").or_else(|| raw.strip_prefix("%2B86"))?;
                let digits = rest.bytes().all(|b| b.is_ascii_digit()) && !rest.starts_with('0');
                digits.then(|| Number::parse(raw)).flatten()
            }
            Self::ZeroMobiles(here) => {
                let local = |mobile: &str| here.iter().any(|prefix| mobile.starts_with(prefix.as_str()));
                match raw.strip_prefix('0').filter(|mobile| is_mobile(mobile)) {
                    Some(mobile) => (!local(mobile)).then(|| national(mobile)).flatten(),
                    None => national(raw).filter(|_| !is_mobile(raw) || local(raw)),
                }
            }
            Self::Prefixed(prefix) => national(raw.strip_prefix(prefix.as_str())?),
        }
    }
}

impl FromStr for NumberForm {
    type Err = String;

    /// `national`, `+86`, `zero:1380000,1390000` or `prefix:9`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "national" => Ok(Self::National),
            None if text == "+86" => Ok(Self::Plus86),
            Some(("zero", here)) => {
                Ok(Self::ZeroMobiles(here.split(',').filter(|p| !p.is_empty()).map(str::to_owned).collect()))
            }
            Some(("prefix", digits)) if !digits.is_empty() => Ok(Self::Prefixed(digits.to_owned())),
            _ => Err(format!("{text}: not national, +86, zero:PREFIXES or prefix:DIGITS")),
        }
    }
}

impl fmt::Display for NumberForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::National => f.write_str("national"),
            Self::Plus86 => f.write_str("+86"),
            Self::ZeroMobiles(here) => write!(f, "zero:{}", here.join(",")),
            Self::Prefixed(digits) => write!(f, "prefix:{digits}"),
        }
    }
}

/// What the trunk expects; any spelling without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forms {
    /// Of the number in the Request-URI.
    pub called: Option<NumberForm>,
    /// Of the numbers in From and P-Asserted-Identity.
    pub calling: Option<NumberForm>,
}

impl Forms {
    /// The number dialled. Also one in a wrong form is read, so that the journal names it.
    pub(crate) fn dialled(&self, raw: &str) -> Option<Number> {
        self.called.as_ref().and_then(|form| form.read(raw)).or_else(|| Number::parse(raw))
    }

    /// The calling number, in the form that is expected.
    pub(crate) fn calling(&self, raw: &str) -> Option<Number> {
        self.calling.as_ref().map_or_else(|| Number::parse(raw), |form| form.read(raw))
    }

    /// What is wrong with the numbers of a call.
    pub(crate) fn judge(&self, dialled: &str, caller: &str) -> Option<(u16, &'static str)> {
        if self.reads_as(dialled, &EMERGENCY, |number, short| number == short) {
            return Some((403, "an emergency number was dialled"));
        }
        if self.reads_as(dialled, &PREMIUM, |number, prefix| number.len() >= 5 && number.starts_with(prefix)) {
            // A mobile of 160… or 168… has eleven digits and is none.
            let digits = bare(dialled);
            if !is_mobile(self.without_prefix(&digits)) {
                return Some((403, "a premium number was dialled"));
            }
        }
        if self.called.as_ref().is_some_and(|form| form.read(dialled).is_none()) {
            return Some((484, "a called number in another form than the trunk's"));
        }
        if self.calling.as_ref().is_some_and(|form| form.read(caller).is_none()) {
            return Some((403, "a calling number in another form than the trunk's"));
        }
        None
    }

    /// Whether a number, also behind an access prefix or an area code, is one of `list`.
    fn reads_as(&self, dialled: &str, list: &[&str], same: impl Fn(&str, &str) -> bool) -> bool {
        let digits = bare(dialled);
        let plain = self.without_prefix(&digits);
        // An area code has three or four digits, with its 0.
        let area =
            [3, 4].into_iter().filter_map(|length| plain.starts_with('0').then(|| plain.get(length..)).flatten());
        std::iter::once(plain).chain(area).any(|number| list.iter().any(|one| same(number, one)))
    }

    fn without_prefix<'a>(&self, digits: &'a str) -> &'a str {
        match &self.called {
            Some(NumberForm::Prefixed(prefix)) => digits.strip_prefix(prefix.as_str()).unwrap_or(digits),
            _ => digits,
        }
    }
}

/// The digits without punctuation and country code.
fn bare(dialled: &str) -> String {
    let text = dialled.replace("%2B", "+");
    let international = text.starts_with("+86") || text.starts_with("0086");
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix("00").filter(|_| international).unwrap_or(&digits);
    digits.strip_prefix("86").filter(|_| international).unwrap_or(digits).to_owned()
}

fn national(raw: &str) -> Option<Number> {
    let area = raw.starts_with('0') && (10..=12).contains(&raw.len()) && !raw.starts_with("00");
    let service = (raw.starts_with("400") || raw.starts_with("800")) && raw.len() == 10;
    // 010, 02x and 03xx to 09xx are area codes; 01x otherwise is a mobile with a 0 before it.
    let mobile = raw.starts_with("01") && !raw.starts_with("010");
    let written = raw.bytes().all(|b| b.is_ascii_digit()) && (is_mobile(raw) || service || (area && !mobile));
    written.then(|| Number::parse(raw)).flatten()
}

fn is_mobile(text: &str) -> bool {
    text.len() == 11 && text.starts_with('1') && !text.starts_with("10")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(form: &str, raw: &str) -> Option<String> {
        form.parse::<NumberForm>().unwrap().read(raw).map(|n| n.reveal().to_owned())
    }

    #[test]
    fn each_form_takes_its_own_spelling_only() {
        let mobile = Some("13800000001".to_owned());
        let landline = Some("02988001234".to_owned());
        let cases = [
            ("national", "13800000001", "02988001234", ["+8613800000001", "013800000001", "88001234"]),
            ("+86", "+8613800000001", "+862988001234", ["13800000001", "+8602988001234", "8613800000001"]),
            ("zero:139", "013800000001", "02988001234", ["13800000001", "013900000001", "+8613800000001"]),
            ("zero:138", "13800000001", "02988001234", ["013800000001", "13900000001", "88001234"]),
            ("prefix:9", "913800000001", "902988001234", ["13800000001", "9013800000001", "02988001234"]),
        ];
        for (form, good, area, bad) in cases {
            assert_eq!((reads(form, good), reads(form, area)), (mobile.clone(), landline.clone()), "{form}");
            for raw in bad {
                assert_eq!(reads(form, raw), None, "{form} {raw}");
            }
            assert_eq!(form.parse::<NumberForm>().unwrap().to_string(), form);
        }
        assert!("prefix:".parse::<NumberForm>().is_err() && "other".parse::<NumberForm>().is_err());
    }

    #[test]
    fn emergency_and_premium_numbers_are_known_behind_everything() {
        let forms = Forms { called: Some(NumberForm::Prefixed("9".into())), calling: None };
        for raw in ["110", "9110", "+86119", "029120", "9029122", "0912110"] {
            assert_eq!(forms.judge(raw, "").unwrap().1, "an emergency number was dialled", "{raw}");
        }
        for raw in ["16812345", "02916812345", "9160123"] {
            assert_eq!(forms.judge(raw, "").unwrap().1, "a premium number was dialled", "{raw}");
        }
        for raw in ["913800000110", "916800000001", "902988000110"] {
            assert_eq!(forms.judge(raw, ""), None, "{raw}");
        }
    }
}
