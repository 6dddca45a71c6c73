//! The calling side: each call from INVITE to its end.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    repeat::Repeat,
    story::{RINGS, Story},
    text::{KEPT, T64, Text, request, response},
    timers::Timers,
};

#[derive(Debug)]
enum Step {
    /// The INVITE is out; nothing came back.
    Inviting(Repeat),
    /// A provisional response came: it is no longer repeated. The timer gives the call up.
    Proceeding,
    /// The CANCEL is out; once it was answered it is no longer repeated.
    Cancelling(Repeat, Instant),
    /// Answered.
    Up,
    /// Our second INVITE is out.
    Reoffering(Repeat),
    /// The BYE is out.
    HangingUp(Repeat),
    /// Kept a while: what comes late is acknowledged.
    Over,
}

#[derive(Debug)]
struct Call {
    step: Step,
    story: Story,
    began: Instant,
    invite: Vec<u8>,
    /// To of the other end, its target and the route to it.
    peer: (String, String, Vec<String>),
    ack: Vec<u8>,
}

/// All calls of the calling side.
#[derive(Debug)]
pub(super) struct Caller {
    local: SocketAddr,
    server: SocketAddr,
    hold: Duration,
    mixed: bool,
    /// Tells the calls of this run from those of another.
    run: u32,
    calls: HashMap<u64, Call>,
    alive: usize,
    timers: Timers<u64>,
    pub(super) placed: u64,
    pub(super) completed: u64,
    pub(super) refused: u64,
    pub(super) failed: u64,
    pub(super) repeats: u64,
    /// Why calls failed.
    pub(super) why: BTreeMap<String, u64>,
    /// From INVITE to 200, in microseconds.
    pub(super) setup: Vec<u64>,
    /// When calls completed, in milliseconds since the first one was placed.
    pub(super) completed_at: Vec<u64>,
    pub(super) first: Option<Instant>,
    pub(super) out: Vec<Vec<u8>>,
}

/// Nobody rings so long in a bench.
const PATIENCE: Duration = Duration::from_mins(1);

impl Caller {
    pub(super) fn new(local: SocketAddr, server: SocketAddr, hold: Duration, mixed: bool) -> Self {
        Self {
            local,
            server,
            hold,
            mixed,
            run: std::process::id(),
            calls: HashMap::new(),
            alive: 0,
            timers: Timers::new(),
            placed: 0,
            completed: 0,
            refused: 0,
            failed: 0,
            repeats: 0,
            why: BTreeMap::new(),
            setup: Vec::new(),
            completed_at: Vec::new(),
            first: None,
            out: Vec::new(),
        }
    }

    /// Calls that are not over.
    pub(super) fn alive(&self) -> usize {
        self.alive
    }

    pub(super) fn place(&mut self, now: Instant) {
        let id = self.placed;
        self.placed += 1;
        self.alive += 1;
        self.first.get_or_insert(now);
        let story = if self.mixed { Story::of(id) } else { Story::CallerHangsUp };
        let to = format!("<sip:{}@{}>", story.number(), self.server);
        let invite = self.request(id, "INVITE", to.trim_matches(['<', '>']), &to, "", &[]);
        self.out.push(invite.clone());
        let repeat = Repeat::invite(now, invite.clone());
        self.timers.arm(&id, repeat.first(now));
        let peer = (String::new(), String::new(), Vec::new());
        self.calls.insert(id, Call { step: Step::Inviting(repeat), story, began: now, invite, peer, ack: Vec::new() });
    }

