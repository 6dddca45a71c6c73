//! Recordings: sealed blocks in, WAV out.

use std::{path::PathBuf, process::Command, sync::Arc};

use sha2::Digest;
use songda_recordings::{
    keys::{KeyFile, KeyProvider},
    vault::{BLOCK_FRAMES, Gap, GapKind, Manifest, RecordingId, Removed, Vault, VaultError, Verdict},
};

use crate::servers::{Kind, Server};

struct House {
    folder: tempfile::TempDir,
    keys: Arc<KeyFile>,
    vault: Vault,
    /// Where closed recordings are, when it is not the folder.
    server: Option<Server>,
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let keys = Arc::new(KeyFile::create(&folder.path().join("key")).unwrap());
    let vault = Vault::open(&folder.path().join("vault"), keys.clone(), 0).unwrap();
    House { folder, keys, vault, server: None }
}

/// The same suite on a local folder and on S3 servers, where a closed recording is nowhere else.
fn each_house(test: impl Fn(&House)) {
    test(&house());
    for kind in [Kind::S3sFs, Kind::Moto] {
        let server = Server::start(kind);
        let House { folder, keys, vault, .. } = house();
        let vault = vault.with_s3(server.remote());
        test(&House { folder, keys, vault, server: Some(server) });
    }
}

impl House {
    /// Lets closed recordings go to where this house has them.
    fn settle(&self) {
        for id in self.vault.uncopied().unwrap() {
            self.vault.copy(&id).unwrap();
        }
        self.vault.evict().unwrap();
    }

    /// The sealed file of a closed recording.
    fn sealed(&self, name: &str) -> Vec<u8> {
        match &self.server {
            Some(server) => server.get(name).unwrap(),
            None => std::fs::read(file(self, &format!("closed/{}", &name[..5]), name)).unwrap(),
        }
    }

    /// Puts other bytes in its place.
    fn replace(&self, name: &str, bytes: &[u8]) {
        match &self.server {
            Some(server) => server.put(name, bytes),
            None => std::fs::write(file(self, &format!("closed/{}", &name[..5]), name), bytes).unwrap(),
        }
    }

    /// Takes it away behind the vault's back.
    fn lose(&self, name: &str) {
        match &self.server {
            Some(server) => server.delete(name),
            None => std::fs::remove_file(file(self, &format!("closed/{}", &name[..5]), name)).unwrap(),
        }
    }
}

fn id(text: &str) -> RecordingId {
    RecordingId::new(text).unwrap()
}

/// A block whose samples tell their place.
fn block(second: usize, frames: usize) -> Vec<i16> {
    (0..frames).flat_map(|frame| [(second * 1000 + frame % 997) as i16, -((frame % 991) as i16)]).collect()
}

fn record(house: &House, name: &str, last: usize) -> (Manifest, Vec<i16>) {
    let mut writer = house.vault.begin(&id(name), 1_000).unwrap();
    let mut all = Vec::new();
    for (second, frames) in [BLOCK_FRAMES, BLOCK_FRAMES, last].into_iter().enumerate() {
        let pcm = block(second, frames);
        writer.append(&pcm).unwrap();
        all.extend(pcm);
    }
    let manifest = writer.finish(vec![Gap { channel: 1, from_frame: 5, to_frame: 9, kind: GapKind::Lost }]).unwrap();
    house.settle();
    (manifest, all)
}

fn wav(vault: &Vault, name: &str) -> Vec<u8> {
    let mut reader = vault.read(&id(name)).unwrap();
    let mut bytes = vec![0; reader.wav_bytes() as usize];
    assert_eq!(reader.read_at(0, &mut bytes).unwrap(), bytes.len());
    bytes
}

fn file(house: &House, shelf: &str, name: &str) -> PathBuf {
    house.folder.path().join("vault").join(shelf).join(format!("{name}.sdv"))
}

