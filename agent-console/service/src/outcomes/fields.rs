//! What an outcome asks for besides its code: a number, an address, a time, a choice.
//!
//! What an agent typed is checked here, brought to one form and masked. The form is sealed
//! at rest; a field that is write-only is never shown again but by its mask (R4.3b).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use songda_store::{
    clock,
    masked::{self, Phone},
};

use super::{Business, Refusal};
use crate::times;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// A mobile number.
    Mobile,
    /// Any number that can be dialled, or could be if a line were opened for its place (E39).
    Phone,
    /// An e-mail address.
    Email,
    /// A postal address.
    Address,
    /// A day, `2026-11-27`.
    Date,
    /// A time, `2026-11-27T15:30`, in Shanghai where no offset is given.
    Datetime,
    /// A line of text.
    Text,
    /// One of the options.
    Choice,
}

impl FieldKind {
    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Address => "address",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Text => "text",
            Self::Choice => "choice",
        }
    }
}

/// What a field changes beyond being kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sets {
    /// When the next call may be placed, within the hours of the law (2.5).
    NextCall,
    /// A new number of the party, to be verified.
    Phone,
    /// A new address of the party, to be verified.
    Address,
    /// A new e-mail address of the party, to be verified.
    Email,
}

/// One of the answers to a choice.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FieldOption {
    /// Stored word.
    pub code: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
    /// The line went dead: the call is taken up again at once.
    #[serde(default)]
    pub cut_off: bool,
}

/// A field of an outcome.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Field {
    /// Name within the outcome.
    pub id: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Label in Chinese.
    pub label_zh: String,
    /// Label in English.
    pub label_en: String,
    /// Without it the outcome is not saved.
    pub required: bool,
    /// Shown again only by its mask.
    #[serde(default)]
    pub write_only: bool,
    /// The answers to a choice.
    #[serde(default)]
    pub options: Vec<FieldOption>,
    /// What it changes.
    #[serde(default)]
    pub sets: Option<Sets>,
}

/// A field as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Filled {
    /// Name within the outcome.
    pub id: String,
    /// What it holds.
    pub kind: FieldKind,
    /// The value in its one form.
    pub value: String,
    /// What may be shown of it.
    pub masked: String,
    /// Never shown but by its mask.
    pub write_only: bool,
    /// What it changes.
    pub sets: Option<Sets>,
    /// The choice says that the line went dead.
    pub cut_off: bool,
}

impl std::fmt::Debug for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filled").field("id", &self.id).field("masked", &self.masked).finish_non_exhaustive()
    }
}

/// Longest line of text, characters.
const TEXT_LIMIT: usize = 200;
/// An appointment lies no further ahead than this.
const AHEAD_MS: i64 = 180 * 86_400_000;
/// Calls are placed from this hour on, and before that one (2.5).
const CALLING_HOURS: std::ops::Range<i64> = 8..21;

impl Field {
    /// What may be shown of a value before it is complete: a draft is masked as it stands.
    pub fn mask(&self, text: &str) -> String {
        match self.kind {
            FieldKind::Mobile | FieldKind::Phone => {
                Phone::parse(text).map_or_else(|_| "*".repeat(text.chars().count().min(11)), |phone| phone.to_string())
            }
            FieldKind::Email => masked::mask_email(text),
            FieldKind::Address => masked::mask_address(text),
            FieldKind::Text => masked::mask_digits(text),
            FieldKind::Date | FieldKind::Datetime | FieldKind::Choice => text.to_owned(),
        }
    }

