//! What is heard at the other end: sound as it is found, words as they are read. Reading is done
//! beside the call, which never waits for it.

use std::sync::Arc;

use songda_asr::{Reader, words};
use songda_media::{
    RATE,
    progress::{Finding, Place},
};
use tokio::{sync::mpsc, task::spawn_blocking};

use crate::progress::{LineStatus, Progress, Read};

/// Pieces of one call that are read at most.
const PIECES: u32 = 6;

/// The ear of one call, behind the sound.
pub(crate) struct Hearing {
    reader: Option<Arc<Reader>>,
    progress: Progress,
    pieces: u32,
    sender: mpsc::Sender<Read>,
    reads: mpsc::Receiver<Read>,
}

impl Hearing {
    pub(crate) fn new(reader: Option<Arc<Reader>>) -> Self {
        let (sender, reads) = mpsc::channel(PIECES as usize);
        Self { reader, progress: Progress::default(), pieces: 0, sender, reads }
    }

    /// The ear found something.
    pub(super) fn sound(&mut self, finding: Finding) -> Option<LineStatus> {
        self.progress.sound(finding)
    }

    /// Keys went out at this frame.
    pub(super) fn anew(&mut self, frame: u64) {
        self.progress.anew(frame);
    }

    /// Something was said: it is read, when somebody is free to do it.
    pub(super) fn speech(&mut self, call: &str, samples: Vec<i16>, from_frame: u64, place: Place) {
        let Some(reader) = self.reader.clone().filter(|_| self.pieces < PIECES) else { return };
        self.pieces += 1;
        let (sender, call) = (self.sender.clone(), call.to_owned());
        let to_frame = from_frame + samples.len() as u64;
        let seconds = samples.len() as f64 / f64::from(RATE);
        tokio::spawn(async move {
            let read = spawn_blocking(move || reader.read(samples)).await;
            match read {
                Ok(Ok(Some(reading))) => {
                    let _ = sender.send(Read { place, from_frame, to_frame, reading }).await;
                }
                Ok(Ok(None)) => tracing::debug!(%call, seconds, "nothing was read: no words, or no reader was free"),
                Ok(Err(error)) => tracing::warn!(%call, %error, "what was said before the talk could not be read"),
                Err(error) => tracing::error!(%call, %error, "reading a piece of a call broke"),
            }
        });
    }

    /// Waits for the next words. May be dropped at any time.
    pub(super) async fn read(&mut self) -> Read {
        match self.reads.recv().await {
            Some(read) => read,
            // The sender is ours.
            None => std::future::pending().await,
        }
    }

    /// Words were read.
    pub(super) fn words(&mut self, read: Read) -> Option<LineStatus> {
        match words::table() {
            Ok(table) => self.progress.words(read, table),
            Err(error) => {
                tracing::error!(error, "the table of key words cannot be read");
                None
            }
        }
    }

    /// Whether words were read.
    pub(super) fn was_read(&self) -> bool {
        self.progress.was_read()
    }
}
