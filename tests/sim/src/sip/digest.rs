//! Digest access authentication as the carrier checks it (RFC 7616, RFC 8760).
//!
//! The challenge offers SHA-256 first and MD5 second unless one is forced. A nonce
//! belongs to one algorithm, grows old, and its count must rise with each use.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::message::split_list;

const MAX_NONCES: usize = 10_000;

/// A digest algorithm of the challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Algorithm {
    /// SHA-256 (RFC 7616).
    #[value(name = "sha-256")]
    Sha256,
    /// MD5, which older switches still ask for.
    #[value(name = "md5")]
    Md5,
}

impl Algorithm {
    /// The token that stands in the header.
    pub fn token(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5",
        }
    }

    /// Lower-case hexadecimal hash of `text`.
    pub fn hash(self, text: &str) -> String {
        match self {
            Self::Sha256 => hex::encode(Sha256::digest(text)),
            Self::Md5 => hex::encode(Md5::digest(text)),
        }
    }
}

/// What the carrier thinks of a request's credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// None were sent: challenge.
    Missing,
    /// Right, but the nonce is too old, unknown or its count was used before: challenge again.
    Stale,
    /// Right.
    Good(Algorithm),
    /// Wrong, with the reason for the journal.
    Bad(&'static str),
}

struct Nonce {
    algorithm: Algorithm,
    issued: Instant,
    last_count: u32,
}

/// The carrier's side of digest.
pub(crate) struct Guard {
    realm: String,
    user: String,
    password: String,
    offered: Vec<Algorithm>,
    lifetime: Duration,
    nonces: HashMap<String, Nonce>,
}

impl Guard {
    pub(crate) fn new(
        realm: String,
        user: String,
        password: String,
        offered: Vec<Algorithm>,
        lifetime: Duration,
    ) -> Self {
        Self { realm, user, password, offered, lifetime, nonces: HashMap::new() }
    }

    /// The user name that the credentials must have.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// The values of the WWW-Authenticate headers of a new challenge, best first.
    pub(crate) fn challenge(&mut self, stale: bool, mut token: impl FnMut() -> String, now: Instant) -> Vec<String> {
        if self.nonces.len() >= MAX_NONCES {
            let lifetime = self.lifetime;
            self.nonces.retain(|_, n| now.duration_since(n.issued) < lifetime);
        }
        let mut values = Vec::new();
        for &algorithm in &self.offered {
            let nonce = token();
            let stale = if stale { ", stale=true" } else { "" };
            values.push(format!(
                "Digest realm=\"{}\", nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{stale}",
                self.realm,
                algorithm.token()
            ));
            if self.nonces.len() < MAX_NONCES {
                self.nonces.insert(nonce, Nonce { algorithm, issued: now, last_count: 0 });
            }
        }
        values
    }

    /// Judges an Authorization value for `method` on the Request-URI `uri`.
    pub(crate) fn judge(&mut self, authorization: Option<&str>, method: &str, uri: &str, now: Instant) -> Verdict {
        let Some(value) = authorization else {
            return Verdict::Missing;
        };
        let Some(rest) = strip_scheme(value) else {
            return Verdict::Bad("not a Digest");
        };
        let fields: HashMap<String, String> = split_list(rest).iter().filter_map(|part| field(part)).collect();
        let get = |name: &str| fields.get(name).map_or("", String::as_str);
        let algorithm = match get("algorithm").to_ascii_uppercase().as_str() {
            "" | "MD5" => Algorithm::Md5,
            "SHA-256" => Algorithm::Sha256,
            _ => return Verdict::Bad("unknown algorithm"),
        };
        if !self.offered.contains(&algorithm) {
            return Verdict::Bad("an algorithm that was not offered");
        }
        if get("realm") != self.realm || get("username") != self.user {
            return Verdict::Bad("wrong realm or user name");
        }
        if get("uri") != uri {
            return Verdict::Bad("digest uri is not the Request-URI");
        }
        let (nonce, count, cnonce, qop) = (get("nonce"), get("nc"), get("cnonce"), get("qop"));
        if qop != "auth" || cnonce.is_empty() || count.len() != 8 {
            return Verdict::Bad("qop, nc or cnonce missing or malformed");
        }
        let Ok(counted) = u32::from_str_radix(count, 16) else {
            return Verdict::Bad("nc is not hexadecimal");
        };
        let secret = algorithm.hash(&format!("{}:{}:{}", self.user, self.realm, self.password));
        let request = algorithm.hash(&format!("{method}:{uri}"));
        let expected = algorithm.hash(&format!("{secret}:{nonce}:{count}:{cnonce}:{qop}:{request}"));
        if get("response") != expected {
            return Verdict::Bad("wrong response");
        }
        match self.nonces.get_mut(nonce) {
            Some(known) if known.algorithm != algorithm => Verdict::Bad("nonce of another algorithm"),
            Some(known) if now.duration_since(known.issued) < self.lifetime && counted > known.last_count => {
                known.last_count = counted;
                Verdict::Good(algorithm)
            }
            _ => Verdict::Stale,
        }
    }
}

