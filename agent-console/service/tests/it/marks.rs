//! What a mark is set for, what it is not set for, and what becomes of it.

use songda_people::Role;
use songda_service::evidence::{
    self, DoubtRow, HOUSE, Place, chain_of, check_chain, check_root, clear, doubts, standing_doubts,
};

use crate::shelf::{DAY_MS, Served, Shelf, shelves};

const HOUR_MS: i64 = 3_600_000;

async fn open(shelf: &Shelf) -> Vec<DoubtRow> {
    let all = doubts(&shelf.house.on.db, &shelf.house.court, &Place::START, 500).await.unwrap();
    all.into_iter().filter(|doubt| doubt.cleared_ms.is_none()).collect()
}

async fn look(shelf: &Shelf, served: &Served) -> &'static str {
    shelf.examiner().examine(&shelf.file(&served.recording).await, HOUSE).await.unwrap().word()
}

async fn cleared(shelf: &Shelf) {
    let on = &shelf.house.on;
    let doubt = open(shelf).await.remove(0);
    clear(&on.db, &on.clock, &shelf.actor(Role::Supervisor), &doubt.id, "已核实").await.unwrap();
    on.clock.advance(1_000);
}

/// What a report prints of the recording.
async fn state(shelf: &Shelf, served: &Served) -> String {
    let asked = sqlx::query_scalar("SELECT state FROM recordings WHERE id = $1").bind(&served.recording);
    asked.fetch_one(shelf.house.on.db.read()).await.unwrap()
}

