//! Which connection leads where (RFC 3261, 18.1.1; RFC 5923).

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::flow::{Flow, Protocol};

/// So many connections of ours are remembered after their end.
const REMEMBERED: usize = 1024;

/// Whom a connection of ours was opened to. Under TLS one that was opened to another domain
/// does not count, for its certificate does not (RFC 5923, 7).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Peer {
    pub(super) protocol: Protocol,
    pub(super) remote: SocketAddr,
    /// The domain that its certificate must name; none where the address must.
    pub(super) domain: Option<Arc<str>>,
}

#[derive(Debug)]
struct Live {
    flow: Flow,
    out: mpsc::Sender<Bytes>,
    /// We opened it.
    peer: Option<Peer>,
}

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Table {
    live: HashMap<u64, Live>,
    /// The youngest of each address.
    by_remote: HashMap<(Protocol, SocketAddr), u64>,
    by_peer: HashMap<Peer, u64>,
    /// Whom those led to that are over.
    past: HashMap<u64, Peer>,
    /// Their numbers, the oldest first.
    forgotten_next: VecDeque<u64>,
}

impl Table {
    pub(super) fn insert(&mut self, flow: Flow, out: mpsc::Sender<Bytes>, peer: Option<Peer>) {
        self.by_remote.insert((flow.protocol, flow.remote), flow.connection);
        if let Some(peer) = &peer {
            self.by_peer.insert(peer.clone(), flow.connection);
        }
        self.live.insert(flow.connection, Live { flow, out, peer });
    }

    pub(super) fn remove(&mut self, connection: u64) {
        let Some(live) = self.live.remove(&connection) else { return };
        let place = (live.flow.protocol, live.flow.remote);
        if self.by_remote.get(&place) == Some(&connection) {
            self.by_remote.remove(&place);
        }
        let Some(peer) = live.peer else { return };
        if self.by_peer.get(&peer) == Some(&connection) {
            self.by_peer.remove(&peer);
        }
        self.past.insert(connection, peer);
        self.forgotten_next.push_back(connection);
        if self.forgotten_next.len() > REMEMBERED
            && let Some(oldest) = self.forgotten_next.pop_front()
        {
            self.past.remove(&oldest);
        }
    }

    /// The connection to this peer.
    pub(super) fn to(&self, peer: &Peer) -> Option<u64> {
        self.by_peer.get(peer).copied()
    }

    /// Any connection of this transport with this address, whoever opened it.
    pub(super) fn with(&self, protocol: Protocol, remote: SocketAddr) -> Option<u64> {
        self.by_remote.get(&(protocol, remote)).copied()
    }

    /// Whom this connection of ours leads to, or led to before it ended.
    pub(super) fn peer(&self, connection: u64) -> Option<&Peer> {
        self.live.get(&connection).and_then(|live| live.peer.as_ref()).or_else(|| self.past.get(&connection))
    }

    /// Passes bytes on to the connection. Gives them back when it is over, or takes no more.
    pub(super) fn push(&mut self, connection: u64, bytes: Bytes) -> Result<(), Refused> {
        let Some(live) = self.live.get(&connection) else { return Err(Refused::Over(bytes)) };
        match live.out.try_send(bytes) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(bytes)) => Err(Refused::Full(bytes)),
            Err(mpsc::error::TrySendError::Closed(bytes)) => {
                self.remove(connection);
                Err(Refused::Over(bytes))
            }
        }
    }

    /// How many are open, and how many messages wait to be written to them.
    pub(super) fn load(&self) -> (usize, usize) {
        let waiting = self.live.values().map(|live| live.out.max_capacity() - live.out.capacity()).sum();
        (self.live.len(), waiting)
    }

    /// How many of this transport are open.
    pub(super) fn count(&self, protocol: Protocol) -> usize {
        self.live.values().filter(|live| live.flow.protocol == protocol).count()
    }
}

/// The connection did not take the bytes.
#[derive(Debug)]
pub(super) enum Refused {
    /// There is no such connection any more.
    Over(Bytes),
    /// The other end reads too slowly.
    Full(Bytes),
}
