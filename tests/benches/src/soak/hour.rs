//! The same for an hour of virtual time, which takes seconds: two cores without I/O, and a
//! line that loses, repeats and delays.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::bail;
use songda_sip::{
    LegEvent, Number, OutboundCall, Rejection, Trunk,
    machine::{CallCore, Out},
};

use super::{BAD, GROWTH};
use crate::{line::Line, status::resident};

/// How long, in virtual time.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Hour {
    /// Minutes of new calls.
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Calls per second.
    #[arg(long, default_value_t = 10)]
    rate: u64,
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
const CALLER: usize = 0;
const CALLED: usize = 1;
/// Given up after this.
const RING_LIMIT: Duration = Duration::from_secs(8);
/// After the last call, everything is over in this time.
const EMPTY: Duration = Duration::from_mins(4);

/// How a call goes, by the last digit of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    CallerHangsUp,
    CalledHangsUp,
    BothHangUp,
    Busy,
    GivenUp,
    RingsOut,
    CancelCrossesAnswer,
    CallerReoffers,
    CalledReoffers,
    BothReoffer,
}

impl Story {
    const ALL: [Self; 10] = [
        Self::CallerHangsUp,
        Self::CalledHangsUp,
        Self::BothHangUp,
        Self::Busy,
        Self::GivenUp,
        Self::RingsOut,
        Self::CancelCrossesAnswer,
        Self::CallerReoffers,
        Self::CalledReoffers,
        Self::BothReoffer,
    ];

    /// How long it rings before the answer.
    fn rings(self) -> Option<Duration> {
        match self {
            Self::Busy | Self::GivenUp | Self::RingsOut => None,
            _ => Some(Duration::from_secs(2)),
        }
    }
}

#[derive(Debug)]
enum Task {
    Place(u64),
    Ring(String),
    Answer(String),
    Reject(String),
    Reoffer(usize, String),
    HangUp(usize, String),
}

struct World {
    now: Instant,
    cores: [CallCore; 2],
    line: Line<usize>,
    tasks: BTreeMap<(Instant, u64), Task>,
    counter: u64,
    trunk: Arc<Trunk>,
    /// The story of each call that the caller's side has, and of those that came.
    stories: [HashMap<String, Story>; 2],
    placed: u64,
    ended: u64,
    answered: u64,
}

fn address(side: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1 + side as u8], 5060))
}

impl World {
    fn new() -> Self {
        let core = |side| {
            let mut dice = 77 + side as u64;
            let random = move || {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                dice
            };
            CallCore::new(address(side), "soak".to_owned(), Box::new(random))
        };
        let proxy = address(CALLED).to_string();
        Self {
            now: Instant::now(),
            cores: [core(CALLER), core(CALLED)],
            line: Line::new(BAD),
            tasks: BTreeMap::new(),
            counter: 0,
            trunk: Arc::new(Trunk {
                name: "soak".into(),
                domain: address(CALLED).ip().to_string(),
                proxy,
                ..Trunk::default()
            }),
            stories: [HashMap::new(), HashMap::new()],
            placed: 0,
            ended: 0,
            answered: 0,
        }
    }

    fn after(&mut self, ms: u64, task: Task) {
        self.counter += 1;
        self.tasks.insert((self.now + Duration::from_millis(ms), self.counter), task);
    }

    fn next(&self) -> Option<Instant> {
        let tasks = self.tasks.keys().next().map(|(at, _)| *at);
        let cores = self.cores.iter().filter_map(CallCore::next_deadline).min();
        [tasks, cores, self.line.next()].into_iter().flatten().min()
    }

