//! The key file and the envelope keys.

use std::{os::unix::fs::PermissionsExt, sync::Arc};

use sha2::Digest;
use songda_recordings::keys::{KeyError, KeyFile, KeyProvider, Keyring, PublicKey, Rotation};

/// When keys are rotated here.
const NOW_MS: i64 = 1_764_201_600_000;

#[test]
fn r4_3d_the_key_file_is_its_owners_alone_and_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("songda.key");
    assert!(matches!(KeyFile::open(&path), Err(KeyError::Missing { .. })));
    KeyFile::create(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(KeyFile::create(&path).is_err(), "an existing key is never overwritten");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(KeyFile::open(&path), Err(KeyError::Permissions { .. })));
}

#[test]
fn a_damaged_key_file_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("songda.key");
    KeyFile::create(&path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(KeyFile::open(&path), Err(KeyError::Corrupt { .. })));
}

#[test]
fn sealed_data_opens_only_in_its_place_and_under_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let key = |name: &str| Arc::new(KeyFile::create(&folder.path().join(name)).unwrap());
    let ring = Keyring::new(key("a"));
    let stored = ring.mint(1, "court", "phone").unwrap();
    let sealed = ring.seal("court", "phone", "phones|number|1", "13800000001".as_bytes()).unwrap();
    assert!(!sealed.windows(4).any(|window| window == b"1380"));
    assert_eq!(*ring.open("phones|number|1", &sealed).unwrap(), b"13800000001");
    assert!(matches!(ring.open("phones|number|2", &sealed), Err(KeyError::DoesNotOpen)));
    for at in [0, 3, 10, sealed.len() - 1] {
        let mut flipped = sealed.clone();
        flipped[at] ^= 1;
        assert!(ring.open("phones|number|1", &flipped).is_err(), "byte {at}");
    }
    assert!(matches!(Keyring::new(key("b")).load(&[stored]), Err(KeyError::DoesNotOpen)));
}

#[test]
fn a_new_version_seals_and_the_old_one_still_opens() {
    let folder = tempfile::tempdir().unwrap();
    let ring = Keyring::new(Arc::new(KeyFile::create(&folder.path().join("k")).unwrap()));
    ring.mint(1, "court", "note").unwrap();
    let old = ring.seal("court", "note", "x", b"old").unwrap();
    assert_eq!(ring.mint(2, "court", "note").unwrap().version, 2);
    let new = ring.seal("court", "note", "x", b"new").unwrap();
    assert_eq!((&old[1..5], &new[1..5]), (&[0, 0, 0, 1][..], &[0, 0, 0, 2][..]));
    assert_eq!(*ring.open("x", &old).unwrap(), b"old");
}

#[test]
fn blind_indexes_are_equal_for_equal_values_of_one_court_only() {
    let folder = tempfile::tempdir().unwrap();
    let ring = Keyring::new(Arc::new(KeyFile::create(&folder.path().join("k")).unwrap()));
    let index = |court: &str, kind: &str, value: &str| ring.blind_index(court, kind, value).unwrap();
    assert_eq!(index("a", "phone", "1"), index("a", "phone", "1"));
    assert_ne!(index("a", "phone", "1"), index("b", "phone", "1"));
    assert_ne!(index("a", "phone", "1"), index("a", "id", "1"));
    assert_ne!(index("a", "phone", "1"), index("a", "phone", "2"));
}

/// A key file as the first release wrote it.
fn first_layout(path: &std::path::Path) {
    use std::os::unix::fs::OpenOptionsExt;
    let mut bytes = b"SONGDAK1".to_vec();
    bytes.extend((0..64).map(|at| at as u8));
    bytes.extend(sha2::Sha256::digest(&bytes));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
}

#[test]
fn an_old_key_file_is_left_as_it_is_and_signs_with_the_same_key_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    first_layout(&path);
    let before = std::fs::read(&path).unwrap();
    let keys = KeyFile::open(&path).unwrap();
    let wrapped = keys.wrap(&[7; 32], b"place").unwrap();
    let signature = keys.sign(b"words").unwrap();
    let again = KeyFile::open(&path).unwrap();
    assert_eq!(again.public_keys().unwrap(), keys.public_keys().unwrap());
    let public = again.public_keys().unwrap().swap_remove(0);
    assert_eq!(public.id(), signature.key_id);
    assert!(public.verifies(b"words", &signature.bytes) && !public.verifies(b"word", &signature.bytes));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let index = keys.mac("phone", b"1").unwrap();
    KeyFile::rotate(&path, Rotation::Both, NOW_MS).unwrap();
    let rotated = KeyFile::open(&path).unwrap();
    assert_eq!(*rotated.unwrap(&wrapped, b"place").unwrap(), [7; 32], "what was sealed before opens");
    assert_eq!(rotated.mac("phone", b"1").unwrap(), index, "blind indexes stay");
    assert_eq!(rotated.public_keys().unwrap()[1], public.clone().until(NOW_MS), "the old public key stays");
    assert_ne!(rotated.public_keys().unwrap()[0], public);
}

#[test]
fn a_house_that_runs_takes_up_keys_that_another_process_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    let house = KeyFile::create(&path).unwrap();
    let old = house.wrap(&[1; 32], b"x").unwrap();
    KeyFile::rotate(&path, Rotation::Master, NOW_MS).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let other = KeyFile::open(&path).unwrap();
    let new = other.wrap(&[2; 32], b"x").unwrap();
    assert_eq!(*house.unwrap(&new, b"x").unwrap(), [2; 32], "the running house");
    assert_eq!(*house.unwrap(&old, b"x").unwrap(), [1; 32]);
    std::fs::remove_file(&path).unwrap();
    assert!(house.wrap(&[3; 32], b"x").is_ok(), "a file that is gone takes nothing away");
    let stranger = KeyFile::create(&path).unwrap();
    let wrapped = house.wrap(&[4; 32], b"x").unwrap();
    assert!(stranger.unwrap(&wrapped, b"x").is_err(), "another house's key file is not taken up");
    assert_eq!(*house.unwrap(&old, b"x").unwrap(), [1; 32]);
}

