//! The recording of a test call: a WAV file that its operator hears at once.
//!
//! It does not go into the vault. What lies there is evidence of a case: it has a row in the
//! books, a case that keeps it, and a term after which it goes. A test call has no case, so its
//! recording would be found by nobody and removed by nothing. It holds the operator's own
//! words and no party's, and it is his to hear and to remove. As with every call there is no
//! call without it: the file is open before anything is dialled, and the call ends when a
//! second of it cannot be written.

use std::{
    fs::OpenOptions,
    io::BufWriter,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Instant,
};

use songda_media::{RATE, Tap};

/// Seconds that may wait for the disk before the recording counts as failed.
const WAITING: usize = 10;

type Writer = hound::WavWriter<BufWriter<std::fs::File>>;

/// A recording under way.
pub(super) struct Recording {
    thread: thread::JoinHandle<Result<u64, hound::Error>>,
}

/// The end that the media thread holds.
struct Feed {
    blocks: mpsc::SyncSender<Vec<i16>>,
    failed: Arc<AtomicBool>,
}

impl Tap for Feed {
    fn started(&mut self, _: Instant, _: i64) {}

    fn block(&mut self, frames: &[i16]) -> bool {
        if self.blocks.try_send(frames.to_vec()).is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        !self.failed.load(Ordering::Relaxed)
    }
}

impl Recording {
    /// Opens a file that must not exist yet, readable by its owner only.
    pub(super) fn open(path: &Path) -> Result<(Self, Box<dyn Tap>), hound::Error> {
        let file = OpenOptions::new().write(true).read(true).create_new(true).mode(0o600).open(path)?;
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::new(BufWriter::new(file), spec)?;
        // A disk without room says so now.
        writer.flush()?;
        let (blocks, inbox) = mpsc::sync_channel(WAITING);
        let failed = Arc::new(AtomicBool::new(false));
        let flag = failed.clone();
        let thread = thread::Builder::new().name("recorder".into()).spawn(move || write(writer, &inbox, &flag))?;
        Ok((Self { thread }, Box::new(Feed { blocks, failed })))
    }

    /// Waits until everything is written; answers its frames. The tap must be gone.
    /// Blocks.
    pub(super) fn finish(self) -> Result<u64, hound::Error> {
        self.thread.join().unwrap_or(Err(hound::Error::UnfinishedSample))
    }
}

/// Writes and flushes second by second: a kill leaves a valid file.
fn write(mut writer: Writer, inbox: &mpsc::Receiver<Vec<i16>>, failed: &AtomicBool) -> Result<u64, hound::Error> {
    let mut keep = |block: &[i16]| -> Result<(), hound::Error> {
        block.iter().try_for_each(|sample| writer.write_sample(*sample))?;
        writer.flush()
    };
    for block in inbox {
        if let Err(error) = keep(&block) {
            failed.store(true, Ordering::Relaxed);
            return Err(error);
        }
    }
    let frames = u64::from(writer.duration());
    writer.finalize()?;
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_recording_is_a_wav_of_its_owner_and_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("check.wav");
        let (recording, mut tap) = Recording::open(&path).unwrap();
        assert!(tap.block(&vec![7; 2 * RATE as usize]) && tap.block(&vec![9; RATE as usize]));
        drop(tap);
        assert_eq!(recording.finish().unwrap(), u64::from(RATE + RATE / 2));
        let reader = hound::WavReader::open(&path).unwrap();
        assert_eq!((reader.spec().channels, reader.duration()), (2, RATE + RATE / 2));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Recording::open(&path).is_err(), "the recording that is there stays");
    }
}
