//! How long evidence is kept and how it goes (X6), and the hold that beats it (E71).

use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use songda_people::Role;
use songda_recordings::evidence::{Leaf, Tree};
use songda_recordings::keys::KeyProvider as _;
use songda_service::{
    ServiceError,
    evidence::{self, Found, HOUSE, check_chain},
    retention::{
        Class, Decision, ask_for_deletion, ask_for_policy, certificate, certificates, decide, holds_of, lift_hold,
        plan, policy, removal, removals_of, request, requests, set_hold, withdraw,
    },
};
use songda_store::jobs;

use crate::{
    decided::{TEN_YEARS, THREE_YEARS, YES, code},
    shelf::{DAY_MS, Served, Shelf, flip, shelves},
};

impl Shelf {
    /// Not a file without its row, nor a row whose file is gone without a word.
    async fn books_and_files_agree(&self, served: &Served) {
        for id in [&served.recording, &served.transcript, &served.report, &served.document] {
            let found = self.examiner().look(&self.file(id).await).await.unwrap();
            assert!(!found.is_broken(), "{}: {id}: {found:?}", self.engine());
            let there = match self.file(id).await {
                file if file.kind == "recording" => self.sealed_recording(id).exists(),
                file if file.kind == "transcript" => found == Found::Intact,
                _ => self.sealed_object(id).exists(),
            };
            let known = self.file(id).await.deleted.is_some();
            assert!(!(known && there), "{}: {id} is in the books as deleted and still there", self.engine());
        }
    }
}

#[tokio::test]
async fn x6_a_dry_run_says_what_would_go_and_why_and_takes_nothing() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let due = shelf.case(1).await;
        shelf.returned(&due).await;
        let open = shelf.case(2).await;
        let held = shelf.case(3).await;
        shelf.returned(&held).await;
        shelf.hold(&held.case).await;
        let doubted = shelf.case(4).await;
        shelf.returned(&doubted).await;
        flip(&shelf.sealed_recording(&doubted.recording));
        shelf.examiner().round(u64::MAX).await.unwrap();
        shelf.pass(THREE_YEARS - 1).await;
        let early = plan(&on.db, &on.clock, &shelf.house.court, None).await.unwrap();
        assert!(early.items.is_empty(), "{}: three years are not over", shelf.engine());
        on.clock.advance(1);
        let young = shelf.case(5).await;
        shelf.returned(&young).await;
        let report = plan(&on.db, &on.clock, &shelf.house.court, None).await.unwrap();
        let ids: Vec<&str> = report.items.iter().map(|item| item.file.id.as_str()).collect();
        assert_eq!(ids, [due.recording.as_str()], "{}", shelf.engine());
        let item = &report.items[0];
        assert_eq!((item.class, item.due_ms - item.returned_ms), (Class::Recording, THREE_YEARS));
        assert_eq!(report.bytes(), shelf.file(&due.recording).await.size);
        let kept: BTreeMap<&str, i64> = report.kept.iter().map(|(why, kept)| (*why, kept.files)).collect();
        // Documents, reports and transcripts wait for their ten years; everything of the young.
        let wanted = BTreeMap::from([("doubt", 1), ("hold", 4), ("not_due", 3 + 3 + 4), ("open_task", 4)]);
        assert_eq!(kept, wanted, "{}", shelf.engine());
        shelf.books_and_files_agree(&due).await;
        shelf.books_and_files_agree(&open).await;
        assert!(requests(&on.db, &shelf.house.court).await.unwrap().is_empty(), "it asks for nothing");
    }
}

