//! How a deletion goes and ends: what proves it, what goes along, who waits for whom (X6, E71).

use songda_people::Role;
use songda_service::{
    ServiceError,
    evidence::{self, Found, HOUSE},
    retention::{
        Class, Deleter, ask_for_contract_end, ask_for_end, ask_for_policy, certificates, decide, decide_end, holds_of,
        lift_hold, plan, plan_end, policy, removal, request, set_hold_within,
    },
};
use songda_store::jobs;

use crate::{
    decided::{TEN_YEARS, THREE_YEARS, YES, code},
    reach::silent_server,
    shelf::{DAY_MS, Shelf, shelves},
};

#[tokio::test]
async fn x2_a_deletion_without_its_certificate_is_under_way_for_a_day_and_a_loss_after_that() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let (served, id) = shelf.approved(TEN_YEARS).await;
        // Somebody takes a file away, and writes into the books that the deletion did.
        std::fs::remove_file(shelf.sealed_object(&served.report)).unwrap();
        for sql in [
            "UPDATE deletion_items SET state = 'deleted', done_ms = $3 WHERE request_id = $1 AND file_id = $2",
            "INSERT INTO deletions (file_id, court_id, request_id, deleted_ms)
             SELECT i.file_id, r.court_id, r.id, $3 FROM deletion_items i JOIN retention_requests r ON r.id = i.request_id
             WHERE r.id = $1 AND i.file_id = $2",
        ] {
            let done = sqlx::query(sql).bind(&id).bind(&served.report).bind(on.clock.now_ms());
            assert_eq!(done.execute(on.db.read()).await.unwrap().rows_affected(), 1, "{}", shelf.engine());
        }
        let look = async || shelf.examiner().examine(&shelf.file(&served.report).await, HOUSE).await.unwrap();
        assert_eq!(look().await, Found::Going { request: id.clone() }, "{}: not well, not lost", shelf.engine());
        on.clock.advance(DAY_MS);
        assert_eq!(look().await, Found::Going { request: id.clone() }, "{}", shelf.engine());
        on.clock.advance(1);
        let found = look().await;
        assert!(matches!(&found, Found::Missing { reason } if reason.text.contains("stood still")), "{found:?}");
        let marked = evidence::doubts(&on.db, &shelf.house.court, &evidence::Place::START, 500).await.unwrap();
        assert_eq!(marked[0].object_id, served.report, "{}: a person must look", shelf.engine());
    }
}

