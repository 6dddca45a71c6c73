//! Sealed columns and files.

use std::sync::Arc;

use songda_recordings::keys::{KeyFile, Rotation};
use songda_store::{Db, Sealer, StoreError, masked::Phone, newest, testing::databases};

#[tokio::test]
async fn r4_3d_another_key_file_is_told_at_the_start() {
    for house in databases().await.unwrap() {
        assert!(house.db.is_empty().await.unwrap());
        let mut tx = house.db.begin().await.unwrap();
        house.sealer.ensure_court(&mut tx, &house.clock, "court").await.unwrap();
        tx.commit().await.unwrap();
        assert!(!house.db.is_empty().await.unwrap());
        let other = Arc::new(KeyFile::create(&house.folder.join("other.key")).unwrap());
        assert!(matches!(Sealer::open(&house.db, other).await, Err(StoreError::WrongKey)), "{}", house.engine);
        let own = Arc::new(KeyFile::open(&house.folder.join("test.key")).unwrap());
        let again = Sealer::open(&house.db, own).await.unwrap();
        let sealed = house.sealer.seal("court", "phone", "phones", "n", "1", b"x").unwrap();
        assert_eq!(*again.open_sealed("phones", "n", "1", &sealed).unwrap(), b"x");
        assert!(again.open_sealed("phones", "n", "2", &sealed).is_err(), "moved to another row");
        let index = |text: &str| again.phone_index("court", &Phone::parse(text).unwrap()).unwrap();
        assert_eq!(index("138 0000 1234"), index("+8613800001234"));
    }
}

#[tokio::test]
async fn x2_an_older_copy_of_the_key_file_is_told_whatever_was_made_anew() {
    for house in databases().await.unwrap() {
        let file = house.folder.join("test.key");
        let opened = async |path: &std::path::Path| {
            let keys = Arc::new(KeyFile::open(path).unwrap());
            let sealer = Sealer::open(&house.db, keys.clone()).await?;
            let mut tx = house.db.begin().await?;
            newest::note(tx.conn(), &house.clock, keys.as_ref()).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(sealer)
        };
        opened(&file).await.unwrap();
        for (turn, what) in [Rotation::Master, Rotation::Signing, Rotation::Both].into_iter().enumerate() {
            let older = house.folder.join(format!("older-{turn}.key"));
            std::fs::copy(&file, &older).unwrap();
            KeyFile::rotate(&file, what, house.clock.now_ms()).unwrap();
            opened(&older).await.expect("nobody has seen the new ones yet");
            opened(&file).await.unwrap();
            let refused = opened(&older).await;
            assert!(matches!(refused, Err(StoreError::OlderKey)), "{}: {what:?}: {refused:?}", house.engine);
            opened(&file).await.expect("the newest one goes on");
        }
    }
}

#[tokio::test]
async fn files_are_sealed_on_the_disk_and_checked_when_read() {
    for house in databases().await.unwrap() {
        let mut tx = house.db.begin().await.unwrap();
        house.sealer.ensure_court(&mut tx, &house.clock, "court").await.unwrap();
        let object =
            house.objects.put(&mut tx, "court", "document", "application/pdf", b"%PDF-clear text").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(house.objects.get(&house.db, &object.id).await.unwrap(), b"%PDF-clear text");
        assert!(matches!(house.objects.get(&house.db, "nothing").await, Err(StoreError::FileMissing(_))));
        let shelf = house.folder.join("objects").join(&object.id[..5]);
        let path = shelf.join(format!("{}.sealed", object.id));
        let mut bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(5).any(|window| window == b"clear"));
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(house.objects.get(&house.db, &object.id).await, Err(StoreError::FileAltered(_))));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(house.objects.get(&house.db, &object.id).await, Err(StoreError::FileMissing(_))));
    }
}

#[tokio::test]
async fn a_database_opens_again_as_it_was_and_bad_urls_are_refused() {
    let house = songda_store::testing::sqlite().await.unwrap();
    let url = format!("sqlite://{}", house.folder.join("songda.db").display());
    let again = Db::open(&url).await.unwrap();
    again.ping().await.unwrap();
    assert!(again.is_empty().await.unwrap());
    again.close().await;
    assert!(Db::open("mysql://x").await.is_err());
    assert!(Db::open("sqlite:///no/such/folder/x.db").await.is_err());
}
