//! From the media thread to the vault: one thread per call seals block by block, so that a
//! slow disk never delays a packet.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use songda_media::{Gap, Tap};
use songda_recordings::vault::{self, Manifest, VaultError, Writer};

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
}

impl Tap for Feed {
    fn started(&mut self, unix_ms: i64) {
        if self.pieces.try_send(Piece::Started(unix_ms)).is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
    }

    fn block(&mut self, frames: &[i16]) -> bool {
        let kept = self.pieces.try_send(Piece::Block(frames.to_vec())).is_ok();
        kept && !self.failed.load(Ordering::Relaxed)
    }
}

/// A recording under way.
pub(crate) struct Recorder {
    thread: thread::JoinHandle<(Writer, Option<VaultError>)>,
}

impl Recorder {
    /// Starts the thread of a recording and gives the tap that feeds it.
    pub(crate) fn start(writer: Writer) -> std::io::Result<(Self, Box<dyn Tap>)> {
        let (pieces, inbox) = mpsc::sync_channel(WAITING);
        let failed = Arc::new(AtomicBool::new(false));
        let flag = failed.clone();
        let thread = thread::Builder::new().name("recorder".into()).spawn(move || seal(writer, &inbox, &flag))?;
        Ok((Self { thread }, Box::new(Feed { pieces, failed })))
    }

    /// Waits until everything is sealed and closes the recording; none when nothing was
    /// ever heard. The tap must be gone. Blocks.
    pub(crate) fn finish(self, gaps: &[Gap]) -> Result<Option<Manifest>, VaultError> {
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
        if writer.frames() == 0 {
            return writer.abandon().map(|()| None);
        }
        let gaps = gaps
            .iter()
            .map(|gap| vault::Gap { channel: gap.channel, from_frame: gap.from_frame, to_frame: gap.to_frame })
            .collect();
        writer.finish(gaps).map(Some)
    }
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
