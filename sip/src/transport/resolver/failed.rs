//! Hosts that took no call a moment ago.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::flow::Flow;

/// So many are remembered.
const HOSTS: usize = 256;

/// Until when each comes last. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Failed(Arc<Mutex<HashMap<SocketAddr, Instant>>>);

impl Failed {
    pub(super) fn add(&self, now: Instant, host: SocketAddr, rest: Duration) {
        let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.retain(|_, until| *until > now);
        if until.len() < HOSTS {
            until.insert(host, now + rest);
        }
    }

    /// The others keep their order, and so do those.
    pub(super) fn last(&self, now: Instant, ways: &mut [(Arc<str>, Flow)]) {
        let until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !until.is_empty() {
            ways.sort_by_key(|(_, flow)| until.get(&flow.remote).is_some_and(|until| *until > now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_failed_comes_last_until_its_time_is_over() {
        let way = |port| (Arc::from("carrier.test"), Flow::udp(SocketAddr::from(([192, 0, 2, 1], port))));
        let ports = |ways: &[(Arc<str>, Flow)]| ways.iter().map(|(_, flow)| flow.remote.port()).collect::<Vec<_>>();
        let (failed, now) = (Failed::default(), Instant::now());
        failed.add(now, way(1).1.remote, Duration::from_mins(1));
        let mut ways = [way(1), way(2), way(3)];
        failed.last(now + Duration::from_secs(59), &mut ways);
        assert_eq!(ports(&ways), [2, 3, 1]);
        let mut ways = [way(1), way(2)];
        failed.last(now + Duration::from_secs(61), &mut ways);
        assert_eq!(ports(&ways), [1, 2]);
    }
}
