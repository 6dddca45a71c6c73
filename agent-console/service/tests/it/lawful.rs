//! What is lost, altered, moved or held never goes as if it had been deleted by decision (X2, E71).

use songda_people::Role;
use songda_service::{
    evidence::{self, Found, Place},
    retention::{lift_hold, plan},
};

use crate::{
    decided::{TEN_YEARS, code},
    shelf::{Served, Shelf, flip, shelves},
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

    /// Behind the product's back: the call of a case is that of another task.
    async fn move_call(&self, call: &str, to: &Served) {
        let moved = sqlx::query("UPDATE calls SET task_id = $2 WHERE id = $1").bind(call).bind(&to.task);
        assert_eq!(moved.execute(self.house.on.db.read()).await.unwrap().rows_affected(), 1);
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

#[tokio::test]
async fn e71_a_call_that_was_moved_out_of_its_held_case_keeps_its_sound_and_its_words() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let (held, due) = (shelf.case(1).await, shelf.case(2).await);
        for served in [&held, &due] {
            shelf.returned(served).await;
        }
        shelf.pass(TEN_YEARS).await;
        shelf.hold(&held.case).await;
        let call = held.transcript[1..].to_owned();
        shelf.move_call(&call, &due).await;
        // No round has seen it: the list has it under the other case.
        let id = shelf.ask(None).await.unwrap();
        assert!(shelf.states(&id).await.contains_key(&held.recording), "{}", shelf.engine());
        shelf.approve(&id).await;
        shelf.deleter().run(&id).await.unwrap();
        let states = shelf.states(&id).await;
        for file in [&held.recording, &held.transcript] {
            assert_eq!(states[file], kept("doubt"), "{}: {states:?}", shelf.engine());
            assert_eq!(shelf.examiner().look(&shelf.file(file).await).await.unwrap(), Found::Intact);
        }
        assert_eq!(states[&due.recording].0, "deleted", "{}", shelf.engine());
        assert_eq!(shelf.doubted().await, [format!("B{call}")], "{}", shelf.engine());
        // Now that it is marked, no list takes them.
        let report = plan(&on.db, &on.clock, &shelf.house.court, None).await.unwrap();
        assert!(report.items.is_empty() && report.kept["doubt"].files == 2, "{}: {:?}", shelf.engine(), report.kept);
    }
}

#[tokio::test]
async fn e71_a_call_that_was_moved_for_the_list_alone_and_back_keeps_its_sound_and_its_words() {
    for shelf in shelves().await {
        let (held, due) = (shelf.case(1).await, shelf.case(2).await);
        for served in [&held, &due] {
            shelf.returned(served).await;
        }
        shelf.pass(TEN_YEARS).await;
        shelf.hold(&held.case).await;
        let call = held.transcript[1..].to_owned();
        shelf.move_call(&call, &due).await;
        let id = shelf.ask(None).await.unwrap();
        shelf.approve(&id).await;
        shelf.move_call(&call, &held).await;
        shelf.deleter().run(&id).await.unwrap();
        let states = shelf.states(&id).await;
        for file in [&held.recording, &held.transcript] {
            assert_eq!(states[file], kept("doubt"), "{}: {states:?}", shelf.engine());
            assert_eq!(shelf.examiner().look(&shelf.file(file).await).await.unwrap(), Found::Intact);
        }
        assert_eq!(shelf.doubted().await, [format!("B{call}")], "{}: and people are told", shelf.engine());
    }
}

#[tokio::test]
async fn e71_a_hold_is_lifted_by_a_person_with_a_reason_or_not_at_all() {
    for shelf in shelves().await {
        let served = shelf.case(1).await;
        shelf.hold(&served.case).await;
        let of_engine = match shelf.engine() {
            "postgres" => "TRUNCATE legal_holds",
            _ => {
                "REPLACE INTO legal_holds SELECT id, court_id, case_id, NULL, reason, set_by, set_name, set_ms,
                  lifted_by, lifted_name, lifted_ms, lift_reason FROM legal_holds"
            }
        };
        for sql in [
            of_engine,
            "DELETE FROM legal_holds",
            "UPDATE legal_holds SET active_case = NULL",
            "UPDATE legal_holds SET active_case = 'another'",
            "UPDATE legal_holds SET case_id = 'another'",
            "UPDATE legal_holds SET set_name = 'x'",
            "UPDATE legal_holds SET active_case = NULL, lifted_by = 'u', lifted_name = 'u', lifted_ms = 1, lift_reason = ''",
        ] {
            let refused = shelf.sql(sql).await.unwrap_err().to_string();
            let guarded = ["never", "only"].iter().any(|word| refused.contains(word));
            assert!(guarded, "{}: {sql}: {refused}", shelf.engine());
        }
    }
}

