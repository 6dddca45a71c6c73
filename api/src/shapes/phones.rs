//! Desk phones.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A desk phone that is entered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PhoneNew {
    /// 3 to 6 digits: its user at the registrar.
    pub(crate) extension: String,
    pub(crate) name: String,
    /// Whose it is.
    #[serde(default)]
    pub(crate) owner_id: Option<String>,
}

/// What of a desk phone may be changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PhoneChange {
    pub(crate) name: String,
    /// Whose it is; left out, nobody's.
    #[serde(default)]
    pub(crate) owner_id: Option<String>,
}

/// Whether a desk phone may register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PhoneSwitch {
    pub(crate) active: bool,
}

/// A device that is registered.
#[derive(Serialize, ToSchema)]
pub(crate) struct PhoneDevice {
    /// Transport.
    pub(crate) protocol: String,
    /// Address from which it registered.
    pub(crate) address: String,
    pub(crate) since: String,
    pub(crate) until: String,
    /// What it calls itself.
    pub(crate) agent: String,
}

/// A desk phone.
#[derive(Serialize, ToSchema)]
pub(crate) struct PhoneView {
    pub(crate) id: String,
    pub(crate) extension: String,
    pub(crate) name: String,
    pub(crate) owner_id: Option<String>,
    pub(crate) owner_name: Option<String>,
    /// It may register.
    pub(crate) active: bool,
    /// False where it was made for another realm: it needs a new one.
    pub(crate) password_valid: bool,
    pub(crate) created_at: String,
    /// Where it is registered; empty when it is not.
    pub(crate) devices: Vec<PhoneDevice>,
}

/// By what a desk phone registers.
#[derive(Serialize, ToSchema)]
pub(crate) struct PhoneWay {
    /// `UDP`, `TCP`, `TLS`, `WS` or `WSS`.
    pub(crate) protocol: String,
    pub(crate) address: String,
}

/// The desk phones of the court, by extension.
#[derive(Serialize, ToSchema)]
pub(crate) struct Phones {
    pub(crate) items: Vec<PhoneView>,
    /// The domain that phones are set to; without it none may register.
    pub(crate) realm: Option<String>,
    /// Where they register.
    pub(crate) ways: Vec<PhoneWay>,
}

/// A desk phone with its new password, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct PhoneSecret {
    pub(crate) phone: PhoneView,
    pub(crate) password: String,
}
