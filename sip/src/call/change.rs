//! Re-INVITE and UPDATE of ours: a new description, or the refresh of a session (RFC 3261, 14.1;
//! RFC 3311, 5.1; RFC 4028, 7.4 and 10).

use std::time::{Duration, Instant};

use super::{
    EndCause, LegEvent, Side, Trunk,
    answered::acknowledgement,
    dialog::{Ack, Dialog, Offer},
    leg::{Call, State, Way},
    post::{Post, Purpose},
    refresh,
    serves::allow,
    session::{SDP, sdp_of},
};
use crate::{
    msg::{Method, Request, Response, min_se, retry_after},
    sdp,
    tx::Key,
};

/// So often one change is tried: glare, credentials, a longer timer.
const MAX_TRIES: u32 = 6;

/// A change that is on its way, or waits after a glare.
#[derive(Debug)]
pub(super) struct Change {
    key: Option<Key>,
    sent: Option<Request>,
    method: Method,
    /// Our offer; none in an UPDATE that only refreshes.
    offer: Option<String>,
    /// The owner of the call wants it, and is told what became of it.
    wanted: bool,
    tries: u32,
    pub(super) retry_at: Option<Instant>,
}

impl Change {
    /// It was sent, and its answer is waited for.
    pub(super) fn is_under_way(&self) -> bool {
        self.key.is_some()
    }
}

impl Call {
    /// A new description of ours.
    pub(super) fn reoffer(&mut self, post: &mut Post, now: Instant, sdp: &str) {
        if self.state != State::Over {
            self.wanted = Some(sdp::following(&self.local_sdp, sdp));
            self.go_on(post, now);
        }
    }

    /// Begins the change that is due, when nothing stands in its way.
    pub(super) fn go_on(&mut self, post: &mut Post, now: Instant) {
        let held = match &self.way {
            Way::Out(outgoing) => outgoing.ack_by.is_some(),
            // Before its PRACK the caller may not have our answer (RFC 3311, 5.1).
            Way::In(incoming) => incoming.progress.holds_answer(),
        };
        let free = self.change.is_none() && self.unacknowledged.is_none() && !held;
        if !free || self.wanted.is_none() {
            return;
        }
        let method = match self.state {
            State::Up => Method::INVITE,
            // Before the answer only UPDATE may carry an offer, after the first was answered.
            State::Inviting => Method::UPDATE,
            State::Cancelling(_) | State::Over => return,
        };
        let ready = |dialog: &Dialog| {
            dialog.offer == Offer::None && (method == Method::INVITE || (dialog.agreed && dialog.updates))
        };
        if !self.changing().is_some_and(|dialog| ready(dialog)) {
            return;
        }
        let offer = self.wanted.take();
        self.change = Some(Change { key: None, sent: None, method, offer, wanted: true, tries: 0, retry_at: None });
        self.send_change(post, now);
    }

    /// Refreshes the session, by UPDATE where the other end takes it.
    fn refresh(&mut self, post: &mut Post, now: Instant) {
        let updates = self.dialog.as_ref().is_some_and(|dialog| dialog.updates);
        let (method, offer) =
            if updates { (Method::UPDATE, None) } else { (Method::INVITE, Some(self.local_sdp.clone())) };
        self.change = Some(Change { key: None, sent: None, method, offer, wanted: false, tries: 0, retry_at: None });
        self.send_change(post, now);
    }

    /// The dialog that a change of ours is made in: before the answer, the one that is heard.
    fn changing(&mut self) -> Option<&mut Dialog> {
        match &mut self.way {
            Way::Out(outgoing) if self.dialog.is_none() => outgoing.early.iter_mut().find(|dialog| dialog.agreed),
            _ => self.dialog.as_mut(),
        }
    }

