//! What becomes of copies that are lost, and of files that are damaged here.

use std::sync::Arc;

use songda_recordings::{
    keys::KeyFile,
    vault::{BLOCK_FRAMES, Vault, VaultError, Verdict, s3::S3Config},
};

use crate::{
    s3::{each_server, house, id},
    servers::{KEY, Kind, SECRET, Server},
};

#[test]
fn x2_a_copy_that_the_server_lost_is_found_on_the_round_and_made_again() {
    each_server(|server| {
        let house = house(&S3Config { keep_local: None, ..server.config(KEY, SECRET) });
        let names = ["01AAA1", "01BBB1", "01CCC1"];
        for name in names {
            house.record(name, 1);
            house.vault.copy(&id(name)).unwrap();
        }
        server.delete("01CCC1");
        let mut after = None;
        assert_eq!(house.vault.look_for_copies(&mut after, 2).unwrap().lost, 0);
        assert_eq!(after, Some(id("01BBB1")), "so far it came");
        assert_eq!(house.vault.look_for_copies(&mut after, 2).unwrap().lost, 1);
        assert_eq!((after, house.vault.uncopied().unwrap()), (None, vec![id("01CCC1")]));
        house.vault.copy(&id("01CCC1")).unwrap();
        assert!(server.get("01CCC1").unwrap() == std::fs::read(house.path("01CCC1")).unwrap());
        assert!(house.vault.uncopied().unwrap().is_empty());
    });
}

#[test]
fn x2_a_copy_that_was_replaced_after_its_check_is_told_and_one_that_is_the_same_is_not() {
    each_server(|server| {
        let house = house(&S3Config { keep_local: None, ..server.config(KEY, SECRET) });
        for name in ["01OTHER", "01LONGER", "01SAME1"] {
            house.record(name, 1);
            house.vault.copy(&id(name)).unwrap();
        }
        assert!(house.vault.look_for_copies(&mut None, 9).unwrap().other.is_empty());
        let right = server.get("01OTHER").unwrap();
        let mut wrong = right.clone();
        wrong[4_000] ^= 1;
        server.put("01OTHER", &wrong);
        server.put("01LONGER", &[right.clone(), vec![0]].concat());
        // The same bytes under another mark, as a server gives them that was moved.
        let note = house.path("01SAME1").with_extension("s3");
        let moved = std::fs::read_to_string(&note).unwrap().replace("\"e_tag\":", "\"e_tag\":\"moved\",\"before\":");
        std::fs::write(&note, &moved).unwrap();
        let looked = house.vault.look_for_copies(&mut None, 9).unwrap();
        let other: Vec<&str> = looked.other.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!((other, looked.lost), (vec!["01LONGER", "01OTHER"], 0));
        assert_ne!(std::fs::read_to_string(&note).unwrap(), moved, "what is the same is noted anew");
        assert!(house.vault.has_other_copy(&id("01OTHER")).unwrap());
        server.put("01OTHER", &right);
        assert!(!house.vault.has_other_copy(&id("01OTHER")).unwrap());
    });
}

#[test]
fn x2_what_is_damaged_on_the_disk_is_not_copied_as_if_it_were_well() {
    each_server(|server| {
        let house = house(&server.config(KEY, SECRET));
        house.record("01ROT1", 3);
        let path = house.path("01ROT1");
        let whole = std::fs::read(&path).unwrap();
        for at in [40, whole.len() / 2, whole.len() - 1] {
            let mut rotten = whole.clone();
            rotten[at] ^= 1;
            std::fs::write(&path, rotten).unwrap();
            let error = house.vault.copy(&id("01ROT1")).unwrap_err();
            assert!(matches!(error, VaultError::Altered { .. } | VaultError::Key(_)), "{at}: {error}");
            assert!(server.get("01ROT1").is_none(), "{at}: nothing is sent");
            assert_eq!(house.vault.uncopied().unwrap(), [id("01ROT1")], "{at}: it goes on waiting");
            assert_eq!(house.vault.evict().unwrap(), 0);
        }
        std::fs::write(&path, &whole).unwrap();
        house.vault.copy(&id("01ROT1")).unwrap();
        assert!(server.get("01ROT1").unwrap() == whole);
    });
}

