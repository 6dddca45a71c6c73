//! Where a domain of SIP is reached (RFC 3263): NAPTR, SRV, A and AAAA.

mod failed;
mod rank;
mod search;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
};

use self::{failed::Failed, search::Search};
use crate::flow::{Flow, Protocol};

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Domain or IP address; IPv6 without brackets.
    pub host: String,
    /// Port; none lets the domain say.
    pub port: Option<u16>,
    /// Transport; none lets the domain say.
    pub protocol: Option<Protocol>,
}

impl Destination {
    /// Reads `host`, `host:port`, `[v6]:port`, each with `;transport=udp|tcp|tls` behind it, and
    /// the same as a `sip:` or `sips:` URI.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let uri = if lower.starts_with("sip:") || lower.starts_with("sips:") { lower } else { format!("sip:{lower}") };
        let uri = crate::uri::Uri::parse(&uri)?;
        let protocol = match uri.param("transport") {
            Some("udp") => Some(Protocol::Udp),
            Some("tcp") | None if uri.scheme == "sips" => Some(Protocol::Tls),
            Some("tcp") => Some(Protocol::Tcp),
            Some("tls") => Some(Protocol::Tls),
            Some(_) => return None,
            None => None,
        };
        let host = uri.host.trim_matches(['[', ']']).to_owned();
        Some(Self { host, port: uri.port, protocol })
    }
}

impl Destination {
    /// The way to it, where it is an address and nobody needs to be asked.
    pub fn literal(&self) -> Option<Flow> {
        let ip = self.host.parse::<IpAddr>().ok()?;
        let protocol = self.protocol.unwrap_or(Protocol::Udp);
        Some(Flow::to(protocol, SocketAddr::new(ip, self.port.unwrap_or(protocol.port()))))
    }
}

/// What the name servers said of a destination.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The ways to it, the dearest first.
    pub(crate) flows: Vec<Flow>,
    /// Each question had its answer. Otherwise there may be ways that are missing here, and none
    /// at all does not mean that there are none.
    pub(crate) whole: bool,
}

/// Asks the name servers.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    dns: Option<TokioResolver>,
    /// The system may know names that no name server does.
    system: bool,
    failed: Failed,
}

impl Resolver {
    /// The name servers of the system, or these.
    pub(crate) fn new(servers: &[SocketAddr]) -> Self {
        if servers.is_empty() {
            let dns = TokioResolver::builder_tokio().and_then(hickory_resolver::ResolverBuilder::build);
            if let Err(error) = &dns {
                tracing::warn!(%error, "the name servers of the system are not known: no SRV and NAPTR");
            }
            return Self { dns: dns.ok(), system: true, failed: Failed::default() };
        }
        let servers = servers.iter().map(|server| {
            let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
            (udp.port, tcp.port) = (server.port(), server.port());
            NameServerConfig::new(server.ip(), true, vec![udp, tcp])
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        let dns = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).build();
        Self { dns: dns.ok(), system: false, failed: Failed::default() }
    }

    /// Asks for the ways to a destination.
    pub(crate) async fn find(&self, to: &Destination, random: &mut (dyn FnMut() -> u64 + Send)) -> Found {
        if let Some(flow) = to.literal() {
            return Found { flows: vec![flow], whole: true };
        }
        let search = Search::new(self.dns.as_ref(), self.system);
        let flows = search.ways(to, random).await;
        Found { flows, whole: search.was_answered() }
    }

    /// This host took no call: for so long it comes last.
    pub(crate) fn failed(&self, now: Instant, flow: Flow, rest: Duration) {
        self.failed.add(now, flow.remote, rest);
    }

    /// Those that failed a moment ago go last.
    pub(crate) fn last(&self, ways: &mut [(Arc<str>, Flow)]) {
        self.failed.last(Instant::now(), ways);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_read_as_people_write_it() {
        let at = |host: &str, port, protocol| Some(Destination { host: host.into(), port, protocol });
        assert_eq!(Destination::parse("192.0.2.1:5080"), at("192.0.2.1", Some(5080), None));
        assert_eq!(Destination::parse("[2001:db8::1]:5060"), at("2001:db8::1", Some(5060), None));
        assert_eq!(
            Destination::parse("Carrier.example;transport=TLS"),
            at("carrier.example", None, Some(Protocol::Tls))
        );
        assert_eq!(Destination::parse("sips:carrier.example"), at("carrier.example", None, Some(Protocol::Tls)));
        assert_eq!(Destination::parse("carrier.example;transport=sctp"), None);
        assert_eq!(Destination::parse("carrier.example:99999"), None);
    }
}
