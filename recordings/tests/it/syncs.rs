//! When what was written comes to the disk.

use std::{
    fs::File,
    io,
    sync::{
        Arc, Mutex,
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
}

impl BlockFile for Told {
    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        let _ = self.synced.send(Instant::now());
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
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let keys = Arc::new(KeyFile::create(&folder.path().join("key")).unwrap());
    let (sender, synced) = mpsc::channel();
    let fails = Arc::new(AtomicBool::new(false));
    let (sender, own) = (Mutex::new(sender), fails.clone());
    let vault = Vault::open(&folder.path().join("vault"), keys, 0)
        .unwrap()
        .with_files(move |file| Arc::new(Told { file, synced: sender.lock().unwrap().clone(), fails: own.clone() }));
    House { _folder: folder, vault, synced, fails }
}

fn second() -> Vec<i16> {
    vec![5; BLOCK_FRAMES * 2]
}

#[test]
fn calls_that_begin_together_do_not_sync_together_and_each_is_on_the_disk_in_time() {
    let house = house();
    let mut writers: Vec<_> = (0..50)
        .map(|call| house.vault.begin(&RecordingId::new(&format!("01CALL{call}")).unwrap(), 0).unwrap())
        .collect();
    let pcm = second();
    let began = Instant::now();
    for writer in &mut writers {
        writer.put(&pcm).unwrap();
    }
    let written = began.elapsed();
    let limit = Duration::from_secs(10);
    let syncs: Vec<_> = writers.iter().map(|_| house.synced.recv_timeout(limit).unwrap() - began).collect();
    // Spread over half a second, whenever each was written: no tenth of it takes more than twice its share.
    let tenth = Duration::from_millis(50);
    for from in 0..12 {
        let from = tenth * from;
        let within = syncs.iter().filter(|at| (from..from + tenth).contains(*at)).count();
        let slow = written > tenth;
        assert!(slow || within <= 12, "{within} of 50 syncs within {from:?}");
    }
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
fn a_sync_that_fails_is_told_and_the_recording_is_closed_at_what_is_on_the_disk() {
    let house = house();
    let id = RecordingId::new("01FAIL").unwrap();
    let mut writer = house.vault.begin(&id, 0).unwrap();
    writer.append(&second()).unwrap();
    house.fails.store(true, Ordering::SeqCst);
    writer.put(&second()).unwrap();
    assert!(matches!(writer.append(&second()), Err(VaultError::Io { action: "sync", .. })));
    assert_eq!(writer.frames(), BLOCK_FRAMES as u64, "what is not on the disk is not there");
    house.fails.store(false, Ordering::SeqCst);
    let manifest = writer.finish(Vec::new()).unwrap();
    assert_eq!(manifest.frames, BLOCK_FRAMES as u64);
    assert_eq!(house.vault.verify(&id, &manifest).unwrap(), Verdict::Intact);
}

#[test]
fn e44_what_was_written_survives_a_kill_before_it_is_on_the_disk() {
    let house = house();
    house.fails.store(true, Ordering::SeqCst);
    let mut writer = house.vault.begin(&RecordingId::new("01KILLED").unwrap(), 0).unwrap();
    writer.put(&second()).unwrap();
    drop(writer);
    house.fails.store(false, Ordering::SeqCst);
    let done = house.vault.finish_unclosed().unwrap();
    assert_eq!(done.closed[0].manifest.frames, BLOCK_FRAMES as u64);
}