#[test]
fn x2_a_damaged_local_file_is_heard_from_its_checked_copy_and_a_check_still_names_it() {
    each_server(|server| {
        let house = house(&S3Config { keep_local: None, ..server.config(KEY, SECRET) });
        let manifest = house.record("01HEAR", 4);
        let path = house.path("01HEAR");
        let whole = std::fs::read(&path).unwrap();
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        };
        // A block, the closing block, the header, the key in it, and a cut.
        let cut = whole[..40_000].to_vec();
        for damaged in [flipped(whole.len() / 2), flipped(whole.len() - 1), flipped(0), flipped(25), cut] {
            std::fs::write(&path, &whole).unwrap();
            house.vault.copy(&id("01HEAR")).unwrap();
            std::fs::write(&path, &damaged).unwrap();
            let (left, _) = house.vault.hear(&id("01HEAR")).and_then(|mut reader| reader.channels()).unwrap();
            let seconds: Vec<i16> = left.iter().step_by(BLOCK_FRAMES).copied().collect();
            assert_eq!(seconds, [1, 2, 3, 4], "every second is the one that was spoken");
            assert!(matches!(house.vault.verify(&id("01HEAR"), &manifest).unwrap(), Verdict::Altered { .. }));
        }
        // The disk does not give it.
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let (left, _) = house.vault.hear(&id("01HEAR")).and_then(|mut reader| reader.channels()).unwrap();
        assert_eq!(left.len(), 4 * BLOCK_FRAMES);
        assert!(house.vault.verify(&id("01HEAR"), &manifest).is_err(), "which says nothing about it");
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, &whole[..40_000]).unwrap();
        // Without a checked copy nothing is taken for it.
        std::fs::remove_file(path.with_extension("s3")).unwrap();
        let heard = house.vault.hear(&id("01HEAR")).and_then(|mut reader| reader.channels());
        assert!(matches!(heard, Err(VaultError::Altered { .. })));
    });
}

#[test]
fn x2_a_copy_on_a_server_that_is_named_no_more_is_neither_lost_nor_gone() {
    let server = Server::start(Kind::Moto);
    let house = house(&server.config(KEY, SECRET));
    let manifest = house.record("01AWAY", 1);
    house.vault.copy(&id("01AWAY")).unwrap();
    let folder = house.folder.path();
    let keys = Arc::new(KeyFile::open(&folder.join("key")).unwrap());
    let unnamed = Vault::open(&folder.join("vault"), keys, 0).unwrap();
    // While the file lies here it is read; a deletion would leave its copy behind.
    assert_eq!(unnamed.verify(&id("01AWAY"), &manifest).unwrap(), Verdict::Intact);
    let error = unnamed.remove(&id("01AWAY")).unwrap_err();
    assert!(matches!(error, VaultError::CopyElsewhere { .. }) && error.to_string().contains("[vault.s3]"), "{error}");
    assert!(house.path("01AWAY").exists(), "it stays with its copy");
    assert!(house.vault.evict().unwrap() > 0);
    for error in [
        unnamed.verify(&id("01AWAY"), &manifest).map(drop),
        unnamed.is_there(&id("01AWAY")).map(drop),
        unnamed.hear(&id("01AWAY")).map(drop),
        unnamed.remove(&id("01AWAY")).map(drop),
    ] {
        assert!(matches!(error, Err(VaultError::CopyElsewhere { .. })), "{error:?}");
    }
    assert_eq!(house.vault.verify(&id("01AWAY"), &manifest).unwrap(), Verdict::Intact, "it is all there");
    house.vault.remove(&id("01AWAY")).unwrap();
    assert!(!unnamed.is_there(&id("01AWAY")).unwrap(), "and now it is known to be gone");
}
