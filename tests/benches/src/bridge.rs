//! The product's crates as a bridge between two SIP peers: an INVITE that comes in goes out
//! again as a call of our own, with nothing of the first but its SDP and its number.
//!
//! Two legs, two dialogs, as in a call of the product; without its database. The sound goes from
//! end to end, or through the media engine where it is recorded.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use songda_sip::{Endpoint, EndpointConfig, IncomingCall, Leg, LegEvent, Number, OutboundCall, Rejection, Trunk};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    record::{Recording, Studio},
    status::Status,
};

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
    /// Records both sides of each call into a stereo WAV in this folder.
    #[arg(long)]
    record: Option<PathBuf>,
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
    let studio = order.record.map(|folder| Studio::open(&folder, order.listen.ip())).transpose()?.map(Arc::new);
    let tracker = TaskTracker::new();
    let mut terminated = signal(SignalKind::terminate())?;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            call = calls.recv() => {
                let Some(call) = call else { break };
                tracker.spawn(bridge(endpoint.clone(), trunk.clone(), studio.clone(), call));
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

async fn bridge(endpoint: Endpoint, trunk: Arc<Trunk>, studio: Option<Arc<Studio>>, call: IncomingCall) {
    let IncomingCall { invite, mut leg, .. } = call;
    let caller = leg.handle();
    let Some(offer) = invite.offer else {
        caller.reject(Rejection::status(488)).await;
        return;
    };
    let mut sound = match Sound::new(studio.as_deref(), offer).await {
        Ok(sound) => sound,
        Err(error) => {
            crate::complain("the sound of a call could not be opened", &error);
            caller.reject(Rejection::status(488)).await;
            return;
        }
    };
    let order = OutboundCall {
        trunk,
        callee: Number::new(&invite.called),
        caller: invite.caller.unwrap_or_else(|| Number::new("0")),
        offer: std::mem::take(&mut sound.offer),
        ring_limit: RING_LIMIT,
    };
    match endpoint.call(order).await {
        Ok(mut out) => both(&mut leg, &mut out, &mut sound).await,
        Err(error) => {
            tracing::debug!(%error, "the second leg could not be placed");
            caller.reject(Rejection::status(503)).await;
        }
    }
    sound.end().await;
}

/// What is told to each side of the sound of a call.
struct Sound {
    /// To the called side.
    offer: String,
    /// To the caller, and the recording; none where the sound goes from end to end.
    recorded: Option<(String, Recording)>,
}

impl Sound {
    async fn new(studio: Option<&Studio>, offer: String) -> anyhow::Result<Self> {
        let Some(studio) = studio else { return Ok(Self { offer, recorded: None }) };
        let recording = studio.begin()?;
        let (answer, offer) = recording.offered(offer).await?;
        Ok(Self { offer, recorded: Some((answer, recording)) })
    }

    /// The called side described itself; what the caller is told.
    async fn answered(&mut self, sdp: String) -> String {
        let Some((answer, recording)) = &mut self.recorded else { return sdp };
        if let Err(error) = recording.answered(sdp).await {
            crate::complain("the called side cannot be heard", &error);
        }
        answer.clone()
    }

    /// One side moved its media.
    async fn moved(&mut self, caller: bool, sdp: String) {
        let Some((_, recording)) = &mut self.recorded else { return };
        let moved = if caller { recording.caller_moved(sdp).await } else { recording.answered(sdp).await };
        if let Err(error) = moved {
            crate::complain("new media cannot be used", &error);
        }
    }

    async fn end(self) {
        if let Some((_, recording)) = self.recorded
            && let Err(error) = recording.finish().await
        {
            crate::complain("a recording could not be kept", &error);
        }
    }
}

/// Hands on what happens until one of the two is over; the other then goes with its handle.
async fn both(leg: &mut Leg, out: &mut Leg, sound: &mut Sound) {
    let (caller, called) = (leg.handle(), out.handle());
    let mut answered = false;
    loop {
        tokio::select! {
            event = out.next() => match event {
                Some(LegEvent::Ringing) => caller.ring().await,
                Some(LegEvent::EarlyMedia { sdp }) => caller.progress(sound.answered(sdp).await).await,
                Some(LegEvent::Answered { sdp }) => {
                    answered = true;
                    caller.answer(sound.answered(sdp).await).await;
                }
                Some(LegEvent::Reoffered { sdp }) => sound.moved(false, sdp).await,
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
                Some(LegEvent::Reoffered { sdp }) => sound.moved(true, sdp).await,
                Some(LegEvent::Ended(_)) | None => {
                    called.hang_up().await;
                    return;
                }
                Some(_) => {}
            },
        }
    }
}
