//! Transports (RFC 3261, 18): how messages get from one element to the next.
//!
//! `udp` are the sockets of datagrams. Each connection (`stream`, `ws`, under `tls` or not) has
//! a task of its own, which tells the driver of an endpoint by [`Arrival`]s; `table` knows which
//! connection leads where. `via` and `addresses` are the bookkeeping of 18.2; `resolver` finds
//! the address of a domain.

mod addresses;
mod connect;
mod limits;
mod line;
mod listen;
mod resolver;
mod stream;
mod stun;
mod table;
mod tls;
mod udp;
pub(crate) mod via;
mod ws;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    addresses::Addresses,
    limits::Limits,
    listen::{Listen, ListenError},
    resolver::Destination,
    tls::{ClientTls, OwnCertificate, ServerTls, TlsError},
};
pub(crate) use self::{
    limits::CONNECT,
    resolver::{Found, Resolver},
};
use self::{
    limits::Gate,
    table::{Peer, Refused, Table},
    udp::Udp,
};
use crate::flow::{Flow, Protocol};

/// What the tasks of the connections tell.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// Somebody opened a connection; bytes for him go there.
    Opened(Flow, mpsc::Sender<Bytes>),
    /// A message, whole.
    Message(Flow, Vec<u8>),
    /// A connection is over.
    Closed {
        /// Its flow.
        flow: Flow,
        /// What was not sent.
        undelivered: Vec<Bytes>,
        /// It had been open.
        reached: bool,
    },
}

/// So many arrivals wait before the connections are read no further.
const ARRIVALS: usize = 1024;

/// Numbers of connections begin here; those below are sockets.
const FIRST: u64 = 1 << 16;

/// So many addresses are remembered for their domains.
const DOMAINS: usize = 1024;

/// What every connection needs.
#[derive(Debug, Clone)]
struct Ground {
    arrivals: mpsc::Sender<Arrival>,
    limits: Limits,
    gate: Gate,
    numbers: Arc<AtomicU64>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Ground {
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }
}

/// All sockets and connections of an endpoint.
#[derive(Debug)]
pub(crate) struct Transport {
    udp: Udp,
    table: Table,
    /// The domains that certificates at these addresses must name.
    domains: HashMap<SocketAddr, Arc<str>>,
    ground: Ground,
    client: connect::Client,
}

/// It could not be sent, and never will be this way.
#[derive(Debug)]
pub(crate) struct Undelivered(pub(crate) Bytes);

impl Transport {
    /// Opens all listeners. The connections end with `cancel`.
    pub(crate) fn start(
        listens: &[Listen],
        client: &ClientTls,
        limits: Limits,
        cancel: CancellationToken,
    ) -> Result<(Self, Addresses, mpsc::Receiver<Arrival>), ListenError> {
        let (arrivals, arrived) = mpsc::channel(ARRIVALS);
        let ground = Ground {
            arrivals,
            limits,
            gate: Gate::default(),
            numbers: Arc::new(AtomicU64::new(FIRST)),
            cancel,
            tasks: TaskTracker::new(),
        };
        let mut udp = Udp::default();
        let mut bound = Vec::with_capacity(listens.len());
        for listen in listens {
            let mut local = if listen.protocol == Protocol::Udp {
                udp.bind(listen.address).map_err(|error| listen.failed(error))?
            } else {
                listen.open(&ground)?
            };
            if let Some(ip) = listen.advertise {
                local.set_ip(ip);
            }
            bound.push((listen.protocol, local));
        }
        let mut bound = bound.into_iter();
        let main = bound.next().ok_or(ListenError::Nothing)?;
        let client = connect::Client::new(client).map_err(ListenError::Tls)?;
        Ok((
            Self { udp, table: Table::default(), domains: HashMap::new(), ground, client },
            Addresses::new(main, bound),
            arrived,
        ))
    }

