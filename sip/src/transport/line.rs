//! One connection as its task holds it, whatever carries it.

use std::{io, time::Duration};

use bytes::Bytes;
use tokio::{sync::mpsc, time::Instant};

use super::{Arrival, Limits};
use crate::flow::Flow;

/// The ends of one connection, and what it may cost.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) flow: Flow,
    pub(super) arrivals: mpsc::Sender<Arrival>,
    pub(super) out: mpsc::Receiver<Bytes>,
    pub(super) limits: Limits,
    /// We opened it: keeping it alive is up to us (RFC 5626, 4.4).
    pub(super) ours: bool,
    /// It is open, and messages can be exchanged.
    pub(super) reached: bool,
}

/// Why a connection is closed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("the other end closed it")]
    Closed,
    #[error("it was not used any more")]
    Idle,
    #[error("the other end took too long")]
    Slow,
    #[error("the other end gave no sign of life")]
    Dead,
    #[error("what it sends cannot be read")]
    Unreadable,
    #[error("we are closing")]
    Closing,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("TLS: {0}")]
    Tls(String),
    #[error("WebSocket: {0}")]
    WebSocket(Box<tokio_tungstenite::tungstenite::Error>),
}

impl Line {
    /// Tells the endpoint of a message; waits when it has too much to do.
    pub(super) async fn message(&self, bytes: Vec<u8>) -> Result<(), Ended> {
        self.arrivals.send(Arrival::Message(self.flow, bytes)).await.map_err(|_| Ended::Closing)
    }

    /// Tells the endpoint that it is over, and of what was not sent.
    pub(super) async fn close(mut self, why: &Ended) {
        self.out.close();
        let mut undelivered = Vec::new();
        while let Ok(bytes) = self.out.try_recv() {
            undelivered.push(bytes);
        }
        tracing::debug!(transport = %self.flow.protocol, remote = %self.flow.remote, %why, "a SIP connection ended");
        let _ = self.arrivals.send(Arrival::Closed { flow: self.flow, undelivered, reached: self.reached }).await;
    }
}

/// Which signs of life a connection gave, and which it owes.
#[derive(Debug)]
pub(super) struct Life {
    limits: Limits,
    ours: bool,
    /// When something came last; the opening, before anything did.
    heard: Instant,
    /// When a message went either way.
    used: Instant,
    /// Something that can be read came.
    known: bool,
    /// A message has begun and is not whole.
    begun: Option<Instant>,
    /// When we ask next.
    ping: Instant,
    /// We asked, and no answer came yet.
    asked: Option<Instant>,
    /// It has answered before, so it will again (RFC 5626, 4.4.1).
    answers: bool,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    Idle,
    Slow,
    Dead,
}

/// A connection of ours lives longer than any registration over it.
const OURS: Duration = Duration::from_hours(2);

impl Life {
    pub(super) fn new(line: &Line, now: Instant) -> Self {
        Self {
            limits: line.limits,
            ours: line.ours,
            heard: now,
            used: now,
            known: line.ours,
            begun: None,
            ping: now + line.limits.keep_alive,
            asked: None,
            answers: false,
        }
    }

    /// Something came; `rest` says whether a message is not whole yet.
    pub(super) fn heard(&mut self, now: Instant, rest: bool) {
        self.heard = now;
        self.begun = if rest { self.begun.or(Some(now)) } else { None };
    }

    /// A message came or went.
    pub(super) fn message(&mut self, now: Instant) {
        self.used = now;
        self.known = true;
        self.begun = None;
        self.asked = None;
    }

    /// The other end answered our question.
    pub(super) fn pong(&mut self) {
        if self.asked.take().is_some() {
            self.answers = true;
        }
    }

    /// The other end asked whether we are there.
    pub(super) fn asked_for(&mut self) {
        self.known = true;
    }

    /// When [`Life::due`] must be asked.
    pub(super) fn deadline(&self) -> Instant {
        let slow = self.begun.or_else(|| (!self.known).then_some(self.heard)).map(|since| since + self.limits.patience);
        let idle = if self.ours { self.used + OURS } else { self.heard + self.limits.idle };
        let dead = self.asked.filter(|_| self.answers).map(|since| since + self.limits.patience);
        let ping = self.ours.then_some(self.ping);
        [slow, dead, ping].into_iter().flatten().fold(idle, Instant::min)
    }

    pub(super) fn due(&mut self, now: Instant) -> Due {
        let late = |since: Option<Instant>| since.is_some_and(|since| now >= since + self.limits.patience);
        let silent = (!self.known).then_some(self.heard);
        if late(self.begun) || late(silent) {
            return Due::Slow;
        }
        if self.answers && late(self.asked) {
            return Due::Dead;
        }
        let idle = if self.ours { now >= self.used + OURS } else { now >= self.heard + self.limits.idle };
        if idle {
            return Due::Idle;
        }
        if self.ours && now >= self.ping {
            self.ping = now + self.limits.keep_alive;
            self.asked = self.asked.or(Some(now));
            return Due::Ping;
        }
        Due::Nothing
    }
}
