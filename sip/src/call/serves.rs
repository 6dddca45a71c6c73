//! What a call serves, and the answer to a request that asks for more (RFC 3261, 8.2).

use std::sync::LazyLock;

use crate::{
    msg::{Method, Request, Response},
    wire::{self, Serves},
};

/// What we do inside a dialog; behind it what only a telephone of the house may ask.
const METHODS: &[Method] = &[
    Method::INVITE,
    Method::ACK,
    Method::BYE,
    Method::CANCEL,
    Method::OPTIONS,
    Method::PRACK,
    Method::UPDATE,
    Method::INFO,
    Method::REFER,
];
/// So many of them are for everybody.
const FOR_ALL: usize = 8;
/// `Allow` for a carrier, and for a telephone of the house.
static ALLOW: LazyLock<[String; 2]> = LazyLock::new(|| {
    [&METHODS[..FOR_ALL], METHODS].map(|methods| methods.iter().map(Method::to_string).collect::<Vec<_>>().join(", "))
});
/// Option tags; the last is for telephones of the house.
const EXTENSIONS: &[&str] = &["100rel", "timer", "replaces"];

/// The value of `Allow` for one peer.
pub(super) fn allow(phone: bool) -> &'static str {
    &ALLOW[usize::from(phone)]
}

/// What one peer is served.
pub(super) fn serves(phone: bool) -> Serves<'static> {
    let (methods, extensions) = if phone { (METHODS, EXTENSIONS) } else { (&METHODS[..FOR_ALL], &EXTENSIONS[..2]) };
    Serves { methods, extensions, bodies: &["application/sdp"] }
}

/// The answer to what no state could make right: 405, 406, 415, 420, 501.
pub(super) fn refused(request: &Request, phone: bool, tag: &str) -> Option<Response> {
    let defect = serves(phone).inspect(request)?;
    wire::refuse(request, &[defect], serves(phone), tag)
}
