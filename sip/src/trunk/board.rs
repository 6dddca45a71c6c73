//! All trunks of one court.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    Do, Ticket,
    choice::{Choice, NoTrunk, Share},
    line::{Line, MOST_REST, Outside},
    settings::TrunkSettings,
    state::{TrunkState, Why},
};
use crate::{flow::Protocol, msg::Response};

/// The trunk that takes a call. The call counts until [`Board::ended`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Id of the trunk.
    pub trunk: String,
    /// `host`, `host:port` or `[v6]:port` of the carrier.
    pub host: String,
    /// Route for the INVITE, when the carrier gave one (RFC 3608, 5).
    pub route: Vec<String>,
}

/// From of who has no name (RFC 3323, 4.1).
const NOBODY: &str = "anonymous";

/// All trunks, without I/O. Every call that takes `now` must be followed by [`Board::poll`]
/// until it gives nothing.
pub struct Board {
    lines: Vec<Line>,
    /// Given back: each waits for the answer.
    leaving: Vec<Line>,
    choice: Choice,
    outside: Outside,
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board")
            .field("trunks", &self.lines.len())
            .field("leaving", &self.leaving.len())
            .finish_non_exhaustive()
    }
}

impl Board {
    /// An empty board. `local` says where requests reach us over a transport: the Contact.
    /// `random` gives tags and spreads the times; it must not be foreseeable.
    pub fn new(
        local: impl Fn(Protocol) -> SocketAddr + Send + 'static,
        random: impl FnMut() -> u64 + Send + 'static,
    ) -> Self {
        Self {
            lines: Vec::new(),
            leaving: Vec::new(),
            choice: Choice::default(),
            outside: Outside {
                random: Box::new(random),
                local: Box::new(local),
                user: NOBODY.into(),
                out: VecDeque::new(),
                open: BTreeMap::new(),
                counter: 0,
            },
        }
    }

    /// Who we are where a trunk has no account: user part of From and Contact.
    #[must_use]
    pub fn named(mut self, user: &str) -> Self {
        user.clone_into(&mut self.outside.user);
        self
    }

    /// These are the trunks now. What did not change is not touched: its registration, its
    /// health and its calls go on. What is gone is given back to its carrier. Of two with the
    /// same id the first counts; one without a host is left out.
    pub fn set(&mut self, now: Instant, trunks: Vec<TrunkSettings>) {
        let mut old = std::mem::take(&mut self.lines);
        for settings in trunks {
            if settings.hosts.is_empty() || self.lines.iter().any(|line| line.settings.id == settings.id) {
                continue;
            }
            match old.iter().position(|line| line.settings.id == settings.id) {
                Some(at) => {
                    let mut line = old.remove(at);
                    if line.settings != settings {
                        self.leaving.extend(line.change(now, settings, &mut self.outside));
                    }
                    self.lines.push(line);
                }
                None => self.lines.push(Line::new(now, settings, &mut self.outside)),
            }
        }
        for mut line in old {
            line.leave(now);
            self.leaving.push(line);
        }
        let share = |settings: &TrunkSettings| Share {
            id: settings.id.clone(),
            weight: settings.weight,
            max_calls: settings.max_calls,
            max_calls_per_second: settings.max_calls_per_second,
        };
        self.choice.set(self.lines.iter().map(|line| share(&line.settings)).collect());
        self.work(now);
    }

    /// The final answer to a request.
    pub fn answered(&mut self, now: Instant, ticket: Ticket, response: &Response) {
        if response.status >= 200
            && let Some((number, purpose)) = self.outside.open.remove(&ticket)
            && let Some(line) = self.lines.iter_mut().chain(&mut self.leaving).find(|line| line.number == number)
        {
            line.answered(now, ticket, purpose, response, &mut self.outside);
        }
        self.work(now);
    }

