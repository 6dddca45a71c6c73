//! One server per database.

use std::time::Duration;

use songda_store::{StoreError, testing::databases};

#[tokio::test]
async fn r4_3d_a_second_server_on_one_database_is_refused_until_the_first_is_gone() {
    const AT_ONCE: Duration = Duration::from_millis(50);
    for house in databases().await.unwrap() {
        let first = house.db.claim(AT_ONCE).await.unwrap();
        if house.engine == "sqlite" {
            assert!(first.is_none(), "it is taken with its folder");
            continue;
        }
        assert!(matches!(house.db.claim(AT_ONCE).await, Err(StoreError::Taken)));
        let waits = house.db.claim(Duration::from_mins(1));
        drop(first);
        assert!(waits.await.unwrap().is_some(), "as soon as it is free");
    }
}