#[tokio::test]
async fn x6_two_persons_delete_with_a_signed_certificate_and_the_roots_still_verify() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        shelf.returned(&served).await;
        on.clock.advance(DAY_MS);
        shelf.roots().make_due(3_600_000).await.unwrap();
        on.clock.advance(TEN_YEARS);
        let id = shelf.ask(None).await.unwrap();
        assert_eq!(code(&shelf.ask(None).await.unwrap_err()), "retention.live", "one at a time");
        let own =
            decide(&on.db, &on.clock, shelf.keys.as_ref(), &shelf.actor(Role::Admin), &id, YES).await.unwrap_err();
        assert_eq!(code(&own), "retention.own");
        assert_eq!(shelf.audited("retention.decide").await[0].result, "denied");
        shelf.deleter().run(&id).await.unwrap();
        assert!(shelf.sealed_recording(&served.recording).exists(), "nothing goes before it is approved");
        shelf.approve(&id).await;
        let jobs = jobs::claim(&on.db, &on.clock, &["retention.delete"], 1_000, 10).await.unwrap();
        assert_eq!(jobs[0].payload["request"], id.as_str(), "{}", shelf.engine());
        shelf.deleter().run(&id).await.unwrap();
        shelf.books_and_files_agree(&served).await;
        assert!(!shelf.sealed_recording(&served.recording).exists());
        assert!(!shelf.sealed_object(&served.report).exists() && !shelf.sealed_object(&served.document).exists());
        let words: Option<Vec<u8>> = sqlx::query_scalar("SELECT body_sealed FROM transcripts WHERE call_id = $1")
            .bind(&served.transcript[1..])
            .fetch_one(on.db.read())
            .await
            .unwrap();
        assert!(words.is_none(), "{}", shelf.engine());
        assert_eq!(request(&on.db, &shelf.house.court, &id).await.unwrap().state, "done");
        let row = certificates(&on.db, &shelf.house.court).await.unwrap().remove(0);
        let (_, body) = certificate(&on.db, &on.objects, &shelf.house.court, &row.id).await.unwrap();
        let signed = body["signed"].as_str().unwrap();
        let signature = hex::decode(body["signature"].as_str().unwrap()).unwrap();
        let key = &shelf.keys.public_keys().unwrap()[0];
        assert!(key.id() == body["key_id"].as_str().unwrap() && key.verifies(signed.as_bytes(), &signature));
        assert!(!key.verifies(signed.replace("bytes", "Bytes").as_bytes(), &signature));
        let told: serde_json::Value = serde_json::from_str(signed).unwrap();
        assert_eq!(told["asked"]["by"], "name of admin");
        assert_eq!(told["approved"]["by"], "name of supervisor");
        let listed = told["files"].as_array().unwrap();
        assert_eq!(listed.len(), 4);
        let leaf = |file: &serde_json::Value| {
            let text = |name: &str| file[name].as_str().unwrap().to_owned();
            Leaf::from_hex(&text("file"), &text("sha256"), &text("sm3")).unwrap()
        };
        let root = Tree::new(listed.iter().map(leaf).collect()).unwrap().root();
        assert_eq!(told["root"]["sha256"], hex::encode(root.sha256), "the list leads to its root");
        assert_eq!(listed[0]["root_of"], "2026-11-23");
        // What is gone still stands in the root of its day, and the certificate becomes evidence.
        let chain = check_chain(&shelf.roots(), &shelf.house.court, 0, HOUSE).await.unwrap();
        assert!(chain.len() == 2 && chain[0].fault.is_none(), "{}: {chain:?}", shelf.engine());
        assert!(chain[1].fault.as_ref().unwrap().text.contains("have no root"), "ten years without a root are told");
        assert_eq!(shelf.file(&row.object_id).await.kind, "certificate");
        let looked = shelf.examiner().round(u64::MAX).await.unwrap();
        assert_eq!(
            (looked.files, looked.marked),
            (2, 0),
            "the certificate and what its call was of are left to look at"
        );
        assert_eq!(code(&shelf.ask(None).await.unwrap_err()), "retention.nothing", "a certificate never goes");
    }
}

#[tokio::test]
async fn e71_a_hold_refuses_what_is_asked_for_its_case_with_a_clear_error() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        assert_eq!(code(&shelf.ask(Some(&served.case)).await.unwrap_err()), "retention.open");
        shelf.returned(&served).await;
        shelf.pass(TEN_YEARS).await;
        shelf.hold(&served.case).await;
        let refused = shelf.ask(Some(&served.case)).await.unwrap_err();
        assert_eq!(code(&refused), "retention.hold");
        assert!(refused.to_string().contains(&served.number), "{refused}");
        assert_eq!(code(&shelf.ask(None).await.unwrap_err()), "retention.nothing");
        let twice = set_hold(&on.db, &on.clock, &shelf.actor(Role::Judge), &served.case, "x").await.unwrap_err();
        assert_eq!(code(&twice), "hold.there");
        let none = set_hold(&on.db, &on.clock, &shelf.actor(Role::Judge), &served.case, " ").await.unwrap_err();
        assert_eq!(code(&none), "reason.unfit");
        lift_hold(&on.db, &on.clock, &shelf.actor(Role::Supervisor), &served.case, "再审已结").await.unwrap();
        let holds = holds_of(&on.db, &shelf.house.court, &served.case).await.unwrap();
        assert_eq!((holds.len(), holds[0].lift_reason.as_str()), (1, "再审已结"));
        assert_eq!(shelf.audited("hold.set").await.len() + shelf.audited("hold.lift").await.len(), 2);
        shelf.ask(Some(&served.case)).await.unwrap();
    }
}

