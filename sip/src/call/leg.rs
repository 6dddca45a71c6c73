//! One call: what both directions have in common, from the INVITE to its end.

use std::time::{Duration, Instant};

use super::{
    EndCause, Ended, LegEvent, LegIds, Reason, SavedLeg, Side, Trunk, bye::Bye, change::Change, dialog::Dialog,
    incoming::Incoming, outgoing::Outgoing, post::Post, prack::Prack, refresh::Refresh,
};
use crate::{
    flow::Flow,
    msg::{Headers, Request, Response, q850},
    tx::{Key, T1, T2, T64},
};

/// An ended call is kept for so long, for what comes late.
pub(super) const FORGET: Duration = Duration::from_secs(33);

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There is an INVITE, and no answer yet.
    Inviting,
    /// We gave our INVITE up and wait for the final answer.
    Cancelling(EndCause),
    /// Answered.
    Up,
    /// Over; kept a while for what comes late.
    Over,
}

/// Who placed it.
#[derive(Debug)]
pub(super) enum Way {
    /// We did.
    Out(Box<Outgoing>),
    /// The other end did.
    In(Box<Incoming>),
}

/// A 2xx of ours to an INVITE, repeated until its ACK (13.3.1.4).
#[derive(Debug)]
pub(super) struct Unacknowledged {
    pub(super) key: Key,
    pub(super) cseq: u32,
    pub(super) response: Response,
    pub(super) next: Instant,
    pub(super) interval: Duration,
    pub(super) until: Instant,
    /// It is the answer to the call, and not to a later INVITE.
    pub(super) first: bool,
}

impl Unacknowledged {
    pub(super) fn new(now: Instant, key: Key, cseq: u32, response: Response, first: bool) -> Self {
        Self { key, cseq, response, next: now + T1, interval: T1, until: now + T64, first }
    }
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) ids: LegIds,
    pub(super) way: Way,
    pub(super) state: State,
    /// Where its first request goes or came from.
    pub(super) flow: Flow,
    /// The dialog that counts: the answered one, or that of a call which comes in.
    pub(super) dialog: Option<Dialog>,
    /// What our sound can do in this call: later offers are judged by it.
    pub(super) offered: String,
    /// What we described last.
    pub(super) local_sdp: String,
    pub(super) rang_from: Option<Instant>,
    pub(super) answered_at: Option<Instant>,
    pub(super) unacknowledged: Option<Unacknowledged>,
    /// A re-INVITE or UPDATE of ours.
    pub(super) change: Option<Change>,
    /// A new description that waits for its turn.
    pub(super) wanted: Option<String>,
    /// What the other end wants at least between refreshes, seconds.
    pub(super) min_se: Option<u32>,
    /// BYEs that were not answered yet.
    pub(super) byes: Vec<Bye>,
    /// PRACKs that were not answered yet.
    pub(super) pracks: Vec<Prack>,
    /// The BYE waits until our answer is acknowledged (15).
    pub(super) bye_due: bool,
    /// Why we end it.
    pub(super) reason: Reason,
    pub(super) forget_at: Option<Instant>,
    /// Our BYE or CANCEL was not answered.
    pub(super) silent: bool,
    pub(super) down_told: bool,
    /// What [`super::timers::Timers`] was asked for last.
    pub(super) armed: Option<Instant>,
}

impl Call {
    pub(super) fn new(id: String, ids: LegIds, way: Way, flow: Flow) -> Self {
        Self {
            id,
            ids,
            way,
            state: State::Inviting,
            flow,
            dialog: None,
            offered: String::new(),
            local_sdp: String::new(),
            rang_from: None,
            answered_at: None,
            unacknowledged: None,
            change: None,
            wanted: None,
            min_se: None,
            byes: Vec::new(),
            pracks: Vec::new(),
            bye_due: false,
            reason: Reason::default(),
            forget_at: None,
            silent: false,
            down_told: false,
            armed: None,
        }
    }

    pub(super) fn outgoing(&mut self) -> Option<&mut Outgoing> {
        match &mut self.way {
            Way::Out(outgoing) => Some(outgoing),
            Way::In(_) => None,
        }
    }

    pub(super) fn incoming(&mut self) -> Option<&mut Incoming> {
        match &mut self.way {
            Way::In(incoming) => Some(incoming),
            Way::Out(_) => None,
        }
    }

    /// The legs of an earlier run are only ended, and nobody is told of them as of calls.
    pub(super) fn is_inherited(&self) -> bool {
        matches!(&self.way, Way::Out(outgoing) if outgoing.inheritance.is_some())
    }

    /// A connection is no more (RFC 3261, 18.4; RFC 5626, 4.5).
    pub(super) fn lost(&mut self, flow: &Flow) {
        let (forks, early) = match &mut self.way {
            Way::Out(outgoing) => (&mut outgoing.forks[..], &mut outgoing.early[..]),
            Way::In(_) => (&mut [][..], &mut [][..]),
        };
        self.dialog.iter_mut().chain(forks).chain(early).for_each(|dialog| dialog.lost(flow));
    }

