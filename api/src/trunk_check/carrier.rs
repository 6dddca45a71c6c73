//! Signalling to the carrier from a port of our own: addresses, REGISTER, OPTIONS.

use std::time::{Duration, Instant};

use songda_sip::{CallError, Endpoint, ProbeError, Protocol, Registration, Trunk, TrunkSettings};

use super::{
    report::Outcome,
    words::{Advice, Said},
};

/// A transaction without an answer is over after 32 seconds (RFC 3261, 17.1.2.2); a
/// challenge, and a second host, take one more each.
const REGISTER: Duration = Duration::from_secs(100);
/// So long the answers to our last requests are waited for.
const FAREWELL: Duration = Duration::from_secs(33);

/// The addresses of each host of a trunk.
pub(super) async fn resolve(endpoint: &Endpoint, trunk: &Trunk, hosts: &[String]) -> Outcome {
    let mut found = Vec::new();
    for host in hosts {
        let place = Trunk { proxy: host.clone(), ..trunk.clone() };
        let host = host.split(';').next().unwrap_or_default();
        match endpoint.resolve(&place).await {
            Ok(targets) => {
                let first = targets.first();
                found.push(format!("{host} = {} {}", first.remote, first.protocol));
            }
            Err(_) => return Outcome::Failed(Said::Unresolved(host.to_owned()), Advice::Host),
        }
    }
    Outcome::Passed(Said::Resolved(found.join(", ")))
}

/// Asks whether the carrier is there.
pub(super) async fn options(endpoint: &Endpoint, trunk: &Trunk, protocol: Protocol) -> Outcome {
    match endpoint.probe(trunk).await {
        Ok(()) => Outcome::Passed(Said::Alive),
        Err(ProbeError::Call(CallError::Resolve { proxy, .. })) => {
            Outcome::Failed(Said::Unresolved(proxy), Advice::Host)
        }
        Err(_) => Outcome::Failed(Said::Silent, Advice::silence(protocol)),
    }
}

/// Waits until the trunk is registered, as the server would be.
pub(super) async fn registered(endpoint: &Endpoint, id: &str, protocol: Protocol) -> Outcome {
    let refused = |status: Option<u16>| match status {
        None => Outcome::Failed(Said::Silent, Advice::silence(protocol)),
        Some(status) => Outcome::Failed(Said::Status(status), Advice::for_register(status)),
    };
    let mut states = endpoint.trunk_states();
    let answered = async {
        loop {
            let seen = states.borrow_and_update().iter().find(|state| state.id == id).map(|state| state.registration);
            match seen {
                Some(Registration::Until(until)) => {
                    let granted = until.saturating_duration_since(Instant::now());
                    return Outcome::Passed(Said::Registered(granted.as_secs_f64().round() as u64));
                }
                Some(Registration::Refused { status }) => return refused(Some(status)),
                Some(Registration::Failing { status, .. }) => return refused(status),
                Some(Registration::Static | Registration::Trying) | None => {}
            }
            if states.changed().await.is_err() {
                return refused(None);
            }
        }
    };
    tokio::time::timeout(REGISTER, answered).await.unwrap_or_else(|_| refused(None))
}

/// Makes the trunk known to signalling: it registers where it should, and the carrier may send.
pub(super) async fn know(endpoint: &Endpoint, settings: TrunkSettings) {
    let known = TrunkSettings { health: None, paused: false, ..settings };
    endpoint.set_trunks(vec![known]).await;
}

/// A host as it is looked for: over the transport of the trunk, as the server does (RFC 3263, 4.1).
pub(super) fn place(host: &str, protocol: Protocol) -> String {
    format!("{host};transport={}", protocol.via().to_ascii_lowercase())
}

/// The trunk as a call takes it: over the route that the carrier gave with the registration.
pub(super) async fn way(endpoint: &Endpoint, trunk: &Trunk, id: &str) -> Trunk {
    let route = endpoint.choose(vec![id.to_owned()]).await.map(|seat| seat.trunk().route.clone());
    Trunk { route: route.unwrap_or_default(), ..trunk.clone() }
}

/// Gives the registration back and ends the endpoint. False when an answer is missing.
pub(super) async fn leave(endpoint: &Endpoint) -> bool {
    endpoint.close(FAREWELL).await
}
