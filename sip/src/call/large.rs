//! Requests that are too large for datagrams (RFC 3261, 18.1.1): they go over TCP, and by a
//! datagram after all where TCP is refused.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    flow::{Flow, Protocol},
    msg::Request,
    transport::Addresses,
};

/// More bytes than these may not fit into one packet on the way.
const DATAGRAM: usize = 1300;
/// What printing adds: the version and Content-Length.
const ADDED: usize = 40;
/// A host that refused TCP is not asked again for so long.
const REFUSED: Duration = Duration::from_mins(10);
/// So many such hosts are remembered.
const HOSTS: usize = 256;

/// Hosts that take no TCP, each until when that is believed.
#[derive(Debug, Default)]
pub(super) struct Large(HashMap<SocketAddr, Instant>);

impl Large {
    /// A host took no connection.
    pub(super) fn refused(&mut self, now: Instant, host: SocketAddr) {
        self.0.retain(|_, until| *until > now);
        if self.0.len() < HOSTS {
            self.0.insert(host, now + REFUSED);
        }
    }

    /// The same request over TCP, where it is too large for the datagram that it is to be.
    pub(super) fn over_tcp(
        &self,
        now: Instant,
        request: &Request,
        hop: &Flow,
        addresses: &Addresses,
    ) -> Option<(Request, Flow)> {
        let refused = || self.0.get(&hop.remote).is_some_and(|until| *until > now);
        if hop.protocol != Protocol::Udp || size(request) <= DATAGRAM || refused() {
            return None;
        }
        let tcp = Flow::to(Protocol::Tcp, hop.remote);
        let branch = request.headers.get("Via")?.split(";branch=z9hG4bK").nth(1)?.to_owned();
        let mut request = request.clone();
        request.headers.set("Via", addresses.via(&tcp, &branch));
        if request.headers.get("Contact") == Some(&addresses.contact(hop)) {
            request.headers.set("Contact", addresses.contact(&tcp));
        }
        Some((request, tcp))
    }
}

fn size(request: &Request) -> usize {
    let lines: usize = request.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    request.uri.len() + lines + request.body.len() + ADDED
}
