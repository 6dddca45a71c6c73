//! Whether the facts of a call bear the outcome that the agent picked (R4.1d).

use std::collections::BTreeMap;

use super::{Catalogue, Filled, fields};

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
    /// The agent ended it because a child was on the line (E49).
    pub child: bool,
    /// A machine answered, as the agent confirmed (C10): nobody was reached.
    pub machine: bool,
    /// Now, unix milliseconds: an appointment lies ahead.
    pub now_ms: i64,
}

/// What the agent picked.
#[derive(Clone, Default)]
pub struct Choice {
    /// Contact code or empty.
    pub contact: String,
    /// Business code or empty.
    pub business: String,
    /// The tag 当事人已清楚、完整听取.
    pub heard_all: bool,
    /// What the business code asks for, by the id of the field.
    pub fields: BTreeMap<String, String>,
}

impl std::fmt::Debug for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What was typed may be a number.
        let fields: Vec<&String> = self.fields.keys().collect();
        write!(f, "Choice({} {} {} {fields:?})", self.contact, self.business, self.heard_all)
    }
}

/// Why an outcome is refused; `code` is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// Stable code, e.g. `outcome.talk_too_short`.
    pub code: &'static str,
    /// The field at fault.
    pub field: String,
    /// What is wrong and what to do.
    pub text: String,
    /// Fields, or steps of the script, of which one or all are missing.
    pub missing: Vec<String>,
}

fn refuse(code: &'static str, field: &'static str, text: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal { code, field: field.to_owned(), text: text.into(), missing: Vec::new() })
}

/// Checks a choice against the call; answers the fields that its code asks for, in the form
/// in which they are kept.
pub fn check(catalogue: &Catalogue, call: &CallFacts, choice: &Choice) -> Result<Vec<Filled>, Refusal> {
    codes(catalogue, call, choice)?;
    match catalogue.business(&choice.business) {
        Some(business) => fields::read(business, &choice.fields, call.now_ms),
        None => Ok(Vec::new()),
    }
}

fn codes(catalogue: &Catalogue, call: &CallFacts, choice: &Choice) -> Result<(), Refusal> {
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
    if call.machine && choice.contact != "W12" {
        return refuse("outcome.machine", "contact", "a machine answered, as was confirmed: nobody was reached");
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
    // With a child nothing is agreed; the call counts and comes again (E49).
    if call.child && choice.business.is_empty() && !choice.heard_all {
        return Ok(());
    }
    if choice.business.is_empty() {
        return refuse("outcome.business_required", "business", "say what was agreed");
    }
    let Some(business) = catalogue.business(&choice.business) else {
        return refuse("outcome.unknown_code", "business", "unknown business code");
    };
    // Who never got past the recording notice heard nobody, and nobody heard him agree.
    if call.talk_ms == 0 && choice.business != "B07" {
        return refuse("outcome.no_talk", "business", "the call ended before anybody talked: nothing was agreed");
    }
    if call.child && !business.contacts.is_empty() {
        return refuse("outcome.child", "business", "a child was on the line: nothing can have been agreed");
    }
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
