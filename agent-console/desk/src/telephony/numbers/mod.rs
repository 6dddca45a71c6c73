//! The number register (R12.1): which numbers are the court's, proved by what, shown where.
//!
//! A number without its proof on file, or outside its validity, can be neither activated nor
//! used. Both are looked at again for each call, so that a licence that runs out at midnight
//! stops the calls at midnight.

mod proof;
mod store;

use serde::{Deserialize, Serialize};

pub use self::{
    proof::{PROOF_LIMIT, keep_proof, media_type},
    store::{NumberRow, Proof, find, list, pause, put, read_proof},
};
use super::Unfit;

/// Trunks over which a number may be shown, at most.
const TRUNKS: usize = 20;

/// How far the carrier is with showing the court's name (号码认证).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Nobody asked for it.
    #[default]
    None,
    /// It is applied for.
    Applied,
    /// Phones show the label.
    Registered,
    /// The carrier refused, or took it back: phones may warn of the number.
    Refused,
}

impl Registration {
    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Applied => "applied",
            Self::Registered => "registered",
            Self::Refused => "refused",
        }
    }

    pub(super) fn parse(word: &str) -> Self {
        let all = [Self::Applied, Self::Registered, Self::Refused];
        all.into_iter().find(|state| state.word() == word).unwrap_or_default()
    }
}

/// A number as it is entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberForm {
    /// The number, with its area code: public.
    pub number: String,
    /// Which carrier gave it.
    pub carrier: String,
    /// Trunks over which it may be shown, the first before the others.
    pub trunks: Vec<String>,
    /// File that proves that it is the court's; kept when none is named.
    pub proof: Option<String>,
    /// First day, `YYYY-MM-DD`, or empty.
    pub valid_from: String,
    /// Last day, or empty.
    pub valid_until: String,
    /// How far the carrier is with the label.
    pub registration: Registration,
    /// What phones show for it.
    pub label: String,
    /// Whether calls may go out under it.
    pub active: bool,
}

impl NumberForm {
    /// What is wrong with it by itself, when something is. Proof and trunks are looked at when
    /// it is put into the register.
    pub fn check(&self, today: &str) -> Result<(), Unfit> {
        let unfit = |field: &str, must: &str| Err(Unfit::field(field, must));
        let digits = self.number.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || !(5..=12).contains(&self.number.len()) {
            return unfit("number", "must have 5 to 12 digits, with the area code");
        }
        if self.carrier.trim().is_empty() || self.carrier.chars().count() > 40 {
            return unfit("carrier", "must have 1 to 40 characters");
        }
        if self.label.chars().count() > 40 {
            return unfit("label", "must have at most 40 characters");
        }
        if !(1..=TRUNKS).contains(&self.trunks.len()) {
            return unfit("trunks", "must name 1 to 20 trunks");
        }
        for (field, day) in [("valid_from", &self.valid_from), ("valid_until", &self.valid_until)] {
            if !day.is_empty() && songda_service::day(day).is_none() {
                return unfit(field, "must be a day such as 2026-11-27");
            }
        }
        if !self.valid_until.is_empty() && self.valid_until < self.valid_from {
            return unfit("valid_until", "must not be before valid_from");
        }
        if self.active && !is_valid(&self.valid_from, &self.valid_until, today) {
            return unfit("valid_until", "and valid_from must take in today before the number can be activated");
        }
        Ok(())
    }
}

/// Whether a number is valid on this day; all days are `YYYY-MM-DD`.
fn is_valid(from: &str, until: &str, today: &str) -> bool {
    from <= today && (until.is_empty() || today <= until)
}

/// Today in Beijing, `YYYY-MM-DD`.
pub(super) fn today(now_ms: i64) -> String {
    songda_store::clock::stamp(now_ms).chars().take(10).collect()
}
