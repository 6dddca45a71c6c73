//! The called side.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    repeat::Repeat,
    story::Story,
    text::{KEPT, SDP, Text, request, response},
    timers::Timers,
};

#[derive(Debug)]
enum Step {
    /// The answer is due when the timer is.
    Ringing,
    /// The final response goes out until its ACK.
    Answered { status: u16, repeat: Repeat, acknowledged: bool },
    /// Our BYE goes out until it is answered.
    HangingUp(Repeat),
    /// Kept a while, for what comes late.
    Over,
}

#[derive(Debug)]
struct Call {
    step: Step,
    story: Story,
    invite: Vec<u8>,
    from: SocketAddr,
}

/// All calls of the called side.
#[derive(Debug)]
pub(super) struct Callee {
    local: SocketAddr,
    hold: Duration,
    calls: HashMap<String, Call>,
    timers: Timers<String>,
    pub(super) repeats: u64,
    /// Calls that nobody acknowledged, or whose BYE nobody answered.
    pub(super) lost: u64,
    pub(super) out: Vec<(SocketAddr, Vec<u8>)>,
}

impl Callee {
    pub(super) fn new(local: SocketAddr, hold: Duration) -> Self {
        Self { local, hold, calls: HashMap::new(), timers: Timers::new(), repeats: 0, lost: 0, out: Vec::new() }
    }

    /// Calls that are not over.
    pub(super) fn alive(&self) -> usize {
        self.calls.values().filter(|call| !matches!(call.step, Step::Over)).count()
    }

    pub(super) fn receive(&mut self, now: Instant, bytes: &[u8], from: SocketAddr) {
        let Some(message) = Text::read(bytes) else { return };
        if message.status().is_some() {
            if message.answers() == "BYE" && message.status() >= Some(200) {
                self.over(now, message.call_id);
            }
            return;
        }
        match message.method() {
            "INVITE" => self.invited(now, &message, bytes, from),
            "ACK" => self.acknowledged(now, message.call_id),
            "BYE" => {
                self.out.push((from, response(&message, "200 OK", None)));
                // Our own BYE still waits for its answer.
                if !matches!(self.calls.get(message.call_id), Some(Call { step: Step::HangingUp(_), .. })) {
                    self.over(now, message.call_id);
                }
            }
            "CANCEL" => {
                self.out.push((from, response(&message, "200 OK", None)));
                if matches!(self.calls.get(message.call_id), Some(Call { step: Step::Ringing, .. })) {
                    self.answer(now, message.call_id, 487, "487 Request Terminated");
                }
            }
            _ => self.out.push((from, response(&message, "405 Method Not Allowed", None))),
        }
    }

    fn over(&mut self, now: Instant, id: &str) {
        if let Some(call) = self.calls.get_mut(id).filter(|call| !matches!(call.step, Step::Over)) {
            call.step = Step::Over;
            self.timers.arm(&id.to_owned(), now + KEPT);
        }
    }

    fn invited(&mut self, now: Instant, invite: &Text<'_>, bytes: &[u8], from: SocketAddr) {
        if let Some(call) = self.calls.get(invite.call_id) {
            // Sent again; one within the call is answered as it is.
            if invite.to.contains(";tag=") {
                self.out.push((from, response(invite, "200 OK", Some((self.local, SDP)))));
            } else if let Step::Answered { repeat, acknowledged: false, .. } = &call.step {
                self.repeats += 1;
                self.out.push((call.from, repeat.bytes.clone()));
            } else if matches!(call.step, Step::Ringing) {
                self.out.push((from, response(invite, "180 Ringing", Some((self.local, "")))));
            }
            return;
        }
        let story = Story::read(invite.start);
        let id = invite.call_id.to_owned();
        self.calls.insert(id.clone(), Call { step: Step::Ringing, story, invite: bytes.to_vec(), from });
        if story == Story::Busy {
            self.answer(now, &id, 486, "486 Busy Here");
            return;
        }
        self.out.push((from, response(invite, "180 Ringing", Some((self.local, "")))));
        match story.answers_after() {
            Some(Duration::ZERO) => self.answer(now, &id, 200, "200 OK"),
            Some(after) => self.timers.arm(&id, now + after),
            None => self.timers.arm(&id, now + KEPT),
        }
    }

    fn answer(&mut self, now: Instant, id: &str, status: u16, line: &str) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let Some(invite) = Text::read(&call.invite) else { return };
        let dialog = (status == 200).then_some((self.local, SDP));
        let bytes = response(&invite, line, dialog);
        self.out.push((call.from, bytes.clone()));
        let repeat = Repeat::other(now, bytes);
        self.timers.arm(&id.to_owned(), repeat.first(now));
        call.step = Step::Answered { status, repeat, acknowledged: false };
    }

    fn acknowledged(&mut self, now: Instant, id: &str) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let Step::Answered { status, acknowledged, .. } = &mut call.step else { return };
        if std::mem::replace(acknowledged, true) {
            return;
        }
        if *status != 200 {
            self.over(now, id);
        } else if call.story.callee_hangs_up() {
            self.timers.arm(&id.to_owned(), now + self.hold);
        } else {
            self.timers.disarm(&id.to_owned());
        }
    }

    pub(super) fn tick(&mut self, now: Instant) {
        while let Some(id) = self.timers.due(now) {
            let Some(call) = self.calls.get_mut(&id) else { continue };
            match &mut call.step {
                Step::Ringing if call.story.answers_after().is_none() => {
                    self.lost += 1;
                    self.over(now, &id);
                }
                Step::Ringing => self.answer(now, &id, 200, "200 OK"),
                Step::Answered { acknowledged: true, .. } => {
                    let Some(invite) = Text::read(&call.invite) else { continue };
                    let to = format!("{};tag=callee", invite.to);
                    let target = invite.target().unwrap_or("sip:nobody");
                    let routes: Vec<&str> = invite.record_routes.clone();
                    let names = (to.as_str(), invite.from, invite.call_id);
                    let bye = request(self.local, "BYE", target, names, "1", &routes);
                    let repeat = Repeat::other(now, bye);
                    self.out.push((call.from, repeat.bytes.clone()));
                    self.timers.arm(&id, repeat.first(now));
                    call.step = Step::HangingUp(repeat);
                }
                Step::Answered { repeat, .. } | Step::HangingUp(repeat) => {
                    self.repeats += 1;
                    self.out.push((call.from, repeat.bytes.clone()));
                    if let Some(next) = repeat.next(now) {
                        self.timers.arm(&id, next);
                    } else {
                        self.lost += 1;
                        self.over(now, &id);
                    }
                }
                Step::Over => drop(self.calls.remove(&id)),
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }
}