#[tokio::test]
async fn e71_a_hold_that_comes_after_the_approval_keeps_every_file_that_is_still_there() {
    for shelf in shelves().await {
        let held = shelf.case(1).await;
        let other = shelf.case(2).await;
        for served in [&held, &other] {
            shelf.returned(served).await;
        }
        shelf.pass(TEN_YEARS).await;
        let id = shelf.ask(None).await.unwrap();
        shelf.approve(&id).await;
        shelf.hold(&held.case).await;
        shelf.deleter().run(&id).await.unwrap();
        let states = shelf.states(&id).await;
        for file in [&held.recording, &held.transcript, &held.report, &held.document] {
            assert_eq!(states[file], ("kept".into(), "hold".into()), "{}", shelf.engine());
            assert_eq!(shelf.examiner().look(&shelf.file(file).await).await.unwrap(), Found::Intact);
        }
        for file in [&other.recording, &other.transcript, &other.report, &other.document] {
            assert_eq!(states[file].0, "deleted", "{}", shelf.engine());
        }
        let (row, told) = shelf.certified().await;
        assert_eq!((row.files, told["kept"].as_array().unwrap().len()), (4, 4));
        assert_eq!(shelf.audited("evidence.keep").await.len(), 4);
    }
}

#[tokio::test]
async fn e71_a_hold_between_the_word_and_the_deed_still_keeps_the_file() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let (served, id) = shelf.approved(TEN_YEARS).await;
        // Killed when every item said that its file is going; one of the files had gone.
        sqlx::query("UPDATE deletion_items SET state = 'deleting'").execute(on.db.read()).await.unwrap();
        std::fs::remove_file(shelf.sealed_object(&served.report)).unwrap();
        assert_eq!(
            shelf.examiner().look(&shelf.file(&served.report).await).await.unwrap(),
            Found::Going { request: id.clone() },
            "{}: in between it is no loss",
            shelf.engine()
        );
        // Whether those are still there is not known: whoever sets the hold is told, and it stands.
        assert_eq!(shelf.hold_refused(&served.case).await, "hold.unknown", "{}", shelf.engine());
        shelf.deleter().run(&id).await.unwrap();
        assert_eq!(shelf.hold_refused(&served.case).await, "hold.there", "{}: now it is known", shelf.engine());
        let states = shelf.states(&id).await;
        assert_eq!(states[&served.report].0, "deleted", "{}: it went before the hold came", shelf.engine());
        for file in [&served.recording, &served.transcript, &served.document] {
            assert_eq!(states[file], ("kept".into(), "hold".into()), "{}", shelf.engine());
        }
        shelf.books_and_files_agree(&served).await;
    }
}

