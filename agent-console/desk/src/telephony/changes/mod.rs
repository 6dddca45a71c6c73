//! Two persons (domain 4): whatever gives the court a trunk, a number or another meaning of
//! a cause is asked for by one administrator and approved by another.
//!
//! Taking something out of use needs one person: it only takes away, and a trunk or a number
//! that does harm must be stopped at once.

mod store;

use serde::{Deserialize, Serialize};
use songda_service::outcomes::CauseRule;

pub use self::store::{ChangeRow, Desk, ask, decide, list, note, one};
use super::{numbers::NumberForm, trunks::TrunkForm};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wanted {
    /// A trunk, new or changed.
    Trunk {
        /// As it is to be.
        form: TrunkForm,
    },
    /// A number, new or changed.
    Number {
        /// As it is to be.
        form: NumberForm,
    },
    /// A version of a trunk's cause table.
    Causes {
        /// From when on, unix milliseconds.
        valid_from_ms: i64,
        /// Rules, in order.
        rules: Vec<CauseRule>,
    },
}

impl Wanted {
    /// The stored word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Trunk { .. } => "trunk",
            Self::Number { .. } => "number",
            Self::Causes { .. } => "causes",
        }
    }

    fn shown(&self) -> serde_json::Value {
        match self {
            Self::Trunk { form } => form.shown(),
            Self::Number { form } => serde_json::json!(form),
            Self::Causes { valid_from_ms, rules } => serde_json::json!({
                "valid_from": songda_store::clock::rfc3339(*valid_from_ms), "rules": rules,
            }),
        }
    }
}

/// What a second person says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It takes effect now.
    Approve,
    /// It does not; whoever asked for it withdraws it by this.
    Refuse {
        /// Why.
        reason: String,
    },
}
