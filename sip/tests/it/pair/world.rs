//! Two stacks of ours, each with calls of both directions, and a line between them that loses,
//! repeats and reorders.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use songda_sip::{
    Flow, LegEvent, Number, OutboundCall, Protocol, Reason, Rejection, Trunk,
    machine::{CallCore, Message, Out, parse},
};

/// `SplitMix64`: the same seed is the same story.
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }
}

/// What the owner of a side does, to the newest of its legs that the number means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wish {
    Dial,
    Ring,
    Progress,
    Answer,
    Reject,
    HangUp,
    Reoffer,
}

/// How the line is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// Of a hundred messages.
    pub(super) lost: u64,
    pub(super) doubled: u64,
    /// Milliseconds underway, at least and at most.
    pub(super) delay: (u64, u64),
    pub(super) protocol: Protocol,
}

/// What one side was told of one of its legs.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) incoming: bool,
    pub(super) answered: bool,
    pub(super) ended: u32,
    pub(super) down: u32,
    pub(super) after_down: u32,
    /// Its last request had no answer.
    pub(super) silent: bool,
    /// Port of ours that the other end has, and of theirs that we have.
    pub(super) ours: Option<u16>,
    pub(super) theirs: Option<u16>,
    /// What stands in our newest offer.
    offered: Option<u16>,
}

pub(super) struct Side {
    pub(super) core: CallCore,
    address: SocketAddr,
    pub(super) legs: Vec<String>,
    pub(super) told: HashMap<String, Told>,
    ports: u16,
    timers: bool,
}

fn sdp(port: u16) -> String {
    format!(
        "v=0\r\no=- {port} 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n\
         a=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"
    )
}

fn port(sdp: &str) -> Option<u16> {
    sdp.split("m=audio ").nth(1)?.split(' ').next()?.parse().ok()
}

impl Side {
    fn new(address: SocketAddr, seed: u64, timers: bool) -> Self {
        let mut dice = Dice(seed);
        let core = CallCore::new(address, "songda-test".into(), Box::new(move || dice.roll()));
        let ports = if address.port() == 5060 { 10_000 } else { 20_000 };
        Self { core, address, legs: vec![], told: HashMap::new(), ports, timers }
    }

    fn next_port(&mut self) -> u16 {
        self.ports += 2;
        self.ports
    }

    /// What a request of ours describes is an offer: nothing here calls without one.
    fn offers(&mut self, sent: &[u8]) {
        let Some((Message::Request(request), _)) = parse(sent) else { return };
        let port = str::from_utf8(&request.body).ok().and_then(port);
        if let Some(told) = request.headers.get("Call-ID").and_then(|id| self.told.get_mut(id)) {
            told.offered = port.or(told.offered);
        }
    }

    fn hear(&mut self, id: &str, event: LegEvent) {
        let told = self.told.entry(id.to_owned()).or_default();
        told.after_down += u32::from(told.down > 0);
        match event {
            LegEvent::Answered { sdp } => {
                told.answered = true;
                told.theirs = port(&sdp);
            }
            LegEvent::Acknowledged => told.answered = true,
            LegEvent::EarlyMedia { sdp } | LegEvent::Reoffered { sdp } => told.theirs = port(&sdp).or(told.theirs),
            LegEvent::ReofferAnswered { sdp } => {
                told.theirs = port(&sdp);
                told.ours = told.offered.or(told.ours);
            }
            LegEvent::Ended(_) => told.ended += 1,
            LegEvent::Down { answered } => {
                told.down += 1;
                told.silent = !answered;
            }
            _ => {}
        }
    }
}

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) sides: [Side; 2],
    line: Line,
    dice: Dice,
    /// Until then it is as bad as it is said to be; afterwards it is good.
    underway: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    sent: u64,
}

impl World {
    pub(super) fn new(seed: u64, line: Line, timers: bool) -> Self {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let sides = [Side::new(address(5060), seed ^ 1, timers), Side::new(address(5070), seed ^ 2, timers)];
        Self { now: Instant::now(), sides, line, dice: Dice(seed), underway: BTreeMap::new(), sent: 0 }
    }

