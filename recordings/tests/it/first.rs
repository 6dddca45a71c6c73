//! Recordings of Songda 0.1.0: read, finished and removed by its own rule.
//!
//! Their bytes are made here as that version wrote them (its `vault/format.rs` and `writer.rs`):
//! magic `SDVAULT1`, suite, length of the wrapped key, wrapped key, start time; blocks bound to
//! recording, place and kind, and not to the start time; a closing block whose holes have no kind.

use std::{fs, sync::Arc};

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use sha2::{Digest, Sha256};
use songda_recordings::{
    keys::{KeyFile, KeyProvider},
    vault::{BLOCK_FRAMES, GapKind, RecordingId, Vault, Verdict},
};

const ID: &str = "01FIRST";
const STARTED_MS: i64 = 1_795_651_200_000;

fn seal(key: &[u8; 32], aad: &str, clear: &[u8], no: u8) -> Vec<u8> {
    let nonce = [no; 12];
    let payload = Payload { msg: clear, aad: aad.as_bytes() };
    let sealed = Aes256Gcm::new(&(*key).into()).encrypt(&Nonce::from(nonce), payload).unwrap();
    [&nonce[..], &sealed].concat()
}

fn block(key: &[u8; 32], place: u64, kind: u8, clear: &[u8]) -> Vec<u8> {
    let sealed = seal(key, &format!("songda/recording|{ID}|{place}|{kind}"), clear, place as u8 + 1);
    [&(sealed.len() as u32).to_be_bytes()[..], &[kind], &sealed].concat()
}

/// Three seconds and a half of what was said, as bytes of a WAV.
fn sound() -> Vec<u8> {
    (0..BLOCK_FRAMES * 7).flat_map(|at| ((at * 31 % 8_191) as i16).to_le_bytes()).collect()
}

/// The header and the blocks, without the closing block.
fn open_file(keys: &KeyFile, key: &[u8; 32]) -> Vec<u8> {
    let wrapped = keys.wrap(key, format!("songda/recording|{ID}").as_bytes()).unwrap();
    let mut file = b"SDVAULT1\x01".to_vec();
    file.extend((wrapped.len() as u16).to_be_bytes());
    file.extend(&wrapped);
    file.extend(STARTED_MS.to_be_bytes());
    for (place, clear) in sound().chunks(BLOCK_FRAMES * 4).enumerate() {
        file.extend(block(key, place as u64, 1, clear));
    }
    file
}

fn wav(sound: &[u8]) -> Vec<u8> {
    let mut wav = b"RIFF".to_vec();
    wav.extend((sound.len() as u32 + 36).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0\x40\x1f\0\0\0\x7d\0\0\x04\0\x10\0data");
    wav.extend((sound.len() as u32).to_le_bytes());
    wav.extend(sound);
    wav
}

fn closed_file(keys: &KeyFile, key: &[u8; 32]) -> Vec<u8> {
    use sm3::Sm3;
    let wav = wav(&sound());
    let closing = serde_json::json!({
        "frames": sound().len() / 4,
        "sha256": hex::encode(Sha256::digest(&wav)),
        "sm3": hex::encode(Sm3::digest(&wav)),
        "recovered": false,
        "gaps": [{ "channel": 1, "from_frame": 5, "to_frame": 9 }],
    });
    let mut file = open_file(keys, key);
    file.extend(block(key, 4, 2, closing.to_string().as_bytes()));
    file
}

#[test]
fn x2_a_recording_of_the_first_version_opens_verifies_and_is_finished_by_its_own_rule() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Arc::new(KeyFile::create(&folder.path().join("key")).unwrap());
    let vault = Vault::open(&folder.path().join("vault"), keys.clone(), 0).unwrap();
    let (id, key) = (RecordingId::new(ID).unwrap(), [7; 32]);
    let closed = folder.path().join("vault/closed/01FIR/01FIRST.sdv");
    fs::create_dir_all(closed.parent().unwrap()).unwrap();
    fs::write(&closed, closed_file(&keys, &key)).unwrap();
    let manifest = vault.manifest(&id).unwrap();
    assert_eq!((manifest.started_ms, manifest.frames), (STARTED_MS, sound().len() as u64 / 4));
    assert_eq!(manifest.gaps[0].kind, GapKind::Unknown);
    assert_eq!(vault.verify(&id, &manifest).unwrap(), Verdict::Intact);
    let mut reader = vault.read(&id).unwrap();
    let mut bytes = vec![0; reader.wav_bytes() as usize];
    reader.read_at(0, &mut bytes).unwrap();
    assert!(bytes == wav(&sound()));
    // Under the name of the second version nothing of it opens.
    let mut renamed = closed_file(&keys, &key);
    renamed[7] = b'2';
    fs::write(&closed, renamed).unwrap();
    assert!(vault.manifest(&id).is_err(), "the rule of a file is not to be chosen");
    vault.remove(&id).unwrap();
    // One that was open when the house was brought up to date.
    fs::write(folder.path().join("vault/live/01FIRST.sdv"), open_file(&keys, &key)).unwrap();
    let done = vault.finish_unclosed().unwrap();
    assert!(done.aside.is_empty() && done.stayed.is_empty(), "{done:?}");
    let manifest = done.closed[0].manifest.clone();
    assert_eq!((manifest.frames, manifest.recovered), (sound().len() as u64 / 4, true));
    assert_eq!(vault.verify(&id, &manifest).unwrap(), Verdict::Intact);
    assert!(fs::read(&closed).unwrap().starts_with(b"SDVAULT1"));
    let writer = vault.begin(&RecordingId::new("01SECOND").unwrap(), 1).unwrap();
    let live = fs::read(folder.path().join("vault/live/01SECOND.sdv")).unwrap();
    assert!(live.starts_with(b"SDVAULT2"), "new ones are of the second");
    drop(writer);
}
