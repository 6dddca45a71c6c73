//! Counts of messages, told to the metrics once a second and not with each message.

use std::time::{Duration, Instant};

use crate::{edge::Counts, flow::Protocol, transport::Transport};

/// How often the metrics are told.
const EVERY: Duration = Duration::from_secs(1);

const PROTOCOLS: [Protocol; 5] = [Protocol::Udp, Protocol::Tcp, Protocol::Tls, Protocol::Ws, Protocol::Wss];
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx"];

/// Messages of one direction.
#[derive(Debug, Default)]
pub(super) struct Counted {
    requests: [u64; 5],
    responses: [u64; 5],
    classes: [u64; 6],
}

impl Counted {
    /// One more; what it is stands in its first bytes.
    pub(super) fn message(&mut self, protocol: Protocol, bytes: &[u8]) {
        let at = protocol as usize;
        match bytes.strip_prefix(b"SIP/2.0 ") {
            Some(status) => {
                self.responses[at] += 1;
                let class = status.first().map(|digit| usize::from(digit.wrapping_sub(b'1')));
                if let Some(count) = class.and_then(|class| self.classes.get_mut(class)) {
                    *count += 1;
                }
            }
            None => self.requests[at] += 1,
        }
    }

    fn tell(&self, direction: &'static str) {
        for (at, protocol) in PROTOCOLS.iter().enumerate() {
            for (kind, count) in [("request", self.requests[at]), ("response", self.responses[at])] {
                if count > 0 {
                    let labels = [("direction", direction), ("kind", kind), ("transport", protocol.via())];
                    metrics::counter!("songda_sip_messages_total", &labels).absolute(count);
                }
            }
        }
        for (class, count) in CLASSES.iter().zip(self.classes) {
            if count > 0 {
                let labels = [("direction", direction), ("class", *class)];
                metrics::counter!("songda_sip_responses_total", &labels).absolute(count);
            }
        }
    }
}

/// What a driver counts.
#[derive(Debug)]
pub(super) struct Measure {
    pub(super) received: Counted,
    pub(super) sent: Counted,
    /// Could not be sent, and nothing else could be tried.
    pub(super) undelivered: u64,
    /// Something happened since the metrics were told.
    told: Instant,
    pub(super) changed: bool,
}

/// What the endpoint holds.
pub(super) struct Held {
    pub(super) calls: usize,
    pub(super) transactions: usize,
    pub(super) retransmissions: u64,
    pub(super) commands: usize,
    pub(super) arrivals: usize,
    pub(super) waiting: usize,
    /// Found no room among those that wait.
    pub(super) lost: u64,
    pub(super) edge: Counts,
}

impl Measure {
    pub(super) fn new(now: Instant) -> Self {
        Self { received: Counted::default(), sent: Counted::default(), undelivered: 0, told: now, changed: true }
    }

    /// When the metrics are to be told next; none when they know everything.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.changed.then_some(self.told + EVERY)
    }

    /// Tells the metrics when it is time to.
    pub(super) fn tell(&mut self, now: Instant, held: impl FnOnce() -> Held, transport: &Transport) {
        if !self.changed || now < self.told + EVERY {
            return;
        }
        (self.told, self.changed) = (now, false);
        let held = held();
        metrics::gauge!("songda_sip_calls").set(held.calls as f64);
        metrics::gauge!("songda_sip_transactions_active").set(held.transactions as f64);
        metrics::counter!("songda_sip_retransmissions_total").absolute(held.retransmissions);
        metrics::counter!("songda_sip_undelivered_total").absolute(self.undelivered);
        metrics::counter!("songda_sip_lost_total").absolute(held.lost);
        let Counts { overload, draining, too_often, strangers_answered, strangers_dropped } = held.edge;
        for (why, count) in [
            ("overload", overload),
            ("draining", draining),
            ("too_often", too_often),
            ("stranger", strangers_answered),
            ("stranger_dropped", strangers_dropped),
        ] {
            metrics::counter!("songda_sip_turned_away_total", "why" => why).absolute(count);
        }
        self.received.tell("in");
        self.sent.tell("out");
        let (connections, unwritten) = transport.load();
        let queues = [
            ("commands", held.commands),
            ("arrivals", held.arrivals),
            ("messages", held.waiting),
            ("connections", unwritten),
        ];
        for (queue, length) in queues {
            metrics::gauge!("songda_sip_queue_length", "queue" => queue).set(length as f64);
        }
        for protocol in &PROTOCOLS[1..] {
            let count = if connections == 0 { 0 } else { transport.count(*protocol) };
            metrics::gauge!("songda_sip_connections", "transport" => protocol.via()).set(count as f64);
        }
    }
}