    pub(super) fn wish(&mut self, side: usize, wish: Wish, which: usize) {
        let target = Flow { protocol: self.line.protocol, remote: self.sides[1 - side].address, connection: 1 };
        let now = self.now;
        let me = &mut self.sides[side];
        if let Wish::Dial = wish {
            let port = me.next_port();
            let trunk = Trunk {
                name: "t".into(),
                proxy: target.remote.to_string(),
                domain: "house.test".into(),
                session_expires: me.timers.then_some(Duration::from_secs(90)),
                ..Trunk::default()
            };
            let call = OutboundCall {
                trunk: Arc::new(trunk),
                callee: Number::new("13800000001"),
                caller: Number::new("02988009000"),
                offer: sdp(port),
                ring_limit: Duration::from_secs(40),
            };
            let id = me.core.dial(now, call, target);
            me.told.insert(id.clone(), Told { ours: Some(port), ..Told::default() });
            me.legs.push(id);
            return;
        }
        let Some(id) = me.legs.iter().rev().nth(which).cloned() else { return };
        let port = me.next_port();
        match wish {
            Wish::Dial => {}
            Wish::Ring => me.core.ring(now, &id),
            Wish::Progress | Wish::Answer => {
                let Some(told) = me.told.get_mut(&id).filter(|told| told.incoming) else { return };
                // A call has one port from the first description on.
                let port = *told.ours.get_or_insert(port);
                if matches!(wish, Wish::Answer) {
                    me.core.answer(now, &id, sdp(port));
                } else {
                    me.core.progress(now, &id, sdp(port));
                }
            }
            Wish::Reject => me.core.reject(now, &id, &Rejection::status(486)),
            Wish::HangUp => me.core.hang_up_with(now, &id, Reason { q850: Some(16), sip: None }),
            Wish::Reoffer => {
                if me.told.get(&id).is_none_or(|told| told.ended > 0) {
                    return;
                }
                me.core.reoffer(now, &id, &sdp(port));
            }
        }
    }

    fn carry(&mut self, to: usize, bytes: &[u8]) {
        let reliable = self.line.protocol.is_reliable();
        let doubled = !reliable && self.dice.below(100) < self.line.doubled;
        for _ in 0..=u64::from(doubled) {
            if !reliable && self.dice.below(100) < self.line.lost {
                continue;
            }
            let (least, most) = self.line.delay;
            let ms = if reliable { least } else { least + self.dice.below(most - least + 1) };
            self.sent += 1;
            self.underway.insert((self.now + Duration::from_millis(ms), self.sent), (to, bytes.to_vec()));
        }
    }

    pub(super) fn flush(&mut self) {
        for side in 0..2 {
            while let Some(out) = self.sides[side].core.poll() {
                match out {
                    Out::Send(to, bytes) => {
                        assert_eq!(to.remote, self.sides[1 - side].address);
                        self.sides[side].offers(&bytes);
                        self.carry(1 - side, &bytes);
                    }
                    Out::Event(id, event) => {
                        let kept = matches!(event, LegEvent::Saved(_));
                        self.sides[side].hear(&id, event);
                        if kept {
                            self.sides[side].core.kept(self.now, &id);
                        }
                    }
                    Out::Incoming(id, invite) => {
                        let theirs = invite.offer.as_deref().and_then(port);
                        let told = Told { incoming: true, theirs, ..Told::default() };
                        assert!(self.sides[side].told.insert(id.clone(), told).is_none(), "one id, two calls");
                        self.sides[side].legs.push(id);
                    }
                    Out::Outside(key, request, _) => self.sides[side].core.decline(self.now, &key, &request),
                    Out::Answered(..) | Out::Unanswered(_) | Out::Finished(..) | Out::Last(..) => {}
                }
            }
        }
    }

    /// Lets this long go by.
    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        self.flush();
        let mut turns = 0;
        loop {
            let line = self.underway.keys().next().map(|(at, _)| *at);
            let cores = self.sides.iter().filter_map(|side| side.core.next_deadline()).min();
            let Some(next) = line.into_iter().chain(cores).min().filter(|next| *next <= end) else { break };
            turns += 1;
            assert!(turns < 200_000, "time stands still");
            self.now = self.now.max(next);
            while let Some(first) = self.underway.first_entry().filter(|first| first.key().0 <= self.now) {
                let (to, bytes) = first.remove();
                let from = Flow { protocol: self.line.protocol, remote: self.sides[1 - to].address, connection: 1 };
                let from = if from.is_reliable() { from } else { Flow { connection: 0, ..from } };
                self.sides[to].core.receive(self.now, &bytes, from);
            }
            for side in &mut self.sides {
                side.core.tick(self.now);
            }
            self.flush();
        }
        self.now = end;
    }
}
