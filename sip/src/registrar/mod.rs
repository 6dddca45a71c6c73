//! The registrar of the house's desk phones (RFC 3261, 10.3; RFC 5626, 6), without I/O.
//!
//! A phone proves who it is by digest and says where it is; what is for it goes back over the
//! flow on which it said so (the phone may sit behind a router, and a WebSocket has no other
//! way). The driver brings REGISTERs and the end of connections, and takes answers and
//! [`PhoneChange`]s.

mod account;
mod binding;
mod index;
mod wish;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    time::{Duration, Instant},
};

use self::{
    account::Account,
    index::Index,
    wish::{Refusal, Wish},
};
pub use self::{account::Target, binding::Device};
use crate::{
    auth::{Challenger, Ha1s, Policy, Verdict},
    flow::Flow,
    msg::{Request, Response},
    uri::{NameAddr, Uri},
};

/// A desk phone's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneAccount {
    /// User part of its address, and digest user.
    pub user: String,
    /// What its password is judged by, derived for the realm of the registrar.
    pub ha1s: Ha1s,
}

/// How the registrar works.
#[derive(Debug, Clone)]
pub struct RegistrarSettings {
    /// What phones are asked for; its realm is part of every HA1.
    pub challenge: Policy,
    /// Hosts that may stand in Request-URI and To; empty: any.
    pub domains: Vec<String>,
    /// Granted where a phone asks for nothing.
    pub expires: Duration,
    /// A shorter time is answered 423.
    pub least: Duration,
    /// A longer one is cut.
    pub most: Duration,
    /// Bindings of one account; the one that was refreshed longest ago gives way.
    pub bindings: usize,
    /// Told to phones with outbound flows: so long after the last keep-alive a flow counts as
    /// lost (RFC 5626, 4.4; Flow-Timer).
    pub flow_timer: Option<Duration>,
}

impl RegistrarSettings {
    /// Ten minutes where nothing is asked for, one minute to one hour, eight bindings.
    pub fn new(realm: impl Into<String>) -> Self {
        Self {
            challenge: Policy::new(realm),
            domains: Vec::new(),
            expires: Duration::from_mins(10),
            least: Duration::from_mins(1),
            most: Duration::from_hours(1),
            bindings: 8,
            flow_timer: None,
        }
    }
}

/// What became of the phones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneChange {
    /// This account is at this flow now.
    Came {
        /// User.
        user: String,
        /// Where.
        flow: Flow,
    },
    /// Nobody is at this flow any more.
    Went {
        /// Where.
        flow: Flow,
    },
}

/// All accounts with their bindings.
pub struct Registrar {
    settings: RegistrarSettings,
    challenger: Challenger,
    accounts: HashMap<String, Account>,
    index: Index,
    changes: VecDeque<PhoneChange>,
    counter: u64,
}

impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrar").field("accounts", &self.accounts.len()).finish_non_exhaustive()
    }
}

impl Registrar {
    /// A registrar without accounts. `secret` is random and of this run.
    pub fn new(now: Instant, settings: RegistrarSettings, secret: [u8; 32]) -> Self {
        Self {
            challenger: Challenger::new(now, settings.challenge.clone(), secret),
            settings,
            accounts: HashMap::new(),
            index: Index::default(),
            changes: VecDeque::new(),
            counter: 0,
        }
    }

    /// These are the accounts now. One that is gone, or whose password changed, loses its
    /// bindings; the others keep theirs. Of two with the same user the last counts.
    pub fn set(&mut self, accounts: Vec<PhoneAccount>) {
        let mut old = std::mem::take(&mut self.accounts);
        let mut lost = Vec::new();
        for PhoneAccount { user, ha1s } in accounts {
            let kept = old.remove(&user);
            let account = match kept {
                Some(account) if account.ha1s == ha1s => account,
                Some(mut account) => {
                    lost.extend(account.clear());
                    self.index.set(&user, &mut account);
                    Account::new(ha1s)
                }
                None => Account::new(ha1s),
            };
            if let Some(mut twice) = self.accounts.insert(user.clone(), account) {
                lost.extend(twice.clear());
                self.index.set(&user, &mut twice);
            }
        }
        for (user, mut account) in old {
            lost.extend(account.clear());
            self.index.set(&user, &mut account);
        }
        self.went(lost);
    }

    /// Answers a REGISTER that came over this flow. `tag` is ours for To; `salt` is random.
    pub fn register(&mut self, now: Instant, request: &Request, flow: Flow, tag: &str, salt: u64) -> Response {
        self.tick(now);
        match self.serve(now, request, flow, tag) {
            Ok(response) => response,
            Err(Refusal::Prove { stale }) => self.refuse(now, request, tag, salt, stale),
            Err(refusal) => refusal.response(request, tag, self.settings.least),
        }
    }

