//! Our relay as a process of its own: the media engine, and the vault where calls are recorded.
//!
//! It reads one line that says which calls there are, answers one line with where their packets
//! go, and holds them until its input ends.

use std::{
    io::{BufRead as _, Write as _},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use songda_media::{CallMedia, Engine, Rest, Security};
use songda_recordings::{
    keys::KeyFile,
    vault::{RecordingId, Vault},
};
use tokio::task::JoinHandle;

use crate::record::{Sealing, engine_at, tape};

/// The calls of one round.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Calls {
    /// Within the house and towards the carrier.
    pub(super) calls: Vec<(Inner, SocketAddr)>,
    /// Where they are recorded, if they are.
    pub(super) record: Option<PathBuf>,
}

/// The leg within the house.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Inner {
    /// A phone, or another trunk: plain RTP.
    Plain(SocketAddr),
    /// A browser's offer.
    Browser(String),
}

/// Where a call wants the packets of both ends: a port, or our answer to the browser.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) inner: Result<u16, String>,
    pub(super) trunk: u16,
}

struct Running {
    media: CallMedia,
    heard: JoinHandle<()>,
    sealing: Option<Sealing>,
}

/// Serves until the input ends.
pub(crate) async fn run() -> anyhow::Result<()> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let order: Calls = serde_json::from_str(&line).context("not the calls of a round")?;
    let engine = Engine::start(engine_at(std::net::IpAddr::from([127, 0, 0, 1])))?;
    let sealed = order.record.as_ref().map(tempfile::tempdir_in).transpose()?;
    let vault = match &sealed {
        Some(folder) => {
            let keys = KeyFile::create(&folder.path().join("key"))?;
            Some(Vault::open(&folder.path().join("vault"), Arc::new(keys), 0)?)
        }
        None => None,
    };
    let (mut running, mut places) = (Vec::new(), Vec::new());
    for (no, (inner, trunk)) in order.calls.into_iter().enumerate() {
        let (tap, sealing): (Box<dyn songda_media::Tap>, _) = match &vault {
            Some(vault) => {
                let (sealing, feed) = tape(vault, &RecordingId::new(&format!("bench{no:06}"))?)?;
                (Box::new(feed), Some(sealing))
            }
            None => (Box::new(Dropped), None),
        };
        let (media, mut events) = engine.open(tap)?;
        // As a call does: what was heard is looked at and gone.
        let heard = tokio::spawn(async move { while events.recv().await.is_some() {} });
        let answer = media.trunk_offered(super::description(trunk)).await?;
        let inner = match inner {
            Inner::Plain(address) => {
                let offer = media.phone_offer(Security::Off, Vec::new()).await?;
                media.phone_answer(super::description(address)).await?;
                media.hand_over()?;
                Ok(super::port(&offer)?)
            }
            Inner::Browser(offer) => Err(media.browser_offer(offer).await?),
        };
        media.rest(Rest::Talk)?;
        places.push(Place { inner, trunk: super::port(&answer)? });
        running.push(Running { media, heard, sealing });
    }
    crate::print(&serde_json::to_string(&places)?)?;
    std::io::stdout().flush()?;
    let over = tokio::task::spawn_blocking(|| std::io::stdin().lock().read_line(&mut String::new()));
    over.await??;
    for Running { media, heard, sealing } in running {
        media.close().await?;
        heard.await?;
        if let Some(sealing) = sealing {
            sealing.end()?;
        }
    }
    Ok(())
}

/// A call that is not recorded.
struct Dropped;

impl songda_media::Tap for Dropped {
    fn started(&mut self, _: Instant, _: i64) {}

    fn block(&mut self, _: &[i16]) -> bool {
        true
    }
}
