//! Whether the facts of a call bear the outcome that the agent picked (R4.1d).

use super::Catalogue;

/// What is known about the call.
#[derive(Debug, Clone)]
pub struct CallFacts {
    /// The call has ended.
    pub ended: bool,
    /// A person or machine answered.
    pub answered: bool,
    /// Talk after the recording notice, in milliseconds.
    pub talk_ms: i64,
    /// A closed recording exists.
    pub recorded: bool,
    /// It counts as an attempt at all.
    pub is_attempt: bool,
}

/// What the agent picked.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Contact code or empty.
    pub contact: String,
    /// Business code or empty.
    pub business: String,
    /// The tag 当事人已清楚、完整听取.
    pub heard_all: bool,
}

/// Why an outcome is refused; `code` is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// Stable code, e.g. `outcome.talk_too_short`.
    pub code: &'static str,
    /// The field at fault.
    pub field: &'static str,
    /// What is wrong and what to do.
    pub text: String,
}

fn refuse(code: &'static str, field: &'static str, text: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal { code, field, text: text.into() })
}

/// Checks a choice against the call.
pub fn check(catalogue: &Catalogue, call: &CallFacts, choice: &Choice) -> Result<(), Refusal> {
    if !call.ended {
        return refuse("call.not_ended", "", "the call is still up: hang up first");
    }
    if !call.is_attempt {
        return refuse(
            "outcome.not_an_attempt",
            "",
            "the line failed on our side or the call was cancelled: it is no attempt",
        );
    }
    if !call.answered {
        if choice.contact.is_empty() && choice.business.is_empty() && !choice.heard_all {
            return Ok(());
        }
        return refuse("outcome.not_answered", "contact", "nobody answered: the technical code alone is the outcome");
    }
    if choice.contact.is_empty() {
        return refuse("outcome.contact_required", "contact", "say who spoke");
    }
    if catalogue.contact(&choice.contact).is_none() {
        return refuse("outcome.unknown_code", "contact", "unknown contact code");
    }
    // A machine is never a contact (E44): nothing can have been agreed with it.
    if choice.contact == "W12" {
        return if choice.business.is_empty() && !choice.heard_all {
            Ok(())
        } else {
            refuse("outcome.machine", "business", "a machine answered: nothing can have been agreed")
        };
    }
    if choice.contact == "W10" && choice.business.is_empty() && !choice.heard_all {
        return Ok(());
    }
    if choice.business.is_empty() {
        return refuse("outcome.business_required", "business", "say what was agreed");
    }
    let Some(business) = catalogue.business(&choice.business) else {
        return refuse("outcome.unknown_code", "business", "unknown business code");
    };
    if !business.contacts.is_empty() && !business.contacts.contains(&choice.contact) {
        return refuse("outcome.contact_may_not", "contact", "this cannot be agreed with the person who spoke");
    }
    if business.heard_all && !choice.heard_all {
        return refuse("outcome.heard_all_required", "heard_all", "confirm that the party heard it all, clearly");
    }
    if choice.heard_all {
        // Only whom the papers can be told to with effect can have heard them for the party.
        let may_hear = |item: &&super::Business| item.heard_all && item.contacts.contains(&choice.contact);
        if !catalogue.businesses.iter().any(|item| may_hear(&item)) {
            return refuse("outcome.heard_all_contact", "heard_all", "who spoke cannot have heard it for the party");
        }
        if !call.recorded {
            return refuse("outcome.no_recording", "heard_all", "there is no recording that proves it");
        }
        if call.talk_ms < catalogue.minimum_talk_ms {
            return refuse(
                "outcome.talk_too_short",
                "heard_all",
                format!(
                    "{} s of talk are too few: at least {} s",
                    call.talk_ms / 1000,
                    catalogue.minimum_talk_ms / 1000
                ),
            );
        }
    }
    Ok(())
}
