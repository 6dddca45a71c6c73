//! The INVITE that begins a call of ours, and where a 3xx may lead it.

use std::net::{IpAddr, SocketAddr};

use super::{FromForm, Identity, IdentityUri, LegIds, OutboundCall, post::allow, refresh};
use crate::{
    flow::Flow,
    msg::{Headers, Method, Request, SessionExpires},
    number::Number,
    uri::{NameAddr, Uri},
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
    headers.push("Allow", allow(trunk.phone));
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

/// Where a 3xx leads: to the same number on a host of the same trunk, or nowhere. Another
/// number would be another person. A telephone of the house leads nowhere: it has no host.
pub(super) fn same_number_elsewhere(call: &OutboundCall, target: Flow, headers: &Headers) -> Option<Flow> {
    if call.trunk.uri.is_some() {
        return None;
    }
    headers.list("Contact").filter_map(NameAddr::parse).find_map(|contact| {
        let uri = contact.uri;
        let user = uri.user.split(';').next().unwrap_or_default();
        if Number::new(user) != call.callee || uri.scheme != "sip" {
            return None;
        }
        let proxy = call.trunk.proxy.rsplit_once(':').map_or(call.trunk.proxy.as_str(), |(host, _)| host);
        let named = [proxy.trim_matches(['[', ']']), call.trunk.domain.as_str()];
        let address = uri.host.parse::<IpAddr>().ok();
        let same_address = address == Some(target.ip());
        let ours = same_address
            || named.iter().any(|host| host.eq_ignore_ascii_case(&uri.host))
            || call.trunk.hosts.iter().any(|host| host.eq_ignore_ascii_case(&uri.host));
        if !ours {
            return None;
        }
        let port = uri.port.unwrap_or(5060);
        let remote = SocketAddr::new(address.unwrap_or_else(|| target.ip()), port);
        // A connection leads to one place.
        let connection = if remote == target.remote { target.connection } else { 0 };
        Some(Flow { remote, connection, ..target })
    })
}