    fn serve(&mut self, now: Instant, request: &Request, flow: Flow, tag: &str) -> Result<Response, Refusal> {
        let wish = Wish::read(request)?;
        if !self.is_ours(&Uri::parse(&request.uri).ok_or(Refusal::Malformed)?) {
            return Err(Refusal::Unknown);
        }
        let user = match self.verify(now, request) {
            Verdict::Accepted { user } => user,
            Verdict::Challenge { stale } => return Err(Refusal::Prove { stale }),
            Verdict::Malformed => return Err(Refusal::Malformed),
        };
        let to = request.headers.get("To").and_then(NameAddr::parse).ok_or(Refusal::Malformed)?;
        if !self.is_ours(&to.uri) {
            return Err(Refusal::Unknown);
        }
        // Nobody binds an address that is not his (RFC 3261, 10.3, step 4).
        if to.uri.name() != user {
            return Err(Refusal::Forbidden);
        }
        let account = self.accounts.get_mut(&user).ok_or(Refusal::Forbidden)?;
        self.counter += 1;
        let moved = account.apply(now, &wish, flow, &self.settings, self.counter)?;
        self.index.set(&user, account);
        let mut response = Response::to(request, 200, tag);
        account.answer(now, &mut response, &wish, &self.settings);
        for flow in moved.came {
            self.changes.push_back(PhoneChange::Came { user: user.clone(), flow });
        }
        self.went(moved.left);
        Ok(response)
    }

    /// Judges a request that is no REGISTER.
    pub fn verify(&mut self, now: Instant, request: &Request) -> Verdict {
        let accounts = &self.accounts;
        self.challenger.verify(now, request, |user| accounts.get(user).map(|account| &account.ha1s))
    }

    /// The 401 to a request that proves nothing.
    pub fn refuse(&self, now: Instant, request: &Request, tag: &str, salt: u64, stale: bool) -> Response {
        self.challenger.refuse(now, request, tag, salt, stale)
    }

    /// Where a user can be reached, the best first: by `q`, then by the last refresh. Of the
    /// flows of one device only the newest is named (RFC 5626, 5.3).
    pub fn targets(&self, now: Instant, user: &str) -> Vec<Target> {
        self.accounts.get(user).map(|account| account.targets(now)).unwrap_or_default()
    }

    /// The devices of a user, for people.
    pub fn devices(&self, now: Instant, user: &str) -> Vec<Device> {
        self.accounts.get(user).map(|account| account.devices(now)).unwrap_or_default()
    }

    /// The devices of every user who has any, for people.
    pub fn all_devices(&self, now: Instant) -> Vec<(String, Vec<Device>)> {
        let all = self.accounts.iter().map(|(user, account)| (user.clone(), account.devices(now)));
        all.filter(|(_, devices)| !devices.is_empty()).collect()
    }

    /// Bindings of all accounts.
    pub fn bindings(&self) -> usize {
        self.accounts.values().map(Account::len).sum()
    }

    /// A connection ended: what was bound over it is gone (RFC 5626, 6).
    pub fn closed(&mut self, flow: &Flow) {
        if !flow.is_reliable() {
            return;
        }
        let mut lost = Vec::new();
        for user in self.index.at(flow) {
            lost.extend(self.drop_of(&user, |account| account.closed(flow)));
        }
        self.went(lost);
    }

    /// Time went on: what is over goes.
    pub fn tick(&mut self, now: Instant) {
        let mut lost = Vec::new();
        while let Some(user) = self.index.due(now) {
            lost.extend(self.drop_of(&user, |account| account.expire(now)));
        }
        self.went(lost);
    }

    fn drop_of(&mut self, user: &str, drop: impl FnOnce(&mut Account) -> Vec<Flow>) -> Vec<Flow> {
        let Some(account) = self.accounts.get_mut(user) else { return Vec::new() };
        let lost = drop(account);
        self.index.set(user, account);
        lost
    }

    /// When [`Registrar::tick`] wants to be called.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.index.next()
    }

    /// What became of the phones.
    pub fn poll(&mut self) -> Option<PhoneChange> {
        self.changes.pop_front()
    }

    /// Tells who is gone; where somebody else is at the same flow, that he is the one there.
    fn went(&mut self, flows: Vec<Flow>) {
        for flow in flows {
            let other = self.index.at(&flow).into_iter().next();
            self.changes.push_back(match other {
                Some(user) => PhoneChange::Came { user, flow },
                None => PhoneChange::Went { flow },
            });
        }
    }

    fn is_ours(&self, uri: &Uri) -> bool {
        let domains = &self.settings.domains;
        domains.is_empty() || domains.iter().any(|domain| domain.eq_ignore_ascii_case(&uri.host))
    }
}
