//! What the task does when it is asked, and with what comes out of the core.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{
    command::{Command, Order, Said},
    driver::Driver,
    leg::{EVENTS, Gone, IncomingCall, Leg, LegHandle, PreparedLeg, tell},
    trunks::Asked,
};
use crate::{
    call::{Invite, LegEvent, Out, Rejection, TrunkSound, judge},
    edge::{Direction, Source},
    flow::Flow,
    msg::Response,
    sdp::Refusal,
    transport::Undelivered,
    tx::Key,
    wire::Frame,
};

/// To a carrier that offers nothing of what its trunk speaks.
const NO_CODEC: &str = "none of the codecs of this trunk is offered";
/// To one that offers no key where sound must be secured, or keys where it must not.
const NO_KEY: &str = "sound over this trunk must be secured: RTP/SAVP with a=crypto, signalled over TLS";
const NO_SRTP: &str = "sound over this trunk is not secured, or its signalling is not: RTP/AVP";

impl Driver {
    pub(super) fn command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Close { limit, done } => {
                self.farewells.push(done);
                self.close(limit);
            }
            // What was begun goes on while we close.
            Command::Found(found) => self.found(now, found),
            Command::OfTrunk { id, said } => self.said(now, &id, &said),
            Command::Drain => self.edge.drain(),
            Command::Ladder { call_id, done } => drop(done.send(self.ladder.lines(&call_id))),
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
                let PreparedLeg { call, mut targets, ids, .. } = *leg;
                let domain = Arc::from(call.trunk.domain.as_str());
                targets.others().for_each(|other| self.transport.expect(other, &domain));
                targets.opened(self.transport.flow(targets.first(), &domain));
                let call_id = self.core.place(now, call, targets, ids);
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
                    self.asked.insert(key, Asked::Probe(done));
                }
            }
            Command::Trunks(settings) => self.set_trunks(now, settings),
            Command::Known(known) => self.known(now, known),
            Command::Choose { among, done } => {
                let chosen = self.choose(now, &among);
                // Nobody waits for the seat any more.
                if let Err(Ok(seated)) = done.send(chosen) {
                    self.said(now, &seated.id, &Said::Ended);
                }
            }
            Command::Phones(accounts) => self.set_phones(accounts),
            Command::Phone { user, done } => drop(done.send(self.phone(now, &user))),
            Command::Devices { done } => drop(done.send(self.devices(now))),
        }
    }

    /// What somebody says of a trunk.
    fn said(&mut self, now: Instant, id: &str, said: &Said) {
        match said {
            Said::Ended => self.trunks.board.ended(now, id),
            Said::Suspect => self.trunks.board.suspect(now, id),
            Said::Rest(retry_after) => self.trunks.board.rest(now, id, *retry_after),
            Said::Again => self.trunks.board.again(now, id),
        }
        self.board(now);
    }

    /// A request outside of calls had its answer, or will not have one.
    fn answered(&mut self, now: Instant, key: &Key, response: Option<&Response>) {
        match self.asked.remove(key) {
            Some(Asked::Probe(done)) => drop(done.send(response.is_some())),
            Some(Asked::Board(ticket)) => {
                match response {
                    Some(response) => self.trunks.board.answered(now, ticket, response),
                    None => self.trunks.board.unanswered(now, ticket),
                }
                self.board(now);
            }
            None => {}
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
        }
    }

    /// Hands a call that comes in to whoever takes calls. Nobody does: 480; too many wait: 503.
    fn offer(&mut self, now: Instant, id: String, invite: Invite) {
        let source = self.meant(&invite);
        let (codecs, sound) = match &source {
            Source::Trunk(trunk) => self.carried(now, &id, trunk),
            Source::Phone(_) | Source::Open => Default::default(),
        };
        // Keys are told over TLS only.
        let srtp = sound.srtp.over(invite.flow.protocol).ok_or(Refusal::Secured);
        // Nobody needs to be asked.
        let fits = |srtp| invite.offer.as_ref().map_or(Ok(()), |offer| judge(offer, &codecs, srtp)).map(|()| srtp);
        let srtp = match srtp.and_then(fits) {
            Ok(srtp) => srtp,
            Err(why) => {
                let words = match why {
                    Refusal::Secured => NO_KEY,
                    Refusal::Transport => NO_SRTP,
                    _ => NO_CODEC,
                };
                let refusal = Rejection { words: Some(words), ..Rejection::status(488) };
                return self.core.reject(now, &id, &refusal);
            }
        };
        let sound = TrunkSound { srtp, ..sound };
        let (events, receiver) = mpsc::channel(EVENTS);
        let taker = self.callers.get().zip(self.commands.upgrade()).zip(self.core.saved(&id));
        let refusal = match taker {
            Some(((callers, commands), saved)) => {
                let handle = LegHandle { commands, id: id.clone() };
                let leg = Leg { events: receiver, handle, saved, keeping: false };
                match callers.try_send(IncomingCall { invite, source, codecs, sound, leg }) {
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
            Some(refusal) => self.core.reject(now, &id, &refusal),
            None => drop(self.legs.insert(id, events)),
        }
    }

    pub(super) fn send(&mut self, now: Instant, to: Flow, bytes: Bytes) {
        if bytes.len() > Frame::PING.len() {
            self.measure.sent.message(to.protocol, &bytes);
            self.ladder.record(now, Direction::Out, to, bytes.clone());
        }
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
                    let told = self.legs.get(&id).map(|owner| tell(owner, event));
                    // Whoever had it is gone, and with him perhaps the word to hang up.
                    if !last && told == Some(Err(Gone)) {
                        self.core.hang_up(now, &id);
                    }
                    if last {
                        self.legs.remove(&id);
                        self.over(now, &id);
                    }
                }
                Out::Last(flow, rest) => self.trunks.failed(now, flow, rest),
                Out::Finished(id, how) => {
                    if let Some(done) = self.finishing.remove(&id) {
                        let _ = done.send(how);
                    }
                }
                Out::Incoming(id, invite) => self.offer(now, id, *invite),
                Out::Outside(key, request, flow) => self.outside(now, &key, &request, flow),
                Out::Answered(key, response) => self.answered(now, &key, Some(&response)),
                Out::Unanswered(key) => self.answered(now, &key, None),
            }
        }
    }
}