    fn over(&mut self, now: Instant, id: u64, why: Option<&str>) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| !matches!(call.step, Step::Over)) else { return };
        call.step = Step::Over;
        call.invite = Vec::new();
        self.alive -= 1;
        self.timers.arm(&id, now + KEPT);
        if let Some(why) = why {
            let why = format!("{why} ({:?})", call.story);
            self.failed += 1;
            *self.why.entry(why).or_default() += 1;
        } else {
            self.completed += 1;
            let since = self.first.map_or(Duration::ZERO, |first| now.saturating_duration_since(first));
            self.completed_at.push(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        }
    }

    pub(super) fn receive(&mut self, now: Instant, bytes: &[u8]) {
        let Some(message) = Text::read(bytes) else { return };
        let Some(status) = message.status() else { return self.asked(now, &message) };
        let Some(id) = self.id(&message) else { return };
        match (message.answers(), status) {
            ("INVITE", 100..=199) => self.proceeds(now, id),
            ("INVITE", 200..=299) => self.answered(now, id, &message),
            ("INVITE", _) => self.refused(now, id, &message, status),
            ("CANCEL", _) => {
                // What is left is the end of the INVITE.
                if let Some(Call { step: Step::Cancelling(..), .. }) = self.calls.get(&id) {
                    self.timers.arm(&id, now + T64);
                }
            }
            ("BYE", _) => {
                if let Some(Call { step: Step::HangingUp(_), story, .. }) = self.calls.get(&id) {
                    let crossed = status == 481 && story.callee_hangs_up();
                    let why = format!("BYE answered {status}");
                    let fine = status < 300 || crossed;
                    self.over(now, id, (!fine).then_some(why.as_str()));
                }
            }
            _ => {}
        }
    }

    /// A request of the other end.
    fn asked(&mut self, now: Instant, message: &Text<'_>) {
        if message.method() == "ACK" {
            return;
        }
        self.out.push(response(message, "200 OK", None));
        if let Some(id) = self.id(message).filter(|_| message.method() == "BYE")
            && let Some(call) = self.calls.get(&id)
        {
            let ours = matches!(call.step, Step::HangingUp(_));
            let why = (!call.story.callee_hangs_up()).then_some("the other end hung up");
            if !ours {
                self.over(now, id, why);
            }
        }
    }

    fn proceeds(&mut self, now: Instant, id: u64) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| matches!(call.step, Step::Inviting(_))) else { return };
        call.step = Step::Proceeding;
        self.timers.arm(&id, now + if call.story.is_cancelled() { RINGS } else { PATIENCE });
    }

    fn answered(&mut self, now: Instant, id: u64, message: &Text<'_>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let reoffer = message.cseq.starts_with("3 ");
        let first = matches!(call.step, Step::Inviting(_) | Step::Proceeding | Step::Cancelling(..));
        let second = reoffer && matches!(call.step, Step::Reoffering(_));
        if !first && !second {
            // Its ACK was lost.
            self.repeats += 1;
            let ack = call.ack.clone();
            self.out.push(ack);
            return;
        }
        let cancelled = matches!(call.step, Step::Cancelling(..));
        if first {
            let took = now.saturating_duration_since(call.began).as_micros();
            if !call.story.is_cancelled() {
                self.setup.push(u64::try_from(took).unwrap_or(u64::MAX));
            }
            let routes = message.record_routes.iter().rev().map(|route| (*route).to_owned()).collect();
            call.peer = (message.to.to_owned(), message.target().unwrap_or("sip:nobody").to_owned(), routes);
        }
        let ack = self.inside(id, if reoffer { "ACK 3" } else { "ACK" }, if reoffer { "x" } else { "a" });
        self.out.push(ack.clone());
        if let Some(call) = self.calls.get_mut(&id) {
            call.ack = ack;
            call.step = Step::Up;
            let hold = if cancelled { Duration::ZERO } else { self.hold };
            let hold = if call.story.caller_hangs_up() { hold } else { hold + PATIENCE };
            self.timers.arm(&id, now + hold);
        }
    }

    fn refused(&mut self, now: Instant, id: u64, message: &Text<'_>, status: u16) {
        let Some(call) = self.calls.get(&id) else { return };
        if matches!(call.step, Step::Over) {
            self.repeats += 1;
            let ack = call.ack.clone();
            self.out.push(ack);
            return;
        }
        if matches!(call.step, Step::Reoffering(_)) {
            return self.over(now, id, Some(&format!("re-INVITE answered {status}")));
        }
        let to = format!("sip:{}@{}", call.story.number(), self.server);
        let fine = match call.story {
            Story::Busy => status == 486,
            Story::GivenUp | Story::CancelCrossesAnswer => status == 487,
            _ => false,
        };
        let why = (!fine).then(|| format!("INVITE answered {status}"));
        // Under the branch of its INVITE (RFC 3261, 17.1.1.3).
        let ack = self.request(id, "ACK", &to, message.to, "", &[]);
        self.out.push(ack.clone());
        if let Some(call) = self.calls.get_mut(&id) {
            call.ack = ack;
        }
        if status == 503 {
            self.refused += 1;
            self.alive -= 1;
            if let Some(call) = self.calls.get_mut(&id) {
                call.step = Step::Over;
                self.timers.arm(&id, now + KEPT);
            }
        } else {
            self.over(now, id, why.as_deref());
        }
    }

    pub(super) fn tick(&mut self, now: Instant) {
        while let Some(id) = self.timers.due(now) {
            let Some(call) = self.calls.get_mut(&id) else { continue };
            let story = call.story;
            match &mut call.step {
                Step::Over => drop(self.calls.remove(&id)),
                Step::Proceeding if story.is_cancelled() => {
                    let to = format!("<sip:{}@{}>", story.number(), self.server);
                    let cancel = self.request(id, "CANCEL", to.trim_matches(['<', '>']), &to, "", &[]);
                    self.send(now, id, cancel, |repeat| Step::Cancelling(repeat, now));
                }
                Step::Proceeding => self.over(now, id, Some("no final answer")),
                Step::Up if story == Story::Reoffered && call.ack.windows(8).all(|w| w != b"CSeq: 3 ") => {
                    let invite = self.inside(id, "INVITE 3", "r");
                    self.send(now, id, invite, Step::Reoffering);
                }
                Step::Up if story.caller_hangs_up() => {
                    let bye = self.inside(id, "BYE 4", "b");
                    self.send(now, id, bye, Step::HangingUp);
                }
                Step::Up => self.over(now, id, Some("the other end did not hang up")),
                Step::Cancelling(_, since) if now.saturating_duration_since(*since) > T64 => {
                    self.over(now, id, Some("CANCEL without an end"));
                }
                Step::Inviting(repeat)
                | Step::Cancelling(repeat, _)
                | Step::Reoffering(repeat)
                | Step::HangingUp(repeat) => {
                    self.repeats += 1;
                    self.out.push(repeat.bytes.clone());
                    match repeat.next(now) {
                        Some(next) => self.timers.arm(&id, next),
                        None => self.over(now, id, Some("a request was not answered")),
                    }
                }
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn send(&mut self, now: Instant, id: u64, bytes: Vec<u8>, step: impl Fn(Repeat) -> Step) {
        self.out.push(bytes.clone());
        let repeat = Repeat::other(now, bytes);
        self.timers.arm(&id, repeat.first(now));
        if let Some(call) = self.calls.get_mut(&id) {
            call.step = step(repeat);
        }
    }

    fn id(&self, message: &Text<'_>) -> Option<u64> {
        let (id, run) = message.call_id.strip_suffix("@bench")?.split_once('x')?;
        (run.parse() == Ok(self.run)).then(|| id.parse().ok())?
    }

    /// A request within the call.
    fn inside(&self, id: u64, line: &str, branch: &str) -> Vec<u8> {
        let Some(call) = self.calls.get(&id) else { return Vec::new() };
        let (to, target, routes) = &call.peer;
        let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
        self.request(id, line, target, to, branch, &routes)
    }

    fn request(&self, id: u64, line: &str, uri: &str, to: &str, branch: &str, routes: &[&str]) -> Vec<u8> {
        let from = format!("<sip:01012345@{}>;tag=t{id}", self.local);
        request(self.local, line, uri, (&from, to, &format!("{id}x{}@bench", self.run)), branch, routes)
    }
}
