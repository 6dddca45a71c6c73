//! One trunk of the board: its probe, its registration, the host in use.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    Do, Ticket,
    health::{Missed, Probe},
    registration::{Next, Registration},
    requests::{self, Ids},
    settings::TrunkSettings,
    state::{self, Answer, Health, TrunkState, Why},
};
use crate::{
    flow::Protocol,
    msg::{Request, Response},
};

/// Tickets that a driver may hold; a driver that never reports loses the oldest.
const TICKETS: usize = 4_096;

/// Where an answer belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Register,
    Probe,
}

/// What all lines share.
pub(super) struct Outside {
    pub(super) random: Box<dyn FnMut() -> u64 + Send>,
    pub(super) local: Box<dyn Fn(Protocol) -> SocketAddr + Send>,
    /// Who we are where a trunk has no account.
    pub(super) user: String,
    pub(super) out: VecDeque<Do>,
    /// The line, by its number, and what was asked.
    pub(super) open: BTreeMap<Ticket, (u64, Purpose)>,
    pub(super) counter: u64,
}

impl Outside {
    pub(super) fn number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn ticket(&mut self, line: u64, purpose: Purpose) -> Ticket {
        let ticket = Ticket(self.number());
        if self.open.len() >= TICKETS {
            self.open.pop_first();
        }
        self.open.insert(ticket, (line, purpose));
        ticket
    }

    /// What a registration waits for is now another line's.
    fn hand_over(&mut self, from: u64, to: u64) {
        for (line, purpose) in self.open.values_mut() {
            if *line == from && *purpose == Purpose::Register {
                *line = to;
            }
        }
    }

    /// So many times 16 random hexadecimal digits.
    fn token(&mut self, words: usize) -> String {
        let mut token = String::with_capacity(16 * words);
        for _ in 0..words {
            let _ = write!(token, "{:016x}", (self.random)());
        }
        token
    }

    fn call_id(&mut self, settings: &TrunkSettings) -> String {
        let host = (self.local)(settings.protocol).ip();
        format!("{}@{host}", self.token(2))
    }
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) settings: TrunkSettings,
    host: usize,
    probe: Option<Probe>,
    registration: Option<Registration>,
    /// Where the registration was last asked for.
    registered_at: usize,
    /// The same account is just being given back: it registers when that is done, so that the
    /// carrier does not take the one for the other.
    held: bool,
    last_answer: Option<Answer>,
    rest_until: Option<Instant>,
    since: Instant,
    pub(super) told: Option<TrunkState>,
}

impl Line {
    pub(super) fn new(now: Instant, settings: TrunkSettings, outside: &mut Outside) -> Self {
        let mut line = Self {
            number: outside.number(),
            host: 0,
            probe: settings.health.map(|interval| Probe::new(now, interval)),
            registration: None,
            registered_at: 0,
            held: false,
            last_answer: None,
            rest_until: None,
            since: now,
            told: None,
            settings,
        };
        line.begin(now, outside);
        line
    }

    fn begin(&mut self, now: Instant, outside: &mut Outside) {
        if self.settings.register {
            let (call_id, tag) = (outside.call_id(&self.settings), outside.token(1));
            self.registration = Some(Registration::new(now, &self.settings, call_id, tag));
        }
    }

