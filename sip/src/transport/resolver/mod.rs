//! Where a domain of SIP is reached (RFC 3263): NAPTR, SRV, A and AAAA.

mod failed;
mod rank;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
    proto::rr::{RData, RecordType},
};

use self::{
    failed::Failed,
    rank::{Pointer, Service, choose, order, service_name},
};
use crate::flow::{Flow, Protocol};

/// So many servers of one domain are tried, and no more.
const TARGETS: usize = 8;
/// What is asked for where a domain has no NAPTR, the dearest first.
const OWN: [Protocol; 3] = [Protocol::Udp, Protocol::Tcp, Protocol::Tls];
/// So many records of one answer are looked at.
const RECORDS: usize = 32;

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
        let usual = if protocol == Protocol::Tls { 5061 } else { 5060 };
        Some(Flow::to(protocol, SocketAddr::new(ip, self.port.unwrap_or(usual))))
    }
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

    /// The ways to a destination, the dearest first; empty when nothing is found.
    pub(crate) async fn find(&self, to: &Destination, random: &mut (dyn FnMut() -> u64 + Send)) -> Vec<Flow> {
        let usual = |protocol| if protocol == Protocol::Tls { 5061 } else { 5060 };
        if let Some(flow) = to.literal() {
            return vec![flow];
        }
        // A port, and a name that is asked for an address only (4.2).
        if let Some(port) = to.port {
            return self.addresses(&to.host, to.protocol.unwrap_or(Protocol::Udp), port).await;
        }
        let mut services = match to.protocol {
            Some(_) => Vec::new(),
            None => choose(self.pointers(&to.host).await),
        };
        if services.is_empty() {
            let own = to.protocol.map_or(OWN.to_vec(), |protocol| vec![protocol]);
            services = own.into_iter().map(|protocol| (protocol, service_name(protocol, &to.host))).collect();
        }
        let mut found = Vec::new();
        let mut any = false;
        for (protocol, name) in services {
            let records = self.services(&name).await;
            any |= !records.is_empty();
            for service in order(records, random) {
                // A single "." says that there is no such service (RFC 2782).
                if service.host != "." && found.len() < TARGETS {
                    found.extend(self.addresses(&service.host, protocol, service.port).await);
                }
            }
        }
        if !any {
            let protocol = to.protocol.unwrap_or(Protocol::Udp);
            found = self.addresses(&to.host, protocol, usual(protocol)).await;
        }
        found.truncate(TARGETS);
        found
    }

    /// This host took no call: for so long it comes last.
    pub(crate) fn failed(&self, now: Instant, flow: Flow, rest: Duration) {
        self.failed.add(now, flow.remote, rest);
    }

    /// Those that failed a moment ago go last.
    pub(crate) fn last(&self, ways: &mut [(Arc<str>, Flow)]) {
        self.failed.last(Instant::now(), ways);
    }

    async fn records(&self, name: &str, kind: RecordType) -> Vec<RData> {
        let Some(dns) = &self.dns else { return Vec::new() };
        // With the dot at its end no search list is tried.
        let name = format!("{}.", name.trim_end_matches('.'));
        match dns.lookup(name, kind).await {
            Ok(lookup) => lookup.answers().iter().take(RECORDS).map(|record| record.data.clone()).collect(),
            Err(error) => {
                if !error.is_no_records_found() {
                    tracing::debug!(%error, ?kind, "asking the name servers");
                }
                Vec::new()
            }
        }
    }

    async fn pointers(&self, domain: &str) -> Vec<Pointer> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let records = self.records(domain, RecordType::NAPTR).await.into_iter();
        records
            .filter_map(|data| match data {
                RData::NAPTR(naptr) => Some(Pointer {
                    order: naptr.order,
                    preference: naptr.preference,
                    flags: text(&naptr.flags),
                    services: text(&naptr.services),
                    replacement: naptr.replacement.to_ascii(),
                }),
                _ => None,
            })
            .collect()
    }

    async fn services(&self, name: &str) -> Vec<Service> {
        let records = self.records(name, RecordType::SRV).await.into_iter();
        records
            .filter_map(|data| match data {
                RData::SRV(srv) => Some(Service {
                    priority: srv.priority,
                    weight: srv.weight,
                    port: srv.port,
                    host: srv.target.to_ascii(),
                }),
                _ => None,
            })
            .collect()
    }

    /// A before AAAA: whoever has both is reached by the older one everywhere.
    async fn addresses(&self, host: &str, protocol: Protocol, port: u16) -> Vec<Flow> {
        let mut found: Vec<IpAddr> = Vec::new();
        let (old, new) = tokio::join!(self.records(host, RecordType::A), self.records(host, RecordType::AAAA));
        for data in old.into_iter().chain(new) {
            match data {
                RData::A(address) => found.push(IpAddr::V4(address.0)),
                RData::AAAA(address) => found.push(IpAddr::V6(address.0)),
                _ => {}
            }
        }
        if found.is_empty() && self.system {
            found.extend(tokio::net::lookup_host((host, port)).await.into_iter().flatten().map(|address| address.ip()));
        }
        found.into_iter().map(|ip| Flow::to(protocol, SocketAddr::new(ip, port))).collect()
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