    /// No answer came to a request, or its host could not be found or reached.
    pub fn unanswered(&mut self, now: Instant, ticket: Ticket) {
        if let Some((number, purpose)) = self.outside.open.remove(&ticket)
            && let Some(line) = self.lines.iter_mut().chain(&mut self.leaving).find(|line| line.number == number)
        {
            line.unanswered(now, ticket, purpose, &mut self.outside);
        }
        self.work(now);
    }

    /// Time went on.
    pub fn tick(&mut self, now: Instant) {
        self.work(now);
    }

    /// When [`Board::tick`] wants to be called.
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        self.lines.iter().chain(&self.leaving).filter_map(|line| line.next_deadline(now)).min()
    }

    /// What has to be done next.
    pub fn poll(&mut self) -> Option<Do> {
        self.outside.out.pop_front()
    }

    /// How every trunk stands, in the order of the settings.
    pub fn states(&self) -> Vec<TrunkState> {
        self.lines.iter().filter_map(|line| line.told.clone()).collect()
    }

    /// The settings of a trunk.
    pub fn settings(&self, id: &str) -> Option<&TrunkSettings> {
        self.line(id).map(|line| &line.settings)
    }

    /// Chooses the trunk for a new call among those for which `may` says yes (the caller's
    /// number belongs to it, it was not tried yet). The call counts from here on.
    pub fn choose(&mut self, now: Instant, may: impl Fn(&str) -> bool) -> Result<Chosen, NoTrunk> {
        let lines = &self.lines;
        let up = |id: &str| lines.iter().any(|line| line.settings.id == id && line.why(now) == Why::Fine);
        let trunk = self.choice.choose(now, may, up)?;
        let line = self.line(&trunk).ok_or(NoTrunk::Unknown)?;
        let chosen = Chosen { host: line.host().to_owned(), route: line.route().to_vec(), trunk };
        self.work(now);
        Ok(chosen)
    }

    /// A call came in over a trunk.
    pub fn began(&mut self, now: Instant, id: &str) {
        self.choice.began(id);
        self.work(now);
    }

    /// A call over a trunk is over, wherever it came from.
    pub fn ended(&mut self, now: Instant, id: &str) {
        self.choice.ended(id);
        self.work(now);
    }

    /// A call over a trunk met silence: the carrier is asked whether it is there, before the
    /// next call finds out.
    pub fn suspect(&mut self, now: Instant, id: &str) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.settings.id == id) {
            line.suspect(now);
        }
        self.work(now);
    }

    /// A carrier answered a call with 503 and Retry-After: no new calls for so long, at most an
    /// hour (RFC 3261, 21.5.4).
    pub fn rest(&mut self, now: Instant, id: &str, retry_after: Duration) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.settings.id == id) {
            line.rest(now + retry_after.min(MOST_REST));
        }
        self.work(now);
    }

    /// An operator asks to try at once, also what was refused.
    pub fn again(&mut self, now: Instant, id: &str) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.settings.id == id) {
            line.again(now);
        }
        self.work(now);
    }

    /// Gives every registration back and takes no call. See [`Board::is_quiet`].
    pub fn close(&mut self, now: Instant) {
        self.set(now, Vec::new());
    }

    /// Nothing that was given back waits for an answer.
    pub fn is_quiet(&self) -> bool {
        self.leaving.is_empty()
    }

    fn line(&self, id: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.settings.id == id)
    }

    fn work(&mut self, now: Instant) {
        for line in &mut self.leaving {
            line.work(now, &mut self.outside);
        }
        self.leaving.retain(|line| !line.is_gone());
        let leaving: Vec<(String, String)> = self.leaving.iter().map(Line::account).collect();
        for line in &mut self.lines {
            line.hold(&leaving);
            line.work(now, &mut self.outside);
        }
        for line in &mut self.lines {
            let state = line.state(now, self.choice.calls(&line.settings.id));
            if line.told.as_ref() != Some(&state) {
                line.told = Some(state.clone());
                self.outside.out.push_back(Do::State(Box::new(state)));
            }
        }
    }
}
