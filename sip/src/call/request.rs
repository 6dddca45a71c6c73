//! The INVITE that begins a call of ours.

use super::{FromForm, Identity, IdentityUri, LegIds, OutboundCall, refresh, serves::allow};
use crate::{
    msg::{Headers, Method, Request, SessionExpires},
    uri::Uri,
};

/// A name of so many characters is cut.
const DISPLAY: usize = 64;

/// The INVITE of a call, without Via and Contact.
pub(super) fn invite(call: &OutboundCall, ids: &LegIds, cseq: u32, min_se: Option<u32>) -> Request {
    let trunk = &call.trunk;
    let policy = &trunk.headers;
    let uri_of = |user: &str| Uri::sip(user, &trunk.domain, None).to_string();
    let caller = uri_of(call.caller.reveal());
    let from = match policy.from {
        FromForm::Account if !trunk.username.is_empty() => uri_of(trunk.account()),
        _ => caller.clone(),
    };
    let callee = trunk.uri.clone().unwrap_or_else(|| uri_of(call.callee.reveal()));
    let mut headers = Headers::with_capacity(1024, 20);
    headers.push("Max-Forwards", "70");
    for hop in &trunk.route {
        headers.push("Route", hop);
    }
    let display = trunk.display.as_deref().map(quoted).unwrap_or_default();
    headers.push_fmt("From", format_args!("{display}<{from}>;tag={}", ids.local_tag));
    headers.push_fmt("To", format_args!("<{callee}>"));
    headers.push("Call-ID", &ids.call_id);
    headers.push_fmt("CSeq", format_args!("{cseq} INVITE"));
    let identity = match policy.identity_uri {
        IdentityUri::Sip => format!("<{caller}>"),
        IdentityUri::Tel => format!("<tel:{}>", call.caller.reveal()),
    };
    match policy.identity {
        Identity::Asserted => headers.push("P-Asserted-Identity", identity),
        Identity::Preferred => headers.push("P-Preferred-Identity", identity),
        Identity::Absent => {}
    }
    if policy.privacy_none {
        headers.push("Privacy", "none");
    }
    for (name, value) in &policy.extra {
        headers.push(name, value);
    }
    headers.push("Allow", allow());
    headers.push("Supported", "100rel, timer");
    let wished = trunk.session_expires.map(|wished| u32::try_from(wished.as_secs()).unwrap_or(u32::MAX));
    if let Some(seconds) = wished.max(min_se) {
        let wished = SessionExpires { delta: seconds.max(refresh::MIN_SE), refresher: None };
        refresh::ask(&mut headers, wished, min_se);
    }
    if !call.offer.is_empty() {
        headers.push("Content-Type", super::session::SDP);
    }
    Request { method: Method::INVITE, uri: callee, headers, body: call.offer.clone().into_bytes() }
}

/// A display name before its address (RFC 3261, 25.1: quoted-string).
fn quoted(name: &str) -> String {
    let mut quoted = String::from("\"");
    for c in name.chars().filter(|c| !c.is_control()).take(DISPLAY) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push_str("\" ");
    quoted
}
