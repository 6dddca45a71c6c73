//! Digest authentication, both sides, without I/O (RFC 3261, 22; RFC 7616; RFC 8760).
//!
//! A carrier challenges us: [`DigestClient`] keeps its nonces and answers. A desk phone is
//! challenged by us: [`Challenger`] makes the nonces and judges the answers against HA1
//! values, so that no clear password is kept. Random and time are passed in.

mod challenge;
mod client;
mod ha1;
mod nonce;
mod params;
mod server;

use md5::{Digest as _, Md5};
use sha2::{Sha256, Sha512_256};

pub use self::{
    challenge::{Challenge, Qop},
    client::{Credentials, DigestClient, answer},
    ha1::Ha1s,
    server::{Challenger, Policy, Verdict},
};

/// A hash of the digest scheme (RFC 8760, 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// MD5: broken, and still what most carriers ask for.
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-512/256, which IANA names `SHA-512-256`.
    Sha512_256,
}

impl Algorithm {
    /// All that we know, the strongest first.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha512_256, Self::Md5];

    /// The two of SHA-2 are as strong as each other.
    fn is_weak(self) -> bool {
        self == Self::Md5
    }

    /// The hash in lower case hexadecimal digits, as the scheme wants it.
    fn hash(self, bytes: &[u8]) -> String {
        match self {
            Self::Md5 => hex::encode(Md5::digest(bytes)),
            Self::Sha256 => hex::encode(Sha256::digest(bytes)),
            Self::Sha512_256 => hex::encode(Sha512_256::digest(bytes)),
        }
    }

    /// How many hexadecimal digits the hash has.
    fn digits(self) -> usize {
        if self.is_weak() { 32 } else { 64 }
    }

    /// The token of the IANA registry.
    pub fn token(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }

    /// Reads the token; the second value says that it is the `-sess` variant.
    fn read(token: &str) -> Option<(Self, bool)> {
        let base = token.len().checked_sub("-sess".len()).and_then(|at| token.split_at_checked(at));
        let (base, session) = match base {
            Some((base, sess)) if sess.eq_ignore_ascii_case("-sess") => (base, true),
            _ => (token, false),
        };
        Self::ALL.into_iter().find(|known| known.token().eq_ignore_ascii_case(base)).map(|known| (known, session))
    }
}

/// What goes into a response beside the secret (RFC 7616, 3.4.1).
struct Inputs<'a> {
    algorithm: Algorithm,
    session: bool,
    nonce: &'a str,
    /// Protection with the count and our nonce as they stand on the wire.
    qop: Option<(Qop, &'a str)>,
    cnonce: &'a str,
    method: &'a str,
    uri: &'a str,
    body: &'a [u8],
}

impl Inputs<'_> {
    /// The `response` for this HA1: RFC 7616, 3.4.1 to 3.4.3.
    fn response(&self, ha1: &str) -> String {
        let hash = |text: String| self.algorithm.hash(text.as_bytes());
        let Self { nonce, cnonce, method, uri, .. } = self;
        let a1 = if self.session { hash(format!("{ha1}:{nonce}:{cnonce}")) } else { ha1.to_owned() };
        let a2 = match self.qop {
            Some((Qop::AuthInt, _)) => hash(format!("{method}:{uri}:{}", self.algorithm.hash(self.body))),
            _ => hash(format!("{method}:{uri}")),
        };
        match self.qop {
            Some((qop, count)) => hash(format!("{a1}:{nonce}:{count}:{cnonce}:{}:{a2}", qop.token())),
            None => hash(format!("{a1}:{nonce}:{a2}")),
        }
    }
}
