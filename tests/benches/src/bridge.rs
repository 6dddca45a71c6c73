//! The product's crates as a bridge between two SIP peers: an INVITE that comes in goes out
//! again as a call of our own, with nothing of the first but its SDP and its number.
//!
//! Two legs, two dialogs, as in a call of the product; without its database, and the sound goes
//! from end to end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use songda_sip::{Endpoint, EndpointConfig, IncomingCall, Leg, LegEvent, Number, OutboundCall, Rejection, Trunk};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::status::Status;

/// What to bridge.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Bridge {
    /// UDP address of the bridge.
    #[arg(long)]
    listen: SocketAddr,
    /// Where calls go on.
    #[arg(long)]
    to: SocketAddr,
    /// Prints calls, transactions and memory as a line of JSON each second.
    #[arg(long)]
    status: bool,
}

/// Nobody rings longer.
const RING_LIMIT: Duration = Duration::from_mins(1);
/// How long calls may go on after SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);

/// Runs until SIGTERM or Ctrl-C: then takes no new call, and ends with the last one.
pub(crate) async fn run(order: Bridge) -> anyhow::Result<()> {
    let status = Status::install()?;
    let cancel = CancellationToken::new();
    let config = EndpointConfig::udp(order.listen, "songda-bench");
    let endpoint = Endpoint::start(config, cancel.clone())?;
    let mut calls = endpoint.incoming().context("the endpoint offers no calls")?;
    let trunk = Arc::new(Trunk {
        name: "bridge".to_owned(),
        proxy: order.to.to_string(),
        domain: order.to.ip().to_string(),
        ..Trunk::default()
    });
    let tracker = TaskTracker::new();
    let mut terminated = signal(SignalKind::terminate())?;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            call = calls.recv() => {
                let Some(call) = call else { break };
                tracker.spawn(bridge(endpoint.clone(), trunk.clone(), call));
            }
            _ = second.tick() => {
                status.upkeep();
                if order.status {
                    crate::print(&status.line())?;
                }
            }
            _ = terminated.recv() => break,
            ended = tokio::signal::ctrl_c() => {
                ended?;
                break;
            }
        }
    }
    tracker.close();
    endpoint.drain().await;
    let _ = tokio::time::timeout(DRAIN, tracker.wait()).await;
    endpoint.close(Duration::from_secs(5)).await;
    Ok(())
}

async fn bridge(endpoint: Endpoint, trunk: Arc<Trunk>, call: IncomingCall) {
    let IncomingCall { invite, mut leg, .. } = call;
    let caller = leg.handle();
    let Some(offer) = invite.offer else {
        caller.reject(Rejection::status(488)).await;
        return;
    };
    let order = OutboundCall {
        trunk,
        callee: Number::new(&invite.called),
        caller: invite.caller.unwrap_or_else(|| Number::new("0")),
        offer,
        ring_limit: RING_LIMIT,
    };
    let mut out = match endpoint.call(order).await {
        Ok(out) => out,
        Err(error) => {
            tracing::debug!(%error, "the second leg could not be placed");
            caller.reject(Rejection::status(503)).await;
            return;
        }
    };
    both(&mut leg, &mut out).await;
}

/// Hands on what happens until one of the two is over; the other then goes with its handle.
async fn both(leg: &mut Leg, out: &mut Leg) {
    let (caller, called) = (leg.handle(), out.handle());
    let mut answered = false;
    loop {
        tokio::select! {
            event = out.next() => match event {
                Some(LegEvent::Ringing) => caller.ring().await,
                Some(LegEvent::EarlyMedia { sdp }) => caller.progress(sdp).await,
                Some(LegEvent::Answered { sdp }) => {
                    answered = true;
                    caller.answer(sdp).await;
                }
                Some(LegEvent::Ended(ended)) => {
                    if answered {
                        caller.hang_up().await;
                    } else {
                        let status = ended.status.filter(|status| *status >= 400).unwrap_or(480);
                        caller.reject(Rejection { q850: ended.q850, ..Rejection::status(status) }).await;
                    }
                    return;
                }
                None => return,
                Some(_) => {}
            },
            event = leg.next() => match event {
                Some(LegEvent::Ended(_)) | None => {
                    called.hang_up().await;
                    return;
                }
                Some(_) => {}
            },
        }
    }
}