    /// Ready when a datagram is there.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.udp.poll_ready(cx)
    }

    /// A datagram that is there already. STUN is answered and not told.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Option<(usize, Flow)> {
        loop {
            let (length, flow) = self.udp.receive(buffer)?;
            if !stun::is_stun(&buffer[..length]) {
                return Some((length, flow));
            }
            if let Some(answer) = stun::answer(&buffer[..length], flow.remote) {
                let _ = self.udp.send(&flow, &answer);
            }
        }
    }

    /// From now on the certificate at this address must name the domain when no flow that is
    /// open leads there (RFC 5922).
    pub(crate) fn expect(&mut self, to: Flow, domain: &Arc<str>) {
        if to.protocol == Protocol::Tls {
            if self.domains.len() >= DOMAINS {
                self.domains.clear();
            }
            self.domains.insert(to.remote, domain.clone());
        }
    }

    /// The flow to this address; under TLS the certificate there must name `domain`. A
    /// connection of ours that is there already is used again.
    pub(crate) fn flow(&mut self, to: Flow, domain: &Arc<str>) -> Flow {
        if to.connection != 0 || to.protocol == Protocol::Udp {
            return to;
        }
        self.expect(to, domain);
        let peer = self.peer(to);
        let connection = self.table.to(&peer).unwrap_or_else(|| self.open(peer));
        Flow { connection, ..to }
    }

    fn peer(&self, to: Flow) -> Peer {
        let domain = if to.protocol == Protocol::Tls { self.domains.get(&to.remote).cloned() } else { None };
        Peer { protocol: to.protocol, remote: to.remote, domain }
    }

    fn open(&mut self, peer: Peer) -> u64 {
        let connection = self.ground.number();
        let flow = Flow { protocol: peer.protocol, remote: peer.remote, connection };
        let out = connect::spawn(&self.ground, &mut self.client, flow, peer.domain.clone());
        self.table.insert(flow, out, Some(peer));
        connection
    }

    /// Sends. A datagram that the network does not take is lost like any other; over a
    /// connection that is no more it is tried once by a new one: to the same peer when we had
    /// opened it, and for a response to where its Via says (18.2.2).
    pub(crate) fn send(&mut self, flow: Flow, bytes: Bytes) -> Result<(), Undelivered> {
        if flow.protocol == Protocol::Udp {
            if let Err(error) = self.udp.send(&flow, &bytes) {
                tracing::debug!(%error, remote = %flow.remote, "sending a SIP message");
            }
            return Ok(());
        }
        let first = match flow.connection {
            0 => self.table.with(flow.protocol, flow.remote).unwrap_or(0),
            connection => connection,
        };
        let bytes = match self.table.push(first, bytes) {
            Ok(()) => return Ok(()),
            Err(Refused::Full(bytes)) => {
                metrics::counter!("songda_sip_queue_full_total", "transport" => flow.protocol.via()).increment(1);
                return Err(Undelivered(bytes));
            }
            Err(Refused::Over(bytes)) => bytes,
        };
        let again = match self.table.peer(first).cloned() {
            Some(peer) => peer,
            None if bytes.starts_with(b"SIP/2.0 ") => match via::reply_address(&bytes) {
                Some(remote) => self.peer(Flow::to(flow.protocol, remote)),
                None => return Err(Undelivered(bytes)),
            },
            None if flow.connection == 0 => self.peer(flow),
            None => return Err(Undelivered(bytes)),
        };
        let connection = self.table.to(&again).unwrap_or_else(|| self.open(again));
        self.table.push(connection, bytes).map_err(|refused| match refused {
            Refused::Over(bytes) | Refused::Full(bytes) => Undelivered(bytes),
        })
    }

    /// Somebody opened a connection.
    pub(crate) fn opened(&mut self, flow: Flow, out: mpsc::Sender<Bytes>) {
        self.table.insert(flow, out, None);
    }

    /// A connection is over. Says whether it was one of ours, whose number leads to the same
    /// peer as before.
    pub(crate) fn closed(&mut self, flow: &Flow) -> bool {
        self.table.remove(flow.connection);
        self.table.peer(flow.connection).is_some()
    }

    /// Connections that are open, and messages that wait to be written to them.
    pub(crate) fn load(&self) -> (usize, usize) {
        self.table.load()
    }

    /// Connections of this transport that are open.
    pub(crate) fn count(&self, protocol: Protocol) -> usize {
        self.table.count(protocol)
    }

    /// Closes every connection once what waits is written.
    pub(crate) async fn close(self) {
        let Self { table, ground, .. } = self;
        ground.cancel.cancel();
        drop(table);
        ground.tasks.close();
        ground.tasks.wait().await;
    }
}

/// Something came over this transport that is no message.
pub(crate) fn unreadable(protocol: Protocol) {
    metrics::counter!("songda_sip_unreadable_total", "transport" => protocol.via()).increment(1);
}
