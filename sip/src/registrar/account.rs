//! The bindings of one account.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{
    RegistrarSettings,
    binding::{Binding, Device},
    index::Entry,
    wish::{Address, Refusal, What, Wish},
};
use crate::{auth::Ha1s, flow::Flow, msg::Response};

/// Where a request to a user goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Request-URI: the contact.
    pub uri: String,
    /// The way.
    pub flow: Flow,
    /// Route (RFC 3327, 5.3).
    pub route: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Account {
    pub(super) ha1s: Ha1s,
    bindings: Vec<Binding>,
    /// What the index knows of it.
    pub(super) entry: Entry,
}

/// What a REGISTER changed.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) came: Vec<Flow>,
    pub(super) left: Vec<Flow>,
}

impl Account {
    pub(super) fn new(ha1s: Ha1s) -> Self {
        Self { ha1s, bindings: Vec::new(), entry: Entry::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.bindings.len()
    }

    pub(super) fn flows(&self) -> BTreeSet<Flow> {
        self.bindings.iter().map(|binding| binding.flow).collect()
    }

    fn is_at(&self, flow: &Flow) -> bool {
        self.bindings.iter().any(|binding| binding.flow == *flow)
    }

    /// Does all of it or nothing (RFC 3261, 10.3, steps 6 to 8).
    pub(super) fn apply(
        &mut self,
        now: Instant,
        wish: &Wish,
        flow: Flow,
        settings: &RegistrarSettings,
        order: u64,
    ) -> Result<Moved, Refusal> {
        let before: Vec<Flow> = self.bindings.iter().map(|binding| binding.flow).collect();
        let mut after = self.bindings.clone();
        match &wish.what {
            What::Nothing => {
                if !after.iter().all(|binding| binding.yields_to(wish)) {
                    return Err(Refusal::OutOfOrder);
                }
                after.clear();
            }
            What::These(addresses) => {
                for address in addresses {
                    let granted = granted(address, settings)?;
                    if after
                        .iter()
                        .any(|binding| binding.is_of(address) && !binding.yields_to(wish) && binding.order != order)
                    {
                        return Err(Refusal::OutOfOrder);
                    }
                    let known = after.iter().find(|binding| binding.is_of(address) && binding.until > now);
                    let since = known.map_or(now, |binding| binding.since);
                    after.retain(|binding| !binding.is_of(address));
                    if !granted.is_zero() {
                        after.push(Binding::new(address, wish, flow, (since, now + granted), order));
                    }
                }
                // The last are the newest.
                after.drain(..after.len().saturating_sub(settings.bindings.max(1)));
            }
        }
        self.bindings = after;
        let mut left: Vec<Flow> = before.iter().filter(|flow| !self.is_at(flow)).copied().collect();
        left.sort_unstable();
        left.dedup();
        let came = if self.is_at(&flow) && !before.contains(&flow) { vec![flow] } else { Vec::new() };
        Ok(Moved { came, left })
    }

    /// Writes every binding into the 200 (10.3, step 8).
    pub(super) fn answer(&self, now: Instant, response: &mut Response, wish: &Wish, settings: &RegistrarSettings) {
        for binding in &self.bindings {
            response.headers.push("Contact", binding.print(now));
        }
        for hop in &wish.path {
            response.headers.push("Path", hop);
        }
        response.headers.push("Supported", "outbound, path");
        if wish.is_outbound() {
            response.headers.push("Require", "outbound");
            if let Some(timer) = settings.flow_timer {
                response.headers.push("Flow-Timer", timer.as_secs().to_string());
            }
        }
    }

    pub(super) fn targets(&self, now: Instant) -> Vec<Target> {
        let mut live: Vec<&Binding> = self.bindings.iter().filter(|binding| binding.until > now).collect();
        live.sort_by_key(|binding| (std::cmp::Reverse(binding.address.q), std::cmp::Reverse(binding.order)));
        let mut devices: Vec<&str> = Vec::new();
        live.retain(|binding| match binding.address.instance.as_deref().filter(|_| binding.address.reg_id.is_some()) {
            Some(device) if devices.contains(&device) => false,
            Some(device) => {
                devices.push(device);
                true
            }
            None => true,
        });
        let target = |binding: &&Binding| Target {
            uri: binding.address.uri.to_string(),
            flow: binding.flow,
            route: binding.path.clone(),
        };
        live.iter().map(target).collect()
    }

    pub(super) fn devices(&self, now: Instant) -> Vec<Device> {
        let device = |binding: &Binding| Device {
            flow: binding.flow,
            instance: binding.address.instance.clone(),
            since: binding.since,
            until: binding.until,
            agent: binding.agent.clone(),
        };
        self.bindings.iter().filter(|binding| binding.until > now).map(device).collect()
    }

    /// Forgets everything; answers where something was.
    pub(super) fn clear(&mut self) -> Vec<Flow> {
        self.drop_where(|_| true)
    }

    pub(super) fn closed(&mut self, flow: &Flow) -> Vec<Flow> {
        self.drop_where(|binding| binding.flow == *flow)
    }

    pub(super) fn expire(&mut self, now: Instant) -> Vec<Flow> {
        self.drop_where(|binding| binding.until <= now)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.bindings.iter().map(|binding| binding.until).min()
    }

    /// Where nothing of this account is any more.
    fn drop_where(&mut self, over: impl Fn(&Binding) -> bool) -> Vec<Flow> {
        let mut left: Vec<Flow> =
            self.bindings.iter().filter(|binding| over(binding)).map(|binding| binding.flow).collect();
        self.bindings.retain(|binding| !over(binding));
        left.retain(|flow| !self.is_at(flow));
        left.sort_unstable();
        left.dedup();
        left
    }
}

/// How long an address is bound (10.3, step 7).
fn granted(address: &Address, settings: &RegistrarSettings) -> Result<Duration, Refusal> {
    let asked = address.expires.map_or(settings.expires, |seconds| Duration::from_secs(seconds.into()));
    if !asked.is_zero() && asked < settings.least {
        return Err(Refusal::TooBrief);
    }
    Ok(asked.min(settings.most))
}