    /// New settings. What did not change goes on as it is. The registration that must be given
    /// back comes out as a line of its own.
    pub(super) fn change(&mut self, now: Instant, settings: TrunkSettings, outside: &mut Outside) -> Option<Self> {
        let old = std::mem::replace(&mut self.settings, settings);
        let new = &self.settings;
        if new.is_other_place(&old) {
            self.host = 0;
            self.rest_until = None;
            self.probe = new.health.map(|interval| Probe::new(now, interval));
        } else if new.health != old.health {
            match (&mut self.probe, new.health) {
                (Some(probe), Some(interval)) => probe.set_interval(now, interval),
                (probe, health) => *probe = health.map(|interval| Probe::new(now, interval)),
            }
        }
        if new.is_other_account(&old) || !new.register {
            let number = outside.number();
            let left = self.registration.take().map(|registration| Self {
                number,
                settings: old,
                host: self.registered_at,
                probe: None,
                registration: Some(registration),
                registered_at: self.registered_at,
                held: false,
                last_answer: None,
                rest_until: None,
                since: now,
                told: None,
            });
            self.begin(now, outside);
            return left.map(|mut left| {
                outside.hand_over(self.number, number);
                left.leave(now);
                left
            });
        }
        let other = new.password != old.password || new.expires != old.expires || new.is_other_place(&old);
        match &mut self.registration {
            Some(registration) if other => registration.reset(now, new),
            Some(_) => {}
            None => self.begin(now, outside),
        }
        None
    }

    /// Gives the registration back and asks nothing more.
    pub(super) fn leave(&mut self, now: Instant) {
        self.probe = None;
        if let Some(registration) = &mut self.registration {
            registration.leave(now);
        }
    }

    /// It left, and nothing of it is under way.
    pub(super) fn is_gone(&self) -> bool {
        self.registration.as_ref().is_none_or(Registration::is_gone)
    }

