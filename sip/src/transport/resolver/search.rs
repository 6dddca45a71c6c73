//! One search for a destination: what is asked, in the order of RFC 3263, 4.

use std::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
};

use hickory_resolver::{
    TokioResolver,
    net::{DnsError, NetError},
    proto::{
        op::ResponseCode,
        rr::{RData, RecordType},
    },
};

use super::{
    Destination,
    rank::{Pointer, Service, choose, order, service_name},
};
use crate::flow::{Flow, Protocol};

/// So many servers of one domain are tried, and no more.
const TARGETS: usize = 8;
/// What is asked for where a domain has no NAPTR, the dearest first.
const OWN: [Protocol; 3] = [Protocol::Udp, Protocol::Tcp, Protocol::Tls];
/// So many records of one answer are looked at.
const RECORDS: usize = 32;

#[derive(Debug)]
pub(super) struct Search<'a> {
    dns: Option<&'a TokioResolver>,
    /// The system may know names that no name server does.
    system: bool,
    /// A question had no answer. Questions are asked side by side.
    unanswered: AtomicBool,
}

impl<'a> Search<'a> {
    pub(super) fn new(dns: Option<&'a TokioResolver>, system: bool) -> Self {
        Self { dns, system, unanswered: AtomicBool::new(false) }
    }

    /// Every question so far had its answer.
    pub(super) fn was_answered(&self) -> bool {
        !self.unanswered.load(Ordering::Relaxed)
    }

    /// The ways to a destination, the dearest first (RFC 3263, 4).
    pub(super) async fn ways(&self, to: &Destination, random: &mut (dyn FnMut() -> u64 + Send)) -> Vec<Flow> {
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
            found = self.addresses(&to.host, protocol, protocol.port()).await;
        }
        found.truncate(TARGETS);
        found
    }

    async fn records(&self, name: &str, kind: RecordType) -> Vec<RData> {
        let Some(dns) = self.dns else { return Vec::new() };
        // With the dot at its end no search list is tried.
        let name = format!("{}.", name.trim_end_matches('.'));
        match dns.lookup(name, kind).await {
            Ok(lookup) => lookup.answers().iter().take(RECORDS).map(|record| record.data.clone()).collect(),
            Err(error) => {
                if !is_answer(&error) {
                    tracing::debug!(%error, ?kind, "asking the name servers");
                    self.unanswered.store(true, Ordering::Relaxed);
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
            match tokio::net::lookup_host((host, port)).await {
                Ok(system) => found.extend(system.map(|address| address.ip())),
                // The system does not say whether the name is unknown or nobody answered; the name
                // servers did, where we can ask them ourselves.
                Err(_) if self.dns.is_none() => self.unanswered.store(true, Ordering::Relaxed),
                Err(_) => {}
            }
        }
        found.into_iter().map(|ip| Flow::to(protocol, SocketAddr::new(ip, port))).collect()
    }
}

/// "There is none" is an answer, and so is a name server that does not know this kind of record.
/// SERVFAIL and silence are none.
fn is_answer(error: &NetError) -> bool {
    let unknown = |code| matches!(code, ResponseCode::NotImp | ResponseCode::FormErr);
    error.is_no_records_found() || matches!(error, NetError::Dns(DnsError::ResponseCode(code)) if unknown(*code))
}
