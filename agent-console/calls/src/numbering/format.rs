//! How a trunk wants a number written.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use songda_sip::Number;

use super::{Abroad, Callee, Kind, Refusal};

/// Digits of a mobile's prefix that tell its home (号段).
const PREFIX: usize = 7;

/// The form of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// As at home: `029…`, `138…`, `00` before what is abroad.
    #[default]
    National,
    /// `+86…` (ITU E.164).
    E164,
    /// `86…`, without the plus.
    CountryCode,
}

/// The mobiles that are at home where the court is, by their first seven digits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct LocalMobiles(BTreeSet<String>);

impl LocalMobiles {
    fn holds(&self, mobile: &str) -> bool {
        mobile.get(..PREFIX).is_some_and(|prefix| self.0.contains(prefix))
    }
}

impl TryFrom<Vec<String>> for LocalMobiles {
    type Error = String;

    /// Takes prefixes of seven digits; the first that is none is named.
    fn try_from(prefixes: Vec<String>) -> Result<Self, String> {
        let is_prefix = |text: &String| text.len() == PREFIX && text.bytes().all(|b| b.is_ascii_digit());
        match prefixes.iter().position(|text| !is_prefix(text)) {
            Some(at) => Err(format!("entry {} is no prefix of seven digits", at + 1)),
            None => Ok(Self(prefixes.into_iter().collect())),
        }
    }
}

impl From<LocalMobiles> for Vec<String> {
    fn from(local: LocalMobiles) -> Self {
        local.0.into_iter().collect()
    }
}

/// Where the court's line ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Home {
    /// Its area code with the 0: `029`.
    pub area: String,
    /// Mobiles of that area.
    pub mobiles: LocalMobiles,
}

/// How a trunk takes the number that is called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Format {
    /// Form.
    pub style: Style,
    /// Dialled before everything, to get out of the exchange: `9`.
    pub access_prefix: String,
    /// The home of the line, for the two below.
    pub home: Home,
    /// 0 before mobiles of another area (外地手机加 0), in the national form.
    pub zero_before_distant_mobiles: bool,
    /// Landlines of the own area without its code, in the national form.
    pub own_area_without_code: bool,
    /// Places outside the mainland that may be called; none by default (E39).
    pub abroad: Vec<Abroad>,
}

/// How a trunk takes the court's own number as caller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallerFormat {
    /// Form.
    pub style: Style,
    /// A landline without its area code, in the national form.
    pub without_area: bool,
}

/// A number as it goes out on a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialled {
    /// User part of the Request-URI and of To.
    pub number: Number,
    /// Keys to be pressed after the answer.
    pub post_dial: Option<String>,
}

impl Format {
    /// Whether a trunk with this format may call the number at all.
    pub fn allows(&self, callee: &Callee) -> Result<(), Refusal> {
        match callee.kind() {
            Kind::Abroad(place) if !self.abroad.contains(&place) => Err(Refusal::Abroad(place)),
            _ => Ok(()),
        }
    }

    /// The number as this trunk takes it.
    pub fn write(&self, callee: &Callee) -> Result<Dialled, Refusal> {
        self.allows(callee)?;
        let digits = callee.digits();
        let text = match (callee.kind(), self.style) {
            // Customer lines are not part of E.164: the same in every form.
            (Kind::Customer, _) | (Kind::Abroad(_), Style::CountryCode) => digits.to_owned(),
            (Kind::Abroad(_), Style::National) => format!("00{digits}"),
            (Kind::Abroad(_), Style::E164) => format!("+{digits}"),
            (kind, Style::National) => self.national(kind, digits),
            (_, style) => international(style, digits),
        };
        // A plus stands first or not at all.
        let number = match text.strip_prefix('+') {
            Some(rest) if !self.access_prefix.is_empty() => format!("{}{rest}", self.access_prefix),
            _ => format!("{}{text}", self.access_prefix),
        };
        Ok(Dialled { number: Number::new(&number), post_dial: callee.extension().map(str::to_owned) })
    }

    fn national(&self, kind: Kind, digits: &str) -> String {
        match kind {
            Kind::Mobile if self.zero_before_distant_mobiles && !self.home.mobiles.holds(digits) => {
                format!("0{digits}")
            }
            Kind::Landline { area } if self.own_area_without_code && digits[..area] == self.home.area => {
                digits[area..].to_owned()
            }
            _ => digits.to_owned(),
        }
    }

    /// What is wrong with a format that was entered: the field, and what it must be.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if self.access_prefix.len() > 6 || !digits(&self.access_prefix) {
            return Err(("access_prefix", "must be at most six digits"));
        }
        let area = &self.home.area;
        let is_area = area.starts_with('0') && (3..=4).contains(&area.len()) && digits(area);
        if !is_area && !area.is_empty() {
            return Err(("home.area", "must be an area code with its 0, such as 029"));
        }
        if self.own_area_without_code && area.is_empty() {
            return Err(("home.area", "must be given where numbers of the own area go without it"));
        }
        Ok(())
    }
}

/// The court's own number as a trunk takes it in From and P-Asserted-Identity. It is the
/// court's, whatever its kind: a short number such as 12368 goes out as it is.
pub fn caller(number: &str, format: CallerFormat) -> Number {
    let Ok(own) = Callee::parse(number) else { return Number::new(number) };
    let digits = own.digits();
    Number::new(&match (own.kind(), format.style) {
        (Kind::Landline { area }, Style::National) if format.without_area => digits[area..].to_owned(),
        (Kind::Customer, _) | (_, Style::National) => digits.to_owned(),
        (_, style) => international(style, digits),
    })
}

fn international(style: Style, digits: &str) -> String {
    let plus = if style == Style::E164 { "+" } else { "" };
    format!("{plus}86{}", digits.strip_prefix('0').unwrap_or(digits))
}
