//! Where a message goes, or came from (RFC 3261, 18; RFC 5626, 1: "flow").

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
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