    fn send_change(&mut self, post: &mut Post, now: Instant) {
        let min_se = self.min_se;
        let Some(change) = &self.change else { return };
        let (method, offer) = (change.method.clone(), change.offer.clone());
        let Some(dialog) = self.changing() else { return };
        let (mut request, hop) = (dialog.next(method), dialog.next_hop());
        if offer.is_some() {
            dialog.offer = Offer::Ours;
        }
        request.headers.push("Allow", allow());
        request.headers.push("Supported", "100rel, timer");
        if let Some(refresh) = &mut dialog.refresh {
            refresh.seconds = refresh.seconds.max(min_se.unwrap_or(0));
            refresh.ask(&mut request.headers, min_se);
        }
        if let Some(sdp) = offer {
            request.headers.push("Content-Type", SDP);
            request.body = sdp.into_bytes();
        }
        if self.change.as_ref().is_some_and(|change| change.tries > 0) {
            self.authorise(post, &mut request);
        }
        let request = post.finish(request, &hop);
        let large = self.trunk().is_some_and(|trunk| trunk.large_over_tcp);
        let key = if large {
            post.send_by_size(now, &self.id, Purpose::Change, request.clone(), hop)
        } else {
            post.send(now, &self.id, Purpose::Change, request.clone(), hop)
        };
        if let Some(change) = &mut self.change {
            change.tries += 1;
            change.retry_at = None;
            (change.key, change.sent) = (key, Some(request));
        }
    }

    pub(super) fn change_timers(&mut self, post: &mut Post, now: Instant) {
        if self.state == State::Over {
            return;
        }
        if self.change.as_ref().is_some_and(|change| change.retry_at.is_some_and(|at| at <= now)) {
            // Theirs goes first: ours comes when its ACK is there.
            if self.unacknowledged.is_none() {
                self.send_change(post, now);
            } else if let Some(change) = &mut self.change {
                change.retry_at = Some(now + Duration::from_millis(500));
            }
        }
        let free = self.change.is_none() && self.unacknowledged.is_none();
        let Some(refresh) = self.dialog.as_mut().and_then(|dialog| dialog.refresh.as_mut()) else { return };
        if self.state != State::Up {
            return;
        }
        if refresh.expires <= now {
            self.hang_up(post, now, Side::Timer, EndCause::Timeout);
        } else if refresh.next.is_some_and(|at| at <= now) {
            refresh.next = None;
            if free {
                self.refresh(post, now);
            } else {
                refresh.failed(now);
            }
        }
    }

    /// A final answer to a change of ours.
    pub(super) fn change_answer(&mut self, post: &mut Post, now: Instant, key: &Key, response: &Response) {
        let invite = key.method() == "INVITE";
        let current = self.change.as_ref().is_some_and(|change| change.key.as_ref() == Some(key));
        if invite && (200..300).contains(&response.status) {
            self.acknowledge_change(post, response);
        }
        if !current {
            return;
        }
        match response.status {
            200..=299 => self.changed(post, now, response),
            401 | 407 => {
                let change = self.change.as_ref();
                let sent = change.filter(|change| change.tries < MAX_TRIES).and_then(|change| change.sent.as_ref());
                if sent.is_some_and(|sent| self.challenged_for(post, sent, response)) {
                    self.send_change(post, now);
                } else {
                    self.change_refused(post, now, response.status);
                }
            }
            422 => {
                let least = min_se(&response.headers);
                if least.is_some_and(|least| self.min_se.is_none_or(|min| min < least)) {
                    self.min_se = least;
                    self.try_again(post, now, Duration::ZERO, 422);
                } else {
                    self.change_refused(post, now, 422);
                }
            }
            491 => {
                let wait = self.glare_wait(post);
                self.try_again(post, now, wait, 491);
            }
            500 | 503 if retry_after(&response.headers).is_some() => {
                let after = retry_after(&response.headers).unwrap_or(1).clamp(1, 30);
                self.try_again(post, now, Duration::from_secs(after.into()), response.status);
            }
            // The other end knows of no such dialog any more (12.2.1.2). Before the answer the INVITE
            // is still to be answered, or cancelled: that ends the call, and not this.
            408 | 481 if self.state == State::Up => self.hang_up(post, now, Side::Timer, EndCause::Timeout),
            status => self.change_refused(post, now, status),
        }
    }