#[tokio::test]
async fn x6_corrections_go_with_their_transcript_and_stand_in_the_certificate() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        let first = shelf.corrected(&served.transcript, "第一处").await;
        shelf.returned(&served).await;
        let mut days = policy(&on.db, &shelf.house.court).await.unwrap().days;
        days.insert(Class::Transcript, 30);
        let wanted = ask_for_policy(&on.db, &on.clock, &shelf.actor(Role::Admin), &days).await.unwrap();
        shelf.approve(&wanted).await;
        shelf.pass(29 * DAY_MS).await;
        // Corrected in the last moment: its time is that of its transcript all the same.
        let late = shelf.corrected(&served.transcript, "第二处").await;
        on.clock.advance(DAY_MS);
        shelf.roots().make_all(3_600_000).await.unwrap();
        let id = shelf.ask(None).await.unwrap();
        shelf.approve(&id).await;
        // And one between the approval and the deed.
        let last = shelf.corrected(&served.transcript, "第三处").await;
        shelf.deleter().run(&id).await.unwrap();
        let (_, told) = shelf.certified().await;
        for correction in [&first, &late] {
            let file = shelf.file(correction).await;
            let listed = told["files"].as_array().unwrap().iter().find(|listed| listed["file"] == correction.as_str());
            assert_eq!(listed.unwrap()["sha256"], file.sha256.as_str(), "{}", shelf.engine());
            let found = shelf.examiner().look(&file).await.unwrap();
            assert_eq!(found, Found::Deleted { request: id.clone() }, "{}", shelf.engine());
        }
        let left: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM transcript_edits").fetch_one(on.db.read()).await.unwrap();
        assert_eq!(left, 1, "{}: what nobody approved is not taken along", shelf.engine());
        on.clock.advance(DAY_MS);
        shelf.roots().make_all(3_600_000).await.unwrap();
        let next = shelf.ask(None).await.unwrap();
        let names: Vec<String> = shelf.states(&next).await.into_keys().collect();
        assert_eq!(names, [last], "{}: it is due at once", shelf.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e71_a_store_that_does_not_answer_keeps_nobody_from_the_books_and_a_hold_waits_for_the_removal() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let (served, other) = (shelf.case(1).await, shelf.case(2).await);
        shelf.returned(&served).await;
        shelf.pass(THREE_YEARS).await;
        let id = shelf.ask(None).await.unwrap();
        shelf.approve(&id).await;
        let place = shelf.sealed_recording(&served.recording);
        let (vault, at) = shelf.behind_s3();
        let answers = silent_server(at);
        let (deleter, request) = (Deleter { vault, ..shelf.deleter() }, id.clone());
        let running = tokio::spawn(async move { deleter.run(&request).await });
        let begun = async {
            while shelf.states(&id).await[&served.recording].0 != "deleting" {
                tokio::task::yield_now().await;
            }
        };
        let limit = std::time::Duration::from_secs(10);
        tokio::time::timeout(limit, begun).await.expect("what is meant stands there before it is done");
        // The removal is under way now. Everybody else writes.
        tokio::time::timeout(limit, shelf.hold(&other.case)).await.expect("no transaction is open meanwhile");
        // A hold of the same case stands at once, and is answered when the removal has ended.
        let mut hold = Box::pin(shelf.hold(&served.case));
        let early = tokio::time::timeout(std::time::Duration::from_millis(300), &mut hold).await;
        assert!(early.is_err(), "{}: its answer would say that the file stays", shelf.engine());
        let standing = holds_of(&on.db, &shelf.house.court, &served.case).await.unwrap();
        assert_eq!(standing.len(), 1, "{}: it beats every job from now on", shelf.engine());
        drop(answers);
        hold.await;
        assert!(!place.exists(), "{}: what had begun has ended", shelf.engine());
        running.await.unwrap().unwrap();
        assert_eq!(shelf.states(&id).await[&served.recording].0, "deleted", "{}", shelf.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e71_a_hold_says_that_a_removal_still_runs_and_stands_all_the_same() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let (served, id) = shelf.approved(THREE_YEARS).await;
        let place = shelf.sealed_recording(&served.recording);
        let (vault, at) = shelf.behind_s3();
        let answers = silent_server(at);
        let (deleter, request) = (Deleter { vault, ..shelf.deleter() }, id.clone());
        let running = tokio::spawn(async move { deleter.run(&request).await });
        while shelf.states(&id).await[&served.recording].0 != "deleting" {
            tokio::task::yield_now().await;
        }
        let judge = shelf.actor(Role::Judge);
        let patience = std::time::Duration::from_millis(200);
        let hold = async || set_hold_within(&on.db, &on.clock, &judge, &served.case, "再审立案", patience).await;
        assert_eq!(code(&hold().await.unwrap_err()), "hold.removal", "{}", shelf.engine());
        assert_eq!(holds_of(&on.db, &shelf.house.court, &served.case).await.unwrap().len(), 1, "{}", shelf.engine());
        assert_eq!(code(&hold().await.unwrap_err()), "hold.removal", "{}: asked again", shelf.engine());
        assert!(place.exists(), "{}: it runs", shelf.engine());
        drop(answers);
        running.await.unwrap().unwrap();
        assert_eq!(code(&hold().await.unwrap_err()), "hold.there", "{}: it has ended", shelf.engine());
    }
}