#[test]
fn a_recording_is_read_as_wav_with_the_hashes_of_the_wav() {
    each_house(|house| {
        let (manifest, samples) = record(house, "01ABC", 4_000);
        let bytes = wav(&house.vault, "01ABC");
        assert_eq!((manifest.frames, manifest.bytes), (20_000, bytes.len() as u64));
        assert_eq!(manifest.sha256, hex::encode(sha2::Sha256::digest(&bytes)));
        assert_eq!(manifest.sm3, hex::encode(sm3::Sm3::digest(&bytes)));
        let mut read = hound::WavReader::new(&bytes[..]).unwrap();
        assert_eq!((read.spec().channels, read.spec().sample_rate, read.spec().bits_per_sample), (2, 8_000, 16));
        assert_eq!(read.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(), samples);
        assert_eq!(house.vault.verify(&id("01ABC"), &manifest).unwrap(), Verdict::Intact);
    });
}

#[test]
fn python_opens_what_we_write() {
    each_house(|house| {
        record(house, "01PY", 123);
        let path = house.folder.path().join("x.wav");
        std::fs::write(&path, wav(&house.vault, "01PY")).unwrap();
        let script =
            "import sys,wave; w=wave.open(sys.argv[1]); print(w.getnchannels(), w.getframerate(), w.getnframes())";
        let output = Command::new("python3").args(["-c", script]).arg(&path).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "2 8000 16123");
    });
}

#[test]
fn any_range_is_a_slice_of_the_whole() {
    each_house(|house| {
        record(house, "01RANGE", 77);
        let whole = wav(&house.vault, "01RANGE");
        let mut reader = house.vault.read(&id("01RANGE")).unwrap();
        for (offset, length) in
            [(0, 1), (40, 8), (43, 2), (44, 4), (32_040, 10), (64_043, 3), (64_000, 400), (whole.len() - 3, 9)]
        {
            let mut bytes = vec![0; length];
            let read = reader.read_at(offset as u64, &mut bytes).unwrap();
            assert_eq!(bytes[..read], whole[offset..whole.len().min(offset + length)], "at {offset}");
        }
    });
}

#[test]
fn r4_3d_the_disk_never_holds_clear_audio() {
    let house = house();
    let mut writer = house.vault.begin(&id("01CLEAR"), 0).unwrap();
    let marker: Vec<i16> = (0..BLOCK_FRAMES * 2).map(|_| 0x4d4d).collect();
    writer.append(&marker).unwrap();
    let bytes = std::fs::read(file(&house, "live", "01CLEAR")).unwrap();
    assert!(!bytes.windows(8).any(|window| window == [0x4d; 8]));
}

#[test]
fn every_cut_of_a_live_file_leaves_its_whole_blocks_and_nothing_else() {
    let house = house();
    let mut writer = house.vault.begin(&id("01CUT"), 7).unwrap();
    for second in 0..3 {
        writer.append(&block(second, BLOCK_FRAMES)).unwrap();
    }
    drop(writer);
    let path = file(&house, "live", "01CUT");
    let whole = std::fs::read(&path).unwrap();
    let block_bytes = (whole.len() - header_length(&whole)) / 3;
    let lengths = (0..whole.len()).step_by(997).chain((0..3).flat_map(|n| {
        let border = header_length(&whole) + n * block_bytes;
        [border - 1, border, border + 1]
    }));
    for length in lengths.chain([whole.len()]) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let frames = length.saturating_sub(header_length(&whole)) / block_bytes * BLOCK_FRAMES;
        match house.vault.read(&id("01CUT")) {
            Ok(reader) => assert_eq!(reader.frames(), frames as u64, "cut at {length}"),
            Err(error) => assert!(length < header_length(&whole), "cut at {length}: {error}"),
        }
    }
}

fn header_length(file: &[u8]) -> usize {
    19 + usize::from(u16::from_be_bytes([file[9], file[10]]))
}

