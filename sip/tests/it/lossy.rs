//! A call whose run is killed at any moment, over a line that loses, repeats and reorders:
//! the next run ends it. The carrier is strict, written by hand, and shares no machine with us.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use songda_sip::{
    FinishError, Finished, LegEvent, Number, OutboundCall, SavedLeg, Trunk,
    machine::{CallCore, Message, Method, NameAddr, Out, Request, Response, parse, print_response},
};

const SDP: &str = "v=0\r\nm=audio 4000 RTP/AVP 8\r\n";
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const T64: Duration = Duration::from_secs(32);

/// `SplitMix64`: the same seed is the same story.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    fn ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// A final response that is sent until its ACK (13.3.1.4 and 17.2.1).
struct Repeat {
    bytes: Vec<u8>,
    next: Instant,
    interval: Duration,
    until: Instant,
}

impl Repeat {
    fn new(now: Instant, bytes: Vec<u8>) -> Self {
        Self { bytes, next: now, interval: T1, until: now + T64 }
    }
}

/// How the carrier behaves.
#[derive(Clone, Copy)]
struct Manner {
    challenges: bool,
    challenges_bye: bool,
    /// An answered INVITE is unknown to a CANCEL (RFC 3261), or still known (RFC 6026).
    forgets_answered: bool,
    rings: Duration,
    answers: Option<Duration>,
}

/// The carrier's side of the call.
struct Carrier {
    manner: Manner,
    /// The first answer to each request, for its repeats.
    answered: HashMap<(String, String), Vec<u8>>,
    /// Responses to INVITEs on their way, by branch.
    repeats: HashMap<String, Repeat>,
    /// The INVITE that rings, since when.
    pending: Option<(Request, Instant, bool)>,
    /// The INVITE that was answered, and the dialog's last `CSeq`.
    up: Option<(Request, u32)>,
    unacknowledged: Option<Repeat>,
    invites: u32,
    out: Vec<Vec<u8>>,
}

fn branch(request: &Request) -> String {
    let via = request.headers.get("Via").unwrap();
    via.split("branch=").nth(1).unwrap().split(';').next().unwrap().to_owned()
}

fn tag(request: &Request, name: &str) -> Option<String> {
    NameAddr::parse(request.headers.get(name)?)?.tag().map(str::to_owned)
}

impl Carrier {
    fn new(manner: Manner) -> Self {
        Self {
            manner,
            answered: HashMap::new(),
            repeats: HashMap::new(),
            pending: None,
            up: None,
            unacknowledged: None,
            invites: 0,
            out: vec![],
        }
    }

    /// Someone is still called, or holds the receiver.
    fn holds_a_call(&self) -> bool {
        self.pending.is_some() || self.up.is_some()
    }

    fn response(request: &Request, status: u16) -> Response {
        let mut response = Response::to(request, status, if status == 100 { "" } else { "party" });
        response.headers.push("Contact", "<sip:party@127.0.0.1:5070>");
        if matches!(status, 401) {
            let nonce = "Digest realm=\"carrier.test\", nonce=\"n1\", algorithm=SHA-256";
            response.headers.push("WWW-Authenticate", nonce);
        }
        if status == 200 && request.method == Method::INVITE {
            response.body = SDP.as_bytes().to_vec();
        }
        response
    }

    fn receive(&mut self, now: Instant, bytes: &[u8]) {
        let Some((Message::Request(request), defects)) = parse(bytes) else { panic!("no request") };
        assert!(defects.is_empty(), "{defects:?}");
        let (number, named) = request.headers.cseq().unwrap();
        assert_eq!(named, request.method);
        if request.method == Method::ACK {
            self.acknowledged(&request, number);
            return;
        }
        let name = (branch(&request), request.method.to_string());
        if let Some(answer) = self.answered.get(&name) {
            self.out.push(answer.clone());
            return;
        }
        let status = match request.method {
            Method::INVITE => return self.invited(now, request, name),
            Method::CANCEL => self.cancelled(now, &request, number),
            Method::BYE => self.hung_up(&request, number),
            _ => panic!("not expected: {request:?}"),
        };
        let answer = print_response(&Self::response(&request, status));
        self.answered.insert(name, answer.clone());
        self.out.push(answer);
    }

    fn invited(&mut self, now: Instant, invite: Request, name: (String, String)) {
        self.invites += 1;
        if self.manner.challenges && invite.headers.get("Authorization").is_none() {
            let refusal = print_response(&Self::response(&invite, 401));
            self.repeats.insert(name.0.clone(), Repeat::new(now, refusal.clone()));
            self.answered.insert(name, refusal);
            return;
        }
        assert!(self.pending.is_none() && self.up.is_none(), "two calls at once");
        let trying = print_response(&Self::response(&invite, 100));
        self.out.push(trying.clone());
        self.answered.insert(name, trying);
        self.pending = Some((invite, now, false));
    }

