//! What a mark is set for, what it is not set for, and what becomes of it.

use songda_people::Role;
use songda_service::evidence::{DoubtRow, HOUSE, Place, clear, doubts};

use crate::shelf::{Served, Shelf, shelves};

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
