//! The task that turns the crank.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use tokio::{
    net::UdpSocket,
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;

use super::{
    IncomingCall, Leg, LegHandle,
    command::{Command, Order},
    leg::{EVENTS, PreparedLeg},
};
use crate::{
    call::{CallCore, FinishError, Finished, Invite, LegEvent, Out, Rejection},
    edge::Source,
    tx::Key,
};

pub(super) struct Driver {
    pub(super) socket: UdpSocket,
    pub(super) core: CallCore,
    pub(super) legs: HashMap<String, mpsc::Sender<LegEvent>>,
    /// Who takes calls that come in.
    pub(super) callers: Arc<OnceLock<mpsc::Sender<IncomingCall>>>,
    /// For the handles of calls that come in.
    pub(super) commands: mpsc::WeakSender<Command>,
    pub(super) probes: HashMap<Key, oneshot::Sender<bool>>,
    /// Who waits for the end of a leg of an earlier run.
    pub(super) finishing: HashMap<String, oneshot::Sender<Result<Finished, FinishError>>>,
    /// Who waits for the end.
    pub(super) farewells: Vec<oneshot::Sender<bool>>,
}

/// How long the answers are waited for when the endpoint is just cancelled or dropped.
const FAREWELL: Duration = Duration::from_secs(2);

impl Driver {
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Command>, cancel: CancellationToken) {
        let mut buffer = vec![0_u8; 65_536];
        let mut closing: Option<Instant> = None;
        let mut open = true;
        loop {
            let wake = self.core.next_deadline().unwrap_or_else(|| Instant::now() + Duration::from_mins(1));
            let wake = closing.map_or(wake, |end| end.min(wake));
            tokio::select! {
                () = cancel.cancelled(), if closing.is_none() => closing = Some(self.close(FAREWELL)),
                command = inbox.recv(), if open => match command {
                    Some(Command::Close { limit, done }) => {
                        self.farewells.push(done);
                        closing = Some(self.close(limit));
                    }
                    // Whoever asks for more while we close is refused by the end of his channel.
                    Some(command) if closing.is_none() => self.command(command),
                    Some(_) => {}
                    None => {
                        open = false;
                        closing = closing.or_else(|| Some(self.close(FAREWELL)));
                    }
                },
                datagram = self.socket.recv_from(&mut buffer) => match datagram {
                    Ok((length, from)) => self.core.receive(Instant::now(), &buffer[..length], from),
                    // A port that nobody listens on answers by ICMP; the transaction times out by itself.
                    Err(error) => tracing::debug!(%error, "receiving from the SIP socket"),
                },
                () = tokio::time::sleep_until(wake.into()) => self.core.tick(Instant::now()),
            }
            self.flush().await;
            let answered = self.core.unanswered() == 0;
            if closing.is_some_and(|end| answered || end <= Instant::now()) {
                for farewell in self.farewells {
                    let _ = farewell.send(answered);
                }
                return;
            }
        }
    }

    /// Hangs everything up. Answers until when the answers are waited for.
    fn close(&mut self, limit: Duration) -> Instant {
        let now = Instant::now();
        for id in self.legs.keys().cloned().collect::<Vec<_>>() {
            self.core.hang_up(now, &id);
        }
        now + limit
    }

    fn command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Finish { saved, trunk, done } => match self.core.finish_leg(now, &saved, &trunk) {
                Ok(id) => drop(self.finishing.insert(id, done)),
                Err(refused) => drop(done.send(Err(refused))),
            },
            Command::Place { leg, events, id } => {
                let PreparedLeg { call, target, ids, .. } = *leg;
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
                if let Some(key) = self.core.probe(now, &domain, target) {
                    self.probes.insert(key, done);
                }
            }
            // Seen to by `run`, which knows whether we close.
            Command::Close { .. } => {}
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

    async fn flush(&mut self) {
        while let Some(out) = self.core.poll() {
            match out {
                Out::Send(to, bytes) => {
                    if let Err(error) = self.socket.send_to(&bytes, to.remote).await {
                        tracing::warn!(%error, "sending a SIP message");
                    }
                }
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
                Out::Outside(key, request, _) => self.core.decline(Instant::now(), &key, &request),
                Out::Answered(key, _) => self.probed(&key, true),
                Out::Unanswered(key) => self.probed(&key, false),
            }
        }
        let (calls, transactions) = self.core.load();
        metrics::gauge!("songda_sip_calls").set(calls as f64);
        metrics::gauge!("songda_sip_transactions_active").set(transactions as f64);
        metrics::counter!("songda_sip_retransmissions_total").absolute(self.core.retransmissions());
    }
}

pub(super) fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| std::process::id().into())
}
