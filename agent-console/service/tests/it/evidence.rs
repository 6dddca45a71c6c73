//! The chain of evidence (X2): what was entered, what lies there, and who is told.

use songda_people::Role;
use songda_service::evidence::{
    self, DoubtRow, Found, HOUSE, Which, check_chain, check_oldest, check_root, clear, doubts, files,
};
use songda_store::alarms;

use crate::shelf::{DAY_MS, Shelf, flip, shelves};

const HOUR_MS: i64 = 3_600_000;

async fn open(shelf: &Shelf) -> Vec<DoubtRow> {
    let all = doubts(&shelf.house.on.db, &shelf.house.court).await.unwrap();
    all.into_iter().filter(|doubt| doubt.cleared_ms.is_none()).collect()
}

#[tokio::test]
async fn x2_every_file_is_entered_with_both_hashes_and_knows_its_case_and_task() {
    for shelf in shelves().await {
        let served = shelf.case(1).await;
        let found = files(&shelf.house.on.db, Which::Case(&served.case)).await.unwrap();
        let mut kinds: Vec<&str> = found.iter().map(|file| file.kind.as_str()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["document", "recording", "report", "transcript"], "{}", shelf.engine());
        for file in &found {
            assert_eq!((file.sha256.len(), file.sm3.len()), (64, 64), "{}", file.kind);
            assert_eq!((&file.case_number, &file.task_number), (&served.number, &served.task_number), "{}", file.kind);
            let entered = shelf.examiner().examine(file, HOUSE).await.unwrap();
            assert_eq!(entered, Found::Intact, "{}: {}", shelf.engine(), file.label());
        }
        let document = shelf.file(&served.document).await;
        assert_eq!((document.name.as_str(), shelf.file(&served.report).await.name.as_str()), ("传票", "v1"));
    }
}

#[tokio::test]
async fn x2_the_hashes_in_the_books_are_never_changed_on_either_database() {
    for shelf in shelves().await {
        let served = shelf.case(1).await;
        for sql in [
            "UPDATE evidence_files SET sha256 = 'x'",
            "DELETE FROM evidence_files",
            "UPDATE recordings SET sha256 = 'x'",
            "UPDATE objects SET sm3 = 'x'",
            "UPDATE documents SET sha256 = 'x'",
            "UPDATE reports SET sha256 = 'x'",
        ] {
            assert!(sqlx::query(sql).execute(shelf.house.on.db.read()).await.is_err(), "{}: {sql}", shelf.engine());
        }
        sqlx::query("UPDATE recordings SET state = 'altered'").execute(shelf.house.on.db.read()).await.unwrap();
        assert_eq!(shelf.examiner().look(&shelf.file(&served.recording).await).await.unwrap(), Found::Intact);
    }
}

#[tokio::test]
async fn x2_each_day_has_a_signed_root_that_follows_the_day_before_days_without_files_too() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 0, "the day is not over");
        on.clock.advance(3 * DAY_MS);
        // Entered late: a recording that a recovery closed two days after its call.
        let late = shelf.case(2).await;
        on.clock.advance(DAY_MS);
        assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 4, "{}", shelf.engine());
        assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 0, "each once");
        let chain = evidence::chain_of(&on.db, &shelf.house.court).await.unwrap();
        let days: Vec<(&str, i64)> = chain.iter().map(|root| (root.day.as_str(), root.files)).collect();
        assert_eq!(days, [("2026-11-23", 4), ("2026-11-24", 0), ("2026-11-25", 0), ("2026-11-26", 4)]);
        assert_eq!(shelf.file(&served.recording).await.leaf.unwrap().0, "2026-11-23");
        assert_eq!(shelf.file(&late.recording).await.leaf.unwrap().0, "2026-11-26");
        for root in &chain {
            let copy = on.folder.join("roots").join(&shelf.house.court).join(format!("{}.json", root.day));
            assert_eq!(std::fs::read_to_string(&copy).unwrap(), root.body);
            assert!(std::fs::metadata(&copy).unwrap().permissions().readonly());
        }
        let checks = check_chain(&shelf.roots(), &shelf.house.court, HOUSE).await.unwrap();
        assert!(checks.iter().all(|check| check.fault.is_none()), "{}: {checks:?}", shelf.engine());
        assert_eq!(check_oldest(&shelf.roots()).await.unwrap().unwrap().day, "2026-11-23");
    }
}

