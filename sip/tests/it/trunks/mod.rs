//! Trunks in virtual time: registration, health, choice, and all of it together.

mod board;
mod calls;
mod choice;
mod health;
mod registration;

use std::{
    collections::{BTreeMap, btree_map::OccupiedEntry},
    time::{Duration, Instant},
};

use songda_sip::{
    Secret, TrunkSettings, TrunkState,
    machine::{Board, Do, Request, Response, Ticket},
};

/// Timer F: so long the driver waits before it reports silence.
const SILENCE: Duration = Duration::from_secs(32);
/// To the carrier and back.
const ROUND_TRIP: Duration = Duration::from_millis(40);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A static peer that is not asked whether it is there.
fn peer(id: &str) -> TrunkSettings {
    TrunkSettings { health: None, ..TrunkSettings::new(id, format!("{id}.example"), "carrier.example") }
}

/// An account that registers, with nothing else going on.
fn account(id: &str) -> TrunkSettings {
    TrunkSettings { register: true, username: "4001".into(), password: Secret::from("pw".to_owned()), ..peer(id) }
}

/// A request that the board sent.
#[derive(Debug, Clone)]
struct Sent {
    at: Instant,
    trunk: String,
    host: String,
    ticket: Ticket,
    request: Request,
    /// Until when the carrier grants it.
    until: Option<Instant>,
}

impl Sent {
    fn is(&self, method: &str) -> bool {
        self.request.method.to_string() == method
    }

    fn header(&self, name: &str) -> &str {
        self.request.headers.get(name).unwrap_or_default()
    }

    fn expires(&self) -> u64 {
        self.header("Expires").parse().unwrap()
    }

    fn answer(&self, status: u16, headers: &[(&str, &str)]) -> Response {
        let mut response = Response::to(&self.request, status, "carrier");
        for (name, value) in headers {
            response.headers.push(name, *value);
        }
        response
    }

    fn granted(&self, answer: &Response) -> Option<Instant> {
        let (_, granted) = answer.headers.get("Contact")?.split_once("expires=")?;
        Some(self.at + seconds(granted.parse().ok()?))
    }

    /// A 200 that grants so many seconds to the contact asked for.
    fn grant(&self, seconds: u64) -> Response {
        let contact = self.header("Contact").split(';').next().unwrap().trim_end_matches('>').to_owned();
        self.answer(200, &[("Contact", &format!("{contact}>;expires={seconds}"))])
    }
}

/// The board, a clock, and what is on its way.
struct World {
    board: Board,
    begun: Instant,
    now: Instant,
    sent: Vec<Sent>,
    states: Vec<TrunkState>,
    coming: BTreeMap<(Instant, u64), (Ticket, Option<Response>)>,
    counter: u64,
}

impl World {
    fn new(trunks: Vec<TrunkSettings>) -> Self {
        let mut seed = 7_u64;
        let random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> 16
        };
        let now = Instant::now();
        let mut world = Self {
            board: Board::new(|_| "192.0.2.1:5060".parse().unwrap(), random),
            begun: now,
            now,
            sent: Vec::new(),
            states: Vec::new(),
            coming: BTreeMap::new(),
            counter: 0,
        };
        world.board.set(now, trunks);
        world
    }

    /// Lets time pass. `carrier` answers each request, or says nothing.
    fn run(&mut self, time: Duration, mut carrier: impl FnMut(&Sent) -> Option<Response>) {
        let end = self.now + time;
        loop {
            while let Some(what) = self.board.poll() {
                match what {
                    Do::Request { trunk, host, ticket, request, .. } => {
                        let mut sent = Sent { at: self.now, trunk, host, ticket, request: *request, until: None };
                        let answer = carrier(&sent);
                        sent.until = answer.as_ref().and_then(|answer| sent.granted(answer));
                        let at = self.now + if answer.is_some() { ROUND_TRIP } else { SILENCE };
                        self.counter += 1;
                        self.coming.insert((at, self.counter), (ticket, answer));
                        self.sent.push(sent);
                    }
                    Do::State(state) => self.states.push(*state),
                }
            }
            let news = self.coming.first_key_value().map(|((at, _), _)| *at);
            let timer = self.board.next_deadline(self.now);
            let Some(next) = news.into_iter().chain(timer).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            match self.coming.first_entry().filter(|first| first.key().0 <= self.now).map(OccupiedEntry::remove) {
                Some((ticket, Some(answer))) => self.board.answered(self.now, ticket, &answer),
                Some((ticket, None)) => self.board.unanswered(self.now, ticket),
                None => self.board.tick(self.now),
            }
        }
        self.now = end;
    }

    fn requests(&self, method: &str) -> Vec<&Sent> {
        self.sent.iter().filter(|sent| sent.is(method)).collect()
    }

    /// Whether the carrier holds a registration of this account: the last REGISTER that it
    /// accepted is not over, and it was not asked to forget it since.
    fn is_held(&self, account: &str) -> bool {
        let heard = |sent: &&Sent| sent.expires() == 0 || sent.until.is_some();
        let mut of = self.requests("REGISTER").into_iter().filter(|sent| sent.header("To") == account);
        let last = of.rfind(heard).filter(|last| last.expires() > 0);
        last.and_then(|last| last.until).is_some_and(|until| until > self.now)
    }

    /// When requests of this method went out, in seconds from the start.
    fn times(&self, method: &str) -> Vec<u64> {
        self.requests(method).iter().map(|sent| (sent.at - self.begun).as_secs()).collect()
    }

    fn state(&self, id: &str) -> TrunkState {
        self.board.states().into_iter().find(|state| state.id == id).unwrap()
    }
}
