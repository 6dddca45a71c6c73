//! Digest authentication of the caller (RFC 2617, RFC 7616, RFC 8760).

use std::fmt::Write as _;

use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::msg::Headers;

/// A hash of the digest scheme, from weak to strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// MD5.
    Md5,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex::encode(Md5::digest(text.as_bytes())),
            Self::Sha256 => hex::encode(Sha256::digest(text.as_bytes())),
        }
    }

    fn token(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }
}

/// A challenge that we can answer.
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
    /// The session variant.
    pub session: bool,
    /// `qop=auth` is offered.
    pub qop_auth: bool,
    /// The nonce was right but old.
    pub stale: bool,
    /// 407: the answer goes into Proxy-Authorization.
    pub proxy: bool,
}

impl Challenge {
    /// The strongest challenge of a 401 or 407 that we can answer.
    pub fn strongest(status: u16, headers: &Headers) -> Option<Self> {
        let proxy = status == 407;
        let name = if proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
        headers.all(name).filter_map(|value| Self::parse(value, proxy)).max_by_key(|challenge| challenge.algorithm)
    }

    /// Reads one challenge; none for another scheme, hash or protection than ours.
    pub fn parse(value: &str, proxy: bool) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let params = params(rest);
        let get =
            |name: &str| params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
        let named = get("algorithm").unwrap_or("MD5").to_ascii_uppercase();
        let (base, session) = match named.strip_suffix("-SESS") {
            Some(base) => (base.to_owned(), true),
            None => (named, false),
        };
        let algorithm = match base.as_str() {
            "MD5" => Algorithm::Md5,
            "SHA-256" => Algorithm::Sha256,
            _ => return None,
        };
        let qop = get("qop");
        let qop_auth = qop.is_some_and(|qop| qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth")));
        // Only auth-int offered: not ours to answer.
        if qop.is_some() && !qop_auth {
            return None;
        }
        Some(Self {
            realm: get("realm")?.to_owned(),
            nonce: get("nonce")?.to_owned(),
            opaque: get("opaque").map(str::to_owned),
            algorithm,
            session,
            qop_auth,
            stale: get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            proxy,
        })
    }
}

/// `a=b, c="d, e"` as pairs.
fn params(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while let Some((key, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = if let Some(quoted) = after.strip_prefix('"') {
            let mut value = String::new();
            let mut chars = quoted.char_indices();
            let mut end = quoted.len();
            while let Some((at, c)) = chars.next() {
                match c {
                    '\\' => value.extend(chars.next().map(|(_, c)| c)),
                    '"' => {
                        end = at + 1;
                        break;
                    }
                    _ => value.push(c),
                }
            }
            (value, &quoted[end.min(quoted.len())..])
        } else {
            let end = after.find(',').unwrap_or(after.len());
            (after[..end].trim().to_owned(), &after[end..])
        };
        found.push((key.trim().trim_start_matches(',').trim().to_owned(), value));
        rest = next.trim_start_matches([',', ' ', '\t']);
        if found.len() > 32 {
            break;
        }
    }
    found
}

/// Who we are for the carrier.
#[derive(Debug, Clone)]
pub struct Credentials<'a> {
    /// User.
    pub username: &'a str,
    /// Password.
    pub password: &'a str,
}

/// The value of Authorization or Proxy-Authorization. `count` is the use of this nonce,
/// from 1; `cnonce` is ours.
pub fn answer(
    challenge: &Challenge,
    who: &Credentials<'_>,
    method: &str,
    uri: &str,
    count: u32,
    cnonce: &str,
) -> String {
    let hash = |text: &str| challenge.algorithm.hash(text);
    let mut a1 = hash(&format!("{}:{}:{}", who.username, challenge.realm, who.password));
    if challenge.session {
        a1 = hash(&format!("{a1}:{}:{cnonce}", challenge.nonce));
    }
    let a2 = hash(&format!("{method}:{uri}"));
    let response = if challenge.qop_auth {
        hash(&format!("{a1}:{}:{count:08x}:{cnonce}:auth:{a2}", challenge.nonce))
    } else {
        hash(&format!("{a1}:{}:{a2}", challenge.nonce))
    };
    let token = challenge.algorithm.token();
    let session = if challenge.session { "-sess" } else { "" };
    let mut out = format!(
        "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", algorithm={token}{session}",
        quote(who.username),
        quote(&challenge.realm),
        quote(&challenge.nonce)
    );
    if let Some(opaque) = &challenge.opaque {
        let _ = write!(out, ", opaque=\"{}\"", quote(opaque));
    }
    if challenge.qop_auth {
        let _ = write!(out, ", qop=auth, nc={count:08x}, cnonce=\"{cnonce}\"");
    } else if challenge.session {
        let _ = write!(out, ", cnonce=\"{cnonce}\"");
    }
    out
}

fn quote(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
