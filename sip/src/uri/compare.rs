//! Whether two URIs name the same (RFC 3261, 19.1.4; RFC 3966, 4).

use super::Uri;

/// Parameters that must stand in both or in none.
const BOTH: [&str; 4] = ["user", "ttl", "method", "maddr"];

impl Uri {
    /// Whether they are equivalent: escapes, case and order aside. It is no equivalence in the
    /// sense of mathematics: a parameter that stands in one only is mostly overlooked.
    pub fn matches(&self, other: &Self) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        if self.host.is_empty() && other.host.is_empty() {
            return self.same_number(other);
        }
        plain(&self.user) == plain(&other.user)
            && self.host.eq_ignore_ascii_case(&other.host)
            && self.port == other.port
            && self.params_agree(other)
            && other.params_agree(self)
            && self.headers_in(other)
            && other.headers_in(self)
    }

    /// Every parameter of ours that stands there too has the same value there; some must.
    fn params_agree(&self, other: &Self) -> bool {
        pairs(self.params()).all(|(name, value)| match other.has(name, value) {
            Some(same) => same,
            None => !BOTH.iter().any(|both| plain(name).eq_ignore_ascii_case(both)),
        })
    }

    /// Whether a parameter has this value; none where it is missing.
    fn has(&self, name: &str, value: &str) -> Option<bool> {
        let name = plain(name);
        let mut named = pairs(self.params()).filter(|(theirs, _)| plain(theirs).eq_ignore_ascii_case(&name)).peekable();
        named.peek()?;
        Some(named.any(|(_, theirs)| plain(theirs).eq_ignore_ascii_case(&plain(value))))
    }

    fn headers_in(&self, other: &Self) -> bool {
        self.headers().all(|(name, value)| {
            other
                .headers()
                .any(|(theirs, same)| plain(name).eq_ignore_ascii_case(&plain(theirs)) && plain(value) == plain(same))
        })
    }

    /// Numbers of `tel` without their layout; every parameter counts. Of other schemes we
    /// know no rules.
    fn same_number(&self, other: &Self) -> bool {
        if self.scheme != "tel" {
            return self.user == other.user && self.tail == other.tail;
        }
        let digits = |user: &str| user.replace(['-', '.', '(', ')'], "").to_ascii_lowercase();
        let told = |one: &Self, by: &Self| pairs(one.params()).all(|(name, value)| by.has(name, value) == Some(true));
        digits(&self.user) == digits(&other.user) && told(self, other) && told(other, self)
    }
}

fn pairs(params: &str) -> impl Iterator<Item = (&str, &str)> {
    params.split(';').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// Escapes taken out where they stand for a character that may stand for itself; those of
/// reserved characters stay, in capitals.
fn plain(text: &str) -> String {
    unescape(text, |byte| !b";/?:@&=+$,%".contains(&byte))
}

/// Every escape taken out; what is not UTF-8 then is replaced.
pub(crate) fn decoded(text: &str) -> String {
    unescape(text, |_| true)
}

fn unescape(text: &str, take_out: impl Fn(u8) -> bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten().and_then(|pair| {
            let digit = |b: u8| char::from(b).to_digit(16);
            Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8)
        });
        match escaped {
            Some(byte) if take_out(byte) => out.push(byte),
            Some(_) => out.extend(bytes[at..at + 3].to_ascii_uppercase()),
            None => out.push(bytes[at]),
        }
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
}
