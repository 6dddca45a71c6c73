//! From the media thread to the vault: one thread per call seals and writes block by block, so that
//! a slow disk never delays a packet. It does not wait for the disk: the vault syncs on its own.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
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

/// Seconds that may wait for the recorder's thread before the recording counts as failed. It waits
/// itself once as many were written and are not on the disk.
const WAITING: usize = 30;
/// A recording that is not closed by then, with all that waited for it, is told as failed. It is
/// closed nevertheless when the disk lets it.
const CLOSING: Duration = Duration::from_mins(1);

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
    fn started(&mut self, frame_0: Instant, _: i64) {
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
    /// Says to the thread that it may close, and with which holes.
    end: mpsc::Sender<Vec<vault::Gap>>,
    closed: Mutex<mpsc::Receiver<Result<Kept, VaultError>>>,
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
        let (end, ends) = mpsc::channel();
        let (result, closed) = mpsc::sync_channel(1);
        thread::Builder::new().name("recorder".into()).spawn(move || {
            let (writer, lost) = seal(writer, &inbox, &flag);
            // Whoever began it gave it up: it stays live, and is closed at the next look.
            let Ok(gaps) = ends.recv() else { return };
            if result.send(close(writer, lost, gaps, &flag)).is_err() {
                tracing::warn!("a recording was closed after it had been given up; it is entered at the next look");
            }
        })?;
        let (began, word) = oneshot::channel();
        let feed = Feed { pieces, failed: failed.clone(), began: Some(began), clock };
        Ok((Self { end, closed: Mutex::new(closed), failed }, Box::new(feed), word))
    }

    /// Waits until everything is sealed and closes the recording. The tap must be gone. Blocks, but
    /// no longer than a minute: a disk that stands still for good is an error.
    pub(crate) fn finish(self, gaps: &[Gap]) -> Result<Kept, VaultError> {
        self.finish_within(gaps, CLOSING)
    }

    fn finish_within(&self, gaps: &[Gap], limit: Duration) -> Result<Kept, VaultError> {
        let failed = |error| VaultError::Io { action: "close", path: "the live recording".into(), error };
        let died = || failed(std::io::Error::other("the recorder's thread died"));
        self.end.send(gaps.iter().map(listed).collect()).map_err(|_| died())?;
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        closed.recv_timeout(limit).map_err(|error| {
            // Nothing of the call may be believed whole.
            self.failed.store(true, Ordering::Relaxed);
            match error {
                mpsc::RecvTimeoutError::Disconnected => died(),
                mpsc::RecvTimeoutError::Timeout => failed(std::io::Error::new(
                    std::io::ErrorKind::TimedOut,
                    format!("the disk has not answered for {} s", limit.as_secs()),
                )),
            }
        })?
    }
}

fn close(
    writer: Writer,
    lost: Option<VaultError>,
    gaps: Vec<vault::Gap>,
    failed: &AtomicBool,
) -> Result<Kept, VaultError> {
    if let Some(error) = lost {
        tracing::error!(%error, "a block of a recording was lost");
    }
    let incomplete = failed.load(Ordering::Relaxed);
    if writer.frames() == 0 {
        return writer.abandon().map(|()| Kept { manifest: None, incomplete });
    }
    writer.finish(gaps).map(|manifest| Kept { manifest: Some(manifest), incomplete })
}

