//! Telephones and proxies that others wrote.

mod baresip;
mod kamailio;
mod linphone;
mod process;

use std::time::Duration;

use songda_sip::{EndCause, Ended, Endpoint, Leg, LegEvent, Side, Trunk};

use crate::restart::{any_endpoint, order};

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);

/// Waits for the first event that `wanted` knows.
async fn until(leg: &mut Leg, wanted: impl Fn(&LegEvent) -> bool) -> LegEvent {
    let mut seen = Vec::new();
    let found = async {
        while let Some(event) = leg.next().await {
            if wanted(&event) {
                return Some(event);
            }
            seen.push(event);
        }
        None
    };
    match tokio::time::timeout(LIMIT, found).await {
        Ok(Some(event)) => event,
        _ => panic!("it never came; seen: {seen:?}"),
    }
}

async fn answered(leg: &mut Leg) {
    until(leg, |event| matches!(event, LegEvent::Answered { .. })).await;
}

async fn ended(leg: &mut Leg) -> Ended {
    match until(leg, |event| matches!(event, LegEvent::Ended(_))).await {
        LegEvent::Ended(ended) => ended,
        other => panic!("{other:?}"),
    }
}

async fn ended_by(leg: &mut Leg, side: Side) {
    let ended = ended(leg).await;
    assert_eq!((ended.by, ended.cause), (side, EndCause::HungUp), "{ended:?}");
}

async fn dial(trunk: Trunk) -> (Endpoint, Leg) {
    let endpoint = any_endpoint().await;
    let leg = endpoint.call(order(trunk)).await.unwrap();
    (endpoint, leg)
}
