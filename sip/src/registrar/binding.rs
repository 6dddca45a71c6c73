//! One binding: where a device is, and how long.

use std::{fmt::Write as _, time::Instant};

use super::wish::{Address, Wish};
use crate::flow::Flow;

/// A device of a user, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Over which flow it is reached.
    pub flow: Flow,
    /// `+sip.instance`, where the device has one (RFC 5626, 4.1).
    pub instance: Option<String>,
    /// Since when it is registered without a break.
    pub since: Instant,
    /// Until when it is registered.
    pub until: Instant,
    /// What it calls itself (User-Agent).
    pub agent: String,
}

#[derive(Debug, Clone)]
pub(super) struct Binding {
    pub(super) address: Address,
    pub(super) flow: Flow,
    pub(super) path: Vec<String>,
    call_id: String,
    cseq: u32,
    pub(super) since: Instant,
    pub(super) until: Instant,
    pub(super) agent: String,
    /// Grows with every refresh of any binding.
    pub(super) order: u64,
}

impl Binding {
    pub(super) fn new(
        address: &Address,
        wish: &Wish,
        flow: Flow,
        (since, until): (Instant, Instant),
        order: u64,
    ) -> Self {
        Self {
            address: address.clone(),
            flow,
            path: wish.path.clone(),
            call_id: wish.call_id.clone(),
            cseq: wish.cseq,
            since,
            until,
            agent: wish.agent.clone(),
            order,
        }
    }

    /// Whether an address names this binding: the same flow of the same device, or the same URI
    /// (RFC 5626, 6; RFC 3261, 19.1.4).
    pub(super) fn is_of(&self, address: &Address) -> bool {
        match (self.address.reg_id, address.reg_id) {
            (Some(mine), Some(named)) => mine == named && self.address.instance == address.instance,
            (None, None) => self.address.uri.matches(&address.uri),
            _ => false,
        }
    }

    /// Whether a request may change it: of the same Call-ID only a later one (10.3, step 7).
    pub(super) fn yields_to(&self, wish: &Wish) -> bool {
        self.call_id != wish.call_id || self.cseq < wish.cseq
    }

    /// Contact of the answer, with what is left of the time.
    pub(super) fn print(&self, now: Instant) -> String {
        let Address { uri, q, instance, reg_id, .. } = &self.address;
        let mut out = format!("<{uri}>");
        if *q < 1_000 {
            let _ = write!(out, ";q=0.{q:03}");
        }
        if let Some(instance) = instance {
            let _ = write!(out, ";+sip.instance=\"<{instance}>\"");
        }
        if let Some(reg_id) = reg_id {
            let _ = write!(out, ";reg-id={reg_id}");
        }
        let left = self.until.saturating_duration_since(now).as_secs();
        let _ = write!(out, ";expires={left}");
        out
    }
}
