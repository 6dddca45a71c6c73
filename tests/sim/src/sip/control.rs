//! What the tests and the demo tell the carrier while it runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::oneshot;

use super::asking::Inward;
use super::carrier::Carrier;
use super::changing::Change;
use super::driver::Speech;
use super::faults::Fault;
use super::forms::NumberForm;
use crate::numbers::Number;
use crate::party::{self, Behaviour, Errand};

/// Longest text that may stand in a header of ours.
const MAX_TEXT: usize = 64;

/// A party calls the court.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallIn {
    /// The calling number as it stands on the wire, e.g. `13800000001` or `+8613800000001`.
    pub from: String,
    /// The court is not shown the number.
    #[serde(default)]
    pub withheld: bool,
    /// Display name of From.
    #[serde(default)]
    pub display: Option<String>,
    /// The court's number as it stands on the wire; the first of the callers without it.
    #[serde(default)]
    pub called: Option<String>,
    /// Call-ID, which some gateways build from the calling number; a random one without it.
    #[serde(default)]
    pub call_id: Option<String>,
    /// Where the court listens; without it where it is registered, else the static peer.
    #[serde(default)]
    pub at: Option<SocketAddr>,
    /// Keys pressed after the answer.
    #[serde(default)]
    pub keys: Option<String>,
    /// How long after the answer the first key is pressed, in milliseconds.
    #[serde(default)]
    pub keys_after_ms: u32,
    /// How long after the answer the party hangs up, in milliseconds; stays without it,
    /// unless its script has an end.
    #[serde(default)]
    pub hang_up_ms: Option<u64>,
    /// How long the party lets it ring, in milliseconds; three minutes without it.
    #[serde(default)]
    pub give_up_ms: Option<u64>,
}

/// Orders from the HTTP side.
pub(crate) enum Order {
    /// Calls fail.
    Fault(Fault),
    /// What a speaker of this number says from now on.
    Say { number: Number, speech: Speech },
    /// A party calls.
    CallIn { call: CallIn, done: oneshot::Sender<Result<String, &'static str>> },
    /// The carrier changes a live call.
    Change { call_id: String, what: Change, done: oneshot::Sender<Result<(), &'static str>> },
    /// The carrier changes its manners.
    Manners { manners: Manners, done: oneshot::Sender<Result<(), String>> },
}

/// What may be changed of the carrier while it runs; what is not given stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manners {
    /// What an OPTIONS is answered with; 0 is silence.
    pub options: Option<u16>,
    /// The longest registration that is granted, in seconds.
    pub grant_s: Option<u64>,
    /// Registrations for less are refused with 423, in seconds.
    pub least_s: Option<u64>,
    /// Whether calls are taken only from where somebody is registered.
    pub registration_required: Option<bool>,
    /// The status that the next REGISTER get.
    pub refuse_register: Option<u16>,
    /// How many of them; one without it.
    pub refuse_times: Option<u32>,
    /// True: all bindings are forgotten.
    pub forget: Option<bool>,
    /// Form of called numbers, as for `--called-form`; `any` takes every spelling.
    pub called_form: Option<String>,
    /// Form of calling numbers.
    pub calling_form: Option<String>,
}

impl Carrier {
    /// Changes what is given.
    pub(crate) fn behave(&mut self, manners: &Manners) -> Result<(), String> {
        let form = |text: &str| match text {
            "any" => Ok(None),
            _ => text.parse::<NumberForm>().map(Some),
        };
        let called = manners.called_form.as_deref().map(form).transpose()?;
        let calling = manners.calling_form.as_deref().map(form).transpose()?;
        let forms = &mut self.rules.forms;
        forms.called = called.unwrap_or_else(|| forms.called.take());
        forms.calling = calling.unwrap_or_else(|| forms.calling.take());
        if let Some(status) = manners.options {
            self.options = (status != 0).then_some(status);
        }
        let registering = &mut self.rules.registering;
        registering.grant_s = manners.grant_s.unwrap_or(registering.grant_s);
        registering.least_s = manners.least_s.unwrap_or(registering.least_s);
        registering.required = manners.registration_required.unwrap_or(registering.required);
        if let Some(status) = manners.refuse_register {
            registering.refuse = Some((status, manners.refuse_times.unwrap_or(1)));
        }
        if manners.forget == Some(true) {
            self.bindings.clear();
        }
        Ok(())
    }

    /// A call into the court as it goes out; `spoken` says whether the number has a file of its own.
    pub(crate) fn inward(&self, call: CallIn, spoken: bool, now: Instant) -> Result<Inward, &'static str> {
        let plain =
            |text: &str| text.len() <= MAX_TEXT && text.chars().all(|c| !c.is_control() && !"\"\\<>".contains(c));
        let dialable = |text: &str| {
            text.len() <= MAX_TEXT && !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || "+*#".contains(c))
        };
        let called = match call.called {
            Some(called) => called,
            None => self.rules.callers.first().map(|n| n.reveal().to_owned()).ok_or("the court has no number")?,
        };
        if !dialable(&called) || !(dialable(&call.from) || call.from.is_empty() && call.withheld) {
            return Err("from and called are digits, with + in front");
        }
        if !call.display.as_deref().is_none_or(plain) {
            return Err("display is a short text without quotes");
        }
        if !call.call_id.as_deref().is_none_or(|id| plain(id) && !id.is_empty() && !id.contains(' ')) {
            return Err("call_id is a short text without blanks and quotes");
        }
        let (uri, to) = match (call.at, self.bindings.latest(now), self.rules.court) {
            (Some(at), ..) | (None, None, Some(at)) => (format!("sip:{called}@{at}"), at),
            (None, Some(registered), _) => registered,
            (None, None, None) => return Err("the court is neither registered nor a static peer: where is it?"),
        };
        let ending = Number::parse(&call.from).as_ref().and_then(Number::demo_ending);
        let behaviour = match ending.map(|ending| party::behaviour(ending).0) {
            _ if spoken => Behaviour::Speaker,
            // Whoever calls has a telephone that works.
            None
            | Some(
                Behaviour::NoAnswer | Behaviour::Reject { .. } | Behaviour::Announce { .. } | Behaviour::Engaged { .. },
            ) => Behaviour::Silent,
            Some(behaviour) => behaviour,
        };
        let keys = call.keys.map(|keys| (call.keys_after_ms, Arc::from(keys)));
        let errand = Errand { keys, hang_up_after: call.hang_up_ms.map(Duration::from_millis) };
        Ok(Inward {
            from: (!call.withheld).then(|| call.from.clone()),
            display: call.display,
            called,
            call_id: call.call_id,
            uri,
            to,
            voice: call.from,
            behaviour,
            errand,
            give_up_after: call.give_up_ms.map(Duration::from_millis),
        })
    }
}
