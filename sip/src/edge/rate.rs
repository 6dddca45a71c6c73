//! How often one source may do something: token buckets in a table that cannot grow.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

/// So many sources have a bucket of their own. The rest share one: whoever sends in a thousand
/// names cannot push the others out.
const MOST: usize = 4096;
/// Full buckets are put away at most this often.
const SWEEP: Duration = Duration::from_secs(1);

/// A rate with room for bursts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// So many a second in the long run.
    pub per_second: f64,
    /// So many at once.
    pub burst: f64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn fill(&mut self, now: Instant, rate: Rate) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate.per_second).min(rate.burst);
        self.at = self.at.max(now);
    }

    fn take(&mut self, now: Instant, rate: Rate) -> bool {
        self.fill(now, rate);
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }
}

/// One bucket per source.
#[derive(Debug)]
pub(super) struct Buckets {
    rate: Rate,
    of: HashMap<IpAddr, Bucket>,
    shared: Option<Bucket>,
    swept: Option<Instant>,
}

impl Buckets {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, of: HashMap::new(), shared: None, swept: None }
    }

    /// Whether this source may once more.
    pub(super) fn take(&mut self, now: Instant, source: IpAddr) -> bool {
        let source = neighbourhood(source);
        let new = Bucket { tokens: self.rate.burst, at: now };
        if let Some(bucket) = self.of.get_mut(&source) {
            return bucket.take(now, self.rate);
        }
        if self.of.len() >= MOST {
            self.sweep(now);
        }
        if self.of.len() >= MOST {
            return self.shared.get_or_insert(new).take(now, self.rate);
        }
        self.of.entry(source).or_insert(new).take(now, self.rate)
    }

    /// A full bucket says nothing that a new one would not.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|at| now.saturating_duration_since(at) < SWEEP) {
            return;
        }
        self.swept = Some(now);
        let rate = self.rate;
        self.of.retain(|_, bucket| {
            bucket.fill(now, rate);
            bucket.tokens < rate.burst
        });
    }
}

/// One household has 2^64 addresses of IPv6.
fn neighbourhood(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        IpAddr::V4(ip) => ip.into(),
    }
}