#[test]
fn a_rotation_that_was_killed_blocks_no_later_one_and_two_at_once_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    let house = KeyFile::create(&path).unwrap();
    let before = house.public_keys().unwrap().remove(0);
    // Killed between writing the new file and its taking the place of the old one.
    std::fs::write(folder.path().join("k.new"), "half a key file").unwrap();
    KeyFile::rotate(&path, Rotation::Both, NOW_MS).unwrap();
    assert_eq!(KeyFile::open(&path).unwrap().public_keys().unwrap()[1].id(), before.id());
    assert!(!folder.path().join("k.new").exists());
    let other = std::fs::File::open(&path).unwrap();
    other.lock().unwrap();
    let error = KeyFile::rotate(&path, Rotation::Master, NOW_MS).unwrap_err().to_string();
    assert!(error.contains("right now"), "{error}");
    drop(other);
    KeyFile::rotate(&path, Rotation::Master, NOW_MS).unwrap();
}

#[test]
fn a_retired_key_says_until_when_it_signed_in_its_file_and_in_its_pem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    KeyFile::create(&path).unwrap();
    for turn in 0..3 {
        KeyFile::rotate(&path, Rotation::Signing, NOW_MS + turn).unwrap();
    }
    let keys = KeyFile::open(&path).unwrap().public_keys().unwrap();
    let until: Vec<_> = keys.iter().map(PublicKey::until_ms).collect();
    assert_eq!(until, [None, Some(NOW_MS + 2), Some(NOW_MS + 1), Some(NOW_MS)]);
    for key in &keys {
        assert_eq!(&PublicKey::from_pem(&key.to_pem()).unwrap(), key);
    }
    assert!(keys[3].signs_at(NOW_MS) && !keys[3].signs_at(NOW_MS + 3_600_000) && keys[0].signs_at(i64::MAX));
    let spoilt = keys[3].to_pem().replace("ms): ", "ms): soon ");
    assert!(PublicKey::from_pem(&spoilt).is_err(), "a span that cannot be read is no key without one");
}

#[test]
fn readers_open_before_during_and_after_rotations_and_each_new_recording_is_under_the_new_key() {
    use songda_recordings::vault::{BLOCK_FRAMES, RecordingId, Vault, Verdict};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    let house = Arc::new(KeyFile::create(&path).unwrap());
    let vault = Vault::open(&folder.path().join("vault"), house.clone(), 0).unwrap();
    let record = |name: &str, value: i16| {
        let id = RecordingId::new(name).unwrap();
        let mut writer = vault.begin(&id, 0).unwrap();
        writer.put(&vec![value; BLOCK_FRAMES * 2]).unwrap();
        (writer, id)
    };
    // One from before, one that is being written all the while.
    let (writer, before) = record("01BEFORE", 1);
    let mut manifests = vec![writer.finish(Vec::new()).unwrap()];
    let (mut across, across_id) = record("01ACROSS", 2);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut reads = 0;
                    while !stop.load(std::sync::atomic::Ordering::SeqCst) || reads < 20 {
                        let mut reader = vault.read(&before).unwrap();
                        let mut piece = [0; 8];
                        reader.read_at(44, &mut piece).unwrap();
                        assert_eq!(piece, [1, 0, 1, 0, 1, 0, 1, 0]);
                        assert!(vault.read(&across_id).unwrap().frames() >= BLOCK_FRAMES as u64);
                        reads += 1;
                    }
                    reads
                })
            })
            .collect();
        for round in 0..10 {
            // As `songda keys rotate` does it, in another process.
            KeyFile::rotate(&path, Rotation::Master, NOW_MS).unwrap();
            let (writer, _) = record(&format!("01ROUND{round}"), 3);
            manifests.push(writer.finish(Vec::new()).unwrap());
            across.put(&vec![2; BLOCK_FRAMES * 2]).unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        for reader in readers {
            assert!(reader.join().unwrap() >= 20);
        }
    });
    manifests.push(across.finish(Vec::new()).unwrap());
    // The next start, with the file as it is now.
    let later = Arc::new(KeyFile::open(&path).unwrap());
    let again = Vault::open(&folder.path().join("vault"), later, 0).unwrap();
    for manifest in &manifests {
        assert_eq!(again.verify(&manifest.id, manifest).unwrap(), Verdict::Intact, "{}", manifest.id);
    }
    // A key file from before the rotations opens what is from then, and nothing newer.
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(usize::from(bytes[9]), 11 + 2, "eleven master keys, index key, signing key");
    let oldest = [&bytes[..8], &[0, 3], &bytes[10 + 10 * 33..10 + 13 * 33]].concat();
    let check = sha2::Sha256::digest(&oldest);
    std::fs::write(&path, [&oldest[..], &check[..]].concat()).unwrap();
    let old = Vault::open(&folder.path().join("vault"), Arc::new(KeyFile::open(&path).unwrap()), 0).unwrap();
    assert_eq!(old.verify(&manifests[0].id, &manifests[0]).unwrap(), Verdict::Intact);
    assert_eq!(old.verify(&manifests[11].id, &manifests[11]).unwrap(), Verdict::Intact, "begun before the rotations");
    assert!(matches!(old.read(&manifests[1].id), Err(songda_recordings::vault::VaultError::Key(_))));
}
