//! What an agent must say (domain 2.7), and what of it was said.
//!
//! A script belongs to a kind of order. Its steps are ticked while they are spoken; a tick
//! carries its place in the recording, and taking it back is a row of its own. An agreement
//! is accepted only when every step that must be said was ticked; a line that goes dead
//! between the first and the last step of the consent leaves it broken (E45).

mod store;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

pub use store::{Tick, tick, ticks};

/// One step of a script.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// Name within the script.
    pub id: String,
    /// Title in Chinese.
    pub title_zh: String,
    /// Title in English.
    pub title_en: String,
    /// Nothing is agreed without it.
    pub must: bool,
    /// What is said, with names in braces.
    pub text_zh: String,
    /// `consent` for the steps of the consent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part: String,
}

/// A script.
#[derive(Debug)]
pub struct Script {
    /// Name with version, stored with each call.
    pub id: &'static str,
    /// Its steps in order of speaking.
    pub steps: Vec<Step>,
}

static SCRIPTS: LazyLock<Vec<Script>> = LazyLock::new(|| {
    [
        ("general-v1", include_str!("../../scripts/general-v1.json")),
        ("judgment-v1", include_str!("../../scripts/judgment-v1.json")),
        ("notify-v1", include_str!("../../scripts/notify-v1.json")),
    ]
    .into_iter()
    .map(|(id, text)| Script { id, steps: serde_json::from_str(text).unwrap_or_default() })
    .collect()
});

/// The script for a kind of order.
pub fn script_for(order_kind: &str) -> &'static Script {
    let place = match order_kind {
        "裁判文书" => 1,
        "仅通知" => 2,
        _ => 0,
    };
    &SCRIPTS[place]
}

/// The script with this name; that of general papers for a call that knows none.
pub fn script(id: &str) -> &'static Script {
    SCRIPTS.iter().find(|script| script.id == id).unwrap_or(&SCRIPTS[0])
}

/// Business codes that are an agreement or a service, for which every step must be said.
const SUCCESS: [&str; 2] = ["B01", "B05"];

impl Script {
    /// Whether it has this step.
    pub fn has(&self, step: &str) -> bool {
        self.steps.iter().any(|known| known.id == step)
    }

    /// The steps that must be said for this business code and were not ticked.
    pub fn unsaid(&self, business: &str, ticks: &[Tick]) -> Vec<&Step> {
        if !SUCCESS.contains(&business) {
            return Vec::new();
        }
        self.steps.iter().filter(|step| step.must && !said(step, ticks)).collect()
    }

    /// Whether the consent was begun and not brought to its end.
    pub fn consent_is_open(&self, ticks: &[Tick]) -> bool {
        let begun = self.steps.iter().any(|step| step.part == "consent" && said(step, ticks));
        begun && self.steps.iter().any(|step| step.must && !said(step, ticks))
    }
}

fn said(step: &Step, ticks: &[Tick]) -> bool {
    ticks.iter().any(|tick| tick.step == step.id)
}
