//! What is lost, altered, moved or held never goes as if it had been deleted by decision (X2, E71).

use songda_service::evidence::{self, Found, Place};

use crate::{
    decided::TEN_YEARS,
    shelf::{Shelf, flip, shelves},
};

impl Shelf {
    async fn is_broken(&self, file: &str) -> bool {
        self.examiner().look(&self.file(file).await).await.unwrap().is_broken()
    }

    /// What is 待核查, by id.
    async fn doubted(&self) -> Vec<String> {
        let all = evidence::doubts(&self.house.on.db, &self.house.court, &Place::START, 99).await.unwrap();
        let mut ids: Vec<String> =
            all.into_iter().filter(|doubt| doubt.cleared_ms.is_none()).map(|doubt| doubt.object_id).collect();
        ids.sort();
        ids
    }
}

fn kept(why: &str) -> (String, String) {
    ("kept".into(), why.into())
}

#[tokio::test]
async fn x2_what_was_lost_or_altered_before_its_deletion_is_marked_and_stands_on_no_certificate() {
    for shelf in shelves().await {
        let (served, id) = shelf.approved(TEN_YEARS).await;
        // No round has reached them: the deletion itself looks.
        std::fs::remove_file(shelf.sealed_recording(&served.recording)).unwrap();
        flip(&shelf.sealed_object(&served.report));
        shelf.sql("UPDATE transcripts SET body_sealed = NULL").await.unwrap();
        shelf.deleter().run(&id).await.unwrap();
        let mut broken = [&served.recording, &served.report, &served.transcript].map(Clone::clone);
        let states = shelf.states(&id).await;
        for file in &broken {
            assert_eq!(states[file], kept("doubt"), "{}: {file}", shelf.engine());
            assert!(shelf.is_broken(file).await, "{}: {file} is no lawful deletion", shelf.engine());
        }
        assert!(shelf.sealed_object(&served.report).exists(), "{}: what was altered is evidence too", shelf.engine());
        broken.sort();
        assert_eq!(shelf.doubted().await, broken, "{}", shelf.engine());
        let (_, told) = shelf.certified().await;
        let named: Vec<&str> = told["files"].as_array().unwrap().iter().map(|f| f["file"].as_str().unwrap()).collect();
        assert_eq!(named, [served.document.as_str()], "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_what_was_altered_between_a_kill_and_the_next_run_stays_and_what_went_is_certified() {
    for shelf in shelves().await {
        let (served, id) = shelf.approved(TEN_YEARS).await;
        shelf.sql("UPDATE deletion_items SET state = 'deleting'").await.unwrap();
        std::fs::remove_file(shelf.sealed_object(&served.document)).unwrap();
        flip(&shelf.sealed_object(&served.report));
        flip(&shelf.sealed_recording(&served.recording));
        shelf.deleter().run(&id).await.unwrap();
        let states = shelf.states(&id).await;
        for file in [&served.recording, &served.report] {
            assert_eq!(states[file], kept("doubt"), "{}: {file}", shelf.engine());
            assert!(shelf.is_broken(file).await, "{}: {file}", shelf.engine());
        }
        let gone = Found::Deleted { request: id.clone() };
        assert_eq!(shelf.examiner().look(&shelf.file(&served.document).await).await.unwrap(), gone);
    }
}
