//! The side that challenges: us against a desk phone (RFC 3261, 22.1; RFC 7616, 3.3 and 3.4.6).

use std::{
    fmt,
    time::{Duration, Instant},
};

use subtle::ConstantTimeEq as _;

use super::{
    Algorithm, Challenge, Ha1s, Inputs, Qop,
    nonce::Nonces,
    params::{self, Params},
};
use crate::{
    msg::{Request, Response},
    uri::Uri,
};

/// Longest user name that is looked up, in bytes.
const USER: usize = 128;

/// What we ask for.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Realm.
    pub realm: String,
    /// Hashes offered, in the order of preference (RFC 8760, 2.4). Nothing else is accepted.
    pub algorithms: Vec<Algorithm>,
    /// Offer `auth-int` beside `auth`.
    pub integrity: bool,
    /// How long a nonce may be used; an older one is answered with `stale`.
    pub life: Duration,
    /// Nonces in use whose counts are remembered. The oldest gives way, and its user is asked
    /// again.
    pub nonces: usize,
}

impl Policy {
    /// SHA-256 before MD5 (most desk phones know nothing else), `auth`, five minutes.
    pub fn new(realm: impl Into<String>) -> Self {
        Self {
            realm: realm.into(),
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            integrity: false,
            life: Duration::from_mins(5),
            nonces: 10_000,
        }
    }
}

/// What a request proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This user knows his password.
    Accepted {
        /// User.
        user: String,
    },
    /// Nothing: 401 with challenges. An unknown user and a wrong password are the same here.
    Challenge {
        /// The response was right, but its nonce is old, unknown or used up: whoever asks need
        /// not type his password again.
        stale: bool,
    },
    /// The credentials cannot be read: 400.
    Malformed,
}

/// Makes challenges and judges the answers. Not for ACK and CANCEL, which cannot be
/// challenged (RFC 3261, 22.1).
pub struct Challenger {
    policy: Policy,
    nonces: Nonces,
}

impl fmt::Debug for Challenger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenger").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Challenger {
    /// `secret` is random and of this run: nonces of an earlier run are answered with `stale`.
    pub fn new(now: Instant, policy: Policy, secret: [u8; 32]) -> Self {
        Self { nonces: Nonces::new(now, secret, policy.life, policy.nonces), policy }
    }

    /// Realm.
    pub fn realm(&self) -> &str {
        &self.policy.realm
    }

    /// One challenge for each hash, over one nonce. `salt` is random.
    pub fn challenges(&self, now: Instant, salt: u64, stale: bool) -> Vec<Challenge> {
        let nonce = self.nonces.make(now, salt);
        let qop = if self.policy.integrity { vec![Qop::Auth, Qop::AuthInt] } else { vec![Qop::Auth] };
        let of = |algorithm: &Algorithm| Challenge {
            realm: self.policy.realm.clone(),
            nonce: nonce.clone(),
            opaque: None,
            algorithm: *algorithm,
            named: true,
            session: false,
            qop: qop.clone(),
            stale,
            proxy: false,
        };
        self.policy.algorithms.iter().map(of).collect()
    }

    /// The 401 to this request; `tag` is ours for To.
    pub fn refuse(&self, now: Instant, request: &Request, tag: &str, salt: u64, stale: bool) -> Response {
        let mut response = Response::to(request, 401, tag);
        for challenge in self.challenges(now, salt, stale) {
            response.headers.push("WWW-Authenticate", challenge.print());
        }
        response
    }

    /// Judges a request. `account` gives the HA1 values of a user.
    pub fn verify<'a>(
        &mut self,
        now: Instant,
        request: &Request,
        account: impl FnOnce(&str) -> Option<&'a Ha1s>,
    ) -> Verdict {
        let nothing = Verdict::Challenge { stale: false };
        let said = request.headers.all("Authorization").filter_map(params::digest).map(Params::read);
        // Those for another realm are not for us (RFC 3261, 22.3).
        let Some(said) = said.into_iter().find(|said| said.get("realm") == Some(&self.policy.realm)) else {
            return nothing;
        };
        let (Some(user), Some(nonce), Some(uri), Some(response)) =
            (said.get("username"), said.get("nonce"), said.get("uri"), said.get("response"))
        else {
            return Verdict::Malformed;
        };
        let Some(protection) = Protection::read(&said) else { return Verdict::Malformed };
        if user.len() > USER || !same_target(uri, &request.uri) {
            return Verdict::Malformed;
        }
        let read = Algorithm::read(said.get("algorithm").unwrap_or(Algorithm::Md5.token()));
        let Some((algorithm, session)) = read.filter(|(known, _)| self.policy.algorithms.contains(known)) else {
            return nothing;
        };
        if protection.qop == Some(Qop::AuthInt) && !self.policy.integrity {
            return nothing;
        }
        let inputs = Inputs {
            algorithm,
            session,
            nonce,
            qop: protection.qop.zip(said.get("nc")),
            cnonce: said.get("cnonce").unwrap_or_default(),
            method: &request.method.to_string(),
            uri,
            body: &request.body,
        };
        // Who does not exist costs what a wrong password costs, and gets the same answer.
        let decoy = self.nonces.decoy(user);
        let ha1 = account(user).and_then(|ha1s| ha1s.get(algorithm));
        let expected = inputs.response(ha1.unwrap_or(&decoy));
        let right = bool::from(expected.as_bytes().ct_eq(response.to_ascii_lowercase().as_bytes()));
        if !right || ha1.is_none() {
            return nothing;
        }
        match self.nonces.read(now, nonce) {
            Some(made) if self.nonces.admit(now, made, protection.count) => Verdict::Accepted { user: user.to_owned() },
            _ => Verdict::Challenge { stale: true },
        }
    }
}

/// Protection and count that the credentials name.
struct Protection {
    qop: Option<Qop>,
    count: u32,
}

impl Protection {
    /// None when they cannot be: RFC 7616, 3.4 wants count and cnonce with every qop. Without
    /// one (RFC 2069) there is no count, so that the nonce serves once.
    fn read(said: &Params) -> Option<Self> {
        let Some(qop) = said.get("qop") else { return Some(Self { qop: None, count: 1 }) };
        let count = said.get("nc").filter(|count| count.len() == 8 && count.bytes().all(|b| b.is_ascii_hexdigit()))?;
        said.get("cnonce").filter(|cnonce| !cnonce.is_empty())?;
        Some(Self { qop: Some(Qop::read(qop)?), count: u32::from_str_radix(count, 16).ok()? })
    }
}

/// The credentials are for this request: same user part, and both or none a SIP URI. A proxy
/// may have written another host into the Request-URI (RFC 3261, 16.5; RFC 7616, 3.4.6).
fn same_target(uri: &str, request_uri: &str) -> bool {
    match (Uri::parse(uri), Uri::parse(request_uri)) {
        (Some(said), Some(asked)) => said.user == asked.user,
        _ => uri == request_uri,
    }
}