/// Goes on each time it is woken, until it is done or was polled this often. What is dropped then is what a kill
/// leaves: transactions roll back, files that went are gone.
async fn killed_after(polls: usize, work: impl Future<Output = Result<(), ServiceError>>) -> bool {
    let mut work = pin!(work);
    let mut left = polls;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        work.as_mut().poll(context).map(|done| {
            done.unwrap();
            true
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x6_a_kill_at_any_moment_of_a_deletion_leaves_each_file_before_or_after_and_it_is_taken_up_again() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let (served, id) = shelf.approved(TEN_YEARS).await;
        let (mut kills, mut polls) = (0, 1);
        while !killed_after(polls, shelf.deleter().run(&id)).await {
            kills += 1;
            // Each run gets a little further than the one before it.
            polls += 1;
            shelf.books_and_files_agree(&served).await;
            assert!(kills < 500, "{}: it comes to no end", shelf.engine());
        }
        assert!(kills > 3, "{}: {kills} kills", shelf.engine());
        let states = shelf.states(&id).await;
        assert!(states.values().all(|(state, _)| state == "deleted"), "{}: {states:?}", shelf.engine());
        assert_eq!(certificates(&on.db, &shelf.house.court).await.unwrap().len(), 1);
        assert_eq!(shelf.audited("evidence.delete").await.len(), 4, "each is told once");
        shelf.books_and_files_agree(&served).await;
    }
}

#[tokio::test]
async fn x6_periods_are_versions_of_two_persons_and_the_law_has_its_least() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let (admin, supervisor) = (shelf.actor(Role::Admin), shelf.actor(Role::Supervisor));
        let before = policy(&on.db, &shelf.house.court).await.unwrap();
        assert_eq!((before.version, before.days(Class::Recording), before.days(Class::Receipt)), (0, 1_096, 3_653));
        for (class, days) in [(Class::Receipt, 365), (Class::Recording, 0), (Class::Caller, 36_526)] {
            let mut wanted = before.days.clone();
            wanted.insert(class, days);
            match ask_for_policy(&on.db, &on.clock, &admin, &wanted).await.unwrap_err() {
                ServiceError::Refused { code, field, .. } => {
                    assert_eq!((code, field), ("retention.period", class.code()));
                }
                other => panic!("{other}"),
            }
        }
        let mut wanted = before.days.clone();
        wanted.insert(Class::Recording, 1_461);
        let first = ask_for_policy(&on.db, &on.clock, &admin, &wanted).await.unwrap();
        let others = withdraw(&on.db, &on.clock, &supervisor, &first).await.unwrap_err();
        assert_eq!(code(&others), "retention.not_own", "only who asked takes it back");
        withdraw(&on.db, &on.clock, &admin, &first).await.unwrap();
        let second = ask_for_policy(&on.db, &on.clock, &admin, &wanted).await.unwrap();
        decide(&on.db, &on.clock, shelf.keys.as_ref(), &supervisor, &second, Decision::Refuse { reason: "太长" })
            .await
            .unwrap();
        assert_eq!(policy(&on.db, &shelf.house.court).await.unwrap().version, 0, "refused is not in force");
        let third = ask_for_policy(&on.db, &on.clock, &admin, &wanted).await.unwrap();
        decide(&on.db, &on.clock, shelf.keys.as_ref(), &supervisor, &third, YES).await.unwrap();
        let now = policy(&on.db, &shelf.house.court).await.unwrap();
        assert_eq!((now.version, now.days(Class::Recording)), (1, 1_461), "{}", shelf.engine());
        assert_eq!((now.asked_by.as_str(), now.approved_by.as_str()), ("name of admin", "name of supervisor"));
        assert!(sqlx::query("UPDATE retention_policies SET periods = '{}'").execute(on.db.read()).await.is_err());
        let again = decide(&on.db, &on.clock, shelf.keys.as_ref(), &supervisor, &third, YES).await.unwrap_err();
        assert_eq!(code(&again), "retention.decided");
    }
}

