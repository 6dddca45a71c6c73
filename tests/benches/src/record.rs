//! The sound of bridged calls, both sides in one stereo WAV per call, the way calls of the
//! product go: the media engine relays, the vault seals block by block, and what was sealed is
//! read back as WAV when the call is over.
//!
//! The caller is the party: what came from him is the right channel, what he heard the left.

use std::{
    fs::File,
    io::Write as _,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Instant,
};

use anyhow::{Context as _, anyhow};
use songda_media::{CallMedia, Engine, EngineConfig, GapKind, MediaEvent, Rest, Security, Tap};
use songda_recordings::{
    keys::KeyFile,
    vault::{self, RecordingId, Vault, VaultError, Writer},
};
use tokio::sync::mpsc::Receiver;

/// Seconds that may wait for the disk.
const WAITING: usize = 10;
/// Bytes of a WAV that are written at once.
const PIECE: usize = 1 << 16;

/// Where calls are recorded.
pub(crate) struct Studio {
    engine: Engine,
    vault: Arc<Vault>,
    folder: PathBuf,
    calls: AtomicU64,
    /// Key and sealed blocks; what stays is the WAV.
    _sealed: tempfile::TempDir,
}

enum Piece {
    Started(i64),
    Block(Vec<i16>),
}

/// From the media thread to the thread that seals.
pub(crate) struct Feed(mpsc::SyncSender<Piece>);

impl Tap for Feed {
    fn started(&mut self, _: Instant, unix_ms: i64) {
        let _ = self.0.try_send(Piece::Started(unix_ms));
    }

    fn block(&mut self, frames: &[i16]) -> bool {
        self.0.try_send(Piece::Block(frames.to_vec())).is_ok()
    }
}

/// The thread that seals one call.
pub(crate) struct Sealing(JoinHandle<Result<Writer, VaultError>>);

impl Sealing {
    /// Waits until everything is sealed. The tap must be gone.
    pub(crate) fn end(self) -> anyhow::Result<Writer> {
        Ok(self.0.join().map_err(|_| anyhow!("the thread that seals died"))??)
    }
}

/// Begins a recording: what is put into the feed is sealed by a thread of its own.
pub(crate) fn tape(vault: &Vault, id: &RecordingId) -> anyhow::Result<(Sealing, Feed)> {
    let mut writer = vault.begin(id, now_ms())?;
    let (pieces, inbox) = mpsc::sync_channel(WAITING);
    let sealing = std::thread::Builder::new().name("recorder".into()).spawn(move || {
        for piece in inbox {
            match piece {
                Piece::Started(unix_ms) => writer.start_at(unix_ms)?,
                Piece::Block(frames) => writer.append(&frames)?,
            }
        }
        Ok(writer)
    })?;
    Ok((Sealing(sealing), Feed(pieces)))
}

/// An engine at this address, with one media thread.
pub(crate) fn engine_at(ip: IpAddr) -> EngineConfig {
    EngineConfig::at(ip, Arc::new(now_ms))
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Studio {
    /// Records into this folder; sound goes over this address.
    pub(crate) fn open(folder: &Path, ip: IpAddr) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let sealed = tempfile::tempdir_in(folder)?;
        let keys = KeyFile::create(&sealed.path().join("key"))?;
        let vault = Vault::open(&sealed.path().join("vault"), Arc::new(keys), 0)?;
        let engine = Engine::start(engine_at(ip))?;
        let (vault, folder) = (Arc::new(vault), folder.to_owned());
        Ok(Self { engine, vault, folder, calls: AtomicU64::new(1), _sealed: sealed })
    }

    /// The sound of one more call.
    pub(crate) fn begin(&self) -> anyhow::Result<Recording> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let id = RecordingId::new(&format!("call{number:06}"))?;
        let (sealing, feed) = tape(&self.vault, &id)?;
        let (media, events) = self.engine.open(Box::new(feed))?;
        let wav = self.folder.join(format!("{}.wav", id.as_str()));
        Ok(Recording { media, events, sealing, vault: self.vault.clone(), id, wav, joined: false })
    }
}

/// The sound of one call.
pub(crate) struct Recording {
    media: CallMedia,
    events: Receiver<MediaEvent>,
    sealing: Sealing,
    vault: Arc<Vault>,
    id: RecordingId,
    wav: PathBuf,
    joined: bool,
}

impl Recording {
    /// Takes the caller's offer: our answer to him, and our offer to the called side.
    pub(crate) async fn offered(&self, offer: String) -> anyhow::Result<(String, String)> {
        Ok((self.media.trunk_offered(offer).await?, self.media.phone_offer(Security::Off, Vec::new()).await?))
    }

    /// The called side described itself, early or with its answer: both hear each other.
    pub(crate) async fn answered(&mut self, sdp: String) -> anyhow::Result<()> {
        self.media.phone_answer(sdp).await?;
        if !std::mem::replace(&mut self.joined, true) {
            self.media.hand_over()?;
            self.media.rest(Rest::Talk)?;
        }
        Ok(())
    }

    /// The caller moved his media.
    pub(crate) async fn caller_moved(&self, sdp: String) -> anyhow::Result<()> {
        Ok(self.media.trunk_moved(sdp).await?)
    }

    /// Ends the sound; where any was heard, it is a WAV now.
    pub(crate) async fn finish(self) -> anyhow::Result<()> {
        let Self { media, events, sealing, vault, id, wav, .. } = self;
        let summary = media.close().await?;
        drop(events);
        let gaps = summary.gaps.iter().map(|gap| vault::Gap {
            channel: gap.channel,
            from_frame: gap.from_frame,
            to_frame: gap.to_frame,
            kind: match gap.kind {
                GapKind::Lost => vault::GapKind::Lost,
                GapKind::Unsent => vault::GapKind::Unsent,
                GapKind::Unknown => vault::GapKind::Unknown,
                GapKind::Unlisted => vault::GapKind::Unlisted,
                GapKind::Cut => vault::GapKind::Cut,
            },
        });
        let gaps = gaps.collect();
        tokio::task::spawn_blocking(move || {
            let writer = sealing.end()?;
            if writer.frames() == 0 {
                return Ok(writer.abandon()?);
            }
            writer.finish(gaps)?;
            export(&vault, &id, &wav)
        })
        .await?
    }
}

/// Reads what was sealed back as WAV.
fn export(vault: &Vault, id: &RecordingId, to: &Path) -> anyhow::Result<()> {
    let mut reader = vault.read(id)?;
    let mut file = File::create(to).with_context(|| format!("cannot write {}", to.display()))?;
    let (mut at, mut piece) = (0, vec![0; PIECE]);
    loop {
        let length = reader.read_at(at, &mut piece)?;
        if length == 0 {
            return Ok(file.sync_all()?);
        }
        file.write_all(&piece[..length])?;
        at += length as u64;
    }
}