#[tokio::test]
async fn x6_a_file_that_went_before_its_removal_failed_is_certified_as_gone_and_not_as_kept() {
    for shelf in shelves().await {
        let (served, id) = shelf.approved(TEN_YEARS).await;
        // The file goes, and then the note beside it, which is a folder, does not.
        let place = shelf.sealed_recording(&served.recording);
        std::fs::create_dir(place.with_extension("upload")).unwrap();
        shelf.deleter().run(&id).await.unwrap();
        assert!(!place.exists(), "{}", shelf.engine());
        assert_eq!(shelf.states(&id).await[&served.recording].0, "deleted", "{}", shelf.engine());
        let (_, told) = shelf.certified().await;
        assert_eq!((told["files"].as_array().unwrap().len(), &told["kept"]), (4, &serde_json::json!([])));
        let found = shelf.examiner().look(&shelf.file(&served.recording).await).await.unwrap();
        assert_eq!(found, Found::Deleted { request: id }, "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x6_a_file_of_which_nobody_can_say_whether_it_is_gone_is_neither_kept_nor_deleted_until_somebody_can() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let (served, id) = shelf.approved(TEN_YEARS).await;
        // A run was killed after the recording had gone; then the disk of the recordings fell away.
        sqlx::query("UPDATE deletion_items SET state = 'deleting' WHERE file_id = $1")
            .bind(&served.recording)
            .execute(on.db.read())
            .await
            .unwrap();
        std::fs::remove_file(shelf.sealed_recording(&served.recording)).unwrap();
        let (closed, away) = (on.folder.join("recordings/closed"), on.folder.join("recordings/away"));
        std::fs::rename(&closed, &away).unwrap();
        let later = shelf.deleter().run(&id).await.unwrap_err();
        assert!(later.to_string().contains(&served.recording), "{}: {later}", shelf.engine());
        let states = shelf.states(&id).await;
        assert_eq!(states[&served.recording].0, "deleting", "{}: {states:?}", shelf.engine());
        assert_eq!(states[&served.report].0, "deleted", "{}: it keeps no other", shelf.engine());
        assert!(certificates(&on.db, &shelf.house.court).await.unwrap().is_empty(), "{}", shelf.engine());
        // Nothing runs and nobody can say what became of it: a hold is answered at once, with that.
        assert_eq!(shelf.hold_refused(&served.case).await, "hold.unknown", "{}", shelf.engine());
        assert_eq!(holds_of(&on.db, &shelf.house.court, &served.case).await.unwrap().len(), 1, "it stands");
        std::fs::rename(&away, &closed).unwrap();
        shelf.deleter().run(&id).await.unwrap();
        assert_eq!(shelf.states(&id).await[&served.recording].0, "deleted", "{}", shelf.engine());
        let row = certificates(&on.db, &shelf.house.court).await.unwrap().remove(0);
        assert_eq!(row.files, 4, "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x6_a_request_that_was_approved_by_nobody_is_refused_and_told_and_nothing_of_it_goes() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let court = &shelf.house.court;
        let served = shelf.due(TEN_YEARS).await;
        let there = [&served.recording, &served.transcript, &served.report, &served.document];
        // Written by hand: a request that waited; one whose signature is that of another.
        let first = shelf.ask(None).await.unwrap();
        let forged = "UPDATE retention_requests SET state = 'approved', decided_by = 'somebody', decided_name = 'x',
                             decided_ms = 1 WHERE state = 'waiting'";
        assert_eq!(shelf.sql(forged).await.unwrap(), 1);
        // Of one of them it even says that it is gone.
        std::fs::remove_file(shelf.sealed_object(&served.report)).unwrap();
        sqlx::query("UPDATE deletion_items SET state = 'deleted', done_ms = $2 WHERE file_id = $1")
            .bind(&served.report)
            .bind(on.clock.now_ms())
            .execute(on.db.read())
            .await
            .unwrap();
        let lost = shelf.examiner().look(&shelf.file(&served.report).await).await.unwrap();
        assert!(matches!(lost, Found::Missing { .. }), "{}: not under way: {lost:?}", shelf.engine());
        shelf.deleter().run(&first).await.unwrap();
        let refused = request(&on.db, court, &first).await.unwrap();
        assert!(refused.state == "refused" && refused.certificate.is_none(), "{}: {refused:?}", shelf.engine());
        assert!(
            refused.refused.as_ref().is_some_and(|why| why.text.contains("did not sign")),
            "{}: {refused:?}",
            shelf.engine()
        );
        assert_eq!(shelf.audited("retention.forged").await[0].result, "denied", "{}", shelf.engine());
        let told = songda_store::alarms::open(&on.db).await.unwrap();
        assert!(told.iter().any(|alarm| alarm.kind == "retention.forged"), "{}: {told:?}", shelf.engine());
        // One that was approved, and a file more was put on its list.
        let other = shelf.case(2).await;
        let second = shelf.ask(None).await.unwrap();
        shelf.approve(&second).await;
        sqlx::query(
            "INSERT INTO deletion_items (request_id, file_id, class, kind, case_id, task_id, size, due_ms, state)
             VALUES ($1, $2, 'recording', 'recording', $3, $4, 0, 0, 'waiting')",
        )
        .bind(&second)
        .bind(&other.recording)
        .bind(&other.case)
        .bind(&other.task)
        .execute(on.db.read())
        .await
        .unwrap();
        shelf.deleter().run(&second).await.unwrap();
        let refused = request(&on.db, court, &second).await.unwrap();
        assert_eq!(refused.state, "refused", "{}", shelf.engine());
        assert!(
            refused.refused.as_ref().is_some_and(|why| why.text.contains("does not fit")),
            "{}: {refused:?}",
            shelf.engine()
        );
        // The signature of one approval under another.
        let third = shelf.ask(None).await.unwrap();
        assert_eq!(shelf.sql(forged).await.unwrap(), 1);
        sqlx::query(
            "UPDATE retention_requests SET seal = (SELECT o.seal FROM retention_requests o WHERE o.id = $1) WHERE id = $2",
        )
        .bind(&second)
        .bind(&third)
        .execute(on.db.read())
        .await
        .unwrap();
        shelf.deleter().run(&third).await.unwrap();
        assert_eq!(request(&on.db, court, &third).await.unwrap().state, "refused", "{}", shelf.engine());
        for file in there.into_iter().filter(|file| **file != served.report) {
            let found = shelf.examiner().look(&shelf.file(file).await).await.unwrap();
            assert_eq!(found, Found::Intact, "{}: {file}", shelf.engine());
        }
        assert!(certificates(&on.db, court).await.unwrap().is_empty(), "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x6_what_a_recovery_set_aside_of_a_recording_goes_with_it_and_stands_in_the_certificate() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let (served, id) = shelf.approved(TEN_YEARS).await;
        let lost = on.folder.join("recordings/live/lost");
        std::fs::create_dir_all(&lost).unwrap();
        let (end, whole) = (format!("{}-1.from-4096", served.recording), format!("{}-1.sdv", served.recording));
        std::fs::write(lost.join(&end), b"its end").unwrap();
        std::fs::write(lost.join(&whole), b"another of its name").unwrap();
        std::fs::write(lost.join("01OTHER-1.sdv"), b"of another").unwrap();
        shelf.deleter().run(&id).await.unwrap();
        assert!(!lost.join(&end).exists() && !lost.join(&whole).exists(), "{}", shelf.engine());
        assert!(lost.join("01OTHER-1.sdv").exists(), "{}", shelf.engine());
        let (_, told) = shelf.certified().await;
        let files = told["files"].as_array().unwrap();
        let listed = files.iter().find(|file| file["file"] == served.recording.as_str()).unwrap();
        let piece = |name: &str, content: &[u8]| {
            let (sha256, sm3) = songda_store::evidence::hashes(content);
            serde_json::json!({ "file": name, "bytes": content.len(), "sha256": sha256, "sm3": sm3 })
        };
        assert_eq!(
            listed["set_aside"],
            serde_json::json!([piece(&end, b"its end"), piece(&whole, b"another of its name")])
        );
        // What comes back there is not gone.
        std::fs::write(lost.join(&end), b"its end").unwrap();
        let found = shelf.examiner().look(&shelf.file(&served.recording).await).await.unwrap();
        assert!(matches!(found, Found::Altered { .. }), "{}: {found:?}", shelf.engine());
    }
}

#[tokio::test]
async fn x6_two_persons_end_an_approved_deletion_and_what_is_there_stays() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let court = &shelf.house.court;
        let served = shelf.due(TEN_YEARS).await;
        let (admin, supervisor) = (shelf.actor(Role::Admin), shelf.actor(Role::Supervisor));
        let id = shelf.ask(None).await.unwrap();
        let early = ask_for_end(&on.db, &on.clock, &admin, &id, "停").await.unwrap_err();
        assert_eq!(code(&early), "retention.no_end", "{}: it is not approved", shelf.engine());
        shelf.approve(&id).await;
        assert_eq!(code(&decide_end(&on.db, &on.clock, &supervisor, &id, true).await.unwrap_err()), "retention.no_end");
        ask_for_end(&on.db, &on.clock, &admin, &id, "名单有误").await.unwrap();
        assert_eq!(code(&decide_end(&on.db, &on.clock, &admin, &id, true).await.unwrap_err()), "retention.own");
        let stranger = songda_people::Actor { court_id: "another".into(), ..supervisor.clone() };
        let other = decide_end(&on.db, &on.clock, &stranger, &id, true).await.unwrap_err();
        assert!(matches!(other, ServiceError::NotFound { .. }), "{}: {other}", shelf.engine());
        decide_end(&on.db, &on.clock, &supervisor, &id, false).await.unwrap();
        assert!(request(&on.db, court, &id).await.unwrap().ending.is_none(), "{}: it goes on", shelf.engine());
        ask_for_end(&on.db, &on.clock, &admin, &id, "名单有误").await.unwrap();
        decide_end(&on.db, &on.clock, &supervisor, &id, true).await.unwrap();
        let jobs = jobs::claim(&on.db, &on.clock, &["retention.delete"], 1_000, 10).await.unwrap();
        assert_eq!(jobs.len(), 2, "{}: it is looked at at once", shelf.engine());
        // A run was killed when one file had gone.
        sqlx::query("UPDATE deletion_items SET state = 'deleting' WHERE file_id = $1")
            .bind(&served.report)
            .execute(on.db.read())
            .await
            .unwrap();
        std::fs::remove_file(shelf.sealed_object(&served.report)).unwrap();
        shelf.deleter().run(&id).await.unwrap();
        let states = shelf.states(&id).await;
        assert_eq!(states[&served.report].0, "deleted", "{}", shelf.engine());
        for kept in [&served.recording, &served.transcript, &served.document] {
            assert_eq!(states[kept], ("kept".into(), "ended".into()), "{}", shelf.engine());
        }
        let ended = request(&on.db, court, &id).await.unwrap();
        assert_eq!((ended.state.as_str(), ended.certificate.is_some()), ("ended", true), "{}", shelf.engine());
        assert_eq!(ended.ending.unwrap().agreed.as_deref(), Some("name of supervisor"));
        let found = shelf.examiner().look(&shelf.file(&served.report).await).await.unwrap();
        assert_eq!(found, Found::Deleted { request: id }, "{}: with its certificate", shelf.engine());
        assert_eq!(shelf.states(&shelf.ask(None).await.unwrap()).await.len(), 3, "{}: due as before", shelf.engine());
    }
}

#[tokio::test]
async fn x6_callers_of_no_case_have_a_class_and_their_own_time() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let caller = shelf.caller("open").await;
        shelf.pass(THREE_YEARS).await;
        let report = plan(&on.db, &on.clock, &shelf.house.court, None).await.unwrap();
        assert!(report.items.is_empty(), "{}: {:?}", shelf.engine(), report.items);
        assert_eq!(report.kept["unsettled"].files, 1, "{}: nobody settled the call", shelf.engine());
        shelf.sql("UPDATE inbound_calls SET list_state = 'dismissed'").await.unwrap();
        let report = plan(&on.db, &on.clock, &shelf.house.court, None).await.unwrap();
        let item = &report.items[0];
        assert_eq!((item.class, &item.file.id), (Class::Caller, &caller), "{}", shelf.engine());
        assert_eq!(item.due_ms - item.file.booked_ms, THREE_YEARS, "{}", shelf.engine());
        let id = shelf.ask(None).await.unwrap();
        shelf.approve(&id).await;
        // Opened again meanwhile: it stays.
        shelf.sql("UPDATE inbound_calls SET list_state = 'open'").await.unwrap();
        shelf.deleter().run(&id).await.unwrap();
        assert_eq!(shelf.states(&id).await[&caller], ("kept".into(), "unsettled".into()), "{}", shelf.engine());
        shelf.sql("UPDATE inbound_calls SET list_state = 'dismissed'").await.unwrap();
        let id = shelf.ask(None).await.unwrap();
        shelf.approve(&id).await;
        shelf.deleter().run(&id).await.unwrap();
        assert!(!shelf.sealed_recording(&caller).exists(), "{}", shelf.engine());
        let found = shelf.examiner().look(&shelf.file(&caller).await).await.unwrap();
        assert_eq!(found, Found::Deleted { request: id }, "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x6_a_caller_whose_number_is_a_partys_is_kept_with_the_case_and_by_its_hold() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        shelf.returned(&served).await;
        let caller = shelf.caller("dismissed").await;
        sqlx::query("UPDATE inbound_calls SET task_id = $1").bind(&served.task).execute(on.db.read()).await.unwrap();
        shelf.pass(THREE_YEARS).await;
        shelf.hold(&served.case).await;
        let report = plan(&on.db, &on.clock, &shelf.house.court, None).await.unwrap();
        assert!(report.items.is_empty(), "{}: {:?}", shelf.engine(), report.items);
        assert_eq!(shelf.file(&caller).await.case_number, served.number, "{}", shelf.engine());
        assert_eq!(report.kept["hold"].files, 5, "{}: {:?}", shelf.engine(), report.kept);
    }
}