#[tokio::test]
async fn x2_what_the_hour_of_the_job_has_not_reached_waits_and_midnight_is_the_courts() {
    for shelf in shelves().await {
        shelf.case(1).await;
        // 09:00 on the 23rd; 00:29 on the 24th, then 00:30.
        shelf.house.on.clock.advance(15 * HOUR_MS + 29 * 60_000);
        assert_eq!(shelf.roots().make_due(HOUR_MS / 2).await.unwrap(), 0, "{}", shelf.engine());
        shelf.house.on.clock.advance(60_000);
        assert_eq!(shelf.roots().make_due(HOUR_MS / 2).await.unwrap(), 1, "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_a_flipped_byte_is_named_by_file_case_and_task_marked_once_and_never_hashed_again() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(7).await;
        flip(&shelf.sealed_recording(&served.recording));
        flip(&shelf.sealed_object(&served.report));
        let done = shelf.examiner().round(u64::MAX).await.unwrap();
        assert_eq!((done.files, done.marked), (4, 2), "{}", shelf.engine());
        let marked = open(&shelf).await;
        let mut objects: Vec<&str> = marked.iter().map(|doubt| doubt.object_id.as_str()).collect();
        objects.sort_unstable();
        let mut broken = [served.recording.as_str(), served.report.as_str()];
        broken.sort_unstable();
        assert_eq!(objects, broken);
        let told = alarms::open(&on.db).await.unwrap();
        let of = |id: &str| told.iter().find(|alarm| alarm.object_id == id).unwrap();
        assert_eq!(of(&served.recording).kind, "recording.altered");
        assert_eq!(of(&served.report).kind, "evidence.altered");
        for alarm in &told {
            assert!(alarm.text.contains(&served.number) && alarm.text.contains(&served.task_number), "{}", alarm.text);
        }
        let before = shelf.file(&served.recording).await;
        shelf.examiner().round(u64::MAX).await.unwrap();
        assert_eq!(open(&shelf).await.len(), 2, "marked once");
        assert_eq!(shelf.audited("evidence.doubt").await.len(), 2);
        assert_eq!(shelf.file(&served.recording).await, before, "its hashes are those of the beginning");
        let state: String = sqlx::query_scalar("SELECT state FROM recordings WHERE id = $1")
            .bind(&served.recording)
            .fetch_one(on.db.read())
            .await
            .unwrap();
        assert_eq!(state, "altered", "a report says so");
    }
}

#[tokio::test]
async fn x2_a_mark_stays_until_a_person_clears_it_with_a_reason() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        let path = shelf.sealed_object(&served.document);
        let kept = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        shelf.examiner().round(u64::MAX).await.unwrap();
        let doubt = open(&shelf).await.remove(0);
        assert_eq!((doubt.object_id.as_str(), doubt.verdict.as_str()), (served.document.as_str(), "missing"));
        // The file is back from a backup: the mark stays for all that.
        std::fs::write(&path, kept).unwrap();
        shelf.examiner().round(u64::MAX).await.unwrap();
        assert_eq!(open(&shelf).await.len(), 1, "{}", shelf.engine());
        let actor = shelf.actor(Role::Supervisor);
        let refused = clear(&on.db, &on.clock, &actor, &doubt.id, "  ").await.unwrap_err();
        assert!(refused.to_string().contains("say why"), "{refused}");
        clear(&on.db, &on.clock, &actor, &doubt.id, "从备份恢复，散列一致").await.unwrap();
        assert!(open(&shelf).await.is_empty());
        assert!(alarms::open(&on.db).await.unwrap().is_empty());
        let audited = shelf.audited("evidence.clear").await;
        assert!(audited[0].detail.contains("从备份恢复"), "{audited:?}");
        assert!(clear(&on.db, &on.clock, &actor, &doubt.id, "again").await.is_err());
        // One that still differs is marked anew.
        flip(&path);
        shelf.examiner().round(u64::MAX).await.unwrap();
        assert_eq!(open(&shelf).await.len(), 1, "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_a_register_that_was_changed_behind_the_products_back_does_not_lead_to_its_root() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        on.clock.advance(DAY_MS);
        shelf.roots().make_due(HOUR_MS).await.unwrap();
        let of = if shelf.engine() == "postgres" { " ON evidence_files" } else { "" };
        let drop = format!("DROP TRIGGER evidence_files_no_update{of}");
        sqlx::query(sqlx::AssertSqlSafe(drop)).execute(on.db.read()).await.unwrap();
        sqlx::query("UPDATE evidence_files SET sha256 = $2 WHERE id = $1")
            .bind(&served.recording)
            .bind("ab".repeat(32))
            .execute(on.db.read())
            .await
            .unwrap();
        let check = check_root(&shelf.roots(), &shelf.house.court, "2026-11-23", HOUSE).await.unwrap();
        assert!(check.fault.unwrap().contains("do not lead to it"), "{}", shelf.engine());
        let doubt = open(&shelf).await.remove(0);
        assert_eq!((doubt.object_id.as_str(), doubt.verdict.as_str()), ("root:2026-11-23", "root"));
        let file = shelf.file(&served.recording).await;
        assert!(shelf.examiner().look(&file).await.unwrap().is_broken(), "nor does it fit its own row");
    }
}

