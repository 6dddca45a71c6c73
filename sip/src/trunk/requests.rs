//! REGISTER (RFC 3261, 10.2) and OPTIONS (RFC 3261, 11.1) of a trunk, without Via.

use std::{net::SocketAddr, time::Duration};

use super::TrunkSettings;
use crate::{
    call::account,
    flow::Protocol,
    msg::{Headers, Method, Request},
    uri::Uri,
};

/// What names a request beside the account.
pub(super) struct Ids<'a> {
    pub(super) call_id: &'a str,
    pub(super) tag: &'a str,
    pub(super) cseq: u32,
}

/// Where requests to the account shall go.
/// Where the trunk has no account, `nobody` is asked for.
pub(super) fn contact(settings: &TrunkSettings, local: SocketAddr, nobody: &str) -> Uri {
    let user = Some(account(&settings.username)).filter(|user| !user.is_empty()).unwrap_or(nobody);
    let mut uri = Uri::sip(user, &local.ip().to_string(), Some(local.port()));
    if settings.protocol != Protocol::Udp {
        uri.tail = format!(";transport={}", settings.protocol.via().to_ascii_lowercase());
    }
    uri
}

pub(super) fn register(settings: &TrunkSettings, ids: &Ids<'_>, contact: &Uri, expires: Duration) -> Request {
    let mut request = request(settings, ids, Method::REGISTER, contact);
    let expires = expires.as_secs();
    request.headers.push("Contact", format!("<{contact}>;expires={expires}"));
    request.headers.push("Expires", expires.to_string());
    request
}

pub(super) fn options(settings: &TrunkSettings, ids: &Ids<'_>, contact: &Uri) -> Request {
    let mut request = request(settings, ids, Method::OPTIONS, contact);
    request.headers.push("Contact", format!("<{contact}>"));
    request.headers.push("Accept", "application/sdp");
    request
}

fn request(settings: &TrunkSettings, ids: &Ids<'_>, method: Method, contact: &Uri) -> Request {
    let domain = &settings.domain;
    let account = Uri::sip(&contact.user, domain, None);
    let mut headers = Headers::default();
    headers.push("Max-Forwards", "70");
    headers.push("From", format!("<{account}>;tag={}", ids.tag));
    headers.push("To", if method == Method::REGISTER { format!("<{account}>") } else { format!("<sip:{domain}>") });
    headers.push("Call-ID", ids.call_id);
    headers.push("CSeq", format!("{} {method}", ids.cseq));
    Request { method, uri: format!("sip:{domain}"), headers, body: Vec::new() }
}