#[tokio::test]
async fn x6_periods_of_a_version_that_had_some_for_what_nothing_deletes_are_read_without_those() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let old = r#"{"recording":1461,"transcript":3653,"receipt":3653,"document":3653,"caller":1096,"metadata":3653,"audit":3653,"access":366}"#;
        let days = policy(&on.db, &shelf.house.court).await.unwrap().days;
        let waits = ask_for_policy(&on.db, &on.clock, &shelf.actor(Role::Admin), &days).await.unwrap();
        sqlx::query("UPDATE retention_requests SET body = $1 WHERE id = $2")
            .bind(old)
            .bind(&waits)
            .execute(on.db.read())
            .await
            .unwrap();
        shelf.approve(&waits).await;
        let now = policy(&on.db, &shelf.house.court).await.unwrap();
        assert_eq!((now.version, now.days.len(), now.days(Class::Recording)), (1, 5, 1_461), "{}", shelf.engine());
        sqlx::query(
            "INSERT INTO retention_policies (court_id, version, periods, valid_from_ms, asked_by, approved_by, asked_id,
                                             approved_id) VALUES ($1, 2, $2, 0, 'a', 'b', 'a', 'b')",
        )
        .bind(&shelf.house.court)
        .bind(old)
        .execute(on.db.read())
        .await
        .unwrap();
        let now = policy(&on.db, &shelf.house.court).await.unwrap();
        assert_eq!((now.version, now.days.len(), now.days(Class::Recording)), (2, 5, 1_461), "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x6_a_longer_period_that_came_meanwhile_keeps_what_was_approved() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let (served, id) = shelf.approved(THREE_YEARS).await;
        let mut longer = policy(&on.db, &shelf.house.court).await.unwrap().days;
        longer.insert(Class::Recording, 2_000);
        let wanted = ask_for_policy(&on.db, &on.clock, &shelf.actor(Role::Admin), &longer).await.unwrap();
        shelf.approve(&wanted).await;
        shelf.deleter().run(&id).await.unwrap();
        assert_eq!(shelf.states(&id).await[&served.recording], ("kept".into(), "not_due".into()), "{}", shelf.engine());
        assert!(certificates(&on.db, &shelf.house.court).await.unwrap().is_empty(), "nothing went");
        assert_eq!(request(&on.db, &shelf.house.court, &id).await.unwrap().state, "done");
    }
}

#[tokio::test]
async fn x6_what_came_to_an_old_case_yesterday_has_its_own_time() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        shelf.returned(&served).await;
        let mut days = policy(&on.db, &shelf.house.court).await.unwrap().days;
        days.insert(Class::Recording, 30);
        let wanted = ask_for_policy(&on.db, &on.clock, &shelf.actor(Role::Admin), &days).await.unwrap();
        shelf.approve(&wanted).await;
        shelf.pass(30 * DAY_MS).await;
        // A caller who was linked to the case: nothing that is returned moves for that.
        let fresh = shelf.recorded_again(&served).await;
        let ids = async || -> Vec<String> {
            let report = plan(&on.db, &on.clock, &shelf.house.court, None).await.unwrap();
            report.items.into_iter().map(|item| item.file.id).collect()
        };
        assert_eq!(ids().await, std::slice::from_ref(&served.recording), "{}: only the old one", shelf.engine());
        shelf.sql("UPDATE calls SET outcome_state = 'owed'").await.unwrap();
        let owed = plan(&on.db, &on.clock, &shelf.house.court, None).await.unwrap();
        assert!(owed.items.is_empty() && owed.kept["live_call"].files == 5, "{}: {:?}", shelf.engine(), owed.kept);
        assert_eq!(code(&shelf.ask(Some(&served.case)).await.unwrap_err()), "retention.live_call");
        shelf.sql("UPDATE calls SET outcome_state = ''").await.unwrap();
        on.clock.advance(DAY_MS);
        shelf.roots().make_all(3_600_000).await.unwrap();
        on.clock.advance(29 * DAY_MS);
        assert_eq!(ids().await.len(), 2, "{}", shelf.engine());
        assert!(ids().await.contains(&fresh));
    }
}

#[tokio::test]
async fn x6_nothing_goes_whose_day_has_no_root_or_one_in_doubt() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        shelf.returned(&served).await;
        on.clock.advance(TEN_YEARS);
        let report = plan(&on.db, &on.clock, &shelf.house.court, None).await.unwrap();
        assert!(report.items.is_empty() && report.kept["no_root"].files == 4, "{}: {:?}", shelf.engine(), report.kept);
        on.clock.advance(DAY_MS - TEN_YEARS);
        shelf.roots().make_due(3_600_000).await.unwrap();
        on.clock.advance(TEN_YEARS);
        let id = shelf.ask(None).await.unwrap();
        shelf.approve(&id).await;
        let copy = on.folder.join("roots").join(&shelf.house.court).join("2026-11-23.json");
        std::fs::remove_file(copy).unwrap();
        let check = evidence::check_root(&shelf.roots(), &shelf.house.court, "2026-11-23", HOUSE).await.unwrap();
        assert!(check.fault.unwrap().text.contains("is missing"));
        shelf.deleter().run(&id).await.unwrap();
        let states = shelf.states(&id).await;
        assert!(
            states.values().all(|state| *state == ("kept".into(), "doubt".into())),
            "{}: {states:?}",
            shelf.engine()
        );
    }
}

