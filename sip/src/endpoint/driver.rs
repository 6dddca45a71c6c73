//! The task that turns the crank.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    command::Command,
    leg::IncomingCall,
    measure::{Held, Measure},
};
use crate::{
    call::{CallCore, FinishError, Finished, LegEvent},
    transport::{Arrival, Transport},
    tx::Key,
};

/// So much of each kind is seen to before what came of it is sent.
const BATCH: usize = 64;

/// How long the answers are waited for when the endpoint is just cancelled or dropped.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long what is written to connections may take at the end.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub(super) struct Driver {
    pub(super) transport: Transport,
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
    pub(super) measure: Measure,
    /// No new work is taken; over at that time.
    pub(super) closing: Option<Instant>,
}

/// Whether everybody who could ask us is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Askers {
    Some,
    None,
}

impl Driver {
    pub(super) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Command>,
        mut arrived: mpsc::Receiver<Arrival>,
        cancel: CancellationToken,
    ) {
        let mut buffer = vec![0_u8; 65_536];
        let mut askers = Askers::Some;
        loop {
            let wake = self.wake();
            let mut first = None;
            tokio::select! {
                () = cancel.cancelled(), if self.closing.is_none() => self.close(FAREWELL),
                command = inbox.recv(), if askers == Askers::Some => if let Some(command) = command {
                    self.command(command);
                } else {
                    askers = Askers::None;
                    self.close(FAREWELL);
                },
                arrival = arrived.recv() => first = arrival,
                () = poll_fn(|cx| self.transport.poll_ready(cx)) => {}
                () = tokio::time::sleep_until(wake.into()) => {}
            }
            self.turn(first, &mut buffer, &mut inbox, &mut arrived);
            let answered = self.closing.is_some() && self.core.unanswered() == 0;
            if self.closing.is_some_and(|end| answered || end <= Instant::now()) {
                for farewell in self.farewells {
                    let _ = farewell.send(answered);
                }
                drop(arrived);
                let _ = tokio::time::timeout(LAST_WORDS, self.transport.close()).await;
                return;
            }
        }
    }

    /// When there is something to do by itself.
    fn wake(&self) -> Instant {
        let due = [self.core.next_deadline(), self.measure.deadline(), self.closing];
        due.into_iter().flatten().min().unwrap_or_else(|| Instant::now() + Duration::from_mins(1))
    }

    /// Sees to all that is there, a batch at a time, and goes back to sleep only then.
    fn turn(
        &mut self,
        mut first: Option<Arrival>,
        buffer: &mut [u8],
        inbox: &mut mpsc::Receiver<Command>,
        arrived: &mut mpsc::Receiver<Arrival>,
    ) {
        loop {
            let now = Instant::now();
            let mut done = 0;
            while let Some((length, flow)) = self.transport.receive(buffer) {
                self.measure.received.message(flow.protocol, &buffer[..length]);
                self.core.receive(now, &buffer[..length], flow);
                done += 1;
                if done % BATCH == 0 {
                    break;
                }
            }
            for _ in 0..BATCH {
                let Some(arrival) = first.take().or_else(|| arrived.try_recv().ok()) else { break };
                self.arrival(now, arrival);
                done += 1;
            }
            for _ in 0..BATCH {
                let Ok(command) = inbox.try_recv() else { break };
                self.command(command);
                done += 1;
            }
            if self.core.next_deadline().is_some_and(|due| due <= now) {
                self.core.tick(now);
            }
            self.flush(now);
            self.measure.changed |= done > 0;
            let (core, commands, arrivals) = (&self.core, inbox.len(), arrived.len());
            let held = || {
                let (calls, transactions) = core.load();
                Held { calls, transactions, retransmissions: core.retransmissions(), commands, arrivals }
            };
            self.measure.tell(now, held, &self.transport);
            if done == 0 {
                return;
            }
        }
    }

    fn arrival(&mut self, now: Instant, arrival: Arrival) {
        match arrival {
            Arrival::Opened(flow, out) => self.transport.opened(flow, out),
            Arrival::Message(flow, bytes) => {
                self.measure.received.message(flow.protocol, &bytes);
                self.core.receive(now, &bytes, flow);
            }
            Arrival::Closed { flow, undelivered, reached } => {
                // To where we had opened it we open it again when it is needed.
                if !self.transport.closed(&flow) {
                    self.core.lost(&flow);
                }
                for bytes in undelivered {
                    // One that could not be opened is not opened again for the same bytes.
                    if reached { self.send(now, flow, bytes) } else { self.undelivered(now, &bytes) }
                }
            }
        }
    }

    /// Hangs everything up and takes nothing new; over when our requests are answered, or then.
    pub(super) fn close(&mut self, limit: Duration) {
        if self.closing.is_some() {
            return;
        }
        let now = Instant::now();
        for id in self.legs.keys().cloned().collect::<Vec<_>>() {
            self.core.hang_up(now, &id);
        }
        self.closing = Some(now + limit);
    }
}

pub(super) fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| std::process::id().into())
}
