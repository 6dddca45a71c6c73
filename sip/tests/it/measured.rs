//! What the metrics say of an endpoint.

use std::{sync::Arc, time::Duration};

use metrics::{Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tokio::{net::UdpSocket, sync::watch};

use crate::restart::{any_endpoint, trunk};

/// One gauge, as it was told last.
struct Told(watch::Sender<Option<f64>>);

impl GaugeFn for Told {
    fn increment(&self, _value: f64) {}

    fn decrement(&self, _value: f64) {}

    fn set(&self, value: f64) {
        self.0.send_replace(Some(value));
    }
}

/// Hears of the transactions, and of nothing else.
struct Transactions(Arc<Told>);

impl Recorder for Transactions {
    fn describe_counter(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn describe_gauge(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn describe_histogram(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn register_counter(&self, _key: &Key, _metadata: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        if key.name() == "songda_sip_transactions_active" { Gauge::from_arc(self.0.clone()) } else { Gauge::noop() }
    }

    fn register_histogram(&self, _key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// A transaction ends by a timer, when no message comes any more.
#[tokio::test]
async fn the_metrics_are_told_of_a_transaction_that_ends_in_silence() {
    let (sender, mut told) = watch::channel(None);
    let recorder = Transactions(Arc::new(Told(sender)));
    let _here = metrics::set_default_local_recorder(&recorder);
    let carrier = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let endpoint = any_endpoint().await;
    let trunk = trunk(carrier.local_addr().unwrap().port(), "secret");
    let probe = endpoint.probe(&trunk);
    let answer = async {
        let mut buffer = [0; 2048];
        let (length, from) = carrier.recv_from(&mut buffer).await.unwrap();
        let asked = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let kept = asked
            .lines()
            .filter(|line| ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name)));
        let text = format!("SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n", kept.collect::<Vec<_>>().join("\r\n"));
        carrier.send_to(text.as_bytes(), from).await.unwrap();
    };
    let (probed, ()) = tokio::join!(probe, answer);
    probed.unwrap();
    let mut gauge = async |value: f64| {
        let told = told.wait_for(|told| *told == Some(value));
        tokio::time::timeout(Duration::from_secs(15), told).await.is_ok()
    };
    assert!(gauge(1.0).await, "it is there until timer K (17.1.2.2)");
    assert!(gauge(0.0).await, "it is told as alive for ever");
}