#[tokio::test]
async fn x2_a_recording_that_is_well_again_is_so_in_every_later_report_however_it_was_cleared() {
    for shelf in shelves().await {
        let served = shelf.case(1).await;
        let place = shelf.sealed_recording(&served.recording);
        let kept = std::fs::read(&place).unwrap();
        // Cleared before the file was back: it is missing still, and marked anew.
        std::fs::remove_file(&place).unwrap();
        assert_eq!(look(&shelf, &served).await, "missing");
        cleared(&shelf).await;
        assert_eq!(state(&shelf, &served).await, "missing", "{}", shelf.engine());
        assert_eq!(look(&shelf, &served).await, "missing");
        std::fs::write(&place, &kept).unwrap();
        assert_eq!(look(&shelf, &served).await, "intact");
        assert_eq!(state(&shelf, &served).await, "missing", "{}: until a person clears it", shelf.engine());
        cleared(&shelf).await;
        assert_eq!(state(&shelf, &served).await, "closed", "{}", shelf.engine());
        // Cleared after it was put back, and before it was looked at.
        crate::shelf::flip(&place);
        assert_eq!(look(&shelf, &served).await, "altered");
        std::fs::write(&place, &kept).unwrap();
        cleared(&shelf).await;
        assert_eq!(state(&shelf, &served).await, "altered", "{}: nobody looked yet", shelf.engine());
        assert_eq!(look(&shelf, &served).await, "intact");
        assert_eq!(state(&shelf, &served).await, "closed", "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_a_disk_that_fell_away_marks_no_file_as_missing() {
    for shelf in shelves().await {
        let served = shelf.case(1).await;
        let folders = ["recordings/closed", "objects"].map(|name| shelf.house.on.folder.join(name));
        let aside = folders.each_ref().map(|folder| folder.with_extension("aside"));
        for (folder, aside) in folders.iter().zip(&aside) {
            std::fs::rename(folder, aside).unwrap();
        }
        let looked = async |why: &str| {
            shelf.examiner().round(u64::MAX).await.unwrap();
            assert!(open(&shelf).await.is_empty(), "{}: {why}: {:?}", shelf.engine(), open(&shelf).await);
            for id in [&served.recording, &served.report, &served.document] {
                let asked = sqlx::query_scalar("SELECT verdict FROM evidence_checks WHERE file_id = $1").bind(id);
                let verdict: String = asked.fetch_one(shelf.house.on.db.read()).await.unwrap();
                assert_eq!(verdict, "unread", "{}: {why}", shelf.engine());
            }
        };
        looked("the folders are gone").await;
        // The mount points alone are there: folders of another file system.
        for folder in &folders {
            std::os::unix::fs::symlink("/proc", folder).unwrap();
        }
        looked("another disk is there").await;
        let removed = shelf.house.on.objects.remove(&served.report).await;
        assert!(removed.is_err(), "{}: nor is anything taken off it", shelf.engine());
        for (folder, aside) in folders.iter().zip(&aside) {
            std::fs::remove_file(folder).unwrap();
            std::fs::rename(aside, folder).unwrap();
        }
        let done = shelf.examiner().round(u64::MAX).await.unwrap();
        assert_eq!((done.files, done.marked), (5, 0), "{}", shelf.engine());
        // A file that is gone from a disk that is there is missing.
        std::fs::remove_file(shelf.sealed_object(&served.report)).unwrap();
        assert_eq!(shelf.examiner().round(u64::MAX).await.unwrap().marked, 1, "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_a_new_root_follows_only_what_the_house_signed_and_an_altered_one_is_marked() {
    for shelf in shelves().await {
        let (on, court) = (&shelf.house.on, &shelf.house.court);
        shelf.case(1).await;
        on.clock.advance(DAY_MS);
        assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 1);
        let right = chain_of(&on.db, court).await.unwrap().remove(0).body;
        let copy = on.folder.join("roots").join(court).join("2026-11-23.json");
        shelf.without("no_update", "evidence_roots").await;
        let put = async |body: &str| {
            let sql = sqlx::query("UPDATE evidence_roots SET body = $1 WHERE day = '2026-11-23'").bind(body);
            sql.execute(on.db.read()).await.unwrap();
        };
        // Its row was altered: its copy says what was signed, and that is what the next one follows.
        for (altered, days) in [(right.replace("\"signed_ms\":1", "\"signed_ms\":2"), 2), ("no JSON".to_owned(), 3)] {
            assert_ne!(altered, right);
            put(&altered).await;
            on.clock.advance(DAY_MS);
            assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 1, "{}: {altered}", shelf.engine());
            assert_eq!(chain_of(&on.db, court).await.unwrap().len(), days);
            if days == 2 {
                assert_eq!(open(&shelf).await[0].object_id, "root:2026-11-23", "{}: it is marked", shelf.engine());
                let next = check_root(&shelf.roots(), court, "2026-11-24", HOUSE).await.unwrap();
                assert_eq!(next.fault, None, "{}: nothing is wrong with the one after it", shelf.engine());
            }
        }
        put(&right).await;
        let checks = check_chain(&shelf.roots(), court, HOUR_MS, HOUSE).await.unwrap();
        assert!(checks.iter().all(|check| check.fault.is_none()), "{}: {checks:?}", shelf.engine());
        // Of the last one the row was altered, and the copy is gone: nothing follows until it is put back.
        let last = chain_of(&on.db, court).await.unwrap().pop().unwrap();
        let place = copy.with_file_name(format!("{}.json", last.day));
        let kept = std::fs::read(&place).unwrap();
        std::fs::remove_file(&place).unwrap();
        let alter = |body: String| {
            sqlx::query("UPDATE evidence_roots SET body = $1 WHERE day = $2").bind(body).bind(last.day.clone())
        };
        alter(last.body.replace("\"leaves\":0", "\"leaves\":1")).execute(on.db.read()).await.unwrap();
        on.clock.advance(DAY_MS);
        let refused = shelf.roots().make_due(HOUR_MS).await.unwrap_err().to_string();
        assert!(refused.contains(&last.day) && refused.contains(court), "{}: {refused}", shelf.engine());
        assert_eq!(standing_doubts(&on.db, court).await.unwrap(), 2, "{}: and it is marked", shelf.engine());
        std::fs::write(&place, kept).unwrap();
        assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 1, "{}", shelf.engine());
        assert!(evidence::root(&on.db, court, "2026-11-26").await.unwrap().is_some(), "{}", shelf.engine());
    }
}
