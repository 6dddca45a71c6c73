//! One registration at a carrier (RFC 3261, 10.2; RFC 3608), as a machine.

use std::time::{Duration, Instant};

use super::{
    Ticket, backoff,
    requests::{self, Ids},
    settings::TrunkSettings,
    state::{Health, Registration as Standing},
};
use crate::{
    auth::{Credentials, DigestClient},
    msg::{Contact, Headers, Request, Response, retry_after},
    uri::Uri,
};

/// Never two REGISTERs of rounds of their own within this time, whatever is granted.
const FLOOR: Duration = Duration::from_secs(5);
/// A driver that lost a ticket must not stop us for ever; timer F is 32 seconds.
const LOST: Duration = Duration::from_secs(64);
/// Longer than this nobody is left alone, and no interval is believed.
const MOST_REST: Duration = Duration::from_hours(1);
const MOST_EXPIRES: Duration = Duration::from_hours(7 * 24);
/// REGISTERs with credentials in one round: one, and one for an old nonce.
const TRIES: u32 = 2;
/// Hops of a Service-Route, and bytes of each.
const ROUTES: usize = 8;
const ROUTE_LENGTH: usize = 512;

#[derive(Debug)]
pub(super) struct Registration {
    call_id: String,
    tag: String,
    cseq: u32,
    /// What is asked for; a carrier may want more (423).
    expires: Duration,
    digest: DigestClient,
    until: Option<Instant>,
    phase: Phase,
    round: Round,
    failures: u32,
    /// Said by the carrier that failed last; none: it was silent.
    said: Option<u16>,
    /// Nothing goes out before: the carrier asked for rest, or the floor.
    not_before: Instant,
    leaving: bool,
    /// While an answer is awaited, the carrier came back.
    found: bool,
    /// While an answer is awaited, the account changed: what it says is of yesterday.
    changed: bool,
    pub(super) service_route: Vec<String>,
}

#[derive(Debug)]
enum Phase {
    Due(Instant),
    Asked { ticket: Ticket, request: Box<Request>, until: Instant },
    Refused(u16),
    Gone,
}

/// One refresh, with all its tries.
#[derive(Debug, Default)]
struct Round {
    credentials: u32,
    longer: bool,
    silent_hosts: usize,
}

/// What an answer leads to beside the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing.
    Stay,
    /// The other hosts of the trunk may know better: one of them is due.
    NextHost,
}

impl Registration {
    pub(super) fn new(now: Instant, settings: &TrunkSettings, call_id: String, tag: String) -> Self {
        Self {
            call_id,
            tag,
            cseq: 0,
            expires: settings.expires,
            digest: DigestClient::default(),
            until: None,
            phase: Phase::Due(now),
            round: Round::default(),
            failures: 0,
            said: None,
            not_before: now,
            leaving: false,
            found: false,
            changed: false,
            service_route: Vec::new(),
        }
    }

    pub(super) fn standing(&self, now: Instant) -> Standing {
        match (&self.phase, self.registered(now)) {
            (Phase::Refused(status), _) => Standing::Refused { status: *status },
            (_, Some(until)) => Standing::Until(until),
            (Phase::Due(again), None) if self.failures > 0 => Standing::Failing { status: self.said, again: *again },
            (Phase::Asked { until, .. }, None) if self.failures > 0 => {
                Standing::Failing { status: self.said, again: *until }
            }
            _ => Standing::Trying,
        }
    }

