//! Dialogs (RFC 3261, 12) as the caller of the INVITE keeps them.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    flow::Flow,
    msg::{Headers, Method, Request, Response},
    uri::{NameAddr, Uri},
};

/// One dialog, early or confirmed, of one fork.
#[derive(Debug, Clone)]
pub(super) struct Dialog {
    pub(super) remote_tag: String,
    remote_target: String,
    route_set: Vec<String>,
    from: String,
    to: String,
    call_id: String,
    pub(super) local_cseq: u32,
    pub(super) remote_cseq: Option<u32>,
    flow: Flow,
    /// ACK of the 2xx, sent again for each repeat.
    pub(super) ack: Option<Bytes>,
    /// Last reliable provisional that was acknowledged (RFC 3262).
    pub(super) rseq: Option<u32>,
}

/// A confirmed dialog as it is kept for another run (RFC 3261, 12).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedDialog {
    remote_tag: String,
    remote_target: String,
    route_set: Vec<String>,
    from: String,
    to: String,
    local_cseq: u32,
    flow: Flow,
    /// It may not have gone out, and an answer that is repeated wants the same again.
    ack: String,
}

impl Dialog {
    pub(super) fn save(&self) -> SavedDialog {
        SavedDialog {
            remote_tag: self.remote_tag.clone(),
            remote_target: self.remote_target.clone(),
            route_set: self.route_set.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            local_cseq: self.local_cseq,
            flow: self.flow,
            ack: String::from_utf8_lossy(self.ack.as_deref().unwrap_or_default()).into_owned(),
        }
    }

    /// The dialog of another run.
    pub(super) fn take_up(saved: &SavedDialog, call_id: &str) -> Self {
        let mut dialog = Self {
            remote_tag: saved.remote_tag.clone(),
            remote_target: saved.remote_target.clone(),
            route_set: saved.route_set.clone(),
            from: saved.from.clone(),
            to: saved.to.clone(),
            call_id: call_id.to_owned(),
            local_cseq: saved.local_cseq,
            remote_cseq: None,
            flow: saved.flow,
            ack: Some(saved.ack.clone().into()),
            rseq: None,
        };
        dialog.skip_numbers();
        dialog
    }

    /// Requests of another run that were not kept (a PRACK, a BYE) may have used later numbers:
    /// ours jump over them.
    pub(super) fn skip_numbers(&mut self) {
        self.local_cseq = self.local_cseq.saturating_add(10);
    }

    /// The dialog that a response to our INVITE begins; none without a tag in To.
    pub(super) fn begin(invite: &Request, response: &Response, flow: Flow) -> Option<Self> {
        let to = response.headers.get("To")?.to_owned();
        let remote_tag = NameAddr::parse(&to)?.tag()?.to_owned();
        let mut route_set: Vec<String> = response.headers.list("Record-Route").map(str::to_owned).collect();
        route_set.reverse();
        Some(Self {
            remote_tag,
            remote_target: contact(&response.headers).unwrap_or_else(|| invite.uri.clone()),
            route_set,
            from: invite.headers.get("From")?.to_owned(),
            to,
            call_id: invite.headers.get("Call-ID")?.to_owned(),
            local_cseq: invite.headers.cseq()?.0,
            remote_cseq: None,
            flow,
            ack: None,
            rseq: None,
        })
    }

    /// A later message may move the other end (12.2.1.2).
    pub(super) fn refresh_target(&mut self, headers: &Headers) {
        if let Some(target) = contact(headers) {
            self.remote_target = target;
        }
    }

    /// A request inside this dialog, without Via and Contact (12.2.1.1).
    pub(super) fn request(&self, method: Method, cseq: u32) -> Request {
        let mut headers = Headers::default();
        headers.push("Max-Forwards", "70");
        for route in &self.route_set {
            headers.push("Route", route);
        }
        headers.push("From", &self.from);
        headers.push("To", &self.to);
        headers.push("Call-ID", &self.call_id);
        headers.push("CSeq", format!("{cseq} {method}"));
        Request { method, uri: self.remote_target.clone(), headers, body: Vec::new() }
    }

    /// Where requests go: the first hop of the route set, else the remote target, when
    /// they are addresses; else where the last message came from.
    pub(super) fn next_hop(&self) -> Flow {
        let first = match self.route_set.first() {
            Some(route) => NameAddr::parse(route).map(|route| route.uri),
            None => Uri::parse(&self.remote_target),
        };
        first
            .and_then(|uri| Some(SocketAddr::new(uri.host.parse::<IpAddr>().ok()?, uri.port.unwrap_or(5060))))
            .filter(|_| !self.flow.is_reliable())
            .map_or(self.flow, Flow::udp)
    }
}

fn contact(headers: &Headers) -> Option<String> {
    let contact = headers.list("Contact").next()?;
    NameAddr::parse(contact).map(|contact| contact.uri.to_string())
}