    fn cancelled(&mut self, now: Instant, cancel: &Request, number: u32) -> u16 {
        let of = branch(cancel);
        if !self.answered.contains_key(&(of.clone(), "INVITE".into())) {
            return 481;
        }
        if let Some((invite, ..)) = self.pending.take_if(|(invite, ..)| branch(invite) == of) {
            assert_eq!(invite.uri, cancel.uri, "RFC 3261, 9.1");
            for header in ["Via", "From", "To", "Call-ID"] {
                assert_eq!(invite.headers.get(header), cancel.headers.get(header), "RFC 3261, 9.1");
            }
            assert_eq!(invite.headers.cseq().unwrap().0, number, "RFC 3261, 9.1");
            let gone = print_response(&Self::response(&invite, 487));
            self.repeats.insert(of.clone(), Repeat::new(now, gone.clone()));
            self.answered.insert((of, "INVITE".into()), gone);
            return 200;
        }
        let answered = self.up.as_ref().is_some_and(|(invite, _)| branch(invite) == of);
        if answered && self.manner.forgets_answered { 481 } else { 200 }
    }

    fn hung_up(&mut self, bye: &Request, number: u32) -> u16 {
        let Some((invite, last)) = &mut self.up else { return 481 };
        if tag(bye, "To").as_deref() != Some("party") || tag(bye, "From") != tag(invite, "From") {
            return 481;
        }
        assert!(number > *last, "CSeq grows: {number} after {last}");
        *last = number;
        if self.manner.challenges_bye && bye.headers.get("Authorization").is_none() {
            return 401;
        }
        self.up = None;
        200
    }

    fn acknowledged(&mut self, ack: &Request, number: u32) {
        // Of a refusal: under the branch of its INVITE (17.1.1.3).
        if self.answered.contains_key(&(branch(ack), "INVITE".into())) {
            self.repeats.remove(&branch(ack));
            return;
        }
        // Of a 2xx: a transaction of its own, numbered as the INVITE (13.2.2.4).
        assert_eq!(tag(ack, "To").as_deref(), Some("party"), "{ack:?}");
        if let Some((invite, _)) = &self.up {
            assert_eq!(number, invite.headers.cseq().unwrap().0);
        }
        self.unacknowledged = None;
    }