    fn read(&self, text: &str, now_ms: i64) -> Result<String, &'static str> {
        if text.chars().any(char::is_control) {
            return Err("must stand on one line");
        }
        match self.kind {
            FieldKind::Mobile => {
                let phone = Phone::parse(text).map_err(|_| "is no mobile number")?;
                let number = phone.reveal();
                let mobile = phone.dialable() && number.starts_with('1');
                if mobile { Ok(number.to_owned()) } else { Err("is no mobile number of eleven digits") }
            }
            FieldKind::Phone => {
                let phone = Phone::parse(text).map_err(|_| "is no telephone number")?;
                // What the party gave is kept, also where no line reaches it yet (E39).
                let abroad = phone.reveal().starts_with('+');
                if phone.dialable() || abroad {
                    Ok(phone.reveal().to_owned())
                } else {
                    Err("is no number that can be dialled")
                }
            }
            FieldKind::Email => email(text).ok_or("is no e-mail address"),
            FieldKind::Address => match text.chars().count() {
                5..=TEXT_LIMIT => Ok(text.to_owned()),
                _ => Err("must hold 5 to 200 characters"),
            },
            FieldKind::Date => times::day(text).ok_or("is no day, like 2026-11-27"),
            FieldKind::Datetime => self.time(text, now_ms),
            FieldKind::Text if text.chars().count() > TEXT_LIMIT => Err("may hold 200 characters"),
            FieldKind::Text => Ok(text.to_owned()),
            FieldKind::Choice if self.options.iter().any(|option| option.code == text) => Ok(text.to_owned()),
            FieldKind::Choice => Err("is none of the options"),
        }
    }

    fn time(&self, text: &str, now_ms: i64) -> Result<String, &'static str> {
        let at = times::moment(text).ok_or("is no time, like 2026-11-27T15:30")?;
        if at <= now_ms {
            return Err("has passed already");
        }
        if at > now_ms + AHEAD_MS {
            return Err("lies more than half a year ahead");
        }
        if self.sets == Some(Sets::NextCall) && !CALLING_HOURS.contains(&times::hour(at)) {
            return Err("must lie between 8:00 and 21:00: nobody is called at night");
        }
        Ok(clock::rfc3339(at))
    }
}

fn email(text: &str) -> Option<String> {
    let (name, domain) = text.split_once('@')?;
    let plain = |part: &str| !part.is_empty() && !part.contains(['@', ' ', ',', ';', '<', '>', '"', '\u{3000}']);
    let dotted = domain.split('.').count() > 1 && domain.split('.').all(|label| !label.is_empty());
    (plain(name) && plain(domain) && dotted && text.len() <= 254).then(|| text.to_owned())
}

/// Reads the fields of an outcome; names the first one that is wrong or missing. What this
/// outcome does not ask for is left out.
pub(super) fn read(business: &Business, given: &BTreeMap<String, String>, now_ms: i64) -> Result<Vec<Filled>, Refusal> {
    let mut filled = Vec::new();
    for field in &business.fields {
        let text = given.get(&field.id).map(|text| text.trim()).filter(|text| !text.is_empty());
        let Some(text) = text else {
            if field.required {
                return Err(wrong(field, "is missing"));
            }
            continue;
        };
        let value = field.read(text, now_ms).map_err(|why| wrong(field, why))?;
        filled.push(Filled {
            id: field.id.clone(),
            kind: field.kind,
            masked: field.mask(&value),
            cut_off: field.options.iter().any(|option| option.cut_off && option.code == value),
            value,
            write_only: field.write_only,
            sets: field.sets,
        });
    }
    for group in &business.one_of {
        if !filled.iter().any(|filled| group.contains(&filled.id)) {
            let fields: Vec<&Field> = business.fields.iter().filter(|field| group.contains(&field.id)).collect();
            let names: Vec<&str> = fields.iter().map(|field| field.label_en.as_str()).collect();
            return Err(Refusal {
                code: "outcome.field",
                field: group.first().cloned().unwrap_or_default(),
                text: format!("one of these is needed: {}", names.join("; ")),
                missing: group.clone(),
            });
        }
    }
    Ok(filled)
}

/// The value never stands in the text: it may be a number.
fn wrong(field: &Field, why: &str) -> Refusal {
    Refusal {
        code: "outcome.field",
        field: field.id.clone(),
        text: format!("{}: {why}", field.label_en),
        missing: vec![field.id.clone()],
    }
}
