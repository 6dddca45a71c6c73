//! The chain of evidence (X2): what was entered, what lies there, and who is told.

use std::sync::Arc;

use songda_people::{Role, courts};
use songda_recordings::{
    keys::{KeyFile, KeyProvider as _},
    said::Said,
    vault::Vault,
};
use songda_service::{
    evidence::{
        self, DoubtRow, Examiner, Found, HOUSE, Place, Which, check_chain, check_oldest, check_root, clear, doubts,
        files,
    },
    retention,
};
use songda_store::alarms;

use crate::shelf::{DAY_MS, Shelf, flip, shelves};

const HOUR_MS: i64 = 3_600_000;

async fn open(shelf: &Shelf) -> Vec<DoubtRow> {
    let all = doubts(&shelf.house.on.db, &shelf.house.court, &Place::START, 500).await.unwrap();
    all.into_iter().filter(|doubt| doubt.cleared_ms.is_none()).collect()
}

#[tokio::test]
async fn x2_every_file_is_entered_with_both_hashes_and_knows_its_case_and_task() {
    for shelf in shelves().await {
        let served = shelf.case(1).await;
        let found = files(&shelf.house.on.db, Which::Case(&served.case)).await.unwrap();
        let mut kinds: Vec<&str> = found.iter().map(|file| file.kind.as_str()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["call", "document", "recording", "report", "transcript"], "{}", shelf.engine());
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
        let replace = [
            "INSERT OR REPLACE INTO evidence_files (id, court_id, kind, owner_id, sha256, sm3, size, booked_ms)
             SELECT id, court_id, kind, owner_id, 'x', sm3, size, booked_ms FROM evidence_files",
            "REPLACE INTO reports SELECT id, task_id, attempt_id, kind, version, state, supersedes, object_id, 'x', sm3, pages,
             template, template_version, data_sha256, transcript_state, created_ms FROM reports",
            "INSERT OR REPLACE INTO evidence_doubts (id, court_id, object_id, open_object, verdict, said, found_ms, found_by)
             SELECT id, court_id, object_id, open_object, 'x', said, found_ms, found_by FROM evidence_doubts",
        ];
        let truncate = ["TRUNCATE evidence_files CASCADE", "TRUNCATE recordings", "TRUNCATE evidence_doubts"];
        let of_engine = if shelf.engine() == "postgres" { truncate } else { replace };
        flip(&shelf.sealed_recording(&served.recording));
        shelf.examiner().round(u64::MAX).await.unwrap();
        flip(&shelf.sealed_recording(&served.recording));
        for sql in of_engine.into_iter().chain([
            "UPDATE evidence_files SET sha256 = 'x'",
            "DELETE FROM evidence_files",
            "UPDATE evidence_files SET booked_ms = 1",
            "UPDATE recordings SET sha256 = 'x'",
            "UPDATE inbound_recordings SET sm3 = 'x'",
            "UPDATE objects SET sm3 = 'x'",
            "UPDATE documents SET sha256 = 'x'",
            "UPDATE reports SET sha256 = 'x'",
            "UPDATE recordings SET call_id = 'x'",
            "UPDATE inbound_recordings SET inbound_id = 'x'",
            "UPDATE documents SET object_id = 'x'",
            "UPDATE reports SET task_id = 'x'",
            "UPDATE recordings SET call_id = 'x'",
            "UPDATE inbound_recordings SET inbound_id = 'x'",
            "UPDATE documents SET object_id = 'x'",
            "UPDATE reports SET task_id = 'x'",
            "UPDATE evidence_doubts SET said = 'x'",
            "DELETE FROM evidence_doubts",
            "DELETE FROM evidence_checks",
        ]) {
            // Where no row is there, none is changed.
            let refused = sqlx::query(sql).execute(shelf.house.on.db.read()).await.map(|done| done.rows_affected());
            assert!(!matches!(refused, Ok(1..)), "{}: {sql}", shelf.engine());
            let told = refused.as_ref().err().map_or_else(String::new, ToString::to_string);
            let by_guard =
                ["never changed", "never replaced", "only added", "stay"].iter().any(|words| told.contains(words));
            assert!(by_guard || (refused.is_ok() && sql.contains("inbound")), "{}: {sql}: {told}", shelf.engine());
        }
        sqlx::query("UPDATE recordings SET state = 'altered'").execute(shelf.house.on.db.read()).await.unwrap();
        assert_eq!(shelf.examiner().look(&shelf.file(&served.recording).await).await.unwrap(), Found::Intact);
    }
}