    /// No answer at all is as good as 408.
    pub(super) fn change_timeout(&mut self, post: &mut Post, now: Instant, key: &Key) {
        if self.change.as_ref().is_some_and(|change| change.key.as_ref() == Some(key)) {
            if self.state == State::Up {
                self.hang_up(post, now, Side::Timer, EndCause::Timeout);
            } else {
                self.change_refused(post, now, 408);
            }
        }
    }

    /// Who made the Call-ID waits 2.1 to 4 seconds, the other 0 to 2 (14.1).
    fn glare_wait(&self, post: &mut Post) -> Duration {
        let steps = post.random();
        let ms = if matches!(self.way, Way::Out(_)) { 2_100 + steps % 191 * 10 } else { steps % 201 * 10 };
        Duration::from_millis(ms)
    }

    fn try_again(&mut self, post: &mut Post, now: Instant, wait: Duration, status: u16) {
        if let Some(dialog) = self.changing() {
            dialog.offer = Offer::None;
        }
        match &mut self.change {
            Some(change) if change.tries < MAX_TRIES => {
                change.key = None;
                change.retry_at = Some(now + wait);
            }
            _ => self.change_refused(post, now, status),
        }
    }

    fn acknowledge_change(&mut self, post: &mut Post, response: &Response) {
        let cseq = response.headers.cseq().map_or(1, |(number, _)| number);
        let sent = self.change.as_ref().and_then(|change| change.sent.clone());
        let Some(dialog) = &mut self.dialog else { return };
        dialog.refresh_target(&response.headers);
        let (hop, mut ack) = (dialog.next_hop(), dialog.request(Method::ACK, cseq));
        if let Some(sent) = sent.filter(|sent| sent.headers.cseq().is_some_and(|(number, _)| number == cseq)) {
            ack = acknowledgement(dialog, cseq, &sent);
        }
        let ack = post.finish(ack, &hop);
        let bytes = post.send_ack(&ack, hop);
        dialog.later_ack = Some(Ack { cseq, bytes });
    }

    fn changed(&mut self, post: &mut Post, now: Instant, response: &Response) {
        let Some(change) = self.change.take() else { return };
        let answer = sdp_of(&response.headers, &response.body);
        let alone = self.trunk().and_then(Trunk::refreshed_alone);
        let Some(dialog) = self.changing() else { return };
        dialog.refresh_target(&response.headers);
        dialog.refresh = refresh::answered(now, response, alone);
        let mut event = None;
        if let Some(offer) = change.offer {
            dialog.offer = Offer::None;
            event = match answer.filter(|sdp| sdp::agreed(&offer, sdp).is_ok()) {
                Some(sdp) => {
                    let new = dialog.remote_sdp != sdp;
                    dialog.remote_sdp.clone_from(&sdp);
                    self.offered.clone_from(&offer);
                    self.local_sdp = offer;
                    if change.wanted {
                        Some(LegEvent::ReofferAnswered { sdp })
                    } else {
                        new.then_some(LegEvent::Reoffered { sdp })
                    }
                }
                // No answer that a telephone can take: the session stays as it was.
                None => change.wanted.then_some(LegEvent::ReofferRefused { status: 488 }),
            };
        }
        if let Some(event) = event {
            post.tell(&self.id, event);
        }
        self.go_on(post, now);
    }

    fn change_refused(&mut self, post: &mut Post, now: Instant, status: u16) {
        let Some(change) = self.change.take() else { return };
        if let Some(dialog) = self.changing() {
            dialog.offer = Offer::None;
            if let Some(refresh) = dialog.refresh.as_mut().filter(|refresh| refresh.ours) {
                refresh.failed(now);
            }
        }
        if change.wanted {
            post.tell(&self.id, LegEvent::ReofferRefused { status });
        }
        self.go_on(post, now);
    }
}
