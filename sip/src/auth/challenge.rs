//! Challenges: what a 401 or 407 asks for (RFC 7616, 3.3; RFC 3261, 22).

use std::fmt::Write as _;

use super::{
    Algorithm,
    params::{self, Params, quote},
};
use crate::msg::Headers;

/// What the response protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qop {
    /// Method and URI.
    Auth,
    /// The body too.
    AuthInt,
}

impl Qop {
    /// As it stands on the wire.
    pub fn token(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }

    pub(super) fn read(token: &str) -> Option<Self> {
        [Self::Auth, Self::AuthInt].into_iter().find(|qop| qop.token().eq_ignore_ascii_case(token.trim()))
    }
}

/// A challenge that we can answer, or that we give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Realm.
    pub realm: String,
    /// Nonce.
    pub nonce: String,
    /// Opaque, to be returned.
    pub opaque: Option<String>,
    /// Hash.
    pub algorithm: Algorithm,
    /// The hash was named. Where it was not, the answer does not name it either: it is MD5.
    pub named: bool,
    /// The session variant.
    pub session: bool,
    /// The protections that are offered; none is the manner of RFC 2069.
    pub qop: Vec<Qop>,
    /// The nonce was right but old.
    pub stale: bool,
    /// 407: the answer goes into Proxy-Authorization.
    pub proxy: bool,
}

impl Challenge {
    /// Every challenge of a 401 or 407 that we can answer, in order.
    pub fn all(status: u16, headers: &Headers) -> Vec<Self> {
        let proxy = status == 407;
        let name = if proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
        headers.all(name).flat_map(params::challenges).filter_map(|value| Self::parse(value, proxy)).collect()
    }

    /// Reads one challenge; none for another scheme, hash or protection than ours.
    pub fn parse(value: &str, proxy: bool) -> Option<Self> {
        let params = Params::read(params::digest(value)?);
        let named = params.get("algorithm");
        let (algorithm, session) = Algorithm::read(named.unwrap_or(Algorithm::Md5.token()))?;
        let offered = params.get("qop");
        let qop: Vec<Qop> = offered.into_iter().flat_map(|list| list.split(',')).filter_map(Qop::read).collect();
        // Offered is only what we do not know.
        if offered.is_some() && qop.is_empty() {
            return None;
        }
        Some(Self {
            realm: params.get("realm")?.to_owned(),
            nonce: params.get("nonce")?.to_owned(),
            opaque: params.get("opaque").map(str::to_owned),
            algorithm,
            named: named.is_some(),
            session,
            qop,
            stale: params.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            proxy,
        })
    }

    /// The value of WWW-Authenticate or Proxy-Authenticate.
    pub fn print(&self) -> String {
        let mut out = format!("Digest realm={}, nonce={}", quote(&self.realm), quote(&self.nonce));
        if let Some(opaque) = &self.opaque {
            let _ = write!(out, ", opaque={}", quote(opaque));
        }
        if self.named {
            let session = if self.session { "-sess" } else { "" };
            let _ = write!(out, ", algorithm={}{session}", self.algorithm.token());
        }
        if !self.qop.is_empty() {
            let list: Vec<&str> = self.qop.iter().map(|qop| qop.token()).collect();
            let _ = write!(out, ", qop=\"{}\"", list.join(","));
        }
        if self.stale {
            out.push_str(", stale=true");
        }
        out
    }

    /// The protection that we take: the body is hashed only where nothing less is offered.
    pub fn protection(&self) -> Option<Qop> {
        self.qop.iter().min().copied()
    }

    /// Where the answer goes.
    pub fn answer_header(&self) -> &'static str {
        if self.proxy { "Proxy-Authorization" } else { "Authorization" }
    }

    /// Whether it is to be answered and not the other one of its realm; among equals the first is
    /// (RFC 8760, 2.4: the topmost, unless local policy says otherwise).
    pub(super) fn stronger(&self, other: &Self) -> bool {
        other.algorithm.is_weak() && !self.algorithm.is_weak()
    }
}