#[test]
fn r4_2a_a_kill_leaves_a_recording_that_is_closed_at_its_last_block() {
    let house = house();
    let mut writer = house.vault.begin(&id("01KILL"), 42).unwrap();
    for second in 0..2 {
        writer.append(&block(second, BLOCK_FRAMES)).unwrap();
    }
    drop(writer);
    house.vault.begin(&id("01EMPTY"), 42).unwrap();
    let path = file(&house, "live", "01KILL");
    let mut torn = std::fs::read(&path).unwrap();
    torn.extend_from_slice(&[0, 0, 125, 28, 1, 9, 9, 9]);
    std::fs::write(&path, torn).unwrap();
    let again = Vault::open(&house.folder.path().join("vault"), house.keys.clone(), 0).unwrap();
    let closed = again.finish_unclosed().unwrap().closed;
    assert_eq!(closed.len(), 1, "the empty one is removed");
    let manifest = &closed[0].manifest;
    assert_eq!((manifest.frames, manifest.started_ms, manifest.recovered), (16_000, 42, true));
    let unknown = |channel| Gap { channel, from_frame: 0, to_frame: 16_000, kind: GapKind::ListLost };
    assert_eq!(manifest.gaps, [unknown(0), unknown(1)], "that no list is left is no claim that there are no holes");
    assert_eq!(again.verify(&id("01KILL"), manifest).unwrap(), Verdict::Intact);
    assert_eq!(again.manifest(&id("01KILL")).unwrap(), *manifest, "and its end says so");
    assert!(again.finish_unclosed().unwrap().closed.is_empty());
}

#[test]
fn a_flipped_byte_anywhere_is_found_and_never_read_as_sound() {
    each_house(|house| {
        let (manifest, _) = record(house, "01FLIP", 800);
        let whole = house.sealed("01FLIP");
        for at in (0..whole.len()).step_by(701).chain([whole.len() - 1]) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            house.replace("01FLIP", &flipped);
            assert!(
                matches!(house.vault.verify(&id("01FLIP"), &manifest).unwrap(), Verdict::Altered { .. }),
                "byte {at}"
            );
        }
        for length in [whole.len() - 1, whole.len() / 2] {
            house.replace("01FLIP", &whole[..length]);
            assert!(
                matches!(house.vault.verify(&id("01FLIP"), &manifest).unwrap(), Verdict::Altered { .. }),
                "cut at {length}"
            );
            assert!(house.vault.read(&id("01FLIP")).is_err(), "a closed file that was cut is not read at all");
        }
        house.lose("01FLIP");
        assert_eq!(house.vault.verify(&id("01FLIP"), &manifest).unwrap(), Verdict::Missing);
    });
}

#[test]
fn x2_another_time_of_the_first_frame_is_found_in_the_file_and_in_the_books() {
    each_house(|house| {
        let (manifest, _) = record(house, "01TIME", 800);
        let later = Manifest { started_ms: manifest.started_ms + 3_600_000, ..manifest.clone() };
        let verdict = house.vault.verify(&id("01TIME"), &later).unwrap();
        assert!(matches!(&verdict, Verdict::Altered { reason } if reason.text.contains("first frame")), "{verdict:?}");
        let mut bytes = house.sealed("01TIME");
        let time = header_length(&bytes) - 8..header_length(&bytes);
        assert_eq!(bytes[time.clone()], manifest.started_ms.to_be_bytes());
        bytes[time].copy_from_slice(&later.started_ms.to_be_bytes());
        house.replace("01TIME", &bytes);
        for manifest in [&manifest, &later] {
            assert!(matches!(house.vault.verify(&id("01TIME"), manifest).unwrap(), Verdict::Altered { .. }));
        }
        assert!(house.vault.read(&id("01TIME")).is_err(), "with another time nothing opens");
    });
}

#[test]
fn x2_a_manifest_with_other_holes_is_found() {
    each_house(|house| {
        let (manifest, _) = record(house, "01HOLES", 800);
        let moved = Gap { to_frame: 8, ..manifest.gaps[0].clone() };
        let excused = Gap { kind: GapKind::Unsent, ..manifest.gaps[0].clone() };
        for gaps in [vec![], vec![moved], vec![excused]] {
            let other = Manifest { gaps, ..manifest.clone() };
            let verdict = house.vault.verify(&id("01HOLES"), &other).unwrap();
            assert!(matches!(&verdict, Verdict::Altered { reason } if reason.text.contains("gaps")), "{verdict:?}");
        }
        assert_eq!(house.vault.verify(&id("01HOLES"), &manifest).unwrap(), Verdict::Intact);
    });
}

