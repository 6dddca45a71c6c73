//! The court's lines: trunks and the dedicated numbers that may be shown to a party.
//!
//! A call leaves only under a number of the court that is on file with its proof and is
//! valid today (R12.1, R4.3c; Anti-Telecom-Fraud Law, art 14). There is no field anywhere by
//! which a caller number could be chosen. Rows are read for each call: a change holds from
//! the next one on. Whatever gives somebody more than he had waits for a second person
//! ([`changes`]; domain 4).

pub mod causes;
pub mod ceilings;
pub mod changes;
pub mod lines;
pub mod numbers;
pub mod phones;
pub mod trunks;
mod turns;
pub mod watch;

pub use lines::{Line, NewLine, NoRoute, Routes, add_line, choose, lines_of};

/// What was entered cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Unfit {
    /// Stable code.
    pub code: &'static str,
    /// The field, or empty.
    pub field: String,
    /// What is wrong, without what was entered.
    pub text: String,
}

impl Unfit {
    /// A field that must be something else.
    pub(crate) fn field(field: impl Into<String>, must: &str) -> Self {
        let field = field.into();
        Self { code: "telephony.unfit", text: format!("{field} {must}"), field }
    }

    /// A state in which this cannot be done.
    pub(crate) fn state(code: &'static str, text: &str) -> Self {
        Self { code, field: String::new(), text: text.to_owned() }
    }
}

/// Beijing is eight hours ahead of UTC all year.
const BEIJING_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// The first moment of the day in Beijing, unix milliseconds.
fn day_begins(now_ms: i64) -> i64 {
    (now_ms + BEIJING_MS).div_euclid(DAY_MS) * DAY_MS - BEIJING_MS
}
