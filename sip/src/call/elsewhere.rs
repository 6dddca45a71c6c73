//! The other hosts of a trunk: tried when the one before fails (RFC 3263, 4.3), and where a 3xx
//! may lead (RFC 3261, 8.1.3.4). Only before it rings anywhere: a second call would ring again.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use super::{
    LegEvent, Out,
    leg::{Call, State, Way},
    outgoing::Outgoing,
    post::Post,
};
use crate::{
    flow::{Flow, Protocol},
    msg::{Headers, Response, is_of_the_callee, q850, retry_after},
    number::Number,
    transport::{CONNECT, Destination},
    tx::{Key, Layer},
    uri::NameAddr,
};

/// Another host of the trunk is asked so often (a 3xx).
const MAX_HOPS: u32 = 3;

/// Where there is another host, one that says nothing for so long, not even 100, is left: by now
/// the INVITE went out four times. Timer B would let somebody wait for 32 seconds.
const PATIENCE: Duration = Duration::from_secs(4);

/// A host that was silent or could not be reached is asked last for so long, and one that has no
/// room for as long as it says, at most an hour (21.5.4).
const LAST: Duration = Duration::from_mins(1);
const MOST_LAST: Duration = Duration::from_hours(1);

impl Outgoing {
    /// The next host of the trunk that was not tried.
    fn next_way(&self) -> Option<Flow> {
        self.ways.get(self.way + 1)
    }

    /// When a host that says nothing is left. Where TCP is tried first (18.1.1) it has the time
    /// that its connection may take besides: until then nobody may have heard of the call.
    pub(super) fn patience(&self, now: Instant, layer: &Layer) -> Option<Instant> {
        self.next_way()?;
        let tries_tcp = self.key.as_ref().is_some_and(|key| layer.has_other_way(key));
        Some(now + PATIENCE + if tries_tcp { CONNECT } else { Duration::ZERO })
    }
}

impl Call {
    /// TCP was refused, and our INVITE has just gone out by a datagram.
    pub(super) fn went_instead(&mut self, now: Instant, layer: &Layer, key: &Key) {
        let current = self.outgoing().filter(|outgoing| outgoing.key.as_ref() == Some(key));
        if let Some(outgoing) = current.filter(|outgoing| outgoing.patience.is_some()) {
            outgoing.patience = outgoing.patience(now, layer);
        }
    }

    /// The host failed: the next one is asked. False when there is none, or it is too late.
    pub(super) fn next_host(&mut self, post: &mut Post, now: Instant, rest: Option<Duration>) -> bool {
        let (inviting, rang) = (self.state == State::Inviting, self.rang_from.is_some());
        let Some(outgoing) = self.outgoing() else { return false };
        let failed = outgoing.target;
        let Some(target) = outgoing.next_way().filter(|_| inviting && !rang) else { return false };
        outgoing.way += 1;
        post.out.push_back(Out::Last(failed, rest.unwrap_or(LAST).min(MOST_LAST)));
        self.go_to(post, now, target);
        true
    }

    /// 5xx: this host cannot, another may (RFC 3263, 4.3, says so of 503; domain 2.4, C11, of
    /// all of them), unless the callee's exchange speaks. For how long, only a 503 says (21.5.4).
    pub(super) fn host_failed(&mut self, post: &mut Post, now: Instant, response: &Response) {
        let headers = &response.headers;
        let rest = retry_after(headers).filter(|_| response.status == 503);
        let rest = rest.map(|seconds| Duration::from_secs(seconds.into()));
        if q850(headers).is_some_and(is_of_the_callee) || !self.next_host(post, now, rest) {
            self.refused(post, now, response);
        }
    }

    /// The host said nothing for too long. What it says yet is cancelled, or hung up.
    pub(super) fn out_of_patience(&mut self, post: &mut Post, now: Instant) {
        let Some(outgoing) = self.outgoing() else { return };
        if outgoing.patience.take_if(|at| *at <= now).is_some() {
            self.drop_invite(post, now);
            self.next_host(post, now, None);
        }
    }

    /// A 3xx is followed only to the same number on a host of the same trunk.
    pub(super) fn moved(&mut self, post: &mut Post, now: Instant, response: &Response) {
        let Way::Out(outgoing) = &mut self.way else { return };
        let target = same_number_elsewhere(outgoing, &response.headers);
        let Some(target) = target.filter(|_| outgoing.hops < MAX_HOPS) else {
            self.refused(post, now, response);
            return;
        };
        outgoing.hops += 1;
        self.go_to(post, now, target);
    }

    /// The INVITE goes there from now on.
    fn go_to(&mut self, post: &mut Post, now: Instant, target: Flow) {
        let Some(outgoing) = self.outgoing() else { return };
        outgoing.target = target;
        outgoing.first = outgoing.invites + 1;
        outgoing.early.clear();
        self.flow = target;
        let saved = self.save(post);
        post.tell(&self.id, LegEvent::Saved(Box::new(saved)));
        self.next_invite(post, now);
    }
}

/// Where a 3xx leads: to the same number on a host of the same trunk, or nowhere. Another
/// number would be another person. A telephone of the house leads nowhere: it has no host. A
/// `sips:` is followed where we speak TLS anyway (26.2.2).
fn same_number_elsewhere(outgoing: &Outgoing, headers: &Headers) -> Option<Flow> {
    let (call, target) = (&outgoing.order, outgoing.target);
    let trunk = &call.trunk;
    if trunk.uri.is_some() {
        return None;
    }
    headers.list("Contact").filter_map(NameAddr::parse).find_map(|contact| {
        let uri = contact.uri;
        let user = uri.user.split(';').next().unwrap_or_default();
        let speaks = uri.scheme == "sip" || (uri.scheme == "sips" && target.protocol == Protocol::Tls);
        if !speaks || !Number::new(user).is_the_line_of(&call.callee) {
            return None;
        }
        let host = uri.host.trim_matches(['[', ']']);
        let address = host.parse::<IpAddr>().ok();
        let mut named = [&trunk.proxy, &trunk.domain].into_iter().chain(&trunk.hosts).filter_map(|name| {
            // A host may be written with its port.
            Some(Destination::parse(name)?.host)
        });
        // A host is known by its name, and by the addresses under which that was found.
        let at_known = address.is_some_and(|ip| ip == target.ip() || outgoing.ways.lead_to(ip));
        if !at_known && !named.any(|name| name.eq_ignore_ascii_case(host)) {
            return None;
        }
        // Under its name it was looked for already; the domain is where we are.
        let found = outgoing.ways.of_host(host);
        let ip = address.or(found.map(|found| found.ip())).unwrap_or_else(|| target.ip());
        let port = uri.port.or(found.map(|found| found.remote.port())).unwrap_or(target.protocol.port());
        let remote = SocketAddr::new(ip, port);
        // A connection leads to one place.
        let connection = if remote == target.remote { target.connection } else { 0 };
        Some(Flow { remote, connection, ..target })
    })
}
