//! Dialogs (RFC 3261, 12), as caller and as called side keep them.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::refresh::Refresh;
use crate::{
    flow::{Flow, Protocol},
    msg::{Headers, Method, Request, Response},
    uri::{NameAddr, Uri},
};

/// Whose offer waits for its answer (RFC 3264, 4): never more than one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Offer {
    /// Nobody's.
    #[default]
    None,
    /// Ours.
    Ours,
    /// The other end's.
    Theirs,
}

/// An ACK of ours, sent again for each repeat of the 2xx.
#[derive(Debug, Clone)]
pub(super) struct Ack {
    pub(super) cseq: u32,
    pub(super) bytes: Bytes,
}

/// One dialog, early or confirmed, of one fork.
#[derive(Debug, Clone)]
pub(super) struct Dialog {
    pub(super) remote_tag: String,
    remote_target: String,
    route_set: Vec<String>,
    /// From of our requests.
    local: String,
    /// To of our requests.
    remote: String,
    call_id: String,
    pub(super) local_cseq: u32,
    pub(super) remote_cseq: Option<u32>,
    flow: Flow,
    /// Of the INVITE that began it; of a later one.
    pub(super) ack: Option<Ack>,
    pub(super) later_ack: Option<Ack>,
    /// Last reliable provisional that was acknowledged (RFC 3262).
    pub(super) rseq: Option<u32>,
    pub(super) offer: Offer,
    /// The first offer was answered for good.
    pub(super) agreed: bool,
    /// What the other end described last.
    pub(super) remote_sdp: String,
    /// The other end takes UPDATE (RFC 3311).
    pub(super) updates: bool,
    /// Its session timer (RFC 4028).
    pub(super) refresh: Option<Refresh>,
}

/// A confirmed dialog as it is kept for another run (RFC 3261, 12).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedDialog {
    remote_tag: String,
    remote_target: String,
    route_set: Vec<String>,
    local: String,
    remote: String,
    local_cseq: u32,
    flow: Flow,
    /// It may not have gone out, and an answer that is repeated wants the same again. Empty
    /// where the other end called.
    ack: String,
    ack_cseq: u32,
}

impl Dialog {
    pub(super) fn save(&self) -> SavedDialog {
        let ack = self.ack.as_ref();
        SavedDialog {
            remote_tag: self.remote_tag.clone(),
            remote_target: self.remote_target.clone(),
            route_set: self.route_set.clone(),
            local: self.local.clone(),
            remote: self.remote.clone(),
            local_cseq: self.local_cseq,
            flow: self.flow,
            ack: ack.map_or_else(String::new, |ack| String::from_utf8_lossy(&ack.bytes).into_owned()),
            ack_cseq: ack.map_or(0, |ack| ack.cseq),
        }
    }

    /// The dialog of another run.
    pub(super) fn take_up(saved: &SavedDialog, call_id: &str) -> Self {
        let ack = Ack { cseq: saved.ack_cseq, bytes: saved.ack.clone().into() };
        let mut dialog = Self {
            remote_tag: saved.remote_tag.clone(),
            remote_target: saved.remote_target.clone(),
            route_set: saved.route_set.clone(),
            local: saved.local.clone(),
            remote: saved.remote.clone(),
            local_cseq: saved.local_cseq,
            ack: (!saved.ack.is_empty()).then_some(ack),
            ..Self::new(call_id, Flow { connection: 0, ..saved.flow })
        };
        dialog.skip_numbers();
        dialog
    }

    fn new(call_id: &str, flow: Flow) -> Self {
        Self {
            remote_tag: String::new(),
            remote_target: String::new(),
            route_set: Vec::new(),
            local: String::new(),
            remote: String::new(),
            call_id: call_id.to_owned(),
            local_cseq: 0,
            remote_cseq: None,
            flow,
            ack: None,
            later_ack: None,
            rseq: None,
            offer: Offer::None,
            agreed: false,
            remote_sdp: String::new(),
            updates: false,
            refresh: None,
        }
    }

    /// Requests of another run that were not kept (a PRACK, a BYE) may have used later numbers:
    /// ours jump over them.
    pub(super) fn skip_numbers(&mut self) {
        self.local_cseq = self.local_cseq.saturating_add(10);
    }

    /// The dialog that a response to our INVITE begins; none without a tag in To.
    pub(super) fn of_response(invite: &Request, response: &Response, flow: Flow) -> Option<Self> {
        let to = response.headers.get("To")?;
        let mut route_set: Vec<String> = response.headers.list("Record-Route").map(str::to_owned).collect();
        route_set.reverse();
        Some(Self {
            // A peer of RFC 2543 has none (RFC 3261, 12.1.2).
            remote_tag: NameAddr::parse(to)?.tag().unwrap_or_default().to_owned(),
            remote_target: contact(&response.headers).unwrap_or_else(|| invite.uri.clone()),
            route_set,
            local: invite.headers.get("From")?.to_owned(),
            remote: to.to_owned(),
            local_cseq: invite.headers.cseq()?.0,
            offer: if invite.body.is_empty() { Offer::None } else { Offer::Ours },
            ..Self::new(invite.headers.get("Call-ID")?, flow)
        })
    }