    fn tick(&mut self, now: Instant) {
        if let Some((invite, since, rang)) = &mut self.pending {
            if !*rang && now >= *since + self.manner.rings {
                *rang = true;
                let ringing = print_response(&Self::response(invite, 180));
                self.answered.insert((branch(invite), "INVITE".into()), ringing.clone());
                self.out.push(ringing);
            }
            if self.manner.answers.is_some_and(|after| now >= *since + after) {
                let answer = print_response(&Self::response(invite, 200));
                let number = invite.headers.cseq().unwrap().0;
                self.unacknowledged = Some(Repeat::new(now, answer.clone()));
                self.up = self.pending.take().map(|(invite, ..)| (invite, number));
            }
        }
        let mut over = Vec::new();
        for (name, repeat) in self
            .repeats
            .iter_mut()
            .map(|(name, repeat)| (Some(name), repeat))
            .chain(self.unacknowledged.iter_mut().map(|repeat| (None, repeat)))
        {
            if now >= repeat.until {
                over.push(name.cloned());
            } else if now >= repeat.next {
                self.out.push(repeat.bytes.clone());
                repeat.next = now + repeat.interval;
                repeat.interval = (repeat.interval * 2).min(T2);
            }
        }
        for name in over {
            if let Some(name) = name {
                self.repeats.remove(&name);
            } else {
                // Nobody acknowledged: the carrier hangs up by itself.
                (self.unacknowledged, self.up) = (None, None);
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let pending = self.pending.iter().flat_map(|(_, since, rang)| {
            let rings = (!rang).then_some(*since + self.manner.rings);
            [rings, self.manner.answers.map(|after| *since + after)]
        });
        let repeats =
            self.repeats.values().chain(&self.unacknowledged).map(|repeat| Some(repeat.next.min(repeat.until)));
        pending.chain(repeats).flatten().min()
    }
}

enum To {
    Us(Vec<u8>),
    Carrier(Vec<u8>),
    /// The disk has it.
    Stored(Box<SavedLeg>, String),
}

/// Two runs, a carrier and the line between them.
struct World {
    dice: Dice,
    now: Instant,
    loss: u64,
    line: BTreeMap<(Instant, u64), To>,
    sent: u64,
    run: Option<CallCore>,
    carrier: Carrier,
    stored: Option<SavedLeg>,
    finished: Vec<Result<Finished, FinishError>>,
}

fn here() -> SocketAddr {
    "127.0.0.1:5060".parse().unwrap()
}

fn far() -> SocketAddr {
    "127.0.0.1:5070".parse().unwrap()
}

fn trunk() -> Trunk {
    Trunk {
        name: "t".into(),
        proxy: far().to_string(),
        domain: "carrier.test".into(),
        username: "court".into(),
        password: "secret".to_owned().into(),
        ..Trunk::default()
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let manner = Manner {
            challenges: dice.percent(70),
            challenges_bye: dice.percent(30),
            forgets_answered: dice.percent(50),
            rings: dice.ms(0, 300),
            answers: dice.percent(70).then(|| dice.ms(0, 6_000)),
        };
        let loss = dice.below(31);
        let (line, now) = (BTreeMap::new(), Instant::now());
        let carrier = Carrier::new(manner);
        Self { dice, now, loss, line, sent: 0, run: None, carrier, stored: None, finished: vec![] }
    }

    fn core(&mut self) -> CallCore {
        let mut random = Dice(self.dice.roll());
        CallCore::new(here(), "songda-test".into(), Box::new(move || random.roll()))
    }

    fn put(&mut self, after: Duration, to: To) {
        self.sent += 1;
        self.line.insert((self.now + after, self.sent), to);
    }

    fn carry(&mut self, to: fn(Vec<u8>) -> To, bytes: &[u8]) {
        let copies = 1 + u64::from(self.dice.percent(5));
        for _ in 0..copies {
            if !self.dice.percent(self.loss) {
                let after = self.dice.ms(1, 80);
                self.put(after, to(bytes.to_vec()));
            }
        }
    }

    fn flush(&mut self) {
        for bytes in std::mem::take(&mut self.carrier.out) {
            self.carry(To::Us, &bytes);
        }
        while let Some(out) = self.run.as_mut().and_then(CallCore::poll) {
            match out {
                Out::Send(to, bytes) => {
                    assert_eq!(to.remote, far());
                    self.carry(To::Carrier, &bytes);
                }
                Out::Event(id, LegEvent::Saved(saved)) => {
                    let after = self.dice.ms(1, 60);
                    self.put(after, To::Stored(saved, id));
                }
                Out::Finished(_, how) => self.finished.push(how),
                _ => {}
            }
        }
    }

    /// Lets this long go by.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        self.flush();
        loop {
            let line = self.line.keys().next().map(|(at, _)| *at);
            let ours = self.run.as_ref().and_then(CallCore::next_deadline);
            let next = [line, ours, self.carrier.next_deadline()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            while let Some(first) = self.line.first_entry().filter(|first| first.key().0 <= self.now) {
                match (first.remove(), &mut self.run) {
                    (To::Carrier(bytes), _) => self.carrier.receive(self.now, &bytes),
                    (To::Us(bytes), Some(run)) => run.receive(self.now, &bytes, far()),
                    (To::Stored(saved, id), Some(run)) => {
                        self.stored = SavedLeg::from_bytes(&saved.to_bytes());
                        run.kept(self.now, &id);
                    }
                    (To::Us(_) | To::Stored(..), None) => {}
                }
            }
            self.carrier.tick(self.now);
            if let Some(run) = &mut self.run {
                run.tick(self.now);
            }
            self.flush();
        }
        self.now = end;
    }

    fn dial(&mut self) {
        let mut core = self.core();
        let call = OutboundCall {
            trunk: Arc::new(trunk()),
            callee: Number::new("13800000001"),
            caller: Number::new("02988009000"),
            offer: SDP.into(),
            ring_limit: Duration::from_secs(50),
        };
        let id = core.dial(self.now, call, far());
        self.stored = core.saved(&id);
        self.run = Some(core);
    }

    /// What is not on the disk is lost, and so is what arrives meanwhile.
    fn kill(&mut self) {
        self.run = None;
        self.line.retain(|_, to| matches!(to, To::Carrier(_)));
    }
}

/// How the leg was ended, when the call of this seed was killed.
fn story(seed: u64) -> Result<Finished, FinishError> {
    let mut world = World::new(seed);
    world.dial();
    let life = world.dice.ms(0, 8_000);
    world.wait(life);
    world.kill();
    let down = world.dice.ms(100, 6_000);
    world.wait(down);
    let dialled = world.carrier.invites;
    let mut core = world.core();
    let saved = world.stored.clone().unwrap();
    core.finish_leg(world.now, &saved, &trunk()).unwrap();
    world.run = Some(core);
    world.wait(Duration::from_mins(5));
    assert_eq!(world.finished.len(), 1, "seed {seed}: told once");
    assert_eq!(world.run.as_ref().unwrap().load(), (0, 0), "seed {seed}: tables are empty in the end");
    assert_eq!(world.carrier.invites, dialled, "seed {seed}: nothing is dialled");
    let how = world.finished[0];
    assert!(!world.carrier.holds_a_call(), "seed {seed}: the call goes on, and we say {how:?}");
    how
}

#[test]
fn r4_2a_a_call_killed_at_any_moment_is_ended_by_the_next_run_over_a_bad_line() {
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..4_000 {
        *ends.entry(format!("{:?}", story(seed))).or_default() += 1;
    }
    // A carrier that is heard of at all is no alarm; every request of ours may still be lost.
    assert!(ends.get("Err(Silent)").is_none_or(|silent| *silent < 8), "{ends:?}");
    assert!(["Ok(HungUp)", "Ok(Cancelled)", "Ok(Gone)"].iter().all(|end| ends.contains_key(*end)), "{ends:?}");
    assert!(ends.len() <= 4, "{ends:?}");
}