    pub(super) fn save(&self, post: &Post) -> SavedLeg {
        let dialog = self.dialog.as_ref().filter(|_| self.answered_at.is_some()).map(Dialog::save);
        let mut saved = match &self.way {
            Way::Out(outgoing) => {
                let local = post.local(&outgoing.target);
                let mut saved = SavedLeg::new(local, &outgoing.order, outgoing.target, self.ids.clone());
                saved.first = outgoing.first;
                saved
            }
            Way::In(_) => SavedLeg::incoming(post.local(&self.flow), self.flow, self.ids.clone()),
        };
        saved.dialog = dialog;
        saved
    }

    /// The dialog with this tag of the other end: the one that counts, another fork's, or an
    /// early one.
    pub(super) fn dialog_of(&mut self, remote_tag: &str) -> Option<&mut Dialog> {
        let (forks, early) = match &mut self.way {
            Way::Out(outgoing) => (&mut outgoing.forks[..], &mut outgoing.early[..]),
            Way::In(_) => (&mut [][..], &mut [][..]),
        };
        self.dialog.iter_mut().chain(forks).chain(early).find(|dialog| dialog.remote_tag == remote_tag)
    }

    /// Ends the call and says so, once.
    pub(super) fn end(&mut self, post: &mut Post, now: Instant, ended: Ended) {
        if self.state == State::Over {
            return;
        }
        self.state = State::Over;
        self.forget_at = Some(now + FORGET);
        (self.change, self.wanted) = (None, None);
        if let Some(dialog) = &mut self.dialog {
            dialog.refresh = None;
        }
        if !self.is_inherited() {
            post.tell(&self.id, LegEvent::Ended(ended));
        }
    }

    /// The end as far as it is known by itself.
    pub(super) fn ended(&self, now: Instant, by: Side, cause: EndCause) -> Ended {
        let until = self.answered_at.unwrap_or(now);
        Ended {
            by,
            cause,
            status: None,
            q850: None,
            rang: self.rang_from.map(|from| until.saturating_duration_since(from)),
            provisional: self.rang_from.is_some(),
            retry_after: None,
        }
    }

    /// Ends the call because of something the other end sent.
    pub(super) fn end_by_peer(
        &mut self,
        post: &mut Post,
        now: Instant,
        cause: EndCause,
        (status, headers): (Option<u16>, &Headers),
    ) {
        let ended = Ended { status, q850: q850(headers), ..self.ended(now, Side::Peer, cause) };
        self.end(post, now, ended);
    }

    /// The trunk that it goes over; none where a call came in from nobody's.
    pub(super) fn trunk(&self) -> Option<&Trunk> {
        match &self.way {
            Way::Out(outgoing) => Some(&outgoing.order.trunk),
            Way::In(incoming) => incoming.trunk.as_deref(),
        }
    }

    /// Adds what the carrier challenged us for, in this call or one before.
    pub(super) fn authorise(&self, post: &mut Post, request: &mut Request) {
        let Some(trunk) = self.trunk() else { return };
        if post.carriers.know(trunk) {
            let cnonce = post.token(1);
            post.carriers.authorise(trunk, request, &cnonce);
        }
    }

    /// A 401 or 407 came for `sent`: whether another try makes sense.
    pub(super) fn challenged_for(&self, post: &mut Post, sent: &Request, response: &Response) -> bool {
        self.trunk().is_some_and(|trunk| post.carriers.challenged(trunk, sent, response))
    }

    /// Nothing of ours waits for the other end any more.
    pub(super) fn is_quiet(&self) -> bool {
        let open = matches!(&self.way, Way::Out(outgoing) if outgoing.open);
        self.state == State::Over && self.byes.is_empty() && !self.bye_due && !open
    }

    /// When it wants to be looked at.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let inviting = self.state == State::Inviting;
        let way = match &self.way {
            Way::Out(outgoing) => outgoing.deadline(inviting),
            Way::In(incoming) => incoming.deadline(inviting),
        };
        let up = self.state == State::Up;
        let refresh = self.dialog.as_ref().and_then(|dialog| dialog.refresh.as_ref()).filter(|_| up);
        [
            way,
            self.forget_at,
            self.unacknowledged.as_ref().map(|waiting| waiting.next),
            self.change.as_ref().and_then(|change| change.retry_at),
            refresh.map(Refresh::deadline),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Repeats a 2xx until its ACK. One that is never acknowledged ends a new call (13.3.1.4); a
    /// later one does not: whoever talks goes on talking.
    pub(super) fn repeat(&mut self, post: &mut Post, now: Instant) {
        let Some(waiting) = self.unacknowledged.as_mut().filter(|waiting| waiting.next <= now) else { return };
        if now < waiting.until {
            waiting.interval = (waiting.interval * 2).min(T2);
            waiting.next = (now + waiting.interval).min(waiting.until);
            post.respond(now, &waiting.key, &waiting.response);
            return;
        }
        let first = waiting.first;
        self.unacknowledged = None;
        if let Some(dialog) = &mut self.dialog {
            dialog.offer = super::dialog::Offer::None;
        }
        if first && self.state == State::Up {
            let ended = self.ended(now, Side::Timer, EndCause::Timeout);
            self.end(post, now, ended);
            self.bye_due = true;
        }
        self.bye_when_acknowledged(post, now);
        self.go_on(post, now);
    }
}
