//! A closed recording is never replaced, and a recovery throws nothing away that it only believes
//! lost.

use std::{fs, path::PathBuf, sync::Arc};

use songda_recordings::{
    keys::KeyFile,
    vault::{BLOCK_FRAMES, Finished, RecordingId, SetAside, Vault, VaultError, Verdict},
};

use crate::servers::{Kind, Server};

struct House {
    folder: tempfile::TempDir,
    keys: Arc<KeyFile>,
    vault: Vault,
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let keys = Arc::new(KeyFile::create(&folder.path().join("key")).unwrap());
    let vault = Vault::open(&folder.path().join("vault"), keys.clone(), 0).unwrap();
    House { folder, keys, vault }
}

impl House {
    fn live(&self) -> PathBuf {
        self.folder.path().join("vault/live/01NAME.sdv")
    }

    fn closed(&self) -> PathBuf {
        self.folder.path().join("vault/closed/01NAM/01NAME.sdv")
    }

    /// Another recording of this name, as a backup of another hour holds it.
    fn another(&self) -> PathBuf {
        let root = self.folder.path().join("another");
        let _ = fs::remove_dir_all(&root);
        let vault = Vault::open(&root, self.keys.clone(), 0).unwrap();
        write(&vault, 1, 77);
        root.join("live/01NAME.sdv")
    }

    /// Makes a live file of these bytes and starts again.
    fn recover(&self, bytes: &[u8]) -> Finished {
        fs::write(self.live(), bytes).unwrap();
        self.vault.finish_unclosed().unwrap()
    }
}

fn id() -> RecordingId {
    RecordingId::new("01NAME").unwrap()
}

/// Writes so many seconds, and leaves them open.
fn write(vault: &Vault, seconds: usize, sample: i16) -> songda_recordings::vault::Writer {
    let mut writer = vault.begin(&id(), 1_000).unwrap();
    for second in 0..seconds {
        let pcm: Vec<i16> = (0..BLOCK_FRAMES * 2).map(|at| sample + ((at * 7 + second) % 9_973) as i16).collect();
        writer.append(&pcm).unwrap();
    }
    writer
}

/// What lies aside, and that it is what it was.
fn only(done: &Finished, bytes: &[u8]) -> SetAside {
    assert_eq!(done.aside.len(), 1, "{done:?}");
    let aside = done.aside[0].clone();
    assert_eq!((aside.id.clone(), aside.bytes), (id(), bytes.len() as u64));
    assert!(fs::read(&aside.file).unwrap() == bytes, "every byte is kept");
    aside
}

#[test]
fn x2_a_recording_that_is_closed_is_kept_when_a_live_one_of_its_name_is_found() {
    let house = house();
    let manifest = write(&house.vault, 3, 5).finish(Vec::new()).unwrap();
    let (closed, live) = (fs::read(house.closed()).unwrap(), fs::read(house.another()).unwrap());
    for round in 1..=2 {
        fs::write(house.live(), &live).unwrap();
        assert_eq!(house.vault.read(&id()).unwrap().frames(), 3 * BLOCK_FRAMES as u64, "the closed one counts");
        assert_eq!(house.vault.verify(&id(), &manifest).unwrap(), Verdict::Intact);
        assert!(matches!(house.vault.begin(&id(), 0), Err(VaultError::Shelved(_))));
        let done = house.vault.finish_unclosed().unwrap();
        assert!(done.closed.is_empty() && done.stayed.is_empty(), "{done:?}");
        let aside = only(&done, &live);
        assert!(aside.file.ends_with(format!("live/lost/01NAME-{round}.sdv")), "{}", aside.file.display());
        assert!(fs::read(house.closed()).unwrap() == closed && !house.live().exists());
    }
    assert!(house.vault.finish_unclosed().unwrap().aside.is_empty(), "what lies aside is left alone");
    assert!(matches!(house.vault.begin(&id(), 0), Err(VaultError::Shelved(_))), "and the name is taken");
}

