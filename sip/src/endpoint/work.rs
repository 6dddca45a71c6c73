//! What the task does when it is asked, and with what comes out of the core.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{
    command::{Command, Order},
    driver::Driver,
    leg::{EVENTS, IncomingCall, Leg, LegHandle, PreparedLeg},
};
use crate::{
    call::{Invite, LegEvent, Out, Rejection},
    edge::Source,
    flow::Flow,
    transport::Undelivered,
    tx::Key,
};

impl Driver {
    pub(super) fn command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Close { limit, done } => {
                self.farewells.push(done);
                self.close(limit);
            }
            // Whoever asks for more while we close is refused by the end of his channel.
            _ if self.closing.is_some() => {}
            Command::Finish { saved, trunk, done } => {
                self.transport.expect(saved.target(), &Arc::from(trunk.domain.as_str()));
                match self.core.finish_leg(now, &saved, &trunk) {
                    Ok(id) => drop(self.finishing.insert(id, done)),
                    Err(refused) => drop(done.send(Err(refused))),
                }
            }
            Command::Place { leg, events, id } => {
                let PreparedLeg { call, targets, ids, .. } = *leg;
                let target = self.transport.flow(targets.first(), &Arc::from(call.trunk.domain.as_str()));
                let call_id = self.core.place(now, call, target, ids);
                self.legs.insert(call_id.clone(), events);
                // Whoever asked is gone: nobody would hang up.
                if id.send(call_id.clone()).is_err() {
                    self.core.hang_up(now, &call_id);
                }
                metrics::counter!("songda_sip_requests_total", "method" => "INVITE").increment(1);
            }
            Command::Leg { id, order } => self.order(now, &id, order),
            Command::Probe { domain, target, done } => {
                let target = self.transport.flow(target, &Arc::from(domain.as_str()));
                if let Some(key) = self.core.probe(now, &domain, target) {
                    self.probes.insert(key, done);
                }
            }
        }
    }

    fn probed(&mut self, key: &Key, alive: bool) {
        if let Some(done) = self.probes.remove(key) {
            let _ = done.send(alive);
        }
    }

    fn order(&mut self, now: Instant, id: &str, order: Order) {
        match order {
            Order::Kept => self.core.kept(now, id),
            Order::Ring => self.core.ring(now, id),
            Order::Progress(sdp) => self.core.progress(now, id, sdp),
            Order::Answer(sdp) => self.core.answer(now, id, sdp),
            Order::Reject(rejection) => self.core.reject(now, id, &rejection),
            Order::HangUp(reason) => self.core.hang_up_with(now, id, reason),
            Order::Reoffer(sdp) => self.core.reoffer(now, id, &sdp),
            Order::Referred(outcome) => self.core.referred(now, id, outcome),
            Order::Trust => self.core.trust(id),
        }
    }

    /// Hands a call that comes in to whoever takes calls. Nobody does: 480; too many wait: 503.
    fn offer(&mut self, id: String, invite: Invite) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let taker = self.callers.get().zip(self.commands.upgrade()).zip(self.core.saved(&id));
        let refusal = match taker {
            Some(((callers, commands), saved)) => {
                let handle = LegHandle { commands, id: id.clone() };
                let leg = Leg { events: receiver, handle, saved, keeping: false };
                match callers.try_send(IncomingCall { invite, source: Source::Open, leg }) {
                    Ok(()) => None,
                    Err(mpsc::error::TrySendError::Full(_)) => {
                        Some(Rejection { retry_after: Some(Duration::from_secs(10)), ..Rejection::status(503) })
                    }
                    Err(mpsc::error::TrySendError::Closed(_)) => Some(Rejection::status(480)),
                }
            }
            None => Some(Rejection::status(480)),
        };
        match refusal {
            Some(refusal) => self.core.reject(Instant::now(), &id, &refusal),
            None => drop(self.legs.insert(id, events)),
        }
    }

    pub(super) fn send(&mut self, now: Instant, to: Flow, bytes: Bytes) {
        self.measure.sent.message(to.protocol, &bytes);
        if let Err(Undelivered(bytes)) = self.transport.send(to, bytes) {
            self.undelivered(now, &bytes);
        }
    }

    pub(super) fn undelivered(&mut self, now: Instant, bytes: &Bytes) {
        self.measure.undelivered += 1;
        self.core.undelivered(now, bytes);
    }

    /// Sends and tells what came out of the core.
    pub(super) fn flush(&mut self, now: Instant) {
        while let Some(out) = self.core.poll() {
            match out {
                Out::Send(to, bytes) => self.send(now, to, bytes),
                Out::Event(id, event) => {
                    let last = matches!(event, LegEvent::Down { .. });
                    if let Some(leg) = self.legs.get(&id) {
                        let _ = leg.try_send(event);
                    }
                    if last {
                        self.legs.remove(&id);
                    }
                }
                Out::Finished(id, how) => {
                    if let Some(done) = self.finishing.remove(&id) {
                        let _ = done.send(how);
                    }
                }
                Out::Incoming(id, invite) => self.offer(id, *invite),
                Out::Outside(key, request, _) => self.core.decline(now, &key, &request),
                Out::Answered(key, _) => self.probed(&key, true),
                Out::Unanswered(key) => self.probed(&key, false),
            }
        }
    }
}