#[tokio::test]
async fn x6_a_clock_that_is_not_trusted_deletes_nothing() {
    #[derive(Debug, Default)]
    struct Leaping(std::sync::atomic::AtomicI64);
    impl songda_store::clock::Machine for Leaping {
        fn wall_ms(&self) -> i64 {
            self.0.load(std::sync::atomic::Ordering::Relaxed)
        }
        fn passed_ms(&self) -> i64 {
            0
        }
    }
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.due(TEN_YEARS).await;
        let id = shelf.ask(None).await.unwrap();
        let machine = std::sync::Arc::new(Leaping(on.clock.now_ms().into()));
        let clock = songda_store::Clock::on(machine.clone());
        machine.0.fetch_add(61_000, std::sync::atomic::Ordering::Relaxed);
        let supervisor = shelf.actor(Role::Supervisor);
        assert_eq!(
            code(&decide(&on.db, &clock, shelf.keys.as_ref(), &supervisor, &id, YES).await.unwrap_err()),
            "retention.clock"
        );
        shelf.approve(&id).await;
        assert_eq!(code(&plan(&on.db, &clock, &shelf.house.court, None).await.unwrap_err()), "retention.clock");
        let deleter = songda_service::retention::Deleter { clock, ..shelf.deleter() };
        assert_eq!(code(&deleter.run(&id).await.unwrap_err()), "retention.clock");
        assert!(shelf.sealed_recording(&served.recording).exists(), "{}", shelf.engine());
        shelf.deleter().run(&id).await.unwrap();
        assert!(!shelf.sealed_recording(&served.recording).exists(), "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x6_a_file_that_cannot_be_taken_away_keeps_no_other_and_is_named_again() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let (served, id) = shelf.approved(TEN_YEARS).await;
        // A folder in its place: no disk removes that as a file.
        let place = shelf.sealed_object(&served.report);
        let kept = std::fs::read(&place).unwrap();
        std::fs::remove_file(&place).unwrap();
        std::fs::create_dir(&place).unwrap();
        shelf.deleter().run(&id).await.unwrap();
        let states = shelf.states(&id).await;
        assert_eq!(states[&served.report].0, "failed", "{}: {states:?}", shelf.engine());
        for gone in [&served.recording, &served.transcript, &served.document] {
            assert_eq!(states[gone].0, "deleted", "{}", shelf.engine());
        }
        let row = certificates(&on.db, &shelf.house.court).await.unwrap().remove(0);
        assert_eq!(row.files, 3, "{}", shelf.engine());
        std::fs::remove_dir(&place).unwrap();
        std::fs::write(&place, kept).unwrap();
        let again = shelf.ask(None).await.unwrap();
        assert_eq!(shelf.states(&again).await.len(), 1, "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_what_the_books_say_of_a_deletion_is_believed_only_with_its_certificate() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let (served, other) = (shelf.case(1).await, shelf.case(2).await);
        shelf.returned(&served).await;
        shelf.pass(TEN_YEARS).await;
        let id = shelf.ask(None).await.unwrap();
        shelf.approve(&id).await;
        shelf.deleter().run(&id).await.unwrap();
        let look = async |id: &str| shelf.examiner().look(&shelf.file(id).await).await.unwrap();
        assert_eq!(look(&served.report).await, Found::Deleted { request: id.clone() });
        // A loss, with a row that says it was decided.
        std::fs::remove_file(shelf.sealed_object(&other.report)).unwrap();
        sqlx::query("INSERT INTO deletions (file_id, court_id, request_id, deleted_ms) VALUES ($1, $2, $3, 0)")
            .bind(&other.report)
            .bind(&shelf.house.court)
            .bind(&id)
            .execute(on.db.read())
            .await
            .unwrap();
        let found = look(&other.report).await;
        assert!(matches!(&found, Found::Missing { reason } if reason.text.contains("not among")), "{found:?}");
        sqlx::query(
            "INSERT INTO deletion_items (request_id, file_id, class, kind, case_id, task_id, size, due_ms, state)
             VALUES ($1, $2, 'receipt', 'report', '', '', 0, 0, 'deleted')",
        )
        .bind(&id)
        .bind(&other.report)
        .execute(on.db.read())
        .await
        .unwrap();
        let found = look(&other.report).await;
        assert!(matches!(&found, Found::Missing { reason } if reason.text.contains("does not name it")), "{found:?}");
        assert_eq!(shelf.examiner().round(u64::MAX).await.unwrap().marked, 1, "{}: the round sees it", shelf.engine());
        // One that is still there, and a certificate that was changed.
        std::fs::write(shelf.sealed_object(&served.report), b"x").unwrap();
        assert!(matches!(look(&served.report).await, Found::Altered { .. }), "{}", shelf.engine());
        let row = certificates(&on.db, &shelf.house.court).await.unwrap().remove(0);
        flip(&shelf.sealed_object(&row.object_id));
        assert!(look(&served.document).await.is_broken(), "{}", shelf.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e71_a_hold_and_a_deletion_at_once_leave_each_file_whole_or_gone_before_the_hold() {
    for shelf in shelves().await {
        let (served, id) = shelf.approved(TEN_YEARS).await;
        let (deleter, request) = (shelf.deleter(), id.clone());
        let running = tokio::spawn(async move { deleter.run(&request).await });
        shelf.hold(&served.case).await;
        // From this moment on, whatever is there stays.
        let mut there = Vec::new();
        for file in [&served.recording, &served.transcript, &served.report, &served.document] {
            if shelf.examiner().look(&shelf.file(file).await).await.unwrap() == Found::Intact {
                there.push(file.clone());
            }
        }
        running.await.unwrap().unwrap();
        for file in &there {
            let now = shelf.examiner().look(&shelf.file(file).await).await.unwrap();
            assert_eq!(now, Found::Intact, "{}: {file}", shelf.engine());
            assert_eq!(shelf.states(&id).await[file], ("kept".into(), "hold".into()), "{}", shelf.engine());
        }
        shelf.books_and_files_agree(&served).await;
    }
}

#[tokio::test]
async fn x6_one_person_with_two_accounts_is_one_person() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let days = policy(&on.db, &shelf.house.court).await.unwrap().days;
        // The accounts liu and wang of the court have the same staff number.
        let actor =
            |at: usize| songda_people::Actor { user_id: shelf.house.agents[at].clone(), ..shelf.actor(Role::Admin) };
        let id = ask_for_policy(&on.db, &on.clock, &actor(0), &days).await.unwrap();
        let own = decide(&on.db, &on.clock, shelf.keys.as_ref(), &actor(1), &id, YES).await.unwrap_err();
        assert_eq!(code(&own), "retention.own", "{}", shelf.engine());
        let other = songda_people::Actor { staff_no: "2".into(), ..actor(1) };
        decide(&on.db, &on.clock, shelf.keys.as_ref(), &other, &id, YES).await.unwrap();
        let alone = shelf.sql("UPDATE retention_requests SET decided_by = asked_by").await;
        assert!(alone.is_err(), "{}: nor do the books take it", shelf.engine());
    }
}

#[tokio::test]
async fn x6_another_court_reads_decides_and_holds_nothing() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        shelf.returned(&served).await;
        flip(&shelf.sealed_object(&served.report));
        shelf.examiner().round(u64::MAX).await.unwrap();
        shelf.pass(TEN_YEARS).await;
        let id = shelf.ask(None).await.unwrap();
        let stranger = songda_people::Actor { court_id: "another".into(), ..shelf.actor(Role::Supervisor) };
        let nothing = |refused: ServiceError| {
            assert!(matches!(refused, ServiceError::NotFound { .. }), "{}: {refused}", shelf.engine());
        };
        nothing(decide(&on.db, &on.clock, shelf.keys.as_ref(), &stranger, &id, YES).await.unwrap_err());
        nothing(
            decide(&on.db, &on.clock, shelf.keys.as_ref(), &stranger, &id, Decision::Refuse { reason: "x" })
                .await
                .unwrap_err(),
        );
        nothing(withdraw(&on.db, &on.clock, &stranger, &id).await.unwrap_err());
        nothing(request(&on.db, "another", &id).await.unwrap_err());
        nothing(set_hold(&on.db, &on.clock, &stranger, &served.case, "x").await.unwrap_err());
        nothing(plan(&on.db, &on.clock, "another", Some(&served.case)).await.unwrap_err());
        let doubt = evidence::doubts(&on.db, &shelf.house.court, &evidence::Place::START, 500).await.unwrap().remove(0);
        nothing(evidence::clear(&on.db, &on.clock, &stranger, &doubt.id, "x").await.unwrap_err());
        nothing(evidence::file(&on.db, "another", &served.recording).await.unwrap_err());
        shelf.approve(&id).await;
        shelf.deleter().run(&id).await.unwrap();
        let row = certificates(&on.db, &shelf.house.court).await.unwrap().remove(0);
        nothing(certificate(&on.db, &on.objects, "another", &row.id).await.unwrap_err());
        assert!(certificates(&on.db, "another").await.unwrap().is_empty());
        assert!(requests(&on.db, "another").await.unwrap().is_empty());
        assert!(plan(&on.db, &on.clock, "another", None).await.unwrap().items.is_empty());
    }
}