#[test]
fn x2_a_call_whose_name_was_closed_meanwhile_ends_with_an_error_and_replaces_nothing() {
    let house = house();
    let writer = write(&house.vault, 2, 5);
    let another = fs::read(house.another()).unwrap();
    fs::create_dir_all(house.closed().parent().unwrap()).unwrap();
    fs::write(house.closed(), &another).unwrap();
    assert!(matches!(writer.finish(Vec::new()), Err(VaultError::Shelved(_))));
    assert!(fs::read(house.closed()).unwrap() == another, "what was there stays");
    let live = fs::read(house.live()).unwrap();
    only(&house.vault.finish_unclosed().unwrap(), &live);
}

#[test]
fn a_recording_that_was_killed_on_its_way_to_the_shelf_has_arrived() {
    let house = house();
    let manifest = write(&house.vault, 2, 5).finish(Vec::new()).unwrap();
    // Where a file system knows no better way, it has both names for a moment.
    fs::hard_link(house.closed(), house.live()).unwrap();
    let done = house.vault.finish_unclosed().unwrap();
    assert!(done.aside.is_empty() && done.stayed.is_empty());
    assert_eq!(done.closed[0].manifest, manifest);
    assert!(!house.live().exists());
    assert_eq!(house.vault.verify(&id(), &manifest).unwrap(), Verdict::Intact);
}

#[test]
fn x2_a_recording_that_is_closed_on_the_server_alone_is_kept_too() {
    for kind in [Kind::S3sFs, Kind::Moto] {
        let server = Server::start(kind);
        let House { folder, keys, vault } = house();
        let house = House { folder, keys, vault: vault.with_s3(server.remote()) };
        let manifest = write(&house.vault, 2, 5).finish(Vec::new()).unwrap();
        house.vault.copy(&id()).unwrap();
        house.vault.evict().unwrap();
        assert!(!house.closed().exists());
        assert!(matches!(house.vault.begin(&id(), 0), Err(VaultError::Shelved(_))), "the note beside it says so");
        // Not even the note came back from the backup.
        fs::remove_file(house.closed().with_extension("s3")).unwrap();
        let live = fs::read(house.another()).unwrap();
        only(&house.recover(&live), &live);
        assert_eq!(house.vault.verify(&id(), &manifest).unwrap(), Verdict::Intact);
    }
}

#[test]
fn e52_what_a_recovery_believes_lost_is_set_aside_and_told() {
    let house = house();
    drop(write(&house.vault, 3, 5));
    let whole = fs::read(house.live()).unwrap();
    let head = 19 + usize::from(u16::from_be_bytes([whole[9], whole[10]]));
    let block = (whole.len() - head) / 3;
    // A page of the first second came back as zeros: the two behind it still open.
    let mut bytes = whole.clone();
    bytes[4_096..8_192].fill(0);
    let done = house.recover(&bytes);
    assert!(done.closed.is_empty() && done.stayed.is_empty() && !house.live().exists());
    assert!(only(&done, &bytes).file.ends_with("live/lost/01NAME-1.sdv"));
    // The length of the key in the header was altered and points behind the end: the block opens.
    let mut bytes = whole[..head + block].to_vec();
    bytes[9] = 0xff;
    let done = house.recover(&bytes);
    assert!(done.closed.is_empty() && done.stayed.is_empty() && !house.live().exists());
    only(&done, &bytes);
    // And where hardly anything was said, too.
    let short = &bytes[..head + 100];
    only(&house.recover(short), short);
    // Sixty-four zeros in the middle of three: what is cut off is kept.
    let mut bytes = whole.clone();
    let from = head + block;
    bytes[from + 900..from + 964].fill(0);
    let done = house.recover(&bytes);
    assert_eq!(done.closed[0].manifest.frames, BLOCK_FRAMES as u64);
    let aside = only(&done, &bytes[from..]);
    assert!(aside.file.ends_with(format!("live/lost/01NAME-1.from-{from}")), "{}", aside.file.display());
}

#[test]
fn e52_what_holds_nothing_is_neither_kept_nor_told() {
    let house = house();
    drop(write(&house.vault, 1, 5));
    let whole = fs::read(house.live()).unwrap();
    let head = 19 + usize::from(u16::from_be_bytes([whole[9], whole[10]]));
    for bytes in [&[], &whole[..30], &whole[..head]] {
        let done = house.recover(bytes);
        assert!(done.closed.is_empty() && done.stayed.is_empty() && done.aside.is_empty(), "{}", bytes.len());
        assert!(!house.live().exists());
    }
    // The length ran ahead of what was written.
    let mut bytes = whole.clone();
    bytes.resize(whole.len() + 5_000, 0);
    let done = house.recover(&bytes);
    assert!(done.aside.is_empty() && done.closed.len() == 1);
}