#[tokio::test]
async fn x6_an_order_that_waits_for_correction_keeps_its_case() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.due(TEN_YEARS).await;
        let mut tx = on.db.begin().await.unwrap();
        let file = on.objects.put(&mut tx, &shelf.house.court, "push", "application/json", b"{}").await.unwrap();
        let key = songda_service::intake::OrderKey { source: "ajxt".into(), order_no: "late".into(), revision: 1 };
        let kept = songda_service::intake::keep_incomplete(
            &mut tx,
            &on.clock,
            &shelf.house.court,
            (&key, &served.number),
            "hash",
            &file.id,
            &[],
        );
        kept.await.unwrap();
        tx.commit().await.unwrap();
        let refused = shelf.ask(Some(&served.case)).await.unwrap_err();
        assert_eq!(code(&refused), "retention.open", "{}: 待补正 counts as open", shelf.engine());
        let report = plan(&on.db, &on.clock, &shelf.house.court, None).await.unwrap();
        assert!(report.items.is_empty(), "{}: {:?}", shelf.engine(), report.kept);
    }
}

impl Shelf {
    /// A notary's receipt is entered, as after each root.
    async fn receipt(&self) {
        let on = &self.house.on;
        let (sha256, sm3) = songda_store::evidence::hashes(b"{}");
        let entry = songda_store::evidence::Entry {
            id: "N2026-11-23",
            court: &self.house.court,
            kind: songda_store::evidence::NOTARY_RECEIPT,
            owner: "",
            sha256: &sha256,
            sm3: &sm3,
            size: 2,
        };
        let mut tx = on.db.begin().await.unwrap();
        songda_store::evidence::book(&mut tx, &on.clock, entry).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn x6_at_the_end_of_the_contract_everything_is_returned_and_goes_and_a_hold_refuses_it() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let court = &shelf.house.court;
        let (open, held) = (shelf.case(1).await, shelf.case(2).await);
        let caller = shelf.caller("open").await;
        on.clock.advance(DAY_MS);
        shelf.roots().make_due(3_600_000).await.unwrap();
        let admin = shelf.actor(Role::Admin);
        let ask = async || ask_for_contract_end(&on.db, &on.clock, &admin, "合同于本月终止").await;
        assert_eq!(
            code(&ask().await.unwrap_err()),
            "retention.not_exported",
            "{}: nothing was returned",
            shelf.engine()
        );
        let listed_files: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM evidence_files").fetch_one(on.db.read()).await.unwrap();
        let listed = serde_json::json!({ "listed_before_ms": on.clock.now_ms(), "listed_files": listed_files });
        let exported = async |result: &'static str, detail: &serde_json::Value| {
            let mut tx = on.db.begin().await.unwrap();
            let entry = songda_store::audit::Entry::of_the_house(
                court,
                "evidence.export",
                ("court", court.as_str()),
                detail.clone(),
            );
            let entry = songda_store::audit::Entry { result, ..entry };
            songda_store::audit::append(&mut tx, &on.clock, entry).await.unwrap();
            tx.commit().await.unwrap();
        };
        for unfinished in ["begun", "failed"] {
            exported(unfinished, &listed).await;
            assert_eq!(code(&ask().await.unwrap_err()), "retention.not_exported", "{unfinished}");
        }
        exported("ok", &serde_json::json!({})).await;
        assert_eq!(code(&ask().await.unwrap_err()), "retention.not_exported", "it does not say what it listed");
        // Entered by its time before the list was read, and written into the books after it.
        let late = serde_json::json!({ "listed_before_ms": on.clock.now_ms(), "listed_files": listed_files - 1 });
        exported("ok", &late).await;
        assert_eq!(code(&ask().await.unwrap_err()), "retention.not_exported", "{}: one is missing", shelf.engine());
        exported("ok", &listed).await;
        // A notary's receipt that comes after it stays where it is, and is nothing that was not returned.
        on.clock.advance(1);
        shelf.receipt().await;
        shelf.hold(&held.case).await;
        assert_eq!(code(&ask().await.unwrap_err()), "retention.hold", "{}", shelf.engine());
        // The dry run says what a hold keeps, and takes nothing.
        let report = plan_end(&on.db, &on.clock, court).await.unwrap();
        assert_eq!((report.items.len(), report.kept["hold"].files), (5, 4), "{}: {:?}", shelf.engine(), report.kept);
        lift_hold(&on.db, &on.clock, &shelf.actor(Role::Supervisor), &held.case, "合同终止").await.unwrap();
        // Open tasks, calls that nobody settled, periods: none of that keeps anything any more.
        let id = ask().await.unwrap();
        let live = shelf.ask(None).await.unwrap_err();
        assert!(
            ["retention.nothing", "retention.live"].contains(&code(&live)),
            "{}: one list at a time",
            shelf.engine()
        );
        let own = decide(&on.db, &on.clock, shelf.keys.as_ref(), &admin, &id, YES).await.unwrap_err();
        assert_eq!(code(&own), "retention.own", "{}", shelf.engine());
        shelf.approve(&id).await;
        // A hold that comes now keeps what is there.
        shelf.hold(&held.case).await;
        shelf.deleter().run(&id).await.unwrap();
        let states = shelf.states(&id).await;
        for gone in [&open.recording, &open.transcript, &open.report, &open.document, &caller] {
            assert_eq!(states[gone].0, "deleted", "{}: {states:?}", shelf.engine());
            let found = shelf.examiner().look(&shelf.file(gone).await).await.unwrap();
            assert_eq!(found, Found::Deleted { request: id.clone() }, "{}", shelf.engine());
        }
        for kept in [&held.recording, &held.transcript, &held.report, &held.document] {
            assert_eq!(states[kept], ("kept".into(), "hold".into()), "{}", shelf.engine());
        }
        let (_, told) = shelf.certified().await;
        assert_eq!((&told["contract_end"], told["files"].as_array().unwrap().len()), (&serde_json::json!(true), 5));
        assert_eq!(told["kept"].as_array().unwrap().len(), 4, "{}", shelf.engine());
        let went = removal(&on.db, &open.report).await.unwrap().unwrap();
        assert!(went.is_contract_end, "{}: the true ground is told", shelf.engine());
        // What is entered after the return must be returned first.
        on.clock.advance(1);
        let before_ms = on.clock.now_ms();
        shelf.recorded_again(&held).await;
        // An export that was at it meanwhile ends well, and has not got that one in its list.
        on.clock.advance(1);
        let listed_files: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM evidence_files WHERE booked_ms < $1")
            .bind(before_ms)
            .fetch_one(on.db.read())
            .await
            .unwrap();
        let meanwhile = serde_json::json!({ "listed_before_ms": before_ms, "listed_files": listed_files });
        exported("ok", &meanwhile).await;
        lift_hold(&on.db, &on.clock, &shelf.actor(Role::Supervisor), &held.case, "合同终止").await.unwrap();
        assert_eq!(code(&ask().await.unwrap_err()), "retention.not_exported", "{}", shelf.engine());
    }
}
