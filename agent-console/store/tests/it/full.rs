//! A database that may not grow any more, and a disk that will be full (E52).

use std::sync::Arc;

use songda_recordings::{
    keys::KeyFile,
    vault::{Room, Vault},
};
use songda_store::{
    StoreError, alarms,
    disk::Guard,
    outlook::Outlook,
    testing::{databases, sqlite},
};
use tokio::sync::Notify;

#[tokio::test]
async fn e52_a_transaction_that_finds_no_room_leaves_nothing_behind_and_the_next_one_begins() {
    let house = sqlite().await.unwrap();
    for round in 0..3 {
        let mut tx = house.db.begin().await.unwrap();
        // As large as it is now; for this connection.
        sqlx::query("PRAGMA max_page_count = 1").execute(&mut *tx.conn()).await.unwrap();
        let large = "x".repeat(1 << 20);
        let written = sqlx::query(
            "INSERT INTO alarms (id, kind, object_id, said, raised_ms, last_ms, times) VALUES ('1', 'k', 'o', $1, 0, 0, 1)",
        )
        .bind(&large)
        .execute(&mut *tx.conn())
        .await;
        assert!(matches!(StoreError::from(written.unwrap_err()), StoreError::Full), "in round {round}");
        drop(tx);
        let mut tx = house.db.begin().await.unwrap_or_else(|error| panic!("round {round}: {error}"));
        sqlx::query("DELETE FROM alarms").execute(&mut *tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(alarms::open(&house.db).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn e52_people_are_told_hours_before_the_disk_is_full_and_when_it_is_well_again() {
    for house in databases().await.unwrap() {
        let keys = Arc::new(KeyFile::open(&house.folder.join("test.key")).unwrap());
        let vault = Arc::new(Vault::open(&house.folder.join("recordings"), keys, 0).unwrap());
        let outlook = Arc::new(Outlook::new(24));
        let (db, clock) = (house.db.clone(), house.clock.clone());
        let mut guard = Guard::new(db, clock, vault.clone(), outlook.clone(), Arc::new(Notify::new()));
        // Half an hour ago there was twice the room.
        let free = vault.room().unwrap().free;
        outlook.observe(house.clock.now_ms(), Room { free: free.saturating_mul(2), needed: 0 });
        house.clock.advance(30 * 60_000);
        guard.look().await;
        let told = alarms::open(&house.db).await.unwrap();
        assert_eq!(told.len(), 1, "{}", house.engine);
        assert_eq!((told[0].kind.as_str(), told[0].times), ("disk.filling", 1), "{}", house.engine);
        guard.look().await;
        assert_eq!(alarms::open(&house.db).await.unwrap()[0].times, 1, "{}: told once", house.engine);
        for _ in 0..70 {
            house.clock.advance(60_000);
            guard.look().await;
        }
        assert!(alarms::open(&house.db).await.unwrap().is_empty(), "{}: a quiet hour", house.engine);
    }
}
