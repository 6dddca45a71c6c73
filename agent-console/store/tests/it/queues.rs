//! Jobs and outbox: claimed once, in order, again after a failure.

use std::collections::HashSet;

use serde_json::json;
use songda_store::{
    StoreError, jobs, outbox,
    testing::{Fixture, databases},
};

async fn fixtures() -> Vec<Fixture> {
    databases().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_claim_each_job_exactly_once() {
    for house in fixtures().await {
        let mut tx = house.db.begin().await.unwrap();
        for number in 0..120 {
            jobs::enqueue(&mut tx, &house.clock, "work", None, &json!({ "n": number }), 0).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (db, clock) = (house.db.clone(), house.clock.clone());
            workers.spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let jobs = jobs::claim(&db, &clock, &["work", "other"], 60_000, 4).await.unwrap();
                    if jobs.is_empty() {
                        return mine;
                    }
                    mine.extend(jobs.into_iter().map(|job| job.id));
                }
            });
        }
        let claimed: Vec<String> = workers.join_all().await.into_iter().flatten().collect();
        assert_eq!(claimed.len(), 120, "{}", house.engine);
        assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), 120, "{}", house.engine);
    }
}

#[tokio::test]
async fn a_failed_job_comes_again_at_most_ten_minutes_apart_for_as_long_as_it_takes() {
    for house in fixtures().await {
        let mut tx = house.db.begin().await.unwrap();
        jobs::enqueue(&mut tx, &house.clock, "work", Some("one"), &json!({}), 0).await.unwrap();
        jobs::enqueue(&mut tx, &house.clock, "work", Some("one"), &json!({}), 0).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(jobs::depth(&house.db).await.unwrap(), 1, "one waits per key");
        for tries in 0..100 {
            house.clock.advance(600_000);
            let job =
                jobs::claim(&house.db, &house.clock, &["work"], 1_000, 9).await.unwrap().pop().expect("it is due");
            assert_eq!(job.attempts, tries, "{}", house.engine);
            assert!(
                jobs::claim(&house.db, &house.clock, &["work"], 1_000, 9).await.unwrap().is_empty(),
                "it is leased"
            );
            jobs::retry(&house.db, &house.clock, &job, "no").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_job_whose_worker_died_is_due_again_when_its_lease_is_over() {
    for house in fixtures().await {
        let mut tx = house.db.begin().await.unwrap();
        jobs::enqueue(&mut tx, &house.clock, "work", None, &json!({ "call": "c" }), 0).await.unwrap();
        tx.commit().await.unwrap();
        let first = jobs::claim(&house.db, &house.clock, &["work"], 5_000, 1).await.unwrap();
        house.clock.advance(5_001);
        let second = jobs::claim(&house.db, &house.clock, &["work"], 5_000, 1).await.unwrap();
        assert_eq!((first[0].id.as_str(), second[0].attempts), (second[0].id.as_str(), 1));
        jobs::done(&house.db, &house.clock, &second[0].id).await.unwrap();
        assert_eq!(jobs::depth(&house.db).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn what_a_kill_interrupted_is_due_at_the_next_start() {
    for house in fixtures().await {
        let mut tx = house.db.begin().await.unwrap();
        house.sealer.ensure_court(&mut tx, &house.clock, "court").await.unwrap();
        jobs::enqueue(&mut tx, &house.clock, "work", None, &json!({}), 0).await.unwrap();
        outbox::put(&mut tx, &house.clock, &house.sealer, "court", "sink", "t", "a", &json!({}), None).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(jobs::claim(&house.db, &house.clock, &["work"], 600_000, 1).await.unwrap().len(), 1);
        assert_eq!(outbox::claim(&house.db, &house.clock, "sink", 600_000, 1).await.unwrap().len(), 1);
        jobs::take_up_again(&house.db, &house.clock).await.unwrap();
        assert_eq!(jobs::claim(&house.db, &house.clock, &["work"], 600_000, 1).await.unwrap().len(), 1, "at once");
        assert_eq!(outbox::claim(&house.db, &house.clock, "sink", 600_000, 1).await.unwrap().len(), 1, "at once");
    }
}

#[tokio::test]
async fn messages_of_one_task_leave_in_order_and_keep_their_id_over_retries() {
    for house in fixtures().await {
        let mut tx = house.db.begin().await.unwrap();
        house.sealer.ensure_court(&mut tx, &house.clock, "court").await.unwrap();
        for (key, word) in [("a", "1"), ("a", "2"), ("b", "1")] {
            let payload = json!({ "word": word });
            outbox::put(&mut tx, &house.clock, &house.sealer, "court", "sink", "t", key, &payload, None).await.unwrap();
        }
        tx.commit().await.unwrap();
        let claim = || outbox::claim(&house.db, &house.clock, "sink", 60_000, 9);
        let first = claim().await.unwrap();
        assert_eq!(first.iter().map(|m| (m.order_key.as_str(), m.seq)).collect::<Vec<_>>(), [("a", 1), ("b", 1)]);
        assert_eq!(first[0].open(&house.sealer).unwrap(), json!({ "word": "1", "seq": 1 }));
        assert!(claim().await.unwrap().is_empty(), "{}: leased", house.engine);
        outbox::retry(&house.db, &house.clock, &first[0], "down").await.unwrap();
        for _ in 0..100 {
            house.clock.advance(600_000);
            let again = claim().await.unwrap();
            let message = again.iter().find(|message| message.id == first[0].id).expect("no message ever dies");
            outbox::retry(&house.db, &house.clock, message, "still down").await.unwrap();
        }
        house.clock.advance(600_000);
        let again = claim().await.unwrap();
        assert!(again.iter().any(|message| message.id == first[0].id), "{}", house.engine);
        let mut tx = house.db.begin().await.unwrap();
        outbox::done(&mut tx, &house.clock, &first[0].id).await.unwrap();
        tx.commit().await.unwrap();
        let next = claim().await.unwrap();
        assert!(next.iter().any(|message| (message.order_key.as_str(), message.seq) == ("a", 2)), "{}", house.engine);
    }
}

#[tokio::test]
async fn an_error_of_the_database_repeats_no_value() {
    for house in fixtures().await {
        let mut tx = house.db.begin().await.unwrap();
        let error: StoreError = sqlx::query("INSERT INTO courts (id, code, name) VALUES ($1, '13800001234', 'x')")
            .bind("13800001234")
            .execute(&mut *tx.conn())
            .await
            .unwrap_err()
            .into();
        assert!(!error.to_string().contains("1380000"), "{error}");
    }
}
