//! Where a message goes, or came from (RFC 3261, 18; RFC 5626, 1: "flow").

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

/// A transport as it stands in Via and in the `transport` parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// A stream in the clear.
    Tcp,
    /// A stream under TLS.
    Tls,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket under TLS.
    Wss,
}

impl Protocol {
    /// As it stands in Via.
    pub fn via(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The port where nobody names one (RFC 3261, 19.1.2).
    pub(crate) fn port(self) -> u16 {
        if self == Self::Tls { 5061 } else { 5060 }
    }

    /// What is said over it is read by nobody on the way: keys of sound may stand there.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// Nothing is lost underway: the transactions repeat nothing (RFC 3261, 17.1.1.2).
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.via())
    }
}

/// One way to another element: the transport, its address, and the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Flow {
    /// Transport.
    pub protocol: Protocol,
    /// Address of the other end.
    pub remote: SocketAddr,
    /// Number of the connection, never given twice in one run; 0 on datagrams, and where any
    /// connection to that address will do.
    pub connection: u64,
}

impl Flow {
    /// Datagrams to this address.
    pub fn udp(remote: SocketAddr) -> Self {
        Self { protocol: Protocol::Udp, remote, connection: 0 }
    }

    /// Whatever connection of this transport leads to this address.
    pub fn to(protocol: Protocol, remote: SocketAddr) -> Self {
        Self { protocol, remote, connection: 0 }
    }

    /// Address of the other end, without its port.
    pub fn ip(&self) -> IpAddr {
        self.remote.ip()
    }

    /// See [`Protocol::is_secure`].
    pub fn is_secure(&self) -> bool {
        self.protocol.is_secure()
    }

    /// See [`Protocol::is_reliable`].
    pub fn is_reliable(&self) -> bool {
        self.protocol.is_reliable()
    }
}

impl From<SocketAddr> for Flow {
    fn from(remote: SocketAddr) -> Self {
        Self::udp(remote)
    }
}

/// One of them, and the name of the host under which it was found; empty where nobody asked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Way {
    host: Arc<str>,
    flow: Flow,
}

/// So many are tried for one call, and no more.
const WAYS: usize = 8;

/// The ways to a trunk, the dearest first; never empty (RFC 3263, 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets(Vec<Way>);

impl Targets {
    /// What was found under the names of hosts, without repeats. None when there is no way.
    pub fn new(found: impl IntoIterator<Item = (Arc<str>, Flow)>) -> Option<Self> {
        let mut ways: Vec<Way> = Vec::new();
        for (host, flow) in found {
            if ways.len() < WAYS && ways.iter().all(|way| way.flow != flow) {
                ways.push(Way { host, flow });
            }
        }
        (!ways.is_empty()).then_some(Self(ways))
    }

    /// The one that is tried first.
    pub fn first(&self) -> Flow {
        self.0[0].flow
    }

    /// Those that are tried when the first does not answer, or with 503 (4.3).
    pub fn others(&self) -> impl Iterator<Item = Flow> {
        self.0[1..].iter().map(|way| way.flow)
    }

    /// The one with this number, from 0.
    pub(crate) fn get(&self, at: usize) -> Option<Flow> {
        self.0.get(at).map(|way| way.flow)
    }

    /// The first that was found under this name.
    pub(crate) fn of_host(&self, host: &str) -> Option<Flow> {
        self.0.iter().find(|way| way.host.eq_ignore_ascii_case(host)).map(|way| way.flow)
    }

    /// Whether any leads to this address, by whatever port.
    pub(crate) fn lead_to(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|way| way.flow.ip() == ip)
    }

    /// The first is reached over this flow.
    pub(crate) fn opened(&mut self, flow: Flow) {
        self.0[0].flow = flow;
    }
}

impl From<Flow> for Targets {
    fn from(flow: Flow) -> Self {
        Self(vec![Way { host: Arc::from(""), flow }])
    }
}

impl From<SocketAddr> for Targets {
    fn from(address: SocketAddr) -> Self {
        Self::from(Flow::udp(address))
    }
}
