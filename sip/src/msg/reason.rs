//! Reason (RFC 3326).

use super::{Headers, text};

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// `SIP`, `Q.850` or another word, as written.
    pub protocol: String,
    /// Status code or Q.850 cause.
    pub cause: Option<u16>,
    /// Words for people.
    pub text: Option<String>,
}

impl Reason {
    /// A cause of Q.850.
    pub fn q850(cause: u8) -> Self {
        Self { protocol: "Q.850".into(), cause: Some(cause.into()), text: None }
    }

    /// A status of SIP.
    pub fn sip(status: u16) -> Self {
        Self { protocol: "SIP".into(), cause: Some(status), text: Some(super::reason(status).into()) }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.protocol)?;
        if let Some(cause) = self.cause {
            write!(f, ";cause={cause}")?;
        }
        match &self.text {
            Some(text) => write!(f, ";text=\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            None => Ok(()),
        }
    }
}

/// The reasons of a message; those that name no protocol are left out.
pub fn reasons(headers: &Headers) -> impl Iterator<Item = Reason> + '_ {
    headers.list("Reason").filter_map(|value| {
        let (protocol, tail) = value.split_at(value.find(';').unwrap_or(value.len()));
        let protocol = protocol.trim();
        let named = !protocol.is_empty() && protocol.bytes().all(text::is_token);
        named.then(|| Reason {
            protocol: protocol.to_owned(),
            cause: text::param(tail, "cause").and_then(text::digits),
            text: text::raw_param(tail, "text").map(text::unquoted),
        })
    })
}

/// The cause of Q.850, 1 to 127, where one is told.
pub fn q850(headers: &Headers) -> Option<u8> {
    let told = reasons(headers).find(|reason| reason.protocol.eq_ignore_ascii_case("Q.850"))?;
    u8::try_from(told.cause?).ok().filter(|cause| (1..=127).contains(cause))
}

/// Causes of Q.850 that only the callee's exchange can know: unallocated, normal clearing,
/// busy, no response, no answer, absent, rejected, changed, out of order, incomplete.
const OF_THE_CALLEE: [u8; 11] = [1, 16, 17, 18, 19, 20, 21, 22, 26, 27, 28];

/// Whether the callee's exchange speaks, whatever status that became on the way (RFC 3398,
/// 8.2.6.1).
pub(crate) fn is_of_the_callee(cause: u8) -> bool {
    OF_THE_CALLEE.contains(&cause)
}