    /// The dialog that an INVITE of the other end begins; none when it says too little.
    pub(super) fn of_request(invite: &Request, tag: &str, flow: Flow) -> Option<Self> {
        let from = invite.headers.get("From")?;
        let parsed = NameAddr::parse(from)?;
        Some(Self {
            // A peer of RFC 2543 has none.
            remote_tag: parsed.tag().unwrap_or_default().to_owned(),
            remote_target: contact(&invite.headers).unwrap_or_else(|| parsed.uri.to_string()),
            route_set: invite.headers.list("Record-Route").map(str::to_owned).collect(),
            local: format!("{};tag={tag}", invite.headers.get("To")?),
            remote: from.to_owned(),
            remote_cseq: Some(invite.headers.cseq()?.0),
            ..Self::new(invite.headers.get("Call-ID")?, flow)
        })
    }

    /// A later message may move the other end (12.2.1.2), and tells what it can do.
    pub(super) fn refresh_target(&mut self, headers: &Headers) {
        if let Some(target) = contact(headers) {
            self.remote_target = target;
        }
        if headers.get("Allow").is_some() {
            self.updates = headers.lists("Allow", "UPDATE");
        }
    }

    /// The next request inside this dialog, without Via (12.2.1.1).
    pub(super) fn next(&mut self, method: Method) -> Request {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.request(method, self.local_cseq)
    }

    /// A request inside this dialog with this number, without Via (12.2.1.1).
    pub(super) fn request(&self, method: Method, cseq: u32) -> Request {
        let mut headers = Headers::default();
        headers.push("Max-Forwards", "70");
        let mut uri = self.remote_target.clone();
        let mut routes: Vec<&str> = self.route_set.iter().map(String::as_str).collect();
        let strict =
            routes.first().and_then(|first| NameAddr::parse(first)).filter(|first| first.uri.param("lr").is_none());
        let last = format!("<{}>", self.remote_target);
        if let Some(first) = strict {
            // A strict router of RFC 2543 is named by the Request-URI (12.2.1.1).
            uri = first.uri.to_string();
            routes.remove(0);
            routes.push(&last);
        }
        for route in routes {
            headers.push("Route", route);
        }
        headers.push("From", &self.local);
        headers.push("To", &self.remote);
        headers.push("Call-ID", &self.call_id);
        headers.push("CSeq", format!("{cseq} {method}"));
        Request { method, uri, headers, body: Vec::new() }
    }

    /// Where requests go: the first hop of the route set, else the remote target, when
    /// they are addresses; else where the last message came from.
    pub(super) fn next_hop(&self) -> Flow {
        // A connection is used again (RFC 5923; RFC 5626, 5.3; RFC 7118, 5).
        if self.flow.is_reliable() { self.flow } else { self.named_hop().unwrap_or(self.flow) }
    }

    /// Whether what comes by this flow may belong to it: a dialog that began under TLS stays there.
    pub(super) fn admits(&self, from: &Flow) -> bool {
        from.is_secure() || !self.flow.is_secure()
    }

    /// The connection is no more: requests go where the other end says that it is reached.
    pub(super) fn lost(&mut self, lost: &Flow) {
        if self.flow.connection == lost.connection && self.flow.protocol == lost.protocol {
            // What was said over TLS, keys of sound among it, is never said in the clear.
            let named = self.named_hop().filter(|hop| !self.flow.is_secure() || hop.is_secure());
            self.flow = named.unwrap_or(Flow { connection: 0, ..self.flow });
        }
    }

    /// The first hop of the route set, else the remote target, when it is an address that can
    /// be reached.
    fn named_hop(&self) -> Option<Flow> {
        let uri = match self.route_set.first() {
            Some(route) => NameAddr::parse(route).map(|route| route.uri),
            None => Uri::parse(&self.remote_target),
        }?;
        let ip = uri.host.parse::<IpAddr>().ok()?;
        // Behind a NAT: what it calls its address leads nowhere (RFC 3581).
        if is_private(ip) && !is_private(self.flow.ip()) {
            return None;
        }
        let protocol = match uri.param("transport") {
            Some(name) if name.eq_ignore_ascii_case("tcp") => Protocol::Tcp,
            Some(name) if name.eq_ignore_ascii_case("tls") => Protocol::Tls,
            // Nobody but a phone itself opens its WebSocket (RFC 7118, 5).
            Some(name) if name.eq_ignore_ascii_case("ws") || name.eq_ignore_ascii_case("wss") => return None,
            _ if uri.scheme == "sips" => Protocol::Tls,
            _ => Protocol::Udp,
        };
        let port = uri.port.unwrap_or(protocol.port());
        Some(Flow::to(protocol, SocketAddr::new(ip, port)))
    }
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified(),
    }
}

fn contact(headers: &Headers) -> Option<String> {
    let contact = headers.list("Contact").next()?;
    NameAddr::parse(contact).map(|contact| contact.uri.to_string())
}
