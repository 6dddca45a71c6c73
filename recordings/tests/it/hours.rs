//! A recording of hours: killed, closed by the next start, and read from any place of it.

use std::sync::Arc;

use songda_recordings::{
    keys::KeyFile,
    vault::{BLOCK_FRAMES, RecordingId, Vault, Verdict},
};

const SECONDS: usize = 2 * 3_600;
/// Bytes of the header of the WAV.
const HEAD: u64 = 44;

/// What is heard in a second: its number, in another way on each side.
fn heard(second: usize) -> [i16; 2] {
    let number = i16::try_from(second).unwrap();
    [number, -number]
}

#[test]
fn a_recording_of_two_hours_outlives_a_kill_and_is_read_from_any_place_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("vault");
    let keys = Arc::new(KeyFile::create(&folder.path().join("key")).unwrap());
    let id = RecordingId::new("01HOURS").unwrap();
    let vault = Vault::open(&root, keys.clone(), 0).unwrap();
    let mut writer = vault.begin(&id, 1_000).unwrap();
    for second in 0..SECONDS {
        writer.put(&heard(second).repeat(BLOCK_FRAMES)).unwrap();
    }
    // Nobody closes it: the process is gone.
    std::mem::forget(writer);
    drop(vault);

    let vault = Vault::open(&root, keys, 0).unwrap();
    let found = vault.finish_unclosed().unwrap();
    assert!(found.aside.is_empty() && found.stayed.is_empty(), "{found:?}");
    let manifest = &found.closed[0].manifest;
    assert_eq!(manifest.frames, (SECONDS * BLOCK_FRAMES) as u64);
    assert_eq!(vault.verify(&id, manifest).unwrap(), Verdict::Intact);

    let mut reader = vault.read(&id).unwrap();
    assert_eq!(reader.wav_bytes(), HEAD + manifest.frames * 4);
    for second in [0, 1, 59, 60, 3_599, 3_600, 5_000, SECONDS - 1] {
        let mut frame = [0; 4];
        let at = HEAD + (second * BLOCK_FRAMES + BLOCK_FRAMES / 2) as u64 * 4;
        assert_eq!(reader.read_at(at, &mut frame).unwrap(), frame.len());
        let both = [i16::from_le_bytes([frame[0], frame[1]]), i16::from_le_bytes([frame[2], frame[3]])];
        assert_eq!(both, heard(second), "second {second}");
    }
    let peaks = vault.read(&id).unwrap().peaks(1).unwrap();
    assert_eq!((peaks.left.len(), peaks.right.len()), (SECONDS, SECONDS));
}