#[test]
fn blocks_cannot_change_places_or_recordings() {
    each_house(|house| {
        let (manifest, _) = record(house, "01SWAP", BLOCK_FRAMES);
        let mut bytes = house.sealed("01SWAP");
        let (start, size) = (header_length(&bytes), 5 + 28 + BLOCK_FRAMES * 4);
        let first = bytes[start..start + size].to_vec();
        bytes.copy_within(start + size..start + 2 * size, start);
        bytes[start + size..start + 2 * size].copy_from_slice(&first);
        house.replace("01SWAP", &bytes);
        assert!(matches!(house.vault.verify(&id("01SWAP"), &manifest).unwrap(), Verdict::Altered { .. }));
        record(house, "01SWBP", BLOCK_FRAMES);
        house.replace("01SWAP", &house.sealed("01SWBP"));
        assert!(matches!(house.vault.verify(&id("01SWAP"), &manifest).unwrap(), Verdict::Altered { .. }));
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    let house = house();
    assert!(RecordingId::new("../etc/passwd").is_err());
    assert!(RecordingId::new("").is_err());
    let mut writer = house.vault.begin(&id("01BAD"), 0).unwrap();
    assert!(house.vault.begin(&id("01BAD"), 0).is_err(), "one file per recording");
    assert!(writer.append(&[]).is_err());
    assert!(writer.append(&[1; 3]).is_err());
    assert!(writer.append(&vec![1; BLOCK_FRAMES * 2 + 2]).is_err());
    writer.append(&[1; 2]).unwrap();
    assert!(writer.append(&vec![1; BLOCK_FRAMES * 2]).is_err(), "a short block is the last");
    assert!(writer.abandon().is_err(), "what holds sound is not thrown away");
    let full = Vault::open(&house.folder.path().join("full"), house.keys.clone(), u64::MAX).unwrap();
    assert!(matches!(full.begin(&id("01FULL"), 0), Err(VaultError::Full { .. })));
}

#[test]
fn the_wave_form_shows_both_channels() {
    each_house(|house| {
        let mut writer = house.vault.begin(&id("01PEAK"), 0).unwrap();
        let pcm: Vec<i16> =
            (0..BLOCK_FRAMES).flat_map(|frame| [if frame < 4_000 { 20_000 } else { 0 }, -32_768]).collect();
        writer.append(&pcm).unwrap();
        writer.finish(vec![]).unwrap();
        house.settle();
        let peaks = house.vault.read(&id("01PEAK")).unwrap().peaks(20).unwrap();
        assert_eq!((peaks.left.len(), peaks.right.len()), (20, 20));
        assert_eq!((peaks.left[0], peaks.left[19], peaks.right[10]), (156, 0, 255));
    });
}

#[test]
fn a_recording_says_when_its_first_sound_was_heard_and_cannot_be_moved_later() {
    let house = house();
    let mut writer = house.vault.begin(&id("early"), 1_000).unwrap();
    writer.start_at(5_000).unwrap();
    writer.append(&block(0, 8_000)).unwrap();
    assert!(writer.start_at(9_000).is_err());
    let manifest = writer.finish(Vec::new()).unwrap();
    assert_eq!(manifest.started_ms, 5_000);
    assert_eq!(house.vault.read(&id("early")).unwrap().started_ms(), 5_000);
}

/// A file where the shelf of these recordings belongs: as a full disk, it lets nothing be
/// put there.
fn block_shelf(house: &House, shelf: &str) -> PathBuf {
    let path = house.folder.path().join("vault/closed").join(shelf);
    std::fs::write(&path, "in the way").unwrap();
    path
}

#[test]
fn one_recording_that_cannot_be_closed_stays_and_keeps_no_other_from_being_closed() {
    let house = house();
    for name in ["01AAAx", "01BBBx", "01CCCx"] {
        house.vault.begin(&id(name), 42).unwrap().append(&block(0, BLOCK_FRAMES)).unwrap();
    }
    let in_the_way = block_shelf(&house, "01BBB");
    std::fs::create_dir(file(&house, "live", "01DIRx")).unwrap();
    let done = house.vault.finish_unclosed().unwrap();
    let mut closed: Vec<_> = done.closed.iter().map(|closed| closed.manifest.id.to_string()).collect();
    closed.sort();
    assert_eq!(closed, ["01AAAx", "01CCCx"]);
    let mut stayed: Vec<_> = done.stayed.iter().map(|stayed| stayed.id.to_string()).collect();
    stayed.sort();
    assert_eq!(stayed, ["01BBBx", "01DIRx"], "the shelf is blocked, and the other cannot be read");
    assert!(file(&house, "live", "01BBBx").exists() && file(&house, "live", "01DIRx").exists(), "nothing is deleted");
    std::fs::remove_file(in_the_way).unwrap();
    let later = house.vault.finish_unclosed().unwrap();
    let manifest = &later.closed[0].manifest;
    assert_eq!((manifest.id.as_str(), manifest.frames, manifest.started_ms), ("01BBBx", 8_000, 42));
    assert_eq!(house.vault.verify(&id("01BBBx"), manifest).unwrap(), Verdict::Intact);
}

#[test]
fn a_recording_that_could_not_be_shelved_keeps_its_seconds_and_its_holes() {
    let house = house();
    let mut writer = house.vault.begin(&id("01FULL"), 7).unwrap();
    writer.append(&block(0, BLOCK_FRAMES)).unwrap();
    let in_the_way = block_shelf(&house, "01FUL");
    let gaps = vec![Gap { channel: 1, from_frame: 5, to_frame: 9, kind: GapKind::Lost }];
    assert!(writer.finish(gaps.clone()).is_err());
    assert_eq!(house.vault.read(&id("01FULL")).unwrap().frames(), 8_000, "it is read where it stayed");
    assert!(matches!(house.vault.manifest(&id("01FULL")), Err(VaultError::Io { .. } | VaultError::Missing(_))));
    std::fs::remove_file(in_the_way).unwrap();
    let done = house.vault.finish_unclosed().unwrap();
    let manifest = &done.closed[0].manifest;
    assert_eq!((&manifest.gaps, manifest.recovered), (&gaps, false), "its closing block had been written");
    assert_eq!(house.vault.verify(&id("01FULL"), manifest).unwrap(), Verdict::Intact);
}

#[test]
fn the_manifest_of_a_shelved_recording_is_read_from_its_closing_block() {
    each_house(|house| {
        let (manifest, _) = record(house, "01BOOK", 4_000);
        assert_eq!(house.vault.manifest(&id("01BOOK")).unwrap(), manifest);
        house.vault.begin(&id("01LIVE"), 0).unwrap();
        assert!(matches!(house.vault.manifest(&id("01LIVE")), Err(VaultError::Missing(_))), "not closed yet");
        assert!(matches!(house.vault.manifest(&id("01NONE")), Err(VaultError::Missing(_))));
        let whole = house.sealed("01BOOK");
        house.replace("01BOOK", &whole[..whole.len() - 1]);
        assert!(matches!(house.vault.manifest(&id("01BOOK")), Err(VaultError::Altered { .. })));
    });
}

#[test]
fn e52_where_no_room_is_left_for_the_books_no_recording_begins_or_goes_on_and_one_can_still_be_closed() {
    let house = house();
    let vault = Vault::open(&house.folder.path().join("small"), house.keys.clone(), 0).unwrap();
    // More than any disk has.
    let vault = vault.with_reserve(u64::MAX / 4);
    let mut writer = vault.begin(&id("01LIVE"), 1_000).unwrap();
    writer.append(&block(0, BLOCK_FRAMES)).unwrap();
    assert!(!vault.tend().unwrap().is_enough());
    assert!(matches!(writer.append(&block(1, BLOCK_FRAMES)), Err(VaultError::Full { .. })));
    assert!(matches!(vault.begin(&id("01NEXT"), 1_000), Err(VaultError::Full { .. })));
    assert_eq!(writer.finish(Vec::new()).unwrap().frames, 8_000);
    assert_eq!(wav(&vault, "01LIVE").len(), 44 + 32_000);
}

#[test]
fn e52_the_reserve_is_a_file_of_its_size_that_the_next_run_takes_over() {
    let house = house();
    let root = house.folder.path().join("kept");
    for _ in 0..2 {
        let vault = Vault::open(&root, house.keys.clone(), 0).unwrap().with_reserve(1 << 20);
        let room = vault.tend().unwrap();
        assert!(room.is_enough() && room.needed == 0, "{room:?}");
        let file = std::fs::metadata(root.join("reserve")).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::blocks(&file) * 512, 1 << 20, "real blocks, not a hole");
    }
    // A court that wants more.
    let vault = Vault::open(&root, house.keys.clone(), 0).unwrap().with_reserve(2 << 20);
    vault.tend().unwrap();
    assert_eq!(std::fs::metadata(root.join("reserve")).unwrap().len(), 2 << 20);
}

#[test]
fn e52_closing_what_was_left_open_leaves_alone_what_is_being_written() {
    let house = house();
    let mut writer = house.vault.begin(&id("01WRITTEN"), 1_000).unwrap();
    let mut dropped = house.vault.begin(&id("01DROPPED"), 1_000).unwrap();
    writer.append(&block(0, BLOCK_FRAMES)).unwrap();
    dropped.append(&block(0, BLOCK_FRAMES)).unwrap();
    drop(dropped);
    let closed: Vec<_> = house.vault.finish_unclosed().unwrap().into_iter().map(|one| one.manifest.id).collect();
    assert_eq!(closed, [id("01DROPPED")]);
    writer.append(&block(1, BLOCK_FRAMES)).unwrap();
    assert_eq!(writer.finish(Vec::new()).unwrap().frames, 16_000);
}

#[test]
fn x6_a_recording_is_removed_when_its_time_is_over_and_a_second_time_does_no_harm() {
    each_house(|house| {
        record(house, "01GONE", 100);
        let (kept, _) = record(house, "01GOOD", 100);
        let bytes = Some(house.sealed("01GONE").len() as u64);
        let removed = house.vault.remove(&id("01GONE")).unwrap();
        let (local_bytes, remote_bytes) = if house.server.is_some() { (None, bytes) } else { (bytes, None) };
        assert_eq!(removed, Removed { local_bytes, remote_bytes });
        assert_eq!(house.vault.remove(&id("01GONE")).unwrap(), Removed::default());
        assert!(matches!(house.vault.read(&id("01GONE")), Err(VaultError::Missing(_))));
        assert_eq!(house.vault.verify(&id("01GOOD"), &kept).unwrap(), Verdict::Intact);
        let writer = house.vault.begin(&id("01LIVE"), 0).unwrap();
        assert!(matches!(house.vault.remove(&id("01LIVE")), Err(VaultError::Live(_))));
        drop(writer);
        assert!(matches!(house.vault.remove(&id("01LIVE")), Err(VaultError::Live(_))), "it waits to be closed");
    });
}

#[test]
fn x6_an_altered_recording_can_be_removed_too() {
    each_house(|house| {
        record(house, "01ALT", 100);
        let bytes = house.sealed("01ALT");
        house.replace("01ALT", &bytes[..bytes.len() / 2]);
        let removed = house.vault.remove(&id("01ALT")).unwrap();
        let gone = removed.local_bytes.or(removed.remote_bytes);
        assert_eq!(gone, Some(bytes.len() as u64 / 2));
    });
}

#[test]
fn a_block_is_aes_256_gcm_as_another_implementation_reads_it() {
    use aes_gcm::{
        Aes256Gcm, KeyInit,
        aead::{Aead, Payload},
    };
    let house = house();
    let pcm = block(3, BLOCK_FRAMES);
    house.vault.begin(&id("01OTHER"), -5).unwrap().append(&pcm).unwrap();
    let bytes = std::fs::read(file(&house, "live", "01OTHER")).unwrap();
    let head = header_length(&bytes);
    let key = house.keys.unwrap(&bytes[11..head - 8], b"songda/recording|01OTHER").unwrap();
    let sealed = &bytes[head + 5..];
    let (nonce, body) = sealed.split_first_chunk::<12>().unwrap();
    let payload = Payload { msg: body, aad: b"songda/recording|01OTHER|-5|0|1" };
    let clear = Aes256Gcm::new((&*key).into()).decrypt(nonce.into(), payload).unwrap();
    assert_eq!(clear, pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>());
}