#[tokio::test]
async fn x6_nothing_is_destroyed_without_a_reason_of_both_and_the_number_of_files_from_the_list() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.due(TEN_YEARS).await;
        let (admin, supervisor) = (shelf.actor(Role::Admin), shelf.actor(Role::Supervisor));
        let refused = |error: ServiceError| match error {
            ServiceError::Refused { code, field, .. } => (code, field),
            other => panic!("{other}"),
        };
        let without = ask_for_deletion(&on.db, &on.clock, &admin, None, "  ").await.unwrap_err();
        assert_eq!(refused(without), ("reason.unfit", "reason"), "{}", shelf.engine());
        assert!(requests(&on.db, &shelf.house.court).await.unwrap().is_empty());
        let id = shelf.ask(None).await.unwrap();
        let asked = request(&on.db, &shelf.house.court, &id).await.unwrap().body;
        assert_eq!(
            (&asked["reason"], &asked["cases"], &asked["files"]),
            (&"保存期限届满".into(), &1.into(), &4.into())
        );
        let yes = |reason, files| Decision::Approve { reason, files };
        for (decision, why) in [
            (yes("", Some(4)), ("reason.unfit", "reason")),
            (yes("清单已核对", None), ("retention.count", "files")),
            (yes("清单已核对", Some(3)), ("retention.count", "files")),
            (Decision::Refuse { reason: " " }, ("reason.unfit", "reason")),
        ] {
            let error = decide(&on.db, &on.clock, shelf.keys.as_ref(), &supervisor, &id, decision).await.unwrap_err();
            assert_eq!(refused(error), why, "{}: {decision:?}", shelf.engine());
            assert_eq!(request(&on.db, &shelf.house.court, &id).await.unwrap().state, "waiting");
        }
        shelf.approve(&id).await;
        assert_eq!(request(&on.db, &shelf.house.court, &id).await.unwrap().reason, "清单已核对");
        let audited = shelf.audited("retention.decide").await;
        assert!(audited.iter().any(|entry| entry.detail.contains("清单已核对")), "{}", shelf.engine());
        shelf.deleter().run(&id).await.unwrap();
        let (_, told) = shelf.certified().await;
        assert_eq!(told["asked"]["reason"], "保存期限届满", "{}", shelf.engine());
        assert_eq!(told["approved"]["reason"], "清单已核对", "{}", shelf.engine());
        let went = removal(&on.db, &served.recording).await.unwrap().unwrap();
        assert!(!went.is_contract_end && went.certificate.is_some(), "{}: {went:?}", shelf.engine());
        assert_eq!(removals_of(&on.db, &served.case).await.unwrap()[&served.recording], went);
        assert!(removal(&on.db, "none").await.unwrap().is_none());
        let other = shelf.case(2).await;
        shelf.returned(&other).await;
        shelf.pass(TEN_YEARS).await;
        let second = shelf.ask(None).await.unwrap();
        shelf.approve(&second).await;
        // Who rewrites why it was approved has no approval of this house.
        shelf.sql("UPDATE retention_requests SET reason = 'x' WHERE state = 'approved'").await.unwrap();
        shelf.deleter().run(&second).await.unwrap();
        assert_eq!(request(&on.db, &shelf.house.court, &second).await.unwrap().state, "refused", "{}", shelf.engine());
    }
}
