//! What is heard at the other end: sound as it is found, words as they are read. Reading is done
//! beside the call, which never waits for it.

use std::sync::Arc;

use songda_asr::{Reader, WorkerError, words};
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
    /// Pieces that somebody reads or has read, and of how many we know what became of them.
    pieces: u32,
    settled: u32,
    /// Something was said that nobody reads.
    missed: bool,
    sender: mpsc::Sender<Option<Read>>,
    reads: mpsc::Receiver<Option<Read>>,
}

impl Hearing {
    pub(crate) fn new(reader: Option<Arc<Reader>>) -> Self {
        let (sender, reads) = mpsc::channel(PIECES as usize);
        Self { reader, progress: Progress::default(), pieces: 0, settled: 0, missed: false, sender, reads }
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
        let Some(reader) = self.reader.clone().filter(|_| self.pieces < PIECES) else {
            self.missed = true;
            return;
        };
        self.pieces += 1;
        let (sender, call) = (self.sender.clone(), call.to_owned());
        let to_frame = from_frame + samples.len() as u64;
        let seconds = samples.len() as f64 / f64::from(RATE);
        tokio::spawn(async move {
            let read = spawn_blocking(move || reader.read(samples)).await;
            // A piece of which nothing is sent stays unread.
            match read {
                Ok(Ok(reading)) => {
                    let read = reading.map(|reading| Read { place, from_frame, to_frame, reading });
                    let _ = sender.send(read).await;
                }
                Ok(Err(WorkerError::Busy)) => tracing::debug!(%call, seconds, "no reader was free"),
                Ok(Err(error)) => tracing::warn!(%call, %error, "what was said before the talk could not be read"),
                Err(error) => tracing::error!(%call, %error, "reading a piece of a call broke"),
            }
        });
    }

    /// Waits for the next words. May be dropped at any time.
    pub(super) async fn read(&mut self) -> Read {
        // The sender is ours: there is always one.
        while let Some(read) = self.reads.recv().await {
            self.settled += 1;
            if let Some(read) = read {
                return read;
            }
        }
        std::future::pending().await
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

    /// Whether all that was said was read, and told something; else the recording is read again.
    pub(super) fn was_all_read(&self) -> bool {
        let every = !self.missed && self.settled == self.pieces;
        every && self.progress.was_read() && self.progress.status().is_some()
    }
}

#[cfg(test)]
mod tests {
    use songda_asr::{ModelInfo, Reading};

    use super::*;

    fn hearing() -> Hearing {
        Hearing::new(None)
    }

    fn words(text: &str, from_frame: u64) -> Read {
        let model = ModelInfo { name: "test".into(), sha256: "0".repeat(64), test_only: true };
        let reading = Reading { text: text.into(), confidence: 0.9, model };
        Read { place: Place::Early, from_frame, to_frame: from_frame + 16_000, reading }
    }

    /// So many pieces are read, and this becomes of them.
    async fn read(hearing: &mut Hearing, pieces: u32, came: Vec<Option<Read>>) {
        hearing.pieces += pieces;
        let told = came.iter().flatten().count();
        for piece in came {
            hearing.sender.send(piece).await.unwrap();
        }
        for _ in 0..told {
            let read = hearing.read().await;
            hearing.words(read);
        }
    }

    const NOTICE: &str = "您好您拨打的号码是空号请核对后再拨";

    #[tokio::test]
    async fn e44_a_call_of_which_one_piece_was_read_and_another_was_not_is_read_again_from_its_recording() {
        let mut whole = hearing();
        read(&mut whole, 2, vec![None, Some(words(NOTICE, 0))]).await;
        assert!(whole.was_all_read());
        let mut silent = hearing();
        assert!(!silent.was_all_read(), "nothing was read");
        read(&mut silent, 1, vec![Some(words("啊", 0))]).await;
        assert!(!silent.was_all_read(), "and what was read told nothing");
        let mut busy = hearing();
        read(&mut busy, 2, vec![Some(words(NOTICE, 0))]).await;
        assert!(!busy.was_all_read(), "one is under way, or nobody was free to read it");
        let mut beyond = hearing();
        read(&mut beyond, 1, vec![Some(words(NOTICE, 0))]).await;
        beyond.speech("call", vec![0; 8_000], 16_000, Place::Early);
        assert!(!beyond.was_all_read(), "nobody reads it");
    }
}
