//! The carrier as registrar of its subscriber (RFC 3261, section 10.3).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::carrier::{Carrier, Output};
use super::digest::Verdict;
use super::message::{Request, name_addr, parameter, user};
use super::reply::{hop, reply};
use super::transactions::TxKey;
use crate::journal::{RegisterRecord, now_ms};
use crate::numbers::Number;

/// What is asked for when nobody says it.
const USUAL: u64 = 3_600;
const MAX_BINDINGS: usize = 10;

/// How the carrier treats REGISTER.
#[derive(Debug, Clone)]
pub struct Registering {
    /// The longest time that is granted, in seconds.
    pub grant_s: u64,
    /// Less than this is refused with 423 and Min-Expires, in seconds.
    pub least_s: u64,
    /// Calls are taken only from where somebody is registered.
    pub required: bool,
    /// The status that the next so many REGISTER get.
    pub refuse: Option<(u16, u32)>,
}

impl Default for Registering {
    fn default() -> Self {
        Self { grant_s: USUAL, least_s: 1, required: false, refuse: None }
    }
}

struct Binding {
    contact: String,
    source: SocketAddr,
    until: Instant,
    call_id: String,
    cseq: u32,
}

/// Who is registered, latest last.
#[derive(Default)]
pub(crate) struct Bindings(Vec<Binding>);

impl Bindings {
    /// Whether a binding that holds came from there.
    pub(crate) fn knows(&self, source: SocketAddr, now: Instant) -> bool {
        self.0.iter().any(|b| b.source == source && b.until > now)
    }

    /// The contact registered last, and the address it came from.
    pub(crate) fn latest(&self, now: Instant) -> Option<(String, SocketAddr)> {
        self.0.iter().rev().find(|b| b.until > now).map(|b| (b.contact.clone(), b.source))
    }

    /// Forgets everything, as a carrier does that was restarted.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// What becomes of a REGISTER with right credentials.
enum Outcome {
    Kept { asked: u64, granted: u64 },
    Brief,
    Refused(u16, &'static str),
}

impl Carrier {
    pub(super) fn register(&mut self, key: &TxKey, request: &Request, from: SocketAddr, now: Instant) {
        let local_tag = (self.tokens)();
        let contact = request.headers.get("Contact").unwrap_or_default().to_owned();
        let record = |status, asked_s, granted_s| {
            Output::Registered(RegisterRecord { at: now_ms(), contact, status, asked_s, granted_s })
        };
        match self.guard.judge(request.headers.get("Authorization"), "REGISTER", &request.uri, now) {
            Verdict::Good(_) => {}
            Verdict::Bad(why) => {
                let mut response = reply(request, from, 403, &local_tag);
                response.headers.push("Warning", format!("399 songda-sim \"{why}\""));
                self.respond(key, &response, now);
                self.out.push(record(403, 0, 0));
                return;
            }
            verdict => {
                let mut response = reply(request, from, 401, &local_tag);
                for value in self.guard.challenge(verdict == Verdict::Stale, &mut self.tokens, now) {
                    response.headers.push("WWW-Authenticate", value);
                }
                self.respond(key, &response, now);
                self.out.push(record(401, 0, 0));
                return;
            }
        }
        let outcome = self.bind(request, from, now);
        let (status, asked, granted) = match outcome {
            Outcome::Kept { asked, granted } => (200, asked, granted),
            Outcome::Brief => (423, 0, 0),
            Outcome::Refused(status, _) => (status, 0, 0),
        };
        let mut response = reply(request, from, status, &local_tag);
        match outcome {
            Outcome::Kept { .. } => {
                for binding in &self.bindings.0 {
                    let left = binding.until.duration_since(now).as_secs();
                    response.headers.push("Contact", format!("<{}>;expires={left}", binding.contact));
                }
            }
            Outcome::Brief => response.headers.push("Min-Expires", self.rules.registering.least_s.to_string()),
            Outcome::Refused(_, why) => response.headers.push("Warning", format!("399 songda-sim \"{why}\"")),
        }
        self.respond(key, &response, now);
        self.out.push(record(status, asked, granted));
    }

    fn bind(&mut self, request: &Request, from: SocketAddr, now: Instant) -> Outcome {
        if let Some((status, times)) = self.rules.registering.refuse.take() {
            self.rules.registering.refuse = (times > 1).then_some((status, times - 1));
            return Outcome::Refused(status, "a fault was asked for");
        }
        let of = |name: &str| request.headers.get(name).and_then(name_addr).map(|(uri, _)| uri);
        let record = of("To").and_then(user).unwrap_or_default().to_owned();
        if of("From") != of("To") {
            self.complain("a REGISTER for somebody else");
        }
        let ours =
            self.guard.user() == record || Number::parse(&record).is_some_and(|n| self.rules.callers.contains(&n));
        if !ours {
            return Outcome::Refused(404, "no such subscriber");
        }
        if user(&request.uri).is_some() {
            self.complain("a REGISTER whose Request-URI has a user");
        }
        let contacts = request.headers.list("Contact");
        let usual = request.headers.get("Expires").map_or(Some(USUAL), |text| text.trim().parse().ok());
        let Some(usual) = usual else {
            return Outcome::Refused(400, "Expires is no number");
        };
        if contacts.iter().any(|c| c == "*") {
            if contacts.len() > 1 || usual != 0 {
                return Outcome::Refused(400, "Contact: * stands alone and with Expires: 0");
            }
            self.bindings.clear();
            return Outcome::Kept { asked: 0, granted: 0 };
        }
        let call_id = request.headers.get("Call-ID").unwrap_or_default();
        let cseq = request.cseq().map_or(0, |(n, _)| n);
        self.bindings.0.retain(|b| b.until > now);
        let mut kept = (0, 0);
        for value in &contacts {
            let Some((uri, parameters)) = name_addr(value).filter(|(uri, _)| hop(uri).is_some()) else {
                return Outcome::Refused(400, "a Contact that is no sip: address");
            };
            let asked = parameter(parameters, "expires").and_then(|t| t.parse().ok()).unwrap_or(usual);
            if asked > 0 && asked < self.rules.registering.least_s {
                return Outcome::Brief;
            }
            let known = self.bindings.0.iter().position(|b| b.contact == uri);
            let old = known.map(|at| self.bindings.0.remove(at));
            if old.as_ref().is_some_and(|b| b.call_id == call_id && b.cseq >= cseq) {
                self.complain("a REGISTER out of order");
                self.bindings.0.extend(old);
                return Outcome::Refused(500, "out of order");
            }
            let granted = asked.min(self.rules.registering.grant_s);
            if granted > 0 && self.bindings.0.len() < MAX_BINDINGS {
                let until = now + Duration::from_secs(granted);
                let (contact, call_id) = (uri.to_owned(), call_id.to_owned());
                self.bindings.0.push(Binding { contact, source: from, until, call_id, cseq });
            }
            kept = (asked, granted);
        }
        Outcome::Kept { asked: kept.0, granted: kept.1 }
    }
}
