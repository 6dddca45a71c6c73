//! What a number on file is.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Refusal;

/// Digits of an extension, at most.
const EXTENSION: usize = 8;

/// Short numbers that call for help: police, fire, ambulance, traffic accidents; forest fire,
/// police by text, rescue at sea, the Red Cross in Beijing, and what a mobile takes for
/// one of them anywhere (112, 911, 999).
const EMERGENCY: [&str; 10] = ["110", "112", "119", "120", "122", "911", "999", "12110", "12119", "12395"];

/// Foreign numbers whose caller pays extra, and networks that are in no country (ITU E.164,
/// annex D): satellites, international premium rate.
const PREMIUM_ABROAD: [&str; 9] = ["1900", "1976", "449", "979", "870", "878", "881", "882", "883"];

/// A place outside the mainland, which a trunk must be opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Abroad {
    /// +852.
    HongKong,
    /// +853.
    Macau,
    /// +886.
    Taiwan,
    /// Everything else behind a plus.
    Foreign,
}

impl fmt::Display for Abroad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HongKong => "Hong Kong",
            Self::Macau => "Macau",
            Self::Taiwan => "Taiwan",
            Self::Foreign => "foreign countries",
        })
    }
}

/// A kind of number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Eleven digits from 13 to 19.
    Mobile,
    /// With its area code; the 0 and the code have so many digits.
    Landline {
        /// 3 for 010 and 02x, 4 for the others.
        area: usize,
    },
    /// 400 and 800.
    Toll,
    /// 95xxx and 96xxx: the customer line of a bank, an insurer, a carrier.
    Customer,
    /// Outside the mainland.
    Abroad(Abroad),
}

/// A number that may be dialled. `Debug` is masked.
#[derive(Clone, PartialEq, Eq)]
pub struct Callee {
    kind: Kind,
    /// With the area code and its 0; abroad with the country code and no plus.
    digits: String,
    extension: Option<String>,
}

impl fmt::Debug for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callee")
            .field("kind", &self.kind)
            .field("number", &songda_sip::Number::new(&self.digits))
            .finish_non_exhaustive()
    }
}

impl Callee {
    /// Reads a number in the form in which it is kept: national digits, a plus before a
    /// foreign one, `,` and digits for an extension. Blanks, hyphens and brackets are layout.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let (main, extension) = match text.split_once([',', '转', 'x', 'X']) {
            Some((main, extension)) => (main, Some(digits(extension).ok_or(Refusal::Unreadable)?)),
            None => (text, None),
        };
        if extension.as_ref().is_some_and(|extension| !(1..=EXTENSION).contains(&extension.len())) {
            return Err(Refusal::Unreadable);
        }
        let main = main.trim();
        let (kind, digits) = if let Some(abroad) = main.strip_prefix('+') {
            let digits = digits(abroad).ok_or(Refusal::Unreadable)?;
            match digits.strip_prefix("86") {
                Some(home) if home.starts_with(['0', '1', '4', '8']) && home.len() >= 10 => national(home.to_owned())?,
                Some(home) => national(format!("0{home}"))?,
                None => foreign(digits)?,
            }
        } else {
            let digits = digits(main).ok_or(Refusal::Unreadable)?;
            match digits.strip_prefix("00") {
                Some(abroad) => return Self::parse(&with_extension(&format!("+{abroad}"), extension.as_deref())),
                None => national(digits)?,
            }
        };
        Ok(Self { kind, digits, extension })
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The keys that are pressed after the answer, when it has an extension.
    pub fn extension(&self) -> Option<&str> {
        self.extension.as_deref()
    }

    pub(super) fn digits(&self) -> &str {
        &self.digits
    }
}

fn with_extension(main: &str, extension: Option<&str>) -> String {
    extension.map_or_else(|| main.to_owned(), |extension| format!("{main},{extension}"))
}

/// Digits without layout; none when anything else stands between them.
fn digits(text: &str) -> Option<String> {
    let kept: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.')).collect();
    (!kept.is_empty() && kept.len() <= 20 && kept.bytes().all(|b| b.is_ascii_digit())).then_some(kept)
}

