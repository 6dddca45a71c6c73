//! From the media thread to the vault: one thread per call seals block by block, so that a
//! slow disk never delays a packet.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use songda_media::{Gap, GapKind, Tap};
use songda_recordings::vault::{self, Manifest, VaultError, Writer};
use tokio::sync::oneshot;

use crate::clock::CallClock;

/// The packet that begins a recording holds the 20 ms before it.
const FIRST: Duration = Duration::from_millis(20);
/// Seconds that may wait for the disk before the recording counts as failed.
const WAITING: usize = 10;

enum Piece {
    Started(i64),
    Block(Vec<i16>),
}

/// The end of the recording that the media thread holds.
struct Feed {
    pieces: mpsc::SyncSender<Piece>,
    failed: Arc<AtomicBool>,
    began: Option<oneshot::Sender<Instant>>,
    clock: CallClock,
}

impl Tap for Feed {
    /// The recording begins by the time of the call, whatever the house's clock did since.
    fn started(&mut self, _: i64) {
        let now = Instant::now();
        let frame_0 = now.checked_sub(FIRST).unwrap_or(now);
        if let Some(began) = self.began.take() {
            let _ = began.send(frame_0);
        }
        self.take(Piece::Started(self.clock.at(frame_0)));
    }

    fn block(&mut self, frames: &[i16]) -> bool {
        self.take(Piece::Block(frames.to_vec()));
        !self.failed.load(Ordering::Relaxed)
    }
}

impl Feed {
    /// What finds no room is lost, and nothing may follow it: it would stand at the wrong time.
    fn take(&self, piece: Piece) {
        if !self.failed.load(Ordering::Relaxed) && self.pieces.try_send(piece).is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
    }
}

/// What became of a recording.
pub(crate) struct Kept {
    /// Its manifest; none when nothing was ever heard.
    pub(crate) manifest: Option<Manifest>,
    /// A part of it was lost.
    pub(crate) incomplete: bool,
}

/// A recording under way.
pub(crate) struct Recorder {
    thread: thread::JoinHandle<(Writer, Option<VaultError>)>,
    failed: Arc<AtomicBool>,
}

impl Recorder {
    /// Starts the thread of a recording and gives the tap that feeds it, and word of its
    /// first sound.
    pub(crate) fn start(
        writer: Writer,
        clock: CallClock,
    ) -> std::io::Result<(Self, Box<dyn Tap>, oneshot::Receiver<Instant>)> {
        let (pieces, inbox) = mpsc::sync_channel(WAITING);
        let failed = Arc::new(AtomicBool::new(false));
        let flag = failed.clone();
        let thread = thread::Builder::new().name("recorder".into()).spawn(move || seal(writer, &inbox, &flag))?;
        let (began, word) = oneshot::channel();
        let feed = Feed { pieces, failed: failed.clone(), began: Some(began), clock };
        Ok((Self { thread, failed }, Box::new(feed), word))
    }

    /// Waits until everything is sealed and closes the recording. The tap must be gone.
    /// Blocks.
    pub(crate) fn finish(self, gaps: &[Gap]) -> Result<Kept, VaultError> {
        let Ok((writer, failed)) = self.thread.join() else {
            return Err(VaultError::Io {
                action: "seal",
                path: "the live recording".into(),
                error: std::io::Error::other("the recorder's thread died"),
            });
        };
        if let Some(error) = failed {
            tracing::error!(%error, "a block of a recording was lost");
        }
        let incomplete = self.failed.load(Ordering::Relaxed);
        if writer.frames() == 0 {
            return writer.abandon().map(|()| Kept { manifest: None, incomplete });
        }
        let gaps = gaps.iter().map(listed).collect();
        writer.finish(gaps).map(|manifest| Kept { manifest: Some(manifest), incomplete })
    }
}

/// A hole as the vault lists it.
fn listed(gap: &Gap) -> vault::Gap {
    let kind = match gap.kind {
        GapKind::Lost => vault::GapKind::Lost,
        GapKind::Unsent => vault::GapKind::Unsent,
        GapKind::Unknown => vault::GapKind::Unknown,
        GapKind::Unlisted => vault::GapKind::Unlisted,
    };
    vault::Gap { channel: gap.channel, from_frame: gap.from_frame, to_frame: gap.to_frame, kind }
}

fn seal(mut writer: Writer, inbox: &mpsc::Receiver<Piece>, failed: &AtomicBool) -> (Writer, Option<VaultError>) {
    let mut first = None;
    for piece in inbox {
        let done = match piece {
            Piece::Started(unix_ms) => writer.start_at(unix_ms),
            // A block after a lost one would stand at the wrong time.
            Piece::Block(_) if first.is_some() => continue,
            Piece::Block(frames) => writer.append(&frames),
        };
        if let Err(error) = done {
            failed.store(true, Ordering::Relaxed);
            first.get_or_insert(error);
        }
    }
    (writer, first)
}