    fn registered(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Nothing is registered and nothing is under way.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.phase, Phase::Gone)
    }

    pub(super) fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let work = match &self.phase {
            Phase::Due(at) => Some(*at),
            Phase::Asked { until, .. } => Some(*until),
            Phase::Refused(_) | Phase::Gone => None,
        };
        work.into_iter().chain(self.registered(now)).min()
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Due(at) if at <= now)
    }

    pub(super) fn overdue(&self, now: Instant) -> Option<Ticket> {
        match &self.phase {
            Phase::Asked { ticket, until, .. } if *until <= now => Some(*ticket),
            _ => None,
        }
    }

    /// The carrier answered something else. A registration that fails is tried soon when it was
    /// not known to be there; any is when it was silent, because it may have forgotten us, or
    /// when it answers elsewhere.
    pub(super) fn found(&mut self, now: Instant, was: Health, elsewhere: bool) {
        let news = was == Health::Silent || elsewhere || (was == Health::Unknown && self.failures > 0);
        match &mut self.phase {
            Phase::Due(at) if news => *at = (*at).min(self.not_before.max(now)),
            Phase::Asked { .. } => self.found |= was != Health::Alive,
            _ => {}
        }
    }

    /// Try again soon, unless the carrier wants rest: the settings changed, or somebody asks.
    pub(super) fn hurry(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Due(at) => *at = (*at).min(self.not_before.max(now)),
            Phase::Refused(_) => {
                self.round = Round::default();
                self.phase = Phase::Due(self.not_before.max(now));
            }
            Phase::Asked { .. } | Phase::Gone => {}
        }
    }

    /// The password or the time asked for may be another.
    pub(super) fn reset(&mut self, now: Instant, settings: &TrunkSettings) {
        self.expires = settings.expires;
        self.digest.forget();
        self.failures = 0;
        self.changed = matches!(self.phase, Phase::Asked { .. });
        self.hurry(now);
    }

    /// Give the registration back. An answer that is awaited is awaited first (RFC 3261, 10.2).
    pub(super) fn leave(&mut self, now: Instant) {
        self.leaving = true;
        match self.phase {
            Phase::Asked { .. } => {}
            _ if self.registered(now).is_some() => {
                self.round = Round::default();
                self.phase = Phase::Due(now);
            }
            _ => self.phase = Phase::Gone,
        }
    }

    /// The next REGISTER. It is due.
    pub(super) fn send(
        &mut self,
        now: Instant,
        ticket: Ticket,
        settings: &TrunkSettings,
        contact: &Uri,
        cnonce: &str,
    ) -> Request {
        self.cseq += 1;
        let ids = Ids { call_id: &self.call_id, tag: &self.tag, cseq: self.cseq };
        let expires = if self.leaving { Duration::ZERO } else { self.expires };
        let mut request = requests::register(settings, &ids, contact, expires);
        let who = Credentials { username: &settings.username, password: settings.password.reveal() };
        self.digest.authorise(&who, &mut request, cnonce);
        self.phase = Phase::Asked { ticket, request: Box::new(request.clone()), until: now + LOST };
        if self.round.is_first() {
            self.not_before = self.not_before.max(now + FLOOR);
        }
        request
    }

    /// A final answer to the REGISTER with this ticket.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        ticket: Ticket,
        response: &Response,
        contact: &Uri,
        (hosts, random): (usize, u64),
    ) -> Next {
        let Some(sent) = self.take(now, ticket) else { return Next::Stay };
        let status = response.status;
        match status {
            200..=299 => {
                self.digest.answered(response);
                if self.leaving {
                    return self.left(now, &sent);
                }
                let granted = granted(&response.headers, contact).unwrap_or(self.expires).min(MOST_EXPIRES);
                if granted.is_zero() {
                    self.until = None;
                    return self.fail(now, Some(status), None, random);
                }
                self.granted(now, granted, random);
                let routes = response.headers.list("Service-Route").filter(|route| route.len() <= ROUTE_LENGTH);
                self.service_route = routes.take(ROUTES).map(str::to_owned).collect();
                Next::Stay
            }
            401 | 407 => {
                let worth = self.digest.challenged(&sent, response);
                if worth && self.round.credentials < TRIES {
                    self.round.credentials += 1;
                    self.phase = Phase::Due(now);
                    return Next::Stay;
                }
                // Old nonces without end are the carrier's trouble, a wrong password is ours.
                if worth { self.fail(now, Some(status), None, random) } else { self.refused(now, status) }
            }
            423 if !self.round.longer && !self.leaving => {
                let least = response.headers.seconds("Min-Expires").map(span).filter(|least| *least <= MOST_EXPIRES);
                match least.filter(|least| *least > self.expires) {
                    Some(least) => {
                        self.round.longer = true;
                        self.expires = least;
                        self.phase = Phase::Due(now);
                        Next::Stay
                    }
                    None => self.fail(now, Some(status), None, random),
                }
            }
            // What must not be tried again as it is (RFC 3261, 21.4.4), and its kind.
            403 | 404 | 405 | 410 | 416 | 501 | 604 | 606 => self.refused(now, status),
            408 | 500..=599 => {
                let rest = retry_after(&response.headers).map(|rest| span(rest).min(MOST_REST));
                self.no_good(now, Some(status), rest, hosts, random)
            }
            _ => {
                let rest = retry_after(&response.headers).map(|rest| span(rest).min(MOST_REST));
                self.fail(now, Some(status), rest, random)
            }
        }
    }

    /// Nothing came.
    pub(super) fn unanswered(&mut self, now: Instant, ticket: Ticket, (hosts, random): (usize, u64)) -> Next {
        match self.take(now, ticket) {
            // Perhaps only the answer was lost: what may be held is given back.
            Some(sent) if self.leaving && !gives_back(&sent) => self.left(now, &sent),
            Some(_) => self.no_good(now, None, None, hosts, random),
            None => Next::Stay,
        }
    }

    /// The request with this ticket, when it is the one that is waited for.
    fn take(&mut self, now: Instant, ticket: Ticket) -> Option<Request> {
        if !matches!(&self.phase, Phase::Asked { ticket: asked, .. } if *asked == ticket) {
            return None;
        }
        match std::mem::replace(&mut self.phase, Phase::Due(now)) {
            Phase::Asked { request, .. } => Some(*request),
            _ => None,
        }
    }

    fn granted(&mut self, now: Instant, granted: Duration, random: u64) {
        self.until = Some(now + granted);
        self.failures = 0;
        self.said = None;
        self.round = Round::default();
        self.found = false;
        // Between 65 and 75 %: the rest is room for a dead host, a challenge and three tries.
        let refresh = backoff::share(granted, 650, 750, random);
        let refresh = if std::mem::take(&mut self.changed) { Duration::ZERO } else { refresh };
        self.not_before = now + FLOOR;
        self.phase = Phase::Due((now + refresh).max(self.not_before));
    }

    /// This host does not do; the others are asked before anybody waits.
    fn no_good(&mut self, now: Instant, said: Option<u16>, rest: Option<Duration>, hosts: usize, random: u64) -> Next {
        self.round.silent_hosts += 1;
        if self.round.silent_hosts < hosts {
            self.said = said;
            self.phase = Phase::Due(now);
            return Next::NextHost;
        }
        self.fail(now, said, rest, random);
        if hosts > 1 { Next::NextHost } else { Next::Stay }
    }

    fn fail(&mut self, now: Instant, said: Option<u16>, rest: Option<Duration>, random: u64) -> Next {
        if self.leaving {
            self.phase = Phase::Gone;
            return Next::Stay;
        }
        self.round = Round::default();
        self.failures = self.failures.saturating_add(1);
        self.said = said;
        let news = std::mem::take(&mut self.found) | std::mem::take(&mut self.changed);
        let wait = if news { Duration::ZERO } else { backoff::wait(self.failures, random) };
        self.not_before = self.not_before.max(now + rest.unwrap_or_default());
        self.phase = Phase::Due((now + wait).max(self.not_before));
        Next::Stay
    }

    fn refused(&mut self, now: Instant, status: u16) -> Next {
        self.until = None;
        self.found = false;
        self.round = Round::default();
        self.service_route.clear();
        self.phase = if self.leaving {
            Phase::Gone
        } else if std::mem::take(&mut self.changed) {
            Phase::Due(self.not_before.max(now))
        } else {
            Phase::Refused(status)
        };
        Next::Stay
    }

    /// A 2xx while we leave: to the REGISTER that gives back, or to one that was on its way and
    /// must be followed by one that does.
    fn left(&mut self, now: Instant, sent: &Request) -> Next {
        self.round = Round::default();
        self.phase = if gives_back(sent) { Phase::Gone } else { Phase::Due(now) };
        Next::Stay
    }
}

impl Round {
    fn is_first(&self) -> bool {
        self.credentials == 0 && !self.longer && self.silent_hosts == 0
    }
}

/// What a registrar grants: the `expires` of our own contact, before the header (RFC 3261,
/// 10.2.4 and 10.3, step 8). A carrier that writes the contact otherwise names one alone.
fn granted(headers: &Headers, ours: &Uri) -> Option<Duration> {
    let contacts: Vec<Contact> = headers.list("Contact").filter_map(Contact::parse).collect();
    let mine = contacts.iter().find(|contact| same(&contact.0.uri, ours));
    let mine = mine.or(if contacts.len() == 1 { contacts.first() } else { None });
    mine.and_then(Contact::expires).or_else(|| headers.seconds("Expires")).map(span)
}

fn gives_back(sent: &Request) -> bool {
    sent.headers.seconds("Expires") == Some(0)
}

fn same(one: &Uri, other: &Uri) -> bool {
    one.user == other.user && one.host.eq_ignore_ascii_case(&other.host) && one.port == other.port
}

fn span(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}
