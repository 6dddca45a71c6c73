//! What a call serves, and the answer to a request that asks for more (RFC 3261, 8.2).

use std::sync::LazyLock;

use crate::{
    msg::{Method, Request, Response},
    wire::{self, Serves},
};

/// What we do inside a dialog. Transfers are the house's own: nobody may ask for one (REFER, Replaces).
const METHODS: &[Method] = &[
    Method::INVITE,
    Method::ACK,
    Method::BYE,
    Method::CANCEL,
    Method::OPTIONS,
    Method::PRACK,
    Method::UPDATE,
    Method::INFO,
];
static ALLOW: LazyLock<String> = LazyLock::new(|| METHODS.iter().map(Method::to_string).collect::<Vec<_>>().join(", "));

/// The value of `Allow`.
pub(super) fn allow() -> &'static str {
    &ALLOW
}

/// What we serve.
pub(super) const SERVES: Serves<'static> =
    Serves { methods: METHODS, extensions: &["100rel", "timer"], bodies: &["application/sdp"] };

/// The answer to what no state could make right: 405, 406, 415, 420, 501.
pub(super) fn refused(request: &Request, tag: &str) -> Option<Response> {
    let defect = SERVES.inspect(request)?;
    wire::refuse(request, &[defect], SERVES, tag)
}