fn national(digits: String) -> Result<(Kind, String), Refusal> {
    // A mobile that was written with the 0 of long distance.
    if digits.len() == 12 && digits.starts_with("01") && is_mobile(&digits[1..]) {
        return Ok((Kind::Mobile, digits[1..].to_owned()));
    }
    if is_mobile(&digits) {
        return Ok((Kind::Mobile, digits));
    }
    if let Some(refusal) = short(&digits) {
        return Err(refusal);
    }
    if digits.len() == 10 && (digits.starts_with("400") || digits.starts_with("800")) {
        return Ok((Kind::Toll, digits));
    }
    if is_customer(&digits) {
        return Ok((Kind::Customer, digits));
    }
    if digits.starts_with('0') {
        return landline(digits);
    }
    Err(Refusal::Unreadable)
}

fn is_mobile(digits: &str) -> bool {
    digits.len() == 11 && digits.starts_with('1') && digits.as_bytes()[1] >= b'3'
}

fn is_customer(digits: &str) -> bool {
    (5..=8).contains(&digits.len()) && (digits.starts_with("95") || digits.starts_with("96"))
}

/// Short numbers: whoever gets through with one has reached no party.
fn short(digits: &str) -> Option<Refusal> {
    if EMERGENCY.contains(&digits) {
        return Some(Refusal::Emergency);
    }
    if !digits.starts_with('1') || digits.len() > 10 {
        return None;
    }
    // Information lines (声讯) stand behind 16.
    Some(if digits.starts_with("16") && digits.len() >= 5 { Refusal::Premium } else { Refusal::Service })
}

fn landline(digits: String) -> Result<(Kind, String), Refusal> {
    let area = match &digits.as_bytes()[..digits.len().min(3)] {
        [b'0', b'1', b'0'] | [b'0', b'2', _] => 3,
        [b'0', b'3'..=b'9', _] => 4,
        // The 0 before a short number.
        _ => return Err(short(digits.trim_start_matches('0')).unwrap_or(Refusal::Unreadable)),
    };
    let Some(subscriber) = digits.get(area..) else { return Err(Refusal::Unreadable) };
    if let Some(refusal) = short(subscriber) {
        return Err(refusal);
    }
    let plain = (7..=8).contains(&subscriber.len()) && matches!(subscriber.as_bytes()[0], b'2'..=b'9');
    if plain || is_customer(subscriber) { Ok((Kind::Landline { area }, digits)) } else { Err(Refusal::Unreadable) }
}

fn foreign(digits: String) -> Result<(Kind, String), Refusal> {
    // E.164 has fifteen digits at most; a number that begins with 0 has no country.
    if !(7..=15).contains(&digits.len()) || digits.starts_with('0') {
        return Err(Refusal::Unreadable);
    }
    // North America: ten digits behind the 1, no area of which begins with 0 or 1. Whatever else
    // begins with a 1 could be taken for a short number where the plus is not sent.
    if digits.starts_with('1') && (digits.len() != 11 || matches!(digits.as_bytes()[1], b'0' | b'1')) {
        return Err(Refusal::Unreadable);
    }
    if PREMIUM_ABROAD.iter().any(|premium| digits.starts_with(premium)) {
        return Err(Refusal::Premium);
    }
    let place = match digits.get(..3) {
        Some("852") if digits.starts_with("852900") => return Err(Refusal::Premium),
        Some("852") => Abroad::HongKong,
        Some("853") => Abroad::Macau,
        Some("886") => Abroad::Taiwan,
        _ => Abroad::Foreign,
    };
    let rest = &digits[if place == Abroad::Foreign { 0 } else { 3 }..];
    // 999 in Hong Kong and Macau, 110 and 119 in Taiwan.
    if EMERGENCY.contains(&rest) { Err(Refusal::Emergency) } else { Ok((Kind::Abroad(place), digits)) }
}
