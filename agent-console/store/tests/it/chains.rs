//! The audit chain shows what was changed behind the product's back.

use serde_json::json;
use songda_store::{
    Said, alarms,
    audit::{self, Entry, Verdict},
    testing::{Fixture, databases},
};

fn entry(action: &str) -> Entry<'_> {
    Entry {
        court: "c",
        actor: "u",
        actor_role: "judge",
        action,
        object_kind: "call",
        object_id: "1",
        case_id: None,
        ip: "127.0.0.1",
        result: "ok",
        detail: json!({ "a": 1 }),
    }
}

async fn write(house: &Fixture, action: &str) -> i64 {
    let mut tx = house.db.begin().await.unwrap();
    let seq = audit::append(&mut tx, &house.clock, entry(action)).await.unwrap();
    tx.commit().await.unwrap();
    seq
}

#[tokio::test]
async fn a_row_changed_or_removed_behind_the_products_back_is_named() {
    for house in databases().await.unwrap() {
        for action in ["a", "b", "c", "d"] {
            write(&house, action).await;
        }
        assert_eq!(audit::verify(&house.db).await.unwrap(), Verdict::Intact { rows: 4 });
        for (sql, verb) in
            [("UPDATE audit SET action = 'x' WHERE seq = 2", "update"), ("DELETE FROM audit WHERE seq = 2", "delete")]
        {
            assert!(sqlx::query(sql).execute(house.db.read()).await.is_err(), "{}: {verb} is refused", house.engine);
            let of = if house.engine == "postgres" { " ON audit" } else { "" };
            let drop = format!("DROP TRIGGER audit_no_{verb}{of}");
            sqlx::query(sqlx::AssertSqlSafe(drop)).execute(house.db.read()).await.unwrap();
        }
        sqlx::query("UPDATE audit SET action = 'x' WHERE seq = 2").execute(house.db.read()).await.unwrap();
        assert_eq!(audit::verify(&house.db).await.unwrap(), Verdict::Broken { seq: 2 }, "{}", house.engine);
        sqlx::query("UPDATE audit SET action = 'b' WHERE seq = 2").execute(house.db.read()).await.unwrap();
        sqlx::query("DELETE FROM audit WHERE seq = 3").execute(house.db.read()).await.unwrap();
        assert_eq!(audit::verify(&house.db).await.unwrap(), Verdict::Broken { seq: 4 }, "{}", house.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_the_same_time_make_one_chain() {
    for house in databases().await.unwrap() {
        let house = std::sync::Arc::new(house);
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..12 {
            let house = house.clone();
            writers.spawn(async move { write(&house, "x").await });
        }
        let mut seqs = writers.join_all().await;
        seqs.sort_unstable();
        assert_eq!(seqs, (1..=12).collect::<Vec<i64>>(), "{}", house.engine);
        assert_eq!(audit::verify(&house.db).await.unwrap(), Verdict::Intact { rows: 12 });
        assert_eq!(
            audit::list(&house.db, "c", Some(5), 2).await.unwrap().iter().map(|row| row.seq).collect::<Vec<_>>(),
            [4, 3]
        );
    }
}

#[tokio::test]
async fn a_row_that_does_not_commit_is_not_in_the_log() {
    for house in databases().await.unwrap() {
        write(&house, "a").await;
        let mut tx = house.db.begin().await.unwrap();
        audit::append(&mut tx, &house.clock, entry("b")).await.unwrap();
        drop(tx);
        assert_eq!(audit::verify(&house.db).await.unwrap(), Verdict::Intact { rows: 1 }, "{}", house.engine);
    }
}

#[tokio::test]
async fn an_alarm_counts_until_it_is_cleared() {
    for house in databases().await.unwrap() {
        for _ in 0..3 {
            alarms::raise(&house.db, &house.clock, "k", "o", &Said::new("k.o", "text")).await.unwrap();
        }
        let open = alarms::open(&house.db).await.unwrap();
        assert_eq!((open.len(), open[0].times), (1, 3), "{}", house.engine);
        alarms::clear(&house.db, &house.clock, "k", "o").await.unwrap();
        assert!(alarms::open(&house.db).await.unwrap().is_empty());
        alarms::raise(&house.db, &house.clock, "k", "o", &Said::new("k.o", "again")).await.unwrap();
        assert_eq!(alarms::open(&house.db).await.unwrap()[0].times, 1, "{}", house.engine);
    }
}
