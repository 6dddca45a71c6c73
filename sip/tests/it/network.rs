//! Two transaction layers over a network that loses, doubles and reorders: both tables are
//! empty in the end, whatever happened.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use songda_sip::{
    Flow, Protocol,
    machine::{Event, Headers, Key, Layer, Message, Method, Output, Request, Response, parse},
};

/// What becomes of one message.
#[derive(Debug, Clone, Copy)]
struct Fate {
    lost: bool,
    delay_ms: u64,
    again_ms: Option<u64>,
}

/// What one side asks, and what the other does with it.
#[derive(Debug, Clone, Copy)]
struct Act {
    at_ms: u64,
    method: usize,
    statuses: [u16; 2],
    answer_after_ms: [u64; 2],
    cancel_after_ms: Option<u64>,
}

const METHODS: [Method; 4] = [Method::INVITE, Method::BYE, Method::OPTIONS, Method::UPDATE];

enum Step {
    Ask(usize),
    Cancel(Key),
    Answer(Key, Request, u16),
    Arrive(usize, Vec<u8>),
}

struct World {
    sides: [Layer; 2],
    steps: BTreeMap<(Instant, u64), Step>,
    order: u64,
    begun: Instant,
    protocol: Protocol,
    fates: Vec<Fate>,
    sent: usize,
    acts: Vec<Act>,
    /// How each request that was asked ended, by its number.
    ends: BTreeMap<usize, Ends>,
}

/// What the one who asked was told.
#[derive(Debug, Default)]
struct Ends {
    accepted: usize,
    refused: usize,
    timeouts: usize,
}

/// Which act a request was.
fn act_of(key: &Key) -> usize {
    key.branch().trim_start_matches("z9hG4bK").parse().unwrap()
}

impl World {
    fn flow(&self, to: usize) -> Flow {
        Flow::to(self.protocol, ([192, 0, 2, to as u8], 5060).into())
    }

    fn later(&mut self, at: Instant, step: Step) {
        self.order += 1;
        self.steps.insert((at, self.order), step);
    }

    fn request(&self, act: usize) -> Request {
        let method = &METHODS[self.acts[act].method];
        let mut headers = Headers::default();
        headers.push("Via", format!("SIP/2.0/{} 192.0.2.0:5060;rport;branch=z9hG4bK{act}", self.protocol));
        headers.push("From", "<sip:a@b>;tag=a");
        headers.push("To", "<sip:c@d>");
        headers.push("Call-ID", format!("{act}@b"));
        headers.push("CSeq", format!("1 {method}"));
        Request { method: method.clone(), uri: "sip:c@d".into(), headers, body: Vec::new() }
    }

    fn drain(&mut self, now: Instant, side: usize) {
        while let Some(output) = self.sides[side].poll() {
            match output {
                Output::Send(_, bytes) => {
                    let fate = self.fates[self.sent % self.fates.len()];
                    self.sent += 1;
                    // A connection neither loses nor doubles; it may be slow.
                    if self.protocol == Protocol::Tcp {
                        self.later(now + Duration::from_millis(20), Step::Arrive(1 - side, bytes.to_vec()));
                    } else {
                        if !fate.lost {
                            let at = now + Duration::from_millis(fate.delay_ms);
                            self.later(at, Step::Arrive(1 - side, bytes.to_vec()));
                        }
                        if let Some(again) = fate.again_ms {
                            self.later(now + Duration::from_millis(again), Step::Arrive(1 - side, bytes.to_vec()));
                        }
                    }
                }
                Output::Event(Event::Request(key, request, _)) => {
                    let Act { statuses, answer_after_ms, .. } = self.acts[act_of(&key)];
                    for (status, after) in statuses.into_iter().zip(answer_after_ms) {
                        let at = now + Duration::from_millis(after);
                        self.later(at, Step::Answer(key.clone(), request.clone(), status));
                    }
                }
                Output::Event(Event::Response(key, response, _)) if key.method() != "CANCEL" => {
                    let ends = self.ends.get_mut(&act_of(&key)).unwrap();
                    ends.accepted += usize::from((200..300).contains(&response.status));
                    ends.refused += usize::from(response.status >= 300);
                }
                Output::Event(Event::Timeout(key)) if key.method() != "CANCEL" => {
                    self.ends.get_mut(&act_of(&key)).unwrap().timeouts += 1;
                }
                Output::Event(_) => {}
            }
        }
    }

