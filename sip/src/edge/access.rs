//! Who is known: the addresses of the trunks, and the flows of desk phones that registered.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use super::Source;
use crate::flow::Flow;

/// Networks of all trunks together.
const MOST_NETWORKS: usize = 1024;
/// Flows of desk phones.
const MOST_PHONES: usize = 16_384;

/// An address, or all that begin like it: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/48`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether this address lies in it.
    pub fn holds(&self, ip: IpAddr) -> bool {
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for Network {
    fn from(ip: IpAddr) -> Self {
        let address = ip.to_canonical();
        Self { address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let whole = Self::from(address.trim().parse::<IpAddr>().map_err(|_| "neither an address nor a network")?);
        let Some(bits) = bits else { return Ok(whole) };
        let bits =
            bits.trim().parse().ok().filter(|bits| *bits <= whole.bits).ok_or("the network's length cannot be")?;
        Ok(Self { bits, ..whole })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// The list cannot take so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the list of those who may call takes no more than {MOST_NETWORKS} networks and {MOST_PHONES} phones")]
pub struct AccessFull;

#[derive(Debug)]
struct Known {
    network: Network,
    /// Where the trunk listens: tells two trunks at one address apart.
    port: Option<u16>,
    trunk: String,
}

/// Who may send new requests.
#[derive(Debug, Default)]
pub struct Access {
    known: Vec<Known>,
    phones: HashMap<(SocketAddr, u64), String>,
}

impl Access {
    /// Replaces what one trunk may send from: the addresses that its hosts resolve to, with
    /// their ports, and the networks that the court wrote down for it. None: the trunk is gone.
    pub fn set_trunk(&mut self, trunk: &str, hosts: &[SocketAddr], networks: &[Network]) -> Result<(), AccessFull> {
        let others = self.known.iter().filter(|known| known.trunk != trunk).count();
        if others + hosts.len() + networks.len() > MOST_NETWORKS {
            return Err(AccessFull);
        }
        self.known.retain(|known| known.trunk != trunk);
        let hosts = hosts.iter().map(|host| (host.ip().into(), Some(host.port())));
        let networks = networks.iter().map(|network| (*network, None));
        self.known.extend(hosts.chain(networks).map(|(network, port)| Known {
            network,
            port,
            trunk: trunk.to_owned(),
        }));
        Ok(())
    }

    /// A desk phone registered over this flow.
    pub fn set_phone(&mut self, flow: &Flow, account: &str) -> Result<(), AccessFull> {
        if self.phones.len() >= MOST_PHONES && !self.phones.contains_key(&place(flow)) {
            return Err(AccessFull);
        }
        self.phones.insert(place(flow), account.to_owned());
        Ok(())
    }

    /// Its binding is over.
    pub fn forget_phone(&mut self, flow: &Flow) {
        self.phones.remove(&place(flow));
    }

    /// Whether anybody known sends from there.
    pub fn knows(&self, flow: &Flow) -> bool {
        self.known.iter().any(|known| known.network.holds(flow.ip())) || self.phones.contains_key(&place(flow))
    }

    /// Who this is. Of several trunks at one address the first whose port it is, else the first.
    pub fn source(&self, flow: &Flow) -> Option<Source> {
        if let Some(account) = self.phones.get(&place(flow)) {
            return Some(Source::Phone(account.clone()));
        }
        self.trunks(flow).next().map(|trunk| Source::Trunk(trunk.to_owned()))
    }

    /// The trunks that may send from there: those whose port it is, then the others at this
    /// address. Two accounts at one carrier are both here.
    pub fn trunks(&self, flow: &Flow) -> impl Iterator<Item = &str> {
        let (ip, port) = (flow.ip(), Some(flow.remote.port()));
        let there = move |exact: bool| {
            let at = move |known: &&Known| known.network.holds(ip) && (known.port == port) == exact;
            self.known.iter().filter(at).map(|known| known.trunk.as_str())
        };
        there(true).chain(there(false))
    }
}

/// A datagram comes from an address, everything else over a connection.
fn place(flow: &Flow) -> (SocketAddr, u64) {
    (SocketAddr::new(flow.ip().to_canonical(), flow.remote.port()), flow.connection)
}
