//! The side that is challenged: us against a carrier (RFC 3261, 22.2 and 22.3; RFC 7616, 3.4).

use std::fmt::{self, Write as _};

use super::{
    Challenge, Ha1s, Inputs,
    params::{self, Params, quote},
};
use crate::msg::{Request, Response};

/// Who we are for the carrier. The password is not printed.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// User.
    pub username: &'a str,
    /// Password.
    pub password: &'a str,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// The value of Authorization or Proxy-Authorization for a request with this method,
/// Request-URI as it stands on the wire, and body. `count` is the use of this nonce, from 1;
/// `cnonce` is ours, unforeseeable, without quotes.
pub fn answer(
    challenge: &Challenge,
    who: &Credentials<'_>,
    (method, uri, body): (&str, &str, &[u8]),
    count: u32,
    cnonce: &str,
) -> String {
    let Challenge { realm, nonce, algorithm, session, .. } = challenge;
    let count = format!("{count:08x}");
    let qop = challenge.protection();
    let inputs = Inputs {
        algorithm: *algorithm,
        session: *session,
        nonce,
        qop: qop.map(|qop| (qop, count.as_str())),
        cnonce,
        method,
        uri,
        body,
    };
    let response = inputs.response(&Ha1s::one(*algorithm, who.username, realm, who.password));
    let mut out = format!(
        "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
        quote(who.username),
        quote(realm),
        quote(nonce),
        quote(uri),
    );
    if challenge.named {
        let session = if *session { "-sess" } else { "" };
        let _ = write!(out, ", algorithm={}{session}", algorithm.token());
    }
    if let Some(opaque) = &challenge.opaque {
        let _ = write!(out, ", opaque={}", quote(opaque));
    }
    if let Some(qop) = qop {
        let _ = write!(out, ", qop={}, nc={count}", qop.token());
    }
    if qop.is_some() || *session {
        let _ = write!(out, ", cnonce={}", quote(cnonce));
    }
    out
}

/// A carrier has one realm, its proxies perhaps another; nobody has more than these.
const REALMS: usize = 8;

/// The challenges of one carrier, kept between requests: a nonce is used as long as the
/// carrier takes it, with a growing count (RFC 7616, 3.4), which saves a round trip per call.
#[derive(Debug, Clone, Default)]
pub struct DigestClient {
    known: Vec<Known>,
}

#[derive(Debug, Clone)]
struct Known {
    challenge: Challenge,
    used: u32,
}

impl DigestClient {
    /// Adds the credentials for every realm that challenged us so far; those of an earlier try
    /// go.
    pub fn authorise(&mut self, who: &Credentials<'_>, request: &mut Request, cnonce: &str) {
        let method = request.method.to_string();
        for name in ["Authorization", "Proxy-Authorization"] {
            request.headers.remove(name);
        }
        for known in &mut self.known {
            // A count never returns (RFC 7616, 3.4): the nonce is used up; the carrier gives another.
            let Some(count) = known.used.checked_add(1) else { continue };
            known.used = count;
            let value = answer(&known.challenge, who, (&method, &request.uri, &request.body), count, cnonce);
            request.headers.push(known.challenge.answer_header(), value);
        }
    }

    /// A 401 or 407 came for `sent`. True when another try with [`DigestClient::authorise`]
    /// makes sense; false when nothing in it can be answered, or the carrier knows our answer
    /// and does not take it: the password is wrong (RFC 3261, 22.2). Whoever calls bounds the
    /// tries of one request (the first, one with credentials for each realm, one for an old nonce).
    pub fn challenged(&mut self, sent: &Request, response: &Response) -> bool {
        let mut best: Vec<Challenge> = Vec::new();
        for new in Challenge::all(response.status, &response.headers) {
            match best.iter_mut().find(|old| old.realm == new.realm) {
                Some(old) if new.stronger(old) => *old = new,
                Some(_) => {}
                None => best.push(new),
            }
        }
        best.truncate(REALMS);
        let again = !best.is_empty() && best.iter().all(|new| self.may_try(new, sent));
        for challenge in best {
            let same =
                |known: &Known| known.challenge.realm == challenge.realm && known.challenge.proxy == challenge.proxy;
            let at = self.known.iter().position(same);
            match at.and_then(|at| self.known.get_mut(at)) {
                // The same nonce goes on counting.
                Some(known) if known.challenge.nonce == challenge.nonce => known.challenge = challenge,
                Some(known) => *known = Known { challenge, used: 0 },
                None => {
                    if self.known.len() >= REALMS {
                        self.known.remove(0);
                    }
                    self.known.push(Known { challenge, used: 0 });
                }
            }
        }
        again
    }

    /// A final answer came. The carrier may give the next nonce with it (RFC 7616, 3.5).
    pub fn answered(&mut self, response: &Response) {
        for (name, proxy) in [("Authentication-Info", false), ("Proxy-Authentication-Info", true)] {
            let Some(value) = response.headers.get(name) else { continue };
            let Some(next) = Params::read(value).get("nextnonce").map(str::to_owned) else { continue };
            // Which realm it is of stands nowhere: only with one there is no doubt.
            let mut of = self.known.iter_mut().filter(|known| known.challenge.proxy == proxy);
            if let (Some(known), None) = (of.next(), of.next())
                && known.challenge.nonce != next
            {
                known.challenge.nonce = next;
                known.used = 0;
            }
        }
    }

    /// Whether this challenge is worth an answer after what `sent` said to its realm.
    fn may_try(&self, new: &Challenge, sent: &Request) -> bool {
        let said = sent
            .headers
            .all(new.answer_header())
            .filter_map(params::digest)
            .map(Params::read)
            .find(|said| said.get("realm") == Some(&new.realm));
        let Some(said) = said else { return true };
        let nonce = said.get("nonce");
        // Old, or used before: carriers with nonces for one use do not all say `stale`, and
        // without qop no count goes with an answer but ours.
        let fresh = match said.get("nc") {
            Some(count) => u32::from_str_radix(count, 16) == Ok(1),
            None => self.known.iter().any(|known| {
                let Known { challenge, used } = known;
                let same = challenge.realm == new.realm && challenge.proxy == new.proxy;
                same && nonce == Some(&challenge.nonce) && *used <= 1
            }),
        };
        new.stale || (!fresh && nonce != Some(&new.nonce))
    }

    /// Forgets every nonce: the credentials changed.
    pub fn forget(&mut self) {
        self.known.clear();
    }
}