    /// One step to whatever comes next.
    fn step(&mut self) -> bool {
        let Some(next) = self.next() else { return false };
        self.now = self.now.max(next);
        while let Some((to, bytes)) = self.line.due(self.now) {
            self.cores[to].receive(self.now, &bytes, address(1 - to));
            self.collect(to);
        }
        while let Some(entry) = self.tasks.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let task = entry.remove();
            self.run(task);
        }
        for side in [CALLER, CALLED] {
            if self.cores[side].next_deadline().is_some_and(|at| at <= self.now) {
                self.cores[side].tick(self.now);
            }
            self.collect(side);
        }
        true
    }

    fn run(&mut self, task: Task) {
        let now = self.now;
        match task {
            Task::Place(number) => {
                let story = Story::ALL[(number % 10) as usize];
                let order = OutboundCall {
                    trunk: self.trunk.clone(),
                    callee: Number::new(&format!("1236800{}", number % 10)),
                    caller: Number::new("01012345"),
                    offer: SDP.to_owned(),
                    ring_limit: RING_LIMIT,
                };
                let id = self.cores[CALLER].dial(now, order, address(CALLED));
                self.placed += 1;
                match story {
                    Story::GivenUp => self.after(3_000, Task::HangUp(CALLER, id.clone())),
                    // The answer is on its way when the CANCEL goes out.
                    Story::CancelCrossesAnswer => self.after(2_001, Task::HangUp(CALLER, id.clone())),
                    _ => {}
                }
                self.stories[CALLER].insert(id, story);
            }
            Task::Ring(id) => self.cores[CALLED].ring(now, &id),
            Task::Answer(id) => self.cores[CALLED].answer(now, &id, SDP.to_owned()),
            Task::Reject(id) => self.cores[CALLED].reject(now, &id, &Rejection::status(486)),
            Task::Reoffer(side, id) => self.cores[side].reoffer(now, &id, &SDP.replace(" 4000 ", " 4002 ")),
            Task::HangUp(side, id) => self.cores[side].hang_up(now, &id),
        }
    }

    fn collect(&mut self, side: usize) {
        while let Some(out) = self.cores[side].poll() {
            match out {
                Out::Send(_, bytes) => self.line.post(self.now, 1 - side, bytes.to_vec()),
                Out::Incoming(id, invite) => {
                    let digit = invite.called.bytes().last().unwrap_or(b'0').wrapping_sub(b'0');
                    let story = Story::ALL[usize::from(digit) % 10];
                    self.stories[CALLED].insert(id.clone(), story);
                    self.after(100, Task::Ring(id.clone()));
                    match story.rings() {
                        Some(rings) => self.after(rings.as_millis() as u64, Task::Answer(id)),
                        None if story == Story::Busy => self.after(500, Task::Reject(id)),
                        None => {}
                    }
                }
                Out::Event(id, event) => self.event(side, &id, &event),
                _ => {}
            }
        }
    }

    fn event(&mut self, side: usize, id: &str, event: &LegEvent) {
        let Some(story) = self.stories[side].get(id).copied() else { return };
        let hang_up = |side| Task::HangUp(side, id.to_owned());
        let reoffer = |side| Task::Reoffer(side, id.to_owned());
        match event {
            LegEvent::Saved(_) => self.cores[side].kept(self.now, id),
            LegEvent::Answered { .. } if side == CALLER => {
                self.answered += 1;
                match story {
                    Story::CallerReoffers | Story::BothReoffer => self.after(1_000, reoffer(CALLER)),
                    _ => {}
                }
                if story != Story::CalledHangsUp {
                    self.after(6_000, hang_up(CALLER));
                }
            }
            LegEvent::Acknowledged if side == CALLED => match story {
                Story::CalledHangsUp | Story::BothHangUp => self.after(6_000, hang_up(CALLED)),
                Story::CalledReoffers | Story::BothReoffer => self.after(1_000, reoffer(CALLED)),
                _ => {}
            },
            LegEvent::Ended(_) => {
                self.ended += u64::from(side == CALLER);
                self.stories[side].remove(id);
            }
            _ => {}
        }
    }

    /// Calls and transactions of both sides.
    fn held(&self) -> usize {
        self.cores.iter().map(CallCore::load).map(|(calls, transactions)| calls + transactions).sum()
    }
}

/// Runs the hour and judges it.
pub(crate) fn run(order: &Hour) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut world = World::new();
    let start = world.now;
    let length = Duration::from_secs(order.minutes * 60);
    let (mut early, mut number, mut most) = (0, 0, 0);
    while world.now < start + length {
        // One second of calls at a time.
        for _ in 0..order.rate {
            let ms = (number % order.rate) * 1000 / order.rate;
            world.after(ms, Task::Place(number));
            number += 1;
        }
        let second = world.now + Duration::from_secs(1);
        while world.next().is_some_and(|at| at < second) {
            world.step();
        }
        world.now = second;
        most = most.max(world.held());
        if world.now <= start + length / 3 {
            early = resident();
        }
    }
    let late = resident();
    let end = world.now + EMPTY;
    while world.now < end && world.step() {}
    let text = format!(
        "{} calls in {} minutes of virtual time ({:.0} s): {} ended, {} answered; {} messages lost; \
         at most {most} calls and transactions at once, {} left\n\
         resident memory {early} KiB after a third, {late} KiB at the end\n",
        world.placed,
        order.minutes,
        begun.elapsed().as_secs_f64(),
        world.ended,
        world.answered,
        world.line.lost,
        world.held(),
    );
    crate::print(&text)?;
    if world.held() > 0 || world.ended != world.placed || world.stories.iter().any(|stories| !stories.is_empty()) {
        bail!("not everything came to its end");
    }
    if late > early + GROWTH {
        bail!("memory grew by {} KiB in the last two thirds", late - early);
    }
    Ok(())
}
