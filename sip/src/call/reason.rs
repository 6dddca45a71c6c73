//! Reason (RFC 3326): why a call is ended, as SIP and as the exchanges (Q.850) say it.

use crate::msg;

/// Why a leg is ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reason {
    /// Cause of Q.850, 1 to 127.
    pub q850: Option<u8>,
    /// SIP status, such as 200 for a call that was completed elsewhere.
    pub sip: Option<u16>,
}

impl Reason {
    /// Value of the header; none when nothing is said.
    pub(super) fn print(self) -> Option<String> {
        match (self.q850.map(msg::Reason::q850), self.sip.map(msg::Reason::sip)) {
            (Some(q850), Some(sip)) => Some(format!("{q850}, {sip}")),
            (one, other) => one.or(other).map(|reason| reason.to_string()),
        }
    }
}
