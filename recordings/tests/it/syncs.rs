//! When what was written comes to the disk.

use std::{
    fs::File,
    io,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use songda_recordings::{
    keys::KeyFile,
    vault::{BLOCK_FRAMES, BlockFile, RecordingId, Vault, VaultError, Verdict},
};

/// A file that tells of each sync and fails when it is told to.
struct Told {
    file: File,
    synced: mpsc::Sender<Instant>,
    fails: Arc<AtomicBool>,
    /// What the next sync that fails does to the file.
    harm: Arc<Mutex<Option<Harm>>>,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

type Harm = Box<dyn FnOnce(&File) + Send>;

impl BlockFile for Told {
    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        let _ = self.synced.send(Instant::now());
        drop(self.gate.1.wait_while(self.gate.0.lock().unwrap(), |shut| *shut).unwrap());
        if let Some(harm) = self.harm.lock().unwrap().take() {
            harm(&self.file);
            return Err(io::Error::other("the disk gave up once"));
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk gave up"));
        }
        self.file.sync()
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.file.cut(length)
    }
}

struct House {
    _folder: tempfile::TempDir,
    vault: Vault,
    synced: mpsc::Receiver<Instant>,
    fails: Arc<AtomicBool>,
    harm: Arc<Mutex<Option<Harm>>>,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl House {
    fn stand_still(&self, shut: bool) {
        *self.gate.0.lock().unwrap() = shut;
        self.gate.1.notify_all();
    }

    /// The next sync fails once, and does this to the file.
    fn fail_once(&self, harm: impl FnOnce(&File) + Send + 'static) {
        *self.harm.lock().unwrap() = Some(Box::new(harm));
    }
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let keys = Arc::new(KeyFile::create(&folder.path().join("key")).unwrap());
    let (sender, synced) = mpsc::channel();
    let fails = Arc::new(AtomicBool::new(false));
    let harm: Arc<Mutex<Option<Harm>>> = Arc::default();
    let gate: Arc<(Mutex<bool>, Condvar)> = Arc::default();
    let (sender, own) = (Mutex::new(sender), (fails.clone(), harm.clone(), gate.clone()));
    let vault = Vault::open(&folder.path().join("vault"), keys, 0).unwrap().with_files(move |file| {
        let (fails, harm, gate) = own.clone();
        Arc::new(Told { file, synced: sender.lock().unwrap().clone(), fails, harm, gate })
    });
    House { _folder: folder, vault, synced, fails, harm, gate }
}

fn second() -> Vec<i16> {
    vec![5; BLOCK_FRAMES * 2]
}

#[test]
fn calls_that_begin_together_do_not_sync_together_and_each_comes_to_the_disk_by_itself() {
    let house = house();
    let mut writers: Vec<_> = (0..50)
        .map(|call| house.vault.begin(&RecordingId::new(&format!("01CALL{call}")).unwrap(), 0).unwrap())
        .collect();
    let pcm = second();
    let began = Instant::now();
    for writer in &mut writers {
        writer.put(&pcm).unwrap();
    }
    // Nobody asks for it. None comes before its time, so the last of them cannot come early; how they
    // are spread until then is counted beside the queue itself.
    let limit = Duration::from_mins(1);
    let syncs: Vec<_> = writers.iter().map(|_| house.synced.recv_timeout(limit).unwrap() - began).collect();
    assert!(*syncs.iter().max().unwrap() >= Duration::from_millis(400), "{syncs:?}");
}

#[test]
fn each_sync_is_told_with_its_time_and_one_that_does_not_return_is_seen() {
    let house = house();
    let (told, times) = mpsc::channel();
    let told = Mutex::new(told);
    house.vault.observe_syncs(move |took| told.lock().unwrap().send(took).unwrap());
    let mut writer = house.vault.begin(&RecordingId::new("01TOLD").unwrap(), 0).unwrap();
    writer.append(&second()).unwrap();
    let took = times.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(house.vault.slowest_sync(Instant::now()), took);
    assert_eq!(house.vault.slowest_sync(Instant::now()), Duration::ZERO, "told once");
}

#[test]
fn e52_a_sync_that_fails_once_loses_nothing_that_can_be_read_back() {
    let house = house();
    let id = RecordingId::new("01ONCE").unwrap();
    let mut writer = house.vault.begin(&id, 0).unwrap();
    writer.append(&second()).unwrap();
    house.fail_once(|_| {});
    for _ in 0..5 {
        writer.put(&second()).unwrap();
    }
    writer.append(&second()).unwrap();
    assert_eq!(writer.frames(), 7 * BLOCK_FRAMES as u64);
    let manifest = writer.finish(Vec::new()).unwrap();
    assert_eq!(manifest.frames, 7 * BLOCK_FRAMES as u64);
    assert_eq!(house.vault.verify(&id, &manifest).unwrap(), Verdict::Intact);
}

#[test]
fn e52_after_a_sync_that_failed_the_recording_is_cut_at_the_first_block_that_does_not_open() {
    let house = house();
    let id = RecordingId::new("01HARM").unwrap();
    let mut writer = house.vault.begin(&id, 0).unwrap();
    writer.append(&second()).unwrap();
    house.stand_still(true);
    for _ in 0..4 {
        writer.put(&second()).unwrap();
    }
    // The disk let a page of the last block go.
    house.fail_once(|file| {
        let length = file.metadata().unwrap().len();
        file.write(&[0; 4_096], length - 8_000).unwrap();
    });
    house.stand_still(false);
    assert!(matches!(writer.append(&second()), Err(VaultError::Io { action: "sync", .. })));
    let kept = writer.frames() / BLOCK_FRAMES as u64;
    assert!((4..=5).contains(&kept), "{kept} seconds: those before the one that was harmed");
    let manifest = writer.finish(Vec::new()).unwrap();
    assert_eq!(manifest.frames, kept * BLOCK_FRAMES as u64);
    assert_eq!(house.vault.verify(&id, &manifest).unwrap(), Verdict::Intact);
}

#[test]
fn e52_on_a_disk_that_stands_still_a_minute_is_written_and_then_it_is_told_and_all_of_it_is_kept() {
    let House { _folder: folder, vault, synced, fails, harm, gate } = house();
    let house =
        House { vault: vault.with_patience(Duration::from_millis(50)), _folder: folder, synced, fails, harm, gate };
    let id = RecordingId::new("01STILL").unwrap();
    let mut writer = house.vault.begin(&id, 0).unwrap();
    house.stand_still(true);
    let began = Instant::now();
    let (mut taken, mut error) = (0, None);
    while error.is_none() {
        match writer.put(&second()) {
            Ok(()) => taken += 1,
            Err(told) => error = Some(told),
        }
    }
    assert!(matches!(error, Some(VaultError::Stalled { .. })), "{error:?}");
    assert_eq!(taken, 60);
    // What a kill at this moment would leave.
    assert_eq!(house.vault.read(&id).unwrap().frames(), taken * BLOCK_FRAMES as u64);
    assert!(matches!(writer.finish(Vec::new()), Err(VaultError::Stalled { .. })));
    assert!(began.elapsed() < Duration::from_secs(20), "bounded: {:?}", began.elapsed());
    house.stand_still(false);
    let done = house.vault.finish_unclosed().unwrap();
    assert_eq!(done.closed[0].manifest.frames, taken * BLOCK_FRAMES as u64, "{done:?}");
    assert!(done.aside.is_empty());
}

#[test]
fn a_disk_that_goes_on_failing_is_told_and_what_can_be_read_is_closed_when_it_is_well() {
    let house = house();
    let id = RecordingId::new("01FAIL").unwrap();
    let mut writer = house.vault.begin(&id, 0).unwrap();
    writer.append(&second()).unwrap();
    house.fails.store(true, Ordering::SeqCst);
    writer.put(&second()).unwrap();
    assert!(matches!(writer.append(&second()), Err(VaultError::Io { action: "sync", .. })));
    // The last one was written, unless the sync of the one before it had failed by then.
    let kept = writer.frames();
    assert!((2..=3).contains(&(kept / BLOCK_FRAMES as u64)), "what can be read is not cut off: {kept}");
    house.fails.store(false, Ordering::SeqCst);
    let manifest = writer.finish(Vec::new()).unwrap();
    assert_eq!(manifest.frames, kept);
    assert_eq!(house.vault.verify(&id, &manifest).unwrap(), Verdict::Intact);
}

#[test]
fn e52_what_was_written_survives_a_kill_before_it_is_on_the_disk() {
    let house = house();
    house.fails.store(true, Ordering::SeqCst);
    let mut writer = house.vault.begin(&RecordingId::new("01KILLED").unwrap(), 0).unwrap();
    writer.put(&second()).unwrap();
    drop(writer);
    house.fails.store(false, Ordering::SeqCst);
    let done = house.vault.finish_unclosed().unwrap();
    assert_eq!(done.closed[0].manifest.frames, BLOCK_FRAMES as u64);
}