#[tokio::test]
async fn x2_a_court_whose_root_cannot_be_made_is_named_and_keeps_no_other_from_its_own() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let mut tx = on.db.begin().await.unwrap();
        let other = courts::create(&mut tx, &on.clock, "陕0103", "碑林区人民法院", true).await.unwrap().id;
        tx.commit().await.unwrap();
        on.clock.advance(DAY_MS + 2 * HOUR_MS);
        assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 2, "{}", shelf.engine());
        // Whichever is worked at first has a root that nothing can follow: neither row nor copy is one.
        let mut both = [shelf.house.court.clone(), other];
        both.sort();
        let copies = std::fs::read_dir(on.folder.join("roots").join(&both[0])).unwrap();
        copies.for_each(|copy| std::fs::remove_file(copy.unwrap().path()).unwrap());
        shelf.without("no_update", "evidence_roots").await;
        sqlx::query("UPDATE evidence_roots SET body = 'x' WHERE court_id = $1")
            .bind(&both[0])
            .execute(on.db.read())
            .await
            .unwrap();
        on.clock.advance(DAY_MS);
        let told = shelf.roots().make_due(HOUR_MS).await.unwrap_err().to_string();
        assert!(told.contains(&both[0]) && !told.contains(&both[1]), "{}: {told}", shelf.engine());
        let roots = async |court: &str| evidence::chain_of(&on.db, court).await.unwrap().len();
        assert_eq!((roots(&both[0]).await, roots(&both[1]).await), (1, 2), "{}", shelf.engine());
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
        assert_eq!(days, [("2026-11-23", 5), ("2026-11-24", 0), ("2026-11-25", 0), ("2026-11-26", 5)]);
        assert_eq!(shelf.file(&served.recording).await.leaf.unwrap().0, "2026-11-23");
        assert_eq!(shelf.file(&late.recording).await.leaf.unwrap().0, "2026-11-26");
        for root in &chain {
            let copy = on.folder.join("roots").join(&shelf.house.court).join(format!("{}.json", root.day));
            assert_eq!(std::fs::read_to_string(&copy).unwrap(), root.body);
            assert!(std::fs::metadata(&copy).unwrap().permissions().readonly());
        }
        let checks = check_chain(&shelf.roots(), &shelf.house.court, HOUR_MS, HOUSE).await.unwrap();
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
        assert_eq!((done.files, done.marked), (5, 2), "{}", shelf.engine());
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
            let text = &alarm.said.text;
            assert!(text.contains(&served.number) && text.contains(&served.task_number), "{text}");
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
        assert!(check.fault.unwrap().text.contains("do not lead to it"), "{}", shelf.engine());
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
        let whole = check_chain(&shelf.roots(), &shelf.house.court, HOUR_MS, HOUSE).await.unwrap();
        assert!(whole.iter().all(|check| check.fault.is_none()), "{}: {whole:?}", shelf.engine());
        // Whoever takes a copy away that was there is told, and it is not written again.
        std::fs::remove_file(folder.join("2026-11-23.json")).unwrap();
        assert_eq!(shelf.roots().complete_copies().await.unwrap(), 0);
        let of = if shelf.engine() == "postgres" { " ON evidence_roots" } else { "" };
        for verb in ["update", "delete"] {
            let drop = format!("DROP TRIGGER evidence_roots_no_{verb}{of}");
            sqlx::query(sqlx::AssertSqlSafe(drop)).execute(on.db.read()).await.unwrap();
        }
        sqlx::query("DELETE FROM evidence_roots WHERE day = '2026-11-24'").execute(on.db.read()).await.unwrap();
        let checks = check_chain(&shelf.roots(), &shelf.house.court, HOUR_MS, HOUSE).await.unwrap();
        let faults: Vec<(&str, bool)> =
            checks.iter().map(|check| (check.day.as_str(), check.fault.is_some())).collect();
        assert_eq!(faults, [("2026-11-23", true), ("2026-11-24", true), ("2026-11-25", true)], "{checks:?}");
        sqlx::query("UPDATE evidence_roots SET body = REPLACE(body, '\"leaves\":0', '\"leaves\":1'), files = 1 WHERE day = '2026-11-25'")
            .execute(on.db.read())
            .await
            .unwrap();
        let check = check_root(&shelf.roots(), &shelf.house.court, "2026-11-25", HOUSE).await.unwrap();
        assert!(check.fault.unwrap().text.contains("signature"), "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_the_round_reads_what_was_looked_at_longest_ago_within_its_measure() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        shelf.case(1).await;
        let looked = async || -> i64 {
            let count = sqlx::query_scalar("SELECT COUNT(*) FROM evidence_checks WHERE checked_ms >= $1");
            count.bind(on.clock.now_ms() - 5 * 60_000).fetch_one(on.db.read()).await.unwrap()
        };
        for turn in 1..=2 {
            on.clock.advance(HOUR_MS);
            for rounds in 1..=5 {
                assert_eq!(shelf.examiner().round(1).await.unwrap().files, 1, "one at least");
                assert_eq!(looked().await, rounds, "{}: turn {turn}: another file each time", shelf.engine());
                on.clock.advance(60_000);
            }
        }
        let new = shelf.case(2).await;
        assert_eq!(shelf.examiner().round(1).await.unwrap().files, 1);
        let mut found = 0;
        let bound = format!("B{}", &new.transcript[1..]);
        for id in [&new.recording, &new.transcript, &new.report, &new.document, &bound] {
            let count = sqlx::query_scalar::<_, i64>(
                "SELECT COUNT(*) FROM evidence_checks WHERE file_id = $1 AND checked_ms > 0",
            );
            found += count.bind(id).fetch_one(on.db.read()).await.unwrap();
        }
        assert_eq!(found, 1, "what is new comes first: {}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_a_chain_that_was_cut_at_its_end_or_is_gone_altogether_is_told() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let court = &shelf.house.court;
        shelf.case(1).await;
        on.clock.advance(3 * DAY_MS);
        assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 3);
        for table in ["evidence_roots", "evidence_leaves"] {
            shelf.without("no_delete", table).await;
        }
        let broken = async || -> Vec<String> {
            let checks = check_chain(&shelf.roots(), court, HOUR_MS, HOUSE).await.unwrap();
            checks.into_iter().filter(|check| check.fault.is_some()).map(|check| check.day).collect()
        };
        assert!(broken().await.is_empty(), "{}", shelf.engine());
        shelf.sql("DELETE FROM evidence_roots WHERE day = '2026-11-25'").await.unwrap();
        assert_eq!(broken().await, ["2026-11-25"], "{}", shelf.engine());
        // The copies go with it: the audit log knows.
        std::fs::remove_dir_all(on.folder.join("roots")).unwrap();
        shelf.sql("DELETE FROM evidence_leaves").await.unwrap();
        shelf.sql("DELETE FROM evidence_roots").await.unwrap();
        assert_eq!(broken().await, ["2026-11-23", "2026-11-24", "2026-11-25"], "{}", shelf.engine());
        assert_eq!(open(&shelf).await.len(), 3, "{}: each is marked", shelf.engine());
    }
}