/// A hole as the vault lists it.
fn listed(gap: &Gap) -> vault::Gap {
    let kind = match gap.kind {
        GapKind::Lost => vault::GapKind::Lost,
        GapKind::Unsent => vault::GapKind::Unsent,
        GapKind::Unknown => vault::GapKind::Unknown,
        GapKind::Unlisted => vault::GapKind::Unlisted,
        GapKind::Cut => vault::GapKind::Cut,
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
            Piece::Block(frames) => writer.put(&frames),
        };
        if let Err(error) = done {
            failed.store(true, Ordering::Relaxed);
            first.get_or_insert(error);
        }
    }
    (writer, first)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io, sync::Condvar};

    use songda_recordings::{
        keys::KeyFile,
        vault::{BLOCK_FRAMES, BlockFile, RecordingId, Vault, Verdict},
    };

    use super::*;

    /// A disk that stands still until it is let go.
    #[derive(Default)]
    struct Gate {
        open: Mutex<bool>,
        opened: Condvar,
    }

    impl Gate {
        fn pass(&self) {
            let mut open = self.open.lock().unwrap();
            while !*open {
                open = self.opened.wait(open).unwrap();
            }
        }

        fn open(&self) {
            *self.open.lock().unwrap() = true;
            self.opened.notify_all();
        }
    }

    struct Stuck {
        file: File,
        gate: Arc<Gate>,
        /// Writing stands still, too, and not only the syncs.
        writes: bool,
    }

    impl BlockFile for Stuck {
        fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
            if self.writes {
                self.gate.pass();
            }
            self.file.write(bytes, offset)
        }

        fn sync(&self) -> io::Result<()> {
            self.gate.pass();
            self.file.sync()
        }

        fn cut(&self, length: u64) -> io::Result<()> {
            self.file.cut(length)
        }
    }

    fn second(number: usize) -> Vec<i16> {
        vec![number as i16 + 1; BLOCK_FRAMES * 2]
    }

    /// A recorder on a disk that stands still.
    fn stuck(folder: &std::path::Path, writes: bool) -> (Arc<Vault>, Arc<Gate>, Recorder, Box<dyn Tap>) {
        let keys = Arc::new(KeyFile::create(&folder.join("key")).unwrap());
        let gate = Arc::new(Gate::default());
        let own = gate.clone();
        let vault = Vault::open(&folder.join("vault"), keys, 0).unwrap();
        let vault = vault.with_files(move |file| Arc::new(Stuck { file, gate: own.clone(), writes }));
        let writer = vault.begin(&RecordingId::new("01STUCK").unwrap(), 0).unwrap();
        let clock = CallClock::new(Instant::now(), 0);
        let (recorder, tap, _) = Recorder::start(writer, clock).unwrap();
        (Arc::new(vault), gate, recorder, tap)
    }

    #[test]
    fn x1_a_recording_begins_when_its_first_frame_does_also_before_the_call_did() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Arc::new(KeyFile::create(&folder.path().join("key")).unwrap());
        let vault = Vault::open(&folder.path().join("vault"), keys, 0).unwrap();
        let begun = Instant::now();
        // Early sound that comes 300 ms after the dialling: half a second before it is in the file.
        for (id, frame_0, started_ms) in [
            ("01EARLY", begun.checked_sub(Duration::from_millis(200)).unwrap(), 999_800),
            ("01LATER", begun + Duration::from_secs(7), 1_007_000),
        ] {
            let writer = vault.begin(&RecordingId::new(id).unwrap(), 0).unwrap();
            let (recorder, mut tap, mut word) = Recorder::start(writer, CallClock::new(begun, 1_000_000)).unwrap();
            tap.started(frame_0, 5);
            assert_eq!(word.try_recv().unwrap(), frame_0, "marks are counted from the same moment");
            assert!(tap.block(&second(1)));
            drop(tap);
            assert_eq!(recorder.finish(&[]).unwrap().manifest.unwrap().started_ms, started_ms, "{id}");
        }
    }

    #[test]
    fn e52_a_disk_that_stands_still_for_ten_seconds_stops_no_call_and_loses_nothing() {
        for writes in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let (vault, gate, recorder, mut tap) = stuck(folder.path(), writes);
            tap.started(Instant::now(), 0);
            let began = Instant::now();
            for number in 0..12 {
                assert!(tap.block(&second(number)), "second {number}: the call goes on");
            }
            assert!(began.elapsed() < Duration::from_secs(1), "the media thread waited for the disk");
            gate.open();
            drop(tap);
            let kept = recorder.finish(&[]).unwrap();
            let manifest = kept.manifest.unwrap();
            assert!(!kept.incomplete);
            assert_eq!(manifest.frames, 12 * BLOCK_FRAMES as u64);
            assert_eq!(vault.verify(&manifest.id, &manifest).unwrap(), Verdict::Intact);
            let (left, _) = vault.read(&manifest.id).unwrap().channels().unwrap();
            assert_eq!((left[0], left[11 * BLOCK_FRAMES]), (1, 12));
        }
    }

    #[test]
    fn e52_a_recording_on_a_disk_that_never_answers_ends_with_an_error_and_is_closed_when_it_does() {
        for writes in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let (vault, gate, recorder, mut tap) = stuck(folder.path(), writes);
            for number in 0..3 {
                assert!(tap.block(&second(number)));
            }
            drop(tap);
            let began = Instant::now();
            let Err(error) = recorder.finish_within(&[], Duration::from_millis(50)) else { panic!("it is not closed") };
            assert!(error.to_string().contains("has not answered"), "{error}");
            assert!(began.elapsed() < Duration::from_secs(10), "bounded: {:?}", began.elapsed());
            gate.open();
            // The thread that was left behind closes it; nothing is lost silently.
            recorder.closed.lock().unwrap().recv().unwrap().unwrap();
            let id = RecordingId::new("01STUCK").unwrap();
            let manifest = vault.manifest(&id).unwrap();
            assert_eq!(manifest.frames, 3 * BLOCK_FRAMES as u64);
            assert_eq!(vault.verify(&id, &manifest).unwrap(), Verdict::Intact);
        }
    }

    #[test]
    fn e52_a_disk_that_stands_still_for_longer_than_what_may_wait_is_told_and_what_was_before_is_kept() {
        // Where only the syncs stand still a minute more is written, where a kill does not reach it.
        const ON_THE_WAY: usize = 60;
        for (writes, seconds) in [(true, WAITING), (false, ON_THE_WAY + WAITING)] {
            let folder = tempfile::tempdir().unwrap();
            let (vault, gate, recorder, mut tap) = stuck(folder.path(), writes);
            let live = folder.path().join("vault/live/01STUCK.sdv");
            let written = || std::fs::metadata(&live).map_or(0, |file| file.len());
            let mut taken = 0;
            for number in 0..200 {
                if !tap.block(&second(number)) {
                    break;
                }
                taken += 1;
                // In a call a second passes until the next one comes: this one is written then, whole.
                let whole = (taken * BLOCK_FRAMES * 4) as u64;
                while !writes && number < ON_THE_WAY - 1 && written() < whole {
                    std::thread::yield_now();
                }
            }
            // The last one on the way may still wait for its thread.
            assert!((seconds - 1..=seconds + 2).contains(&taken), "{writes}: {taken}");
            gate.open();
            drop(tap);
            let kept = recorder.finish(&[]).unwrap();
            assert!(kept.incomplete);
            let manifest = kept.manifest.unwrap();
            assert_eq!(manifest.frames, taken as u64 * BLOCK_FRAMES as u64);
            assert_eq!(vault.verify(&manifest.id, &manifest).unwrap(), Verdict::Intact);
        }
    }
}
