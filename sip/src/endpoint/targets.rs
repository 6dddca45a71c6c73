//! Where a trunk is reached.

use std::{net::SocketAddr, time::Duration};

use super::{CallError, driver::random};
use crate::{
    call::Trunk,
    flow::Flow,
    transport::{Destination, Resolver},
};

/// The ways to a trunk, the dearest first; never empty (RFC 3263, 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets(Vec<Flow>);

impl Targets {
    /// None when there is no way.
    pub fn new(flows: Vec<Flow>) -> Option<Self> {
        (!flows.is_empty()).then_some(Self(flows))
    }

    /// The one that is tried first.
    pub fn first(&self) -> Flow {
        self.0[0]
    }

    /// Those that are tried when the first does not answer, or with 503 (4.3).
    pub fn others(&self) -> &[Flow] {
        &self.0[1..]
    }
}

impl From<Flow> for Targets {
    fn from(flow: Flow) -> Self {
        Self(vec![flow])
    }
}

impl From<SocketAddr> for Targets {
    fn from(address: SocketAddr) -> Self {
        Self::from(Flow::udp(address))
    }
}

/// A name that is not found in this time is as good as none: somebody waits at the other end.
pub(super) const RESOLVE: Duration = Duration::from_secs(3);

/// Finds a trunk, within three seconds.
pub(super) async fn find(resolver: &Resolver, trunk: &Trunk) -> Result<Targets, CallError> {
    let mut random = random;
    let lookup = async {
        match Destination::parse(&trunk.proxy) {
            Some(destination) => resolver.find(&destination, &mut random).await,
            None => Vec::new(),
        }
    };
    within(trunk, lookup).await
}

pub(super) async fn within(trunk: &Trunk, lookup: impl Future<Output = Vec<Flow>>) -> Result<Targets, CallError> {
    let found = tokio::time::timeout(RESOLVE, lookup).await.unwrap_or_default();
    Targets::new(found).ok_or_else(|| CallError::Resolve { trunk: trunk.name.clone(), proxy: trunk.proxy.clone() })
}