#[tokio::test]
async fn x2_a_day_that_is_not_over_or_lies_before_the_court_is_marked_for_nobody() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        shelf.case(1).await;
        on.clock.advance(DAY_MS);
        let days = shelf.roots().days(&shelf.house.court, HOUR_MS).await.unwrap();
        assert_eq!((days.hold("2026-11-22"), days.hold("2026-11-23"), days.hold("2026-11-24")), (false, true, false));
        for day in ["2026-11-22", "2026-11-23", "2026-11-24", "2062-11-23"] {
            let check = check_root(&shelf.roots(), &shelf.house.court, day, HOUSE).await.unwrap();
            assert!(check.fault.is_some(), "{day}");
        }
        assert!(open(&shelf).await.is_empty(), "{}: nobody made a root yet", shelf.engine());
        let checks = check_chain(&shelf.roots(), &shelf.house.court, HOUR_MS, HOUSE).await.unwrap();
        assert!(checks[0].fault.as_ref().unwrap().text.contains("does the house run"), "{checks:?}");
    }
}

#[tokio::test]
async fn x2_a_copy_that_could_not_be_written_is_owed_and_no_root_is_doubted_for_it() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        shelf.case(1).await;
        on.clock.advance(DAY_MS);
        let folder = on.folder.join("roots");
        std::fs::write(&folder, b"no folder").unwrap();
        assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 1, "{}: the root itself is made", shelf.engine());
        assert!(shelf.roots().complete_copies().await.is_err(), "still refused");
        let check = check_root(&shelf.roots(), &shelf.house.court, "2026-11-23", HOUSE).await;
        assert!(check.is_err(), "{}: a disk that does not answer says nothing: {check:?}", shelf.engine());
        std::fs::remove_file(&folder).unwrap();
        let check = check_root(&shelf.roots(), &shelf.house.court, "2026-11-23", HOUSE).await.unwrap();
        assert!(check.fault.is_none(), "{}: {check:?}", shelf.engine());
        assert_eq!(shelf.roots().complete_copies().await.unwrap(), 1);
        assert!(folder.join(&shelf.house.court).join("2026-11-23.json").exists());
        assert!(open(&shelf).await.is_empty(), "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_a_clock_that_leaps_makes_no_roots_until_a_person_says_that_it_is_right() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        shelf.case(1).await;
        on.clock.advance(365 * DAY_MS);
        let refused = shelf.roots().make_due(HOUR_MS).await.unwrap_err();
        assert!(refused.to_string().contains("is the clock right"), "{refused}");
        assert!(evidence::chain_of(&on.db, &shelf.house.court).await.unwrap().is_empty(), "{}", shelf.engine());
        on.clock.advance(-360 * DAY_MS);
        assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 5, "{}", shelf.engine());
        on.clock.advance(20 * DAY_MS);
        assert!(shelf.roots().make_due(HOUR_MS).await.is_err());
        assert_eq!(shelf.roots().make_all(HOUR_MS).await.unwrap(), 20, "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_a_file_that_is_being_deleted_while_it_is_looked_at_is_no_loss() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        shelf.returned(&served).await;
        shelf.pass(3_653 * DAY_MS).await;
        let admin = shelf.actor(Role::Admin);
        let id = retention::ask_for_deletion(&on.db, &on.clock, &admin, None, "保存期限届满").await.unwrap();
        shelf.approve(&id).await;
        // Looked up before, missed after.
        let before = shelf.file(&served.recording).await;
        shelf.deleter().run(&id).await.unwrap();
        let missing = Found::Missing { reason: Said::new("file.missing", "the file is not there") };
        let marked = evidence::mark(&on.db, &on.clock, &shelf.keys.public_keys().unwrap(), &before, &missing, HOUSE)
            .await
            .unwrap();
        assert_eq!(marked, evidence::Marked::Deleted, "{}", shelf.engine());
        assert!(open(&shelf).await.is_empty() && alarms::open(&on.db).await.unwrap().is_empty());
        let state: String = sqlx::query_scalar("SELECT state FROM recordings WHERE id = $1")
            .bind(&served.recording)
            .fetch_one(on.db.read())
            .await
            .unwrap();
        assert_eq!(state, "deleted", "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_a_file_that_cannot_be_read_is_told_after_a_while_and_hides_no_other() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        let place = shelf.sealed_object(&served.report);
        let kept = std::fs::read(&place).unwrap();
        std::fs::remove_file(&place).unwrap();
        std::fs::create_dir(&place).unwrap();
        flip(&shelf.sealed_object(&served.document));
        for turn in 1..=3 {
            let done = shelf.examiner().round(u64::MAX).await.unwrap();
            assert_eq!((done.files, done.marked), (5, 1), "{}: the others are looked at", shelf.engine());
            let told = alarms::open(&on.db).await.unwrap();
            assert_eq!(
                told.iter().any(|alarm| alarm.kind == "evidence.unread"),
                turn == 3,
                "{}: {turn}",
                shelf.engine()
            );
        }
        assert_eq!(open(&shelf).await.len(), 1, "{}: only what differs is in doubt", shelf.engine());
        std::fs::remove_dir(&place).unwrap();
        std::fs::write(&place, kept).unwrap();
        shelf.examiner().round(u64::MAX).await.unwrap();
        let told = alarms::open(&on.db).await.unwrap();
        assert!(told.iter().all(|alarm| alarm.kind != "evidence.unread"), "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_another_key_than_that_of_the_house_marks_nothing_and_rings_once() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        let other = Arc::new(KeyFile::create(&on.folder.join("other.key")).unwrap());
        let vault = Arc::new(Vault::open(&on.folder.join("recordings"), other.clone(), 0).unwrap());
        let examiner = Examiner { vault, keys: other, ..shelf.examiner() };
        let found = examiner.examine(&shelf.file(&served.recording).await, HOUSE).await.unwrap();
        assert!(matches!(found, Found::Unread { by_key: true, .. }), "{}: {found:?}", shelf.engine());
        assert!(open(&shelf).await.is_empty(), "{}", shelf.engine());
        let told = alarms::open(&on.db).await.unwrap();
        assert_eq!((told.len(), told[0].kind.as_str(), told[0].object_id.as_str()), (1, "evidence.key", "house"));
    }
}

#[tokio::test]
async fn x2_rows_that_were_altered_beside_a_file_that_fits_are_told() {
    for shelf in shelves().await {
        let served = shelf.case(1).await;
        let other = shelf.case(2).await;
        shelf.pass(DAY_MS).await;
        shelf.sql("UPDATE recordings SET gaps = '[{\"channel\":1,\"from_frame\":0,\"to_frame\":8}]'").await.unwrap();
        let found = shelf.examiner().look(&shelf.file(&served.recording).await).await.unwrap();
        assert!(
            matches!(&found, Found::Altered { reason } if reason.text.contains("gaps")),
            "{}: {found:?}",
            shelf.engine()
        );
        shelf.without("no_update", "evidence_files").await;
        let check = async || {
            check_root(&shelf.roots(), &shelf.house.court, "2026-11-23", HOUSE)
                .await
                .unwrap()
                .fault
                .map_or_else(String::new, |fault| fault.text)
        };
        assert_eq!(check().await, "", "{}", shelf.engine());
        let call = &shelf.file(&other.recording).await.owner_id;
        sqlx::query("UPDATE evidence_files SET owner_id = $2 WHERE id = $1")
            .bind(&served.recording)
            .bind(call)
            .execute(shelf.house.on.db.read())
            .await
            .unwrap();
        assert!(check().await.contains("do not lead to it"), "{}: another's call", shelf.engine());
        shelf.without("no_update", "evidence_roots").await;
        shelf.sql("UPDATE evidence_roots SET root = 'x'").await.unwrap();
        assert!(check().await.contains("not the signed one"), "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_alarms_that_name_a_case_are_read_in_its_court_alone() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        flip(&shelf.sealed_object(&served.report));
        shelf.examiner().round(u64::MAX).await.unwrap();
        assert_eq!(alarms::open_for(&on.db, &shelf.house.court).await.unwrap().len(), 1, "{}", shelf.engine());
        assert!(alarms::open_for(&on.db, "another").await.unwrap().is_empty(), "{}", shelf.engine());
        let of_case = evidence::doubts_of_case(&on.db, &shelf.house.court, &served.case).await.unwrap();
        assert_eq!(of_case[0].object_id, served.report, "{}", shelf.engine());
        assert!(evidence::doubts_of_case(&on.db, "another", &served.case).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn x2_a_call_that_was_moved_to_another_task_is_found_and_named() {
    for shelf in shelves().await {
        let (served, other) = (shelf.case(1).await, shelf.case(2).await);
        let call = served.transcript[1..].to_owned();
        let bound = shelf.file(&format!("B{call}")).await;
        assert_eq!((bound.kind.as_str(), &bound.task_number), ("call", &served.task_number), "{}", shelf.engine());
        assert_eq!(shelf.examiner().look(&bound).await.unwrap(), Found::Intact, "{}", shelf.engine());
        sqlx::query("UPDATE calls SET task_id = $2 WHERE id = $1")
            .bind(&call)
            .bind(&other.task)
            .execute(shelf.house.on.db.read())
            .await
            .unwrap();
        // Whoever asks for either case finds it: the recording is in the one, its text names the other.
        let bound = shelf.file(&bound.id).await;
        let found = shelf.examiner().examine(&bound, HOUSE).await.unwrap();
        let Found::Altered { reason } = &found else { panic!("{}: {found:?}", shelf.engine()) };
        for number in [&served.task_number, &other.task_number] {
            assert!(reason.text.contains(number.as_str()), "{}: {reason}", shelf.engine());
        }
        assert_eq!(open(&shelf).await[0].object_id, bound.id);
        // So is a recording that its row gives to another call.
        shelf.without("keep_owner", "recordings").await;
        for (sql, recording) in [
            ("DELETE FROM recordings WHERE id = $1 AND $2 <> ''", &other.recording),
            ("UPDATE recordings SET call_id = $2 WHERE id = $1", &served.recording),
        ] {
            let its = other.transcript[1..].to_owned();
            sqlx::query(sql).bind(recording).bind(its).execute(shelf.house.on.db.read()).await.unwrap();
        }
        let found = shelf.examiner().look(&shelf.file(&served.recording).await).await.unwrap();
        let named = matches!(&found, Found::Altered { reason } if reason.text.contains("to another call"));
        assert!(named, "{}: {found:?}", shelf.engine());
        // The outcome alone that stands under another task.
        let call = other.transcript[1..].to_owned();
        shelf.without("no_update", "attempts").await;
        sqlx::query("UPDATE attempts SET task_id = $2, no = 9 WHERE call_id = $1")
            .bind(&call)
            .bind(&served.task)
            .execute(shelf.house.on.db.read())
            .await
            .unwrap();
        let found = shelf.examiner().look(&shelf.file(&format!("B{call}")).await).await.unwrap();
        assert!(matches!(&found, Found::Altered { reason } if reason.text.contains("outcome")), "{found:?}");
        // Nor is the text itself changed, by the product's own means or behind its back.
        assert!(shelf.sql("UPDATE evidence_calls SET body = 'x'").await.is_err(), "{}", shelf.engine());
        shelf.without("no_update", "evidence_calls").await;
        shelf.sql("UPDATE evidence_calls SET body = REPLACE(body, 'task', 'tusk')").await.unwrap();
        let found = shelf.examiner().look(&bound).await.unwrap();
        assert!(
            matches!(&found, Found::Altered { reason } if reason.text.contains("hash")),
            "{}: {found:?}",
            shelf.engine()
        );
    }
}

#[tokio::test]
async fn x2_calls_of_an_earlier_version_are_entered_once_and_none_later_behind_its_back() {
    for shelf in shelves().await {
        let served = shelf.case(1).await;
        let old = shelf.recorded_unbound(&served).await;
        let look = async |id: &str| shelf.examiner().look(&shelf.file(id).await).await.unwrap();
        assert_eq!(look(&old).await, Found::Intact, "{}: nobody took it in yet", shelf.engine());
        assert_eq!(shelf.examiner().enter_earlier().await.unwrap(), 1, "{}", shelf.engine());
        assert_eq!(shelf.audited("evidence.enter_old").await.len(), 1);
        assert_eq!(look(&format!("B{}", shelf.file(&old).await.owner_id)).await, Found::Intact);
        let new = shelf.recorded_unbound(&served).await;
        assert_eq!(shelf.examiner().enter_earlier().await.unwrap(), 0, "{}: once", shelf.engine());
        let found = look(&new).await;
        assert!(matches!(&found, Found::Altered { reason } if reason.text.contains("what task")), "{found:?}");
    }
}

#[tokio::test]
async fn x2_one_call_whose_task_is_gone_keeps_no_other_from_being_entered_nor_the_check_for_those_that_are_not() {
    for shelf in shelves().await {
        let served = shelf.case(1).await;
        let (bad, good) = (shelf.recorded_unbound(&served).await, shelf.recorded_unbound(&served).await);
        let call = shelf.file(&bad).await.owner_id;
        let mut conn = shelf.house.on.db.read().acquire().await.unwrap();
        let loosen = match shelf.engine() {
            "postgres" => "ALTER TABLE calls DROP CONSTRAINT calls_task_id_fkey",
            _ => "PRAGMA foreign_keys = OFF",
        };
        sqlx::query(loosen).execute(&mut *conn).await.unwrap();
        let lost = sqlx::query("UPDATE calls SET task_id = 'nowhere' WHERE id = $1").bind(&call);
        assert_eq!(lost.execute(&mut *conn).await.unwrap().rows_affected(), 1);
        if shelf.engine() != "postgres" {
            sqlx::query("PRAGMA foreign_keys = ON").execute(&mut *conn).await.unwrap();
        }
        drop(conn);
        assert_eq!(shelf.examiner().enter_earlier().await.unwrap(), 1, "{}: the good one", shelf.engine());
        let look = async |id: &str| shelf.examiner().look(&shelf.file(id).await).await.unwrap();
        assert_eq!(look(&good).await, Found::Intact, "{}", shelf.engine());
        let found = look(&bad).await;
        assert!(matches!(&found, Found::Altered { reason } if reason.text.contains("what task")), "{found:?}");
    }
}

#[tokio::test]
async fn x2_a_correction_is_entered_and_one_that_was_changed_is_found() {
    for shelf in shelves().await {
        let served = shelf.case(1).await;
        let id = shelf.corrected(&served.transcript, "本人已收到").await;
        let file = shelf.file(&id).await;
        assert_eq!((&file.case_number, &file.task_number), (&served.number, &served.task_number), "{}", shelf.engine());
        assert_eq!(shelf.examiner().look(&file).await.unwrap(), Found::Intact, "{}", shelf.engine());
        let content = shelf.examiner().content(&file).await.unwrap();
        assert!(String::from_utf8(content).unwrap().ends_with("\n\n本人已收到"), "{}", shelf.engine());
        shelf.sql("UPDATE transcript_edits SET line_no = 7").await.unwrap();
        assert!(matches!(shelf.examiner().look(&file).await.unwrap(), Found::Altered { .. }), "{}", shelf.engine());
        shelf.sql("DELETE FROM transcript_edits").await.unwrap();
        assert!(matches!(shelf.examiner().look(&file).await.unwrap(), Found::Missing { .. }), "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_the_list_of_doubts_is_turned_page_by_page_and_hides_none() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let mut broken = Vec::new();
        for no in 1..=2 {
            let served = shelf.case(no).await;
            for file in [&served.report, &served.document] {
                flip(&shelf.sealed_object(file));
                broken.push(file.clone());
            }
            shelf.examiner().round(u64::MAX).await.unwrap();
            on.clock.advance(1_000);
        }
        // One is settled: it comes last, however new.
        let newest = doubts(&on.db, &shelf.house.court, &Place::START, 1).await.unwrap().remove(0);
        clear(&on.db, &on.clock, &shelf.actor(Role::Supervisor), &newest.id, "已核实").await.unwrap();
        let (mut after, mut seen) = (Place::START, Vec::new());
        loop {
            let page = doubts(&on.db, &shelf.house.court, &after, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            let named = files(&on.db, Which::Doubted(&shelf.house.court, &after, 3)).await.unwrap();
            assert_eq!(named.len(), page.len(), "{}: with its files, and no others", shelf.engine());
            // As it goes over the wire.
            after = Place::parse(&Place::of(last).to_string()).unwrap();
            seen.extend(page.into_iter().map(|doubt| doubt.object_id));
        }
        assert_eq!(seen.last(), Some(&newest.object_id), "{}", shelf.engine());
        seen.sort();
        broken.sort();
        assert_eq!(seen, broken, "{}: each once", shelf.engine());
        assert_eq!(Place::parse("x"), None);
    }
}