fn strip_scheme(value: &str) -> Option<&str> {
    let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
    scheme.eq_ignore_ascii_case("Digest").then_some(rest)
}

fn field(part: &str) -> Option<(String, String)> {
    let (name, value) = part.split_once('=')?;
    let value = value.trim();
    let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    Some((name.trim().to_ascii_lowercase(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let offered = vec![Algorithm::Sha256, Algorithm::Md5];
        Guard::new("sim".into(), "u".into(), "p".into(), offered, Duration::from_mins(1))
    }

    fn answer(nonce: &str, algorithm: Algorithm, password: &str, count: &str) -> String {
        let secret = algorithm.hash(&format!("u:sim:{password}"));
        let request = algorithm.hash("INVITE:sip:1@h");
        let response = algorithm.hash(&format!("{secret}:{nonce}:{count}:c:auth:{request}"));
        format!(
            "Digest username=\"u\", realm=\"sim\", nonce=\"{nonce}\", uri=\"sip:1@h\", algorithm={}, cnonce=\"c\", nc={count}, qop=auth, response=\"{response}\"",
            algorithm.token()
        )
    }

    fn tokens() -> impl FnMut() -> String {
        let mut n = 0;
        move || {
            n += 1;
            format!("n{n}")
        }
    }

    #[test]
    fn sha_256_is_offered_before_md5() {
        let values = guard().challenge(false, tokens(), Instant::now());
        assert!(values[0].contains("SHA-256") && values[1].contains("MD5") && values.len() == 2);
    }

    #[test]
    fn each_algorithm_passes_with_its_own_nonce_only() {
        let (mut guard, now) = (guard(), Instant::now());
        guard.challenge(false, tokens(), now);
        let mut judge = |value: String| guard.judge(Some(&value), "INVITE", "sip:1@h", now);
        assert_eq!(judge(answer("n1", Algorithm::Sha256, "p", "00000001")), Verdict::Good(Algorithm::Sha256));
        assert_eq!(judge(answer("n2", Algorithm::Md5, "p", "00000001")), Verdict::Good(Algorithm::Md5));
        assert_eq!(judge(answer("n1", Algorithm::Md5, "p", "00000002")), Verdict::Bad("nonce of another algorithm"));
        assert_eq!(judge(answer("n1", Algorithm::Sha256, "x", "00000002")), Verdict::Bad("wrong response"));
    }

    #[test]
    fn an_old_nonce_and_a_used_count_are_stale() {
        let (mut guard, now) = (guard(), Instant::now());
        guard.challenge(false, tokens(), now);
        let value = answer("n2", Algorithm::Md5, "p", "00000001");
        assert_eq!(guard.judge(Some(&value), "INVITE", "sip:1@h", now), Verdict::Good(Algorithm::Md5));
        assert_eq!(guard.judge(Some(&value), "INVITE", "sip:1@h", now), Verdict::Stale);
        let later = answer("n2", Algorithm::Md5, "p", "00000002");
        let end = now + Duration::from_secs(61);
        assert_eq!(guard.judge(Some(&later), "INVITE", "sip:1@h", end), Verdict::Stale);
        assert!(guard.challenge(true, tokens(), end)[0].ends_with("stale=true"));
    }

    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        // RFC 2617, section 3.5.
        let offered = vec![Algorithm::Md5];
        let lifetime = Duration::from_mins(1);
        let mut guard =
            Guard::new("testrealm@host.com".into(), "Mufasa".into(), "Circle Of Life".into(), offered, lifetime);
        let now = Instant::now();
        guard.challenge(false, || "dcd98b7102dd2f0e8b11d0f600bfb0c093".to_owned(), now);
        let value = "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, nc=00000001, cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\"";
        assert_eq!(guard.judge(Some(value), "GET", "/dir/index.html", now), Verdict::Good(Algorithm::Md5));
    }
}
