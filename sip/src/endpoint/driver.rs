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
    trunks::{Asked, Trunks},
};
use crate::{
    call::{CallCore, FinishError, Finished, LegEvent},
    edge::{Edge, Inbox, Ladder},
    registrar::Registrar,
    transport::{Arrival, Transport},
    tx::Key,
};

/// So much of each kind is seen to before what came of it is sent, and the network looked at.
const BATCH: usize = 16;

/// So often that is done before everybody else has his turn.
const TURNS: usize = 4;

/// So many messages that were read may wait.
pub(super) const WAITING: usize = 8192;

/// And so many bytes of them: a message is a thousand or two as a rule, and 64 thousand at most.
pub(super) const WAITING_BYTES: usize = 32 * 1024 * 1024;

/// The ladders of so many calls are kept.
pub(super) const LADDERS: usize = 512;

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
    /// Requests outside of calls that wait for their answer.
    pub(super) asked: HashMap<Key, Asked>,
    pub(super) edge: Edge,
    pub(super) ladder: Ladder,
    /// What was read and not seen to yet.
    pub(super) waiting: Inbox<Vec<u8>>,
    pub(super) trunks: Trunks,
    pub(super) phones: Option<Registrar>,
    pub(super) phones_due: Option<Instant>,
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
                // A connection waits for its turn; nothing that it said is lost.
                arrival = arrived.recv(), if !self.waiting.is_full() => first = arrival,
                () = poll_fn(|cx| self.transport.poll_ready(cx)) => {}
                () = std::future::ready(()), if !self.waiting.is_empty() => {}
                () = tokio::time::sleep_until(wake.into()) => {}
            }
            self.turn(first, &mut buffer, &mut inbox, &mut arrived);
            let answered = self.closing.is_some() && self.core.unanswered() == 0 && self.trunks.board.is_quiet();
            if self.closing.is_some_and(|end| answered || end <= Instant::now()) {
                for farewell in self.farewells {
                    let _ = farewell.send(answered);
                }
                drop(arrived);
                let _ = tokio::time::timeout(LAST_WORDS, self.transport.close()).await;
                return;
            }
            // What an answer waits for is done by the task of its call: with too much to do, that
            // does not wait here until the last of the others was refused.
            if !self.waiting.is_empty() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// When there is something to do by itself.
    fn wake(&self) -> Instant {
        let now = Instant::now();
        let own = [self.core.next_deadline(), self.measure.deadline(), self.closing];
        let others = [self.trunks.next_deadline(now), self.phones_due];
        own.into_iter().chain(others).flatten().min().unwrap_or(now + Duration::from_mins(1))
    }

    /// Sees to all that is there, a batch at a time, and goes back to sleep only then.
    fn turn(
        &mut self,
        mut first: Option<Arrival>,
        buffer: &mut [u8],
        inbox: &mut mpsc::Receiver<Command>,
        arrived: &mut mpsc::Receiver<Arrival>,
    ) {
        for _ in 0..TURNS {
            let mut done = self.read(first.take(), buffer, arrived);
            for _ in 0..BATCH {
                let now = Instant::now();
                let Some((flow, bytes, load)) = self.waiting.pop(now) else { break };
                self.arrived(now, flow, bytes, load);
                done += 1;
            }
            for _ in 0..BATCH {
                let Ok(command) = inbox.try_recv() else { break };
                self.command(command);
                done += 1;
            }
            let now = Instant::now();
            self.edge.measure(self.waiting.load(now));
            // What ends in silence changes the tables as well.
            let ticked = self.tick(now);
            self.flush(now);
            self.measure.changed |= done > 0 || ticked;
            self.tell(now, inbox.len(), arrived.len());
            if done == 0 {
                return;
            }
        }
    }

    /// Takes what the network has for us, as far as there is room; how much that was.
    fn read(&mut self, first: Option<Arrival>, buffer: &mut [u8], arrived: &mut mpsc::Receiver<Arrival>) -> usize {
        let now = Instant::now();
        let mut done = 0;
        // It was taken for the room that there was: nothing else takes that first.
        if let Some(arrival) = first {
            self.arrival(now, arrival);
            done += 1;
        }
        while !self.waiting.is_full()
            && let Some((length, flow)) = self.transport.receive(buffer)
        {
            self.waiting.push(now, flow, buffer[..length].to_vec());
            done += 1;
        }
        while !self.waiting.is_full()
            && let Ok(arrival) = arrived.try_recv()
        {
            self.arrival(now, arrival);
            done += 1;
        }
        done
    }

    /// Does what is due; whether anything was.
    fn tick(&mut self, now: Instant) -> bool {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let (core, trunks, phones) =
            (due(self.core.next_deadline()), due(self.trunks.next_deadline(now)), due(self.phones_due));
        if core {
            self.core.tick(now);
        }
        if trunks {
            self.trunks_tick(now);
        }
        if phones {
            self.phones_tick(now);
        }
        core || trunks || phones
    }

    fn tell(&mut self, now: Instant, commands: usize, arrivals: usize) {
        let (core, waiting, lost, edge) = (&self.core, &self.waiting, self.waiting.lost(), self.edge.counts());
        let held = || {
            let (calls, transactions) = core.load();
            let retransmissions = core.retransmissions();
            Held {
                calls,
                transactions,
                retransmissions,
                commands,
                arrivals,
                waiting: waiting.load(now).queued,
                lost,
                edge,
            }
        };
        self.measure.tell(now, held, &self.transport);
    }

    fn arrival(&mut self, now: Instant, arrival: Arrival) {
        match arrival {
            Arrival::Opened(flow, out) => self.transport.opened(flow, out),
            Arrival::Message(flow, bytes) => self.waiting.push(now, flow, bytes),
            Arrival::Closed { flow, undelivered, reached } => {
                self.phones_closed(&flow);
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
        self.edge.drain();
        self.trunks.board.close(now);
        self.board(now);
        self.closing = Some(now + limit);
    }
}

pub(super) fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| std::process::id().into())
}

/// The same, asked of the system many words at a time: a call takes a dozen of them.
pub(super) fn many_random() -> impl FnMut() -> u64 + Send {
    let (mut pool, mut left) = ([0_u8; 512], 0);
    move || {
        if left < 8 {
            if getrandom::fill(&mut pool).is_err() {
                return random();
            }
            left = pool.len();
        }
        left -= 8;
        let mut word = [0; 8];
        word.copy_from_slice(&pool[left..left + 8]);
        // None is told twice.
        pool[left..left + 8].fill(0);
        u64::from_ne_bytes(word)
    }
}