    pub(super) fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let registration = self.registration.as_ref().filter(|_| !self.held);
        let registration = registration.and_then(|registration| registration.next_deadline(now));
        let probe = self.probe.as_ref().map(Probe::next_deadline);
        let rest = self.rest_until.filter(|until| *until > now);
        registration.into_iter().chain(probe).chain(rest).min()
    }

    /// Whether an account of these is this one's.
    pub(super) fn hold(&mut self, leaving: &[(String, String)]) {
        let TrunkSettings { domain, username, .. } = &self.settings;
        self.held = leaving.iter().any(|(other, user)| domain == other && username == user);
    }

    pub(super) fn account(&self) -> (String, String) {
        (self.settings.domain.clone(), self.settings.username.clone())
    }

    /// Sends what is due, and gives up what is overdue.
    pub(super) fn work(&mut self, now: Instant, outside: &mut Outside) {
        if let Some(ticket) = self.probe.as_ref().and_then(|probe| probe.overdue(now)) {
            self.unanswered(now, ticket, Purpose::Probe, outside);
        }
        if let Some(ticket) = self.registration.as_ref().and_then(|registration| registration.overdue(now)) {
            self.unanswered(now, ticket, Purpose::Register, outside);
        }
        let contact = requests::contact(&self.settings, (outside.local)(self.settings.protocol), &outside.user);
        let due = self.registration.as_mut().filter(|registration| !self.held && registration.is_due(now));
        if let Some(registration) = due {
            let (ticket, cnonce) = (outside.ticket(self.number, Purpose::Register), outside.token(2));
            let request = registration.send(now, ticket, &self.settings, &contact, &cnonce);
            self.registered_at = self.host;
            self.send(ticket, request, outside);
        }
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.is_due(now)) {
            let ticket = outside.ticket(self.number, Purpose::Probe);
            probe.asked(now, ticket);
            let (call_id, tag) = (outside.call_id(&self.settings), outside.token(1));
            let ids = Ids { call_id: &call_id, tag: &tag, cseq: 1 };
            self.send(ticket, requests::options(&self.settings, &ids, &contact), outside);
        }
    }

    fn send(&self, ticket: Ticket, request: Request, outside: &mut Outside) {
        outside.out.push_back(Do::Request {
            trunk: self.settings.id.clone(),
            host: self.host().to_owned(),
            protocol: self.settings.protocol,
            ticket,
            request: Box::new(request),
        });
    }

    pub(super) fn answered(
        &mut self,
        now: Instant,
        ticket: Ticket,
        purpose: Purpose,
        response: &Response,
        outside: &mut Outside,
    ) {
        self.last_answer = Some(Answer { status: response.status, at: now });
        let random = (outside.random)();
        if purpose == Purpose::Register {
            let contact = requests::contact(&self.settings, (outside.local)(self.settings.protocol), &outside.user);
            let hosts = self.settings.hosts.len();
            let next = self
                .registration
                .as_mut()
                .map(|registration| registration.answered(now, ticket, response, &contact, (hosts, random)));
            self.follow(next);
            return;
        }
        let Some(probe) = &mut self.probe else { return };
        let was = probe.standing;
        if !probe.answered(now, response.status, random) {
            self.missed(now, ticket);
        } else if let Some(registration) = &mut self.registration {
            registration.found(now, was, self.registered_at != self.host);
        }
    }

    pub(super) fn unanswered(&mut self, now: Instant, ticket: Ticket, purpose: Purpose, outside: &mut Outside) {
        if purpose == Purpose::Probe {
            self.missed(now, ticket);
            return;
        }
        let (hosts, random) = (self.settings.hosts.len(), (outside.random)());
        let next = self.registration.as_mut().map(|registration| registration.unanswered(now, ticket, (hosts, random)));
        self.follow(next);
    }

    fn missed(&mut self, now: Instant, ticket: Ticket) {
        let hosts = self.settings.hosts.len();
        let missed = self.probe.as_mut().and_then(|probe| probe.missed(now, ticket, hosts));
        if missed == Some(Missed::NextHost) || (missed == Some(Missed::Round) && hosts > 1) {
            self.next_host();
        }
    }

    fn follow(&mut self, next: Option<Next>) {
        if next == Some(Next::NextHost) {
            self.next_host();
        }
    }

    fn next_host(&mut self) {
        self.host = (self.host + 1) % self.settings.hosts.len().max(1);
    }

    /// The host in use.
    pub(super) fn host(&self) -> &str {
        self.settings.hosts.get(self.host).map_or("", String::as_str)
    }

    pub(super) fn route(&self) -> &[String] {
        self.registration.as_ref().map_or(&[], |registration| &registration.service_route)
    }

    /// A call met silence: is the carrier still there?
    pub(super) fn suspect(&mut self, now: Instant) {
        if let Some(probe) = &mut self.probe {
            probe.suspect(now);
        }
    }

    pub(super) fn rest(&mut self, until: Instant) {
        self.rest_until = self.rest_until.max(Some(until));
    }

    pub(super) fn again(&mut self, now: Instant) {
        self.rest_until = None;
        self.suspect(now);
        if let Some(registration) = &mut self.registration {
            registration.hurry(now);
        }
    }

    /// Whether new calls may go over it, and why not.
    pub(super) fn why(&self, now: Instant) -> Why {
        let silent = self.probe.as_ref().is_some_and(|probe| probe.standing == Health::Silent);
        match self.registration_standing(now) {
            _ if self.settings.paused => Why::Paused,
            state::Registration::Refused { .. } => Why::Refused,
            _ if silent => Why::Silent,
            state::Registration::Failing { .. } => Why::NotRegistered,
            state::Registration::Trying => Why::Registering,
            _ if self.rest_until.is_some_and(|until| until > now) => Why::Resting,
            state::Registration::Static | state::Registration::Until(_) => Why::Fine,
        }
    }

    fn registration_standing(&self, now: Instant) -> state::Registration {
        self.registration.as_ref().map_or(state::Registration::Static, |registration| registration.standing(now))
    }

    pub(super) fn state(&mut self, now: Instant, calls: u32) -> TrunkState {
        let why = self.why(now);
        if self.told.as_ref().is_some_and(|told| told.why != why) {
            self.since = now;
        }
        TrunkState {
            id: self.settings.id.clone(),
            name: self.settings.name.clone(),
            up: why == Why::Fine,
            why,
            since: self.since,
            host: self.host().to_owned(),
            registration: self.registration_standing(now),
            health: self.probe.as_ref().map_or(Health::Unknown, |probe| probe.standing),
            last_answer: self.last_answer,
            calls,
        }
    }
}

/// Nobody is left alone for longer, whatever he asks for.
pub(super) const MOST_REST: Duration = Duration::from_hours(1);