#[tokio::test]
async fn e71_a_hold_whose_row_is_gone_stands_until_a_person_lifts_it_with_a_reason() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let (served, id) = shelf.approved(TEN_YEARS).await;
        shelf.hold(&served.case).await;
        // Whoever takes the guards away leaves the audit log, which has a hold that nobody lifted.
        for trigger in ["only_lift", "keep_facts", "is_over", "no_delete"] {
            shelf.without(trigger, "legal_holds").await;
        }
        shelf.sql("DELETE FROM legal_holds").await.unwrap();
        shelf.deleter().run(&id).await.unwrap();
        let states = shelf.states(&id).await;
        assert!(states.values().all(|state| *state == kept("hold")), "{}: {states:?}", shelf.engine());
        assert_eq!(code(&shelf.ask(Some(&served.case)).await.unwrap_err()), "retention.hold", "{}", shelf.engine());
        // A person ends that, by name and with a reason.
        shelf.hold(&served.case).await;
        lift_hold(&on.db, &on.clock, &shelf.actor(Role::Supervisor), &served.case, "再审已结").await.unwrap();
        assert_eq!(shelf.states(&shelf.ask(None).await.unwrap()).await.len(), 4, "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x6_what_was_set_aside_and_went_before_a_hold_kept_its_recording_is_told() {
    for shelf in shelves().await {
        let (held, other) = (shelf.case(1).await, shelf.case(2).await);
        for served in [&held, &other] {
            shelf.returned(served).await;
        }
        shelf.pass(TEN_YEARS).await;
        let id = shelf.ask(None).await.unwrap();
        shelf.approve(&id).await;
        // Two lay there when the removal began; it was killed when one of them had gone.
        let name = |no: u32| format!("{}-{no}.from-4096", held.recording);
        let (sha256, sm3) = songda_store::evidence::hashes(b"an end");
        let piece = |no| serde_json::json!({ "file": name(no), "bytes": 6, "sha256": sha256, "sm3": sm3 });
        let lost = shelf.house.on.folder.join("recordings/live/lost");
        std::fs::create_dir_all(&lost).unwrap();
        std::fs::write(lost.join(name(2)), b"an end").unwrap();
        sqlx::query("UPDATE deletion_items SET state = 'deleting', pieces = $2 WHERE file_id = $1")
            .bind(&held.recording)
            .bind(serde_json::json!([piece(1), piece(2)]).to_string())
            .execute(shelf.house.on.db.read())
            .await
            .unwrap();
        assert_eq!(shelf.hold_refused(&held.case).await, "hold.unknown", "{}", shelf.engine());
        shelf.deleter().run(&id).await.unwrap();
        assert_eq!(shelf.states(&id).await[&held.recording], kept("hold"), "{}", shelf.engine());
        assert!(lost.join(name(2)).exists(), "{}: what is still there stays", shelf.engine());
        let (_, told) = shelf.certified().await;
        let listed = told["kept"].as_array().unwrap();
        let of = |file: &String| listed.iter().find(|listed| listed["file"] == file.as_str()).unwrap();
        assert_eq!(of(&held.recording)["set_aside_gone"], serde_json::json!([piece(1)]), "{}", shelf.engine());
        assert_eq!(of(&held.report)["set_aside_gone"], serde_json::json!([]), "{}", shelf.engine());
        let audited = shelf.audited("evidence.keep").await;
        let entry = audited.iter().find(|entry| entry.object_id == held.recording).unwrap();
        assert!(entry.detail.contains(&name(1)) && !entry.detail.contains(&name(2)), "{}", shelf.engine());
    }
}
