//! Desk phones of a running endpoint: they register, and are known at the door.

use std::time::Instant;

use super::driver::{Driver, random};
use crate::{
    edge::Source,
    flow::Flow,
    msg::{Method, Request},
    registrar::{Device, PhoneAccount, PhoneChange, Target},
    tx::Key,
};

impl Driver {
    pub(super) fn set_phones(&mut self, accounts: Vec<PhoneAccount>) {
        if let Some(phones) = &mut self.phones {
            phones.set(accounts);
        }
        self.phones_moved();
    }

    /// Where a phone is reached, the best first.
    pub(super) fn phone(&self, now: Instant, user: &str) -> Vec<Target> {
        self.phones.as_ref().map(|phones| phones.targets(now, user)).unwrap_or_default()
    }

    /// The devices of every phone that has any.
    pub(super) fn devices(&self, now: Instant) -> Vec<(String, Vec<Device>)> {
        self.phones.as_ref().map(|phones| phones.all_devices(now)).unwrap_or_default()
    }

    pub(super) fn phones_tick(&mut self, now: Instant) {
        if let Some(phones) = &mut self.phones {
            phones.tick(now);
        }
        self.phones_moved();
    }

    /// A connection ended.
    pub(super) fn phones_closed(&mut self, flow: &Flow) {
        if let Some(phones) = &mut self.phones {
            phones.closed(flow);
        }
        self.phones_moved();
    }

    /// A request that is no call and belongs to none.
    pub(super) fn outside(&mut self, now: Instant, key: &Key, request: &Request, flow: Flow) {
        let register = request.method == Method::REGISTER;
        match &mut self.phones {
            Some(phones) if register => {
                let tag = format!("{:016x}", random());
                let answer = phones.register(now, request, flow, &tag, random());
                self.core.respond(now, key, &answer);
                self.phones_moved();
            }
            _ => self.core.decline(now, key, request),
        }
    }

    /// Who sends over this flow, as far as the door knows.
    pub(super) fn source(&mut self, flow: &Flow) -> Source {
        self.edge.access().source(flow).unwrap_or(Source::Open)
    }

    fn phones_moved(&mut self) {
        let Some(phones) = &mut self.phones else { return };
        while let Some(change) = phones.poll() {
            match change {
                PhoneChange::Came { user, flow } => {
                    if let Err(error) = self.edge.access().set_phone(&flow, &user) {
                        tracing::error!(%error, "a desk phone cannot call");
                    }
                }
                PhoneChange::Went { flow } => self.edge.access().forget_phone(&flow),
            }
        }
        self.phones_due = phones.next_deadline();
    }
}
