//! What connections may cost.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// So long the opening of a connection of ours takes at most, as a rule.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);

/// Bounds of connections. Datagrams have none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections that others opened, in all.
    pub connections: usize,
    /// Of these from one address.
    pub per_source: usize,
    /// A connection that others opened is closed when nothing came for so long. Longer than a
    /// registration usually lives, so that a phone which sends no keep-alive stays reachable.
    pub idle: Duration,
    /// So long a handshake, the first message, the rest of a message that has begun, or the
    /// reading of one of ours may take.
    pub patience: Duration,
    /// So long the opening of a connection of ours may take.
    pub connect: Duration,
    /// Messages that wait to be written to one connection.
    pub queue: usize,
    /// How often a connection of ours, or a registered flow, gets a sign of life.
    pub keep_alive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            per_source: 256,
            idle: Duration::from_mins(65),
            patience: Duration::from_secs(10),
            connect: CONNECT,
            queue: 256,
            keep_alive: Duration::from_secs(25),
        }
    }
}

/// Counts the connections of others. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Gate {
    /// A place for one more, freed when dropped; none when there are too many already.
    pub(super) fn enter(&self, source: IpAddr, limits: &Limits) -> Option<Place> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = counts.values().sum();
        let here = counts.get(&source).copied().unwrap_or(0);
        if all >= limits.connections || here >= limits.per_source {
            return None;
        }
        counts.insert(source, here + 1);
        Some(Place { gate: self.clone(), source })
    }
}

/// The place of one connection.
#[derive(Debug)]
pub(super) struct Place {
    gate: Gate,
    source: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.gate.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_by_source_and_in_all() {
        let limits = Limits { connections: 3, per_source: 2, ..Limits::default() };
        let (gate, one, other) = (Gate::default(), IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let first = gate.enter(one, &limits).unwrap();
        let _second = gate.enter(one, &limits).unwrap();
        assert!(gate.enter(one, &limits).is_none());
        let _third = gate.enter(other, &limits).unwrap();
        assert!(gate.enter(other, &limits).is_none());
        drop(first);
        assert!(gate.enter(other, &limits).is_some());
    }
}