#[test]
fn a_recording_that_was_closed_while_the_open_ones_were_looked_for_is_no_failure() {
    let house = house();
    let other = house.folder.path().join("vault/live/01AAAA.sdv");
    // What is listed, and gone when it is its turn.
    std::os::unix::fs::symlink(house.folder.path().join("nowhere"), &other).unwrap();
    let done = house.vault.finish_unclosed().unwrap();
    assert!(done.stayed.is_empty() && done.closed.is_empty() && done.aside.is_empty(), "{done:?}");
}

#[test]
fn x6_what_a_recovery_set_aside_goes_with_its_recording() {
    let house = house();
    write(&house.vault, 3, 5).finish(Vec::new()).unwrap();
    let live = fs::read(house.another()).unwrap();
    let aside = only(&house.recover(&live), &live);
    // A piece of another recording, whose id begins alike.
    let other = aside.file.with_file_name("01NAME2-1.sdv");
    fs::write(&other, b"x").unwrap();
    let pieces = house.vault.set_aside(&id()).unwrap();
    assert_eq!(pieces.len(), 1);
    assert_eq!((pieces[0].file.as_str(), pieces[0].bytes), ("01NAME-1.sdv", live.len() as u64));
    {
        use sha2::Digest;
        assert_eq!(pieces[0].sha256, hex::encode(sha2::Sha256::digest(&live)));
        assert_eq!(pieces[0].sm3, hex::encode(sm3::Sm3::digest(&live)));
    }
    house.vault.remove(&id()).unwrap();
    assert!(!aside.file.exists() && !house.closed().exists());
    assert!(other.exists() && house.vault.set_aside(&id()).unwrap().is_empty());
    assert!(!house.vault.is_there(&id()).unwrap());
    // A disk that fell away has not removed anything.
    fs::rename(house.folder.path().join("vault"), house.folder.path().join("away")).unwrap();
    assert!(matches!(house.vault.is_there(&id()), Err(VaultError::Io { .. })), "that is not known");
}

#[test]
fn x6_what_was_set_aside_of_a_recording_that_never_was_one_is_known_by_itself_and_goes_by_itself() {
    let house = house();
    drop(write(&house.vault, 3, 5));
    let mut bytes = fs::read(house.live()).unwrap();
    bytes[4_096..8_192].fill(0);
    only(&house.recover(&bytes), &bytes);
    let name = "01NAME-1.sdv".to_owned();
    assert_eq!(house.vault.only_set_aside().unwrap(), [(id(), name.clone())]);
    let piece = house.vault.piece(&name).unwrap().unwrap();
    assert_eq!((piece.bytes, &piece), (bytes.len() as u64, &house.vault.set_aside(&id()).unwrap()[0]));
    let mut read = Vec::new();
    std::io::Read::read_to_end(&mut house.vault.open_piece(&name).unwrap(), &mut read).unwrap();
    assert!(read == bytes);
    // A name leads nowhere else.
    for elsewhere in ["../01NAME-1.sdv", "01NAME-/../../../key", "01NAME", ""] {
        assert_eq!(house.vault.piece(elsewhere).unwrap(), None, "{elsewhere}");
        house.vault.remove_piece(elsewhere).unwrap();
    }
    // One that goes with its recording is none of these.
    write(&house.vault, 1, 5).finish(Vec::new()).unwrap();
    assert!(house.vault.only_set_aside().unwrap().is_empty());
    fs::remove_file(house.closed()).unwrap();
    house.vault.remove_piece(&name).unwrap();
    house.vault.remove_piece(&name).unwrap();
    assert_eq!((house.vault.piece(&name).unwrap(), house.vault.only_set_aside().unwrap()), (None, vec![]));
    fs::rename(house.folder.path().join("vault"), house.folder.path().join("away")).unwrap();
    assert!(matches!(house.vault.piece(&name), Err(VaultError::Io { .. })), "that is not known");
}
