//! Reliable provisional responses (RFC 3262), given and taken; `prack` is what we send for one.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{
    LegEvent, Rejection,
    dialog::{Dialog, Offer},
    leg::{Call, State},
    post::Post,
    session::{describe, refusal, sdp_of},
};
use crate::{
    msg::{Method, RAck, Request, Response},
    sdp::{self, Refusal},
    tx::{Key, T1, T64},
};

/// More 18x than these that wait for the PRACK of the one before are not sent.
const WAITING: usize = 8;

/// One of ours that waits for its PRACK.
#[derive(Debug)]
pub(super) struct Reliable {
    number: u32,
    response: Response,
    next: Instant,
    interval: Duration,
    until: Instant,
}

/// What the called side has of RFC 3262.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The caller insists on it.
    pub(super) required: bool,
    /// The caller knows it.
    pub(super) supported: bool,
    last: u32,
    open: Option<Reliable>,
    /// One that the final answer overtook: its PRACK may still come (section 3).
    overtaken: Option<u32>,
    waiting: VecDeque<(u16, Option<String>)>,
    /// The answer to the call, which waits for the PRACK of a description (section 3).
    pub(super) answer: Option<String>,
}

impl Progress {
    pub(super) fn of(invite: &Request) -> Self {
        let required = invite.headers.lists("Require", "100rel");
        let supported = required || invite.headers.lists("Supported", "100rel");
        Self { required, supported, ..Self::default() }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.next)
    }

    /// A description of ours waits for its PRACK: a 2xx may not go out (section 3).
    pub(super) fn holds_answer(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.response.body.is_empty())
    }

    /// No PRACK is waited for any more; one may come all the same.
    pub(super) fn stop(&mut self) {
        self.overtaken = self.open.take().map(|open| open.number).or(self.overtaken);
        self.waiting.clear();
        self.answer = None;
    }
}

impl Dialog {
    /// Whether a reliable provisional is the next of its row: it grows by one and never wraps
    /// (section 3).
    pub(super) fn wants(&self, reliable: Option<u32>) -> bool {
        reliable.is_some_and(|number| self.rseq.is_none_or(|last| last.checked_add(1) == Some(number)))
    }

    /// What a provisional response described: reliable, it is the answer to our offer; else a
    /// foretaste of it.
    pub(super) fn described(&mut self, sdp: Option<&str>, reliable: bool) {
        let Some(sdp) = sdp.filter(|_| self.offer == Offer::Ours && !self.agreed) else { return };
        sdp.clone_into(&mut self.remote_sdp);
        if reliable {
            (self.offer, self.agreed) = (Offer::None, true);
        }
    }
}

impl Call {
    /// Gives a 18x, reliable where the caller insists, or knows it and there is a description.
    pub(super) fn give_progress(&mut self, post: &mut Post, now: Instant, status: u16, body: Option<String>) {
        let Some(incoming) = self.incoming() else { return };
        let progress = &mut incoming.progress;
        let reliable = progress.required || (progress.supported && body.is_some());
        if !reliable {
            if let Some(response) = self.response(post, status, body.as_deref()) {
                self.send_progress(post, now, response);
            }
            return;
        }
        if progress.open.is_some() {
            if progress.waiting.len() < WAITING {
                progress.waiting.push_back((status, body));
            }
            return;
        }
        let last = progress.last;
        let number = if last == 0 { 1 + (post.random() % 0x3fff_ffff) as u32 } else { last + 1 };
        let described = body.is_some();
        let Some(mut response) = self.response(post, status, body.as_deref()) else { return };
        response.headers.push("Require", "100rel");
        response.headers.push("RSeq", number.to_string());
        if let Some(dialog) = self.dialog.as_mut().filter(|_| described) {
            match dialog.offer {
                Offer::Theirs => (dialog.offer, dialog.agreed) = (Offer::None, true),
                Offer::None if !dialog.agreed => dialog.offer = Offer::Ours,
                Offer::None | Offer::Ours => {}
            }
        }
        let open = Reliable { number, response: response.clone(), next: now + T1, interval: T1, until: now + T64 };
        if let Some(incoming) = self.incoming() {
            incoming.progress.last = number;
            incoming.progress.open = Some(open);
        }
        self.send_progress(post, now, response);
    }

    /// Repeats what waits for its PRACK; one that never comes refuses the call (section 3).
    pub(super) fn repeat_progress(&mut self, post: &mut Post, now: Instant) {
        let Some(incoming) = self.incoming() else { return };
        let Some(open) = incoming.progress.open.as_mut().filter(|open| open.next <= now) else { return };
        if now >= open.until {
            self.reject(post, now, &Rejection::status(504));
            return;
        }
        open.interval *= 2;
        open.next = (now + open.interval).min(open.until);
        let response = open.response.clone();
        self.send_progress(post, now, response);
    }

    /// A PRACK of the other end.
    pub(super) fn prack(&mut self, post: &mut Post, now: Instant, key: &Key, request: &Request) {
        let tag = self.ids.local_tag.clone();
        let means = RAck::of(&request.headers).filter(|means| means.method == Method::INVITE);
        let mut late = None;
        let open = self.incoming().and_then(|incoming| {
            let cseq = incoming.invite.headers.cseq()?.0;
            let number = means.filter(|means| means.cseq == cseq)?.rseq;
            late = incoming.progress.overtaken.take_if(|overtaken| *overtaken == number);
            incoming.progress.open.take_if(|open| open.number == number)
        });
        let Some(open) = open else {
            let status = if late.is_some() { 200 } else { 481 };
            post.respond(now, key, &Response::to(request, status, &tag));
            return;
        };
        let mut response = Response::to(request, 200, &tag);
        if let Some(sdp) = sdp_of(&request.headers, &request.body)
            && let Err(refused) = self.described_by_prack(post, &open, sdp, &mut response)
        {
            response = refusal(request, refused, &post.host(), &tag);
        }
        post.respond(now, key, &response);
        let Some(incoming) = self.incoming() else { return };
        if let Some((status, body)) = incoming.progress.waiting.pop_front() {
            self.give_progress(post, now, status, body);
        }
        let Some(incoming) = self.incoming() else { return };
        if !incoming.progress.holds_answer()
            && let Some(sdp) = incoming.progress.answer.take()
        {
            self.answer(post, now, sdp);
        }
        if self.state == State::Inviting {
            self.go_on(post, now);
        }
    }

    /// # Errors
    /// Why an offer cannot be taken; the session stays as it was (RFC 3262, 5).
    fn described_by_prack(
        &mut self,
        post: &mut Post,
        open: &Reliable,
        sdp: String,
        response: &mut Response,
    ) -> Result<(), Refusal> {
        let Some(dialog) = &mut self.dialog else { return Ok(()) };
        if dialog.offer == Offer::Ours && !open.response.body.is_empty() {
            (dialog.offer, dialog.agreed) = (Offer::None, true);
            if sdp::agreed(&self.local_sdp, &sdp).is_ok() {
                dialog.remote_sdp.clone_from(&sdp);
                post.tell(&self.id, LegEvent::ReofferAnswered { sdp });
            }
        } else if dialog.offer == Offer::None && dialog.agreed {
            // A new offer (RFC 3262, 5): we agree with what we have.
            let answer = sdp::answer_to(&sdp, &self.offered)?;
            dialog.remote_sdp.clone_from(&sdp);
            self.local_sdp = sdp::following(&self.local_sdp, &answer);
            describe(response, &self.local_sdp);
            post.tell(&self.id, LegEvent::Reoffered { sdp });
        }
        Ok(())
    }
}