    fn step(&mut self, now: Instant, step: Step) {
        match step {
            Step::Ask(act) => {
                let (request, to) = (self.request(act), self.flow(1));
                let key = self.sides[0].send(now, request, to).unwrap();
                self.ends.insert(act, Ends::default());
                if let Some(after) = self.acts[act].cancel_after_ms {
                    self.later(now + Duration::from_millis(after), Step::Cancel(key));
                }
            }
            Step::Cancel(key) => self.sides[0].cancel(now, &key),
            Step::Answer(key, request, status) => {
                self.sides[1].respond(now, &key, &Response::to(&request, status, "far"));
            }
            Step::Arrive(side, bytes) => {
                let from = self.flow(1 - side);
                match parse(&bytes).unwrap().0 {
                    Message::Request(request) => self.sides[side].request(now, request, from),
                    Message::Response(response) => self.sides[side].response(now, response, from),
                }
            }
        }
    }

    /// Until nothing is left to be done; the time that took.
    fn run(&mut self) -> Duration {
        loop {
            let next = self.steps.keys().next().map(|(at, _)| *at);
            let due = self.sides.iter().filter_map(Layer::next_deadline).min();
            let Some(now) = next.into_iter().chain(due).min() else { break };
            if next == Some(now) {
                let (_, step) = self.steps.pop_first().unwrap();
                self.step(now, step);
            } else {
                self.sides.iter_mut().for_each(|side| side.tick(now));
            }
            (0..2).for_each(|side| self.drain(now, side));
            assert!(now < self.begun + Duration::from_hours(1), "it never ends");
            if next.is_none() && due.is_none() {
                break;
            }
        }
        Duration::ZERO
    }
}

fn fate() -> impl Strategy<Value = Fate> {
    (0..10_u8, 0..900_u64, proptest::option::weighted(0.2, 0..6_000_u64)).prop_map(|(luck, delay_ms, again_ms)| Fate {
        lost: luck < 3,
        delay_ms,
        again_ms,
    })
}

fn act() -> impl Strategy<Value = Act> {
    let status =
        prop_oneof![Just(100_u16), Just(180), Just(200), Just(302), Just(401), Just(486), Just(503), Just(603)];
    let statuses = (status.clone(), status);
    (0..20_000_u64, 0..4_usize, statuses, (0..3_000_u64, 0..40_000_u64), proptest::option::of(0..10_000_u64)).prop_map(
        |(at_ms, method, statuses, after, cancel_after_ms)| Act {
            at_ms,
            method,
            statuses: statuses.into(),
            answer_after_ms: after.into(),
            cancel_after_ms,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_a_network_does_both_tables_are_empty_in_the_end(
        acts in proptest::collection::vec(act(), 1..12),
        fates in proptest::collection::vec(fate(), 1..40),
        datagrams in any::<bool>(),
    ) {
        let begun = Instant::now();
        let mut world = World {
            sides: [Layer::default(), Layer::default()],
            steps: BTreeMap::new(),
            order: 0,
            begun,
            protocol: if datagrams { Protocol::Udp } else { Protocol::Tcp },
            fates,
            sent: 0,
            acts,
            ends: BTreeMap::new(),
        };
        for act in 0..world.acts.len() {
            let at = begun + Duration::from_millis(world.acts[act].at_ms);
            world.later(at, Step::Ask(act));
        }
        world.run();
        prop_assert_eq!(world.ends.len(), world.acts.len());
        for (act, ends) in &world.ends {
            let Ends { accepted, refused, timeouts } = *ends;
            if METHODS[world.acts[*act].method] == Method::INVITE {
                // Each copy of a 2xx is told (RFC 6026, 8.4), also one that comes after timer B or C.
                prop_assert!(refused + timeouts <= 1 && accepted + refused + timeouts > 0, "{}: {:?}", act, ends);
            } else {
                prop_assert_eq!(accepted + refused + timeouts, 1, "{}: {:?}", act, ends);
            }
        }
        prop_assert!(world.sides.iter().all(Layer::is_empty), "left: {:?}", world.sides);
    }
}
