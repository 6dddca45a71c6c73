//! Reliable provisional responses (RFC 3262) and Retry-After (RFC 3261, 20.33).

use super::{Headers, Method, text};

/// What a PRACK acknowledges (RFC 3262, 7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    /// `RSeq` of the provisional response.
    pub rseq: u32,
    /// Number of the `CSeq` of the request.
    pub cseq: u32,
    /// Its method.
    pub method: Method,
}

impl RAck {
    /// Reads the `RAck` of a PRACK.
    pub fn of(headers: &Headers) -> Option<Self> {
        let mut words = headers.get("RAck")?.split_ascii_whitespace();
        let (rseq, cseq) = (text::digits(words.next()?)?, text::digits(words.next()?)?);
        let method = Method::parse(words.next()?);
        words.next().is_none().then_some(Self { rseq, cseq, method })
    }
}

/// The `RSeq` of a provisional response that wants its PRACK (RFC 3262, 3).
pub fn rseq(headers: &Headers) -> Option<u32> {
    if !headers.lists("Require", "100rel") {
        return None;
    }
    text::digits(headers.get("RSeq")?).filter(|number| *number > 0)
}

/// Seconds of Retry-After; comment and parameters may follow.
pub fn retry_after(headers: &Headers) -> Option<u32> {
    let value = headers.get("Retry-After")?;
    text::seconds(value.split([' ', '\t', ';', '(']).next()?)
}
