//! A database that may not grow any more (E52).

use songda_store::{StoreError, alarms, testing::sqlite};

#[tokio::test]
async fn e52_a_transaction_that_finds_no_room_leaves_nothing_behind_and_the_next_one_begins() {
    let house = sqlite().await.unwrap();
    for round in 0..3 {
        let mut tx = house.db.begin().await.unwrap();
        // As large as it is now; for this connection.
        sqlx::query("PRAGMA max_page_count = 1").execute(&mut *tx.conn()).await.unwrap();
        let large = "x".repeat(1 << 20);
        let written = sqlx::query(
            "INSERT INTO alarms (id, kind, object_id, text, raised_ms, last_ms, times) VALUES ('1', 'k', 'o', $1, 0, 0, 1)",
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
