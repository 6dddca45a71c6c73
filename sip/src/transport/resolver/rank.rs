//! In which order servers are tried (RFC 2782; RFC 3263, 4.1), without asking anybody.

use crate::flow::Protocol;

/// One SRV record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) priority: u16,
    pub(super) weight: u16,
    pub(super) port: u16,
    pub(super) host: String,
}

/// Puts the records in the order in which they are tried: by priority, and among equals drawn
/// by weight; one of weight 0 comes first but seldom.
pub(super) fn order(mut services: Vec<Service>, random: &mut dyn FnMut() -> u64) -> Vec<Service> {
    services.sort_by_key(|service| (service.priority, service.weight));
    let mut ordered = Vec::with_capacity(services.len());
    while let Some(priority) = services.first().map(|service| service.priority) {
        let equals = services.iter().take_while(|service| service.priority == priority).count();
        let sum: u64 = services[..equals].iter().map(|service| u64::from(service.weight)).sum();
        let drawn = random() % (sum + 1);
        let mut so_far = 0;
        let at = services[..equals].iter().position(|service| {
            so_far += u64::from(service.weight);
            so_far >= drawn
        });
        ordered.push(services.remove(at.unwrap_or(0)));
    }
    ordered
}

/// One NAPTR record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer {
    pub(super) order: u16,
    pub(super) preference: u16,
    pub(super) flags: String,
    pub(super) services: String,
    pub(super) replacement: String,
}

/// Transports and the names of their SRV records that a domain asks for, the dearest first;
/// only what we can open.
pub(super) fn choose(mut pointers: Vec<Pointer>) -> Vec<(Protocol, String)> {
    pointers.sort_by_key(|pointer| (pointer.order, pointer.preference));
    let known = pointers.into_iter().filter(|pointer| pointer.flags.eq_ignore_ascii_case("s"));
    known
        .filter_map(|pointer| {
            let protocol = match pointer.services.to_ascii_uppercase().as_str() {
                "SIPS+D2T" => Protocol::Tls,
                "SIP+D2T" => Protocol::Tcp,
                "SIP+D2U" => Protocol::Udp,
                _ => return None,
            };
            Some((protocol, pointer.replacement))
        })
        .collect()
}

/// The name under which a domain keeps the servers of a transport.
pub(super) fn service_name(protocol: Protocol, domain: &str) -> String {
    let prefix = match protocol {
        Protocol::Udp => "_sip._udp.",
        Protocol::Tcp => "_sip._tcp.",
        Protocol::Tls => "_sips._tcp.",
        // RFC 7118, 4.2 leaves it to the URI of the WebSocket; this is what is registered.
        Protocol::Ws => "_sip._ws.",
        Protocol::Wss => "_sips._ws.",
    };
    format!("{prefix}{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(priority: u16, weight: u16, host: &str) -> Service {
        Service { priority, weight, port: 5060, host: host.into() }
    }

    #[test]
    fn servers_come_by_priority_and_equals_by_weight() {
        let all =
            vec![service(20, 0, "spare"), service(10, 1, "small"), service(10, 3, "large"), service(10, 0, "zero")];
        let (mut state, mut first) = (1_u64, std::collections::HashMap::<String, u32>::new());
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        for _ in 0..4000 {
            let ordered = order(all.clone(), &mut random);
            assert_eq!(ordered.len(), 4);
            assert_eq!(ordered[3].host, "spare");
            *first.entry(ordered[0].host.clone()).or_default() += 1;
        }
        // Drawn from 0 to 4: 0 is "zero", 1 "small", 2 to 4 "large".
        assert!(first["large"] > 2200 && first["small"] > 600 && first["zero"] > 600, "{first:?}");
    }

    #[test]
    fn a_domain_says_which_transport_it_wants() {
        let pointer = |order, preference, services: &str, replacement: &str| Pointer {
            order,
            preference,
            flags: "s".into(),
            services: services.into(),
            replacement: replacement.into(),
        };
        let all = vec![
            pointer(90, 50, "SIP+D2T", "_sip._tcp.a."),
            pointer(50, 50, "SIPS+D2T", "_sips._tcp.a."),
            pointer(90, 10, "SIP+D2U", "_sip._udp.a."),
            pointer(10, 10, "SIP+D2S", "_sip._sctp.a."),
        ];
        let chosen = choose(all);
        assert_eq!(chosen.iter().map(|(p, _)| *p).collect::<Vec<_>>(), [Protocol::Tls, Protocol::Udp, Protocol::Tcp]);
    }
}