#[tokio::test]
async fn x2_a_root_that_is_gone_altered_or_whose_copy_differs_is_told() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        shelf.case(1).await;
        on.clock.advance(3 * DAY_MS);
        assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 3);
        let folder = on.folder.join("roots").join(&shelf.house.court);
        std::fs::remove_file(folder.join("2026-11-23.json")).unwrap();
        // A kill between row and copy: the next start writes it.
        assert_eq!(shelf.roots().complete_copies().await.unwrap(), 1, "{}", shelf.engine());
        let whole = check_chain(&shelf.roots(), &shelf.house.court, HOUSE).await.unwrap();
        assert!(whole.iter().all(|check| check.fault.is_none()));
        // Whoever takes it away once it was seen there is told.
        std::fs::remove_file(folder.join("2026-11-23.json")).unwrap();
        assert_eq!(shelf.roots().complete_copies().await.unwrap(), 0);
        let of = if shelf.engine() == "postgres" { " ON evidence_roots" } else { "" };
        for verb in ["update", "delete"] {
            let drop = format!("DROP TRIGGER evidence_roots_no_{verb}{of}");
            sqlx::query(sqlx::AssertSqlSafe(drop)).execute(on.db.read()).await.unwrap();
        }
        sqlx::query("DELETE FROM evidence_roots WHERE day = '2026-11-24'").execute(on.db.read()).await.unwrap();
        let checks = check_chain(&shelf.roots(), &shelf.house.court, HOUSE).await.unwrap();
        let faults: Vec<(&str, bool)> =
            checks.iter().map(|check| (check.day.as_str(), check.fault.is_some())).collect();
        assert_eq!(faults, [("2026-11-23", true), ("2026-11-24", true), ("2026-11-25", true)], "{checks:?}");
        sqlx::query("UPDATE evidence_roots SET body = REPLACE(body, '\"leaves\":0', '\"leaves\":1'), files = 1 WHERE day = '2026-11-25'")
            .execute(on.db.read())
            .await
            .unwrap();
        let check = check_root(&shelf.roots(), &shelf.house.court, "2026-11-25", HOUSE).await.unwrap();
        assert!(check.fault.unwrap().contains("signature"), "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_the_round_reads_what_was_looked_at_longest_ago_within_its_measure() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let first = shelf.case(1).await;
        assert_eq!(shelf.examiner().round(1).await.unwrap().files, 1, "one at least");
        on.clock.advance(60_000);
        assert_eq!(shelf.examiner().round(u64::MAX).await.unwrap().files, 4);
        on.clock.advance(60_000);
        shelf.case(2).await;
        let looked = shelf.examiner().round(1).await.unwrap();
        assert_eq!(looked.files, 1, "{}", shelf.engine());
        let old: i64 = sqlx::query_scalar("SELECT checked_ms FROM evidence_checks WHERE file_id = $1")
            .bind(&first.recording)
            .fetch_one(on.db.read())
            .await
            .unwrap();
        assert!(old < on.clock.now_ms(), "what is new comes first: {}", shelf.engine());
    }
}
