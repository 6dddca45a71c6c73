//! Where a trunk is reached.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{CallError, driver::random};
use crate::{
    call::Trunk,
    flow::{Flow, Targets},
    transport::{Destination, Resolver},
};

/// A name that is not found in this time is as good as none: somebody waits at the other end.
pub(super) const RESOLVE: Duration = Duration::from_secs(3);

/// Finds a trunk, within three seconds: the host in use before the others of its carrier, and
/// those last that failed a moment ago.
pub(super) async fn find(resolver: &Resolver, trunk: &Trunk) -> Result<Targets, CallError> {
    let first = Destination::parse(&trunk.proxy);
    // An address, and no other: there is nothing to ask.
    if let Some(flow) = first.as_ref().and_then(Destination::literal).filter(|_| trunk.hosts.is_empty()) {
        return Ok(flow.into());
    }
    let protocol = first.as_ref().and_then(|first| first.protocol);
    let others = trunk.hosts.iter().filter_map(|host| Destination::parse(host));
    let others = others.map(|other| Destination { protocol: other.protocol.or(protocol), ..other });
    let lookups = first.into_iter().chain(others).map(|destination| async move {
        let mut random = random;
        let found = resolver.find(&destination, &mut random).await;
        (destination.host, found.flows)
    });
    within(resolver, trunk, lookups).await
}

pub(super) async fn within<L>(
    resolver: &Resolver,
    trunk: &Trunk,
    lookups: impl Iterator<Item = L>,
) -> Result<Targets, CallError>
where
    L: Future<Output = (String, Vec<Flow>)>,
{
    // One name that is not found does not hide the others.
    let found = join_all(lookups.map(|lookup| tokio::time::timeout(RESOLVE, lookup))).await;
    let mut ways: Vec<(Arc<str>, Flow)> = Vec::new();
    for (host, flows) in found.into_iter().flatten() {
        let host: Arc<str> = host.into();
        ways.extend(flows.into_iter().map(|flow| (host.clone(), flow)));
    }
    resolver.last(&mut ways);
    Targets::new(ways).ok_or_else(|| CallError::Resolve { trunk: trunk.name.clone(), proxy: trunk.proxy.clone() })
}
