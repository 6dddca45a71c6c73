//! What a saved outcome does to attempt, task, number and timeline.

use songda_service::{
    ServiceError, cases,
    intake::{Region, open_for},
    outcomes::{CallFacts, CallToRecord, Choice, Filled, Saved, Saving, catalogue, check, record},
    tasks,
    timeline::{self, By},
};
use songda_store::jobs;

use crate::{
    clear,
    house::{House, houses, party},
};

async fn reserve(house: &House, task: &str) {
    let mut tx = house.on.db.begin().await.unwrap();
    let until = house.on.clock.now_ms() + 60_000;
    assert!(tasks::reserve(&mut tx, &house.on.clock, task, &house.agents[0], until).await.unwrap());
    tx.commit().await.unwrap();
}

/// Reserves the task, "calls" its first usable number and saves the outcome.
async fn outcome(house: &House, task: &str, technical: &str, contact: &str, business: &str) -> Saved {
    reserve(house, task).await;
    let row = tasks::find(&house.on.db, &house.court, task).await.unwrap();
    let phones = cases::phones(&house.on.db, &row.party_id).await.unwrap();
    let phone = phones.iter().find(|phone| phone.state == "有效").unwrap();
    outcome_of(house, task, &phone.id, technical, contact, business).await
}

/// "Calls" the first number of a reserved task and saves that it does not exist.
async fn found_dead(house: &House, task: &str) -> Result<Saved, ServiceError> {
    let row = tasks::find(&house.on.db, &house.court, task).await?;
    let phone = cases::phones(&house.on.db, &row.party_id).await?.remove(0).id;
    let call = house.ended_call(task, &phone, "C07").await;
    let to_record = CallToRecord {
        court: &house.court,
        call: &call,
        task,
        phone: &phone,
        technical: "C07",
        agent: By { actor: &house.agents[0], name: "liu" },
        note: "",
        fields: &[],
        saving: Saving::InTime,
        broken_consent: false,
    };
    let (on, choice) = (&house.on, Choice::default());
    let mut tx = on.db.begin().await?;
    let saved = record(&mut tx, &on.clock, &on.sealer, catalogue().unwrap(), &to_record, &choice).await?;
    tx.commit().await?;
    Ok(saved)
}

/// "Calls" this number of a reserved task and saves the outcome.
async fn outcome_of(house: &House, task: &str, phone: &str, technical: &str, contact: &str, business: &str) -> Saved {
    let call = house.ended_call(task, phone, technical).await;
    let to_record = CallToRecord {
        court: &house.court,
        call: &call,
        task,
        phone,
        technical,
        agent: By { actor: &house.agents[0], name: "liu" },
        note: "很着急",
        fields: &[],
        saving: Saving::InTime,
        broken_consent: false,
    };
    let heard_all = business == "B05";
    let choice = Choice { contact: contact.into(), business: business.into(), heard_all, ..Default::default() };
    let mut tx = house.on.db.begin().await.unwrap();
    let saved =
        record(&mut tx, &house.on.clock, &house.on.sealer, catalogue().unwrap(), &to_record, &choice).await.unwrap();
    let twice = record(&mut tx, &house.on.clock, &house.on.sealer, catalogue().unwrap(), &to_record, &choice).await;
    assert!(twice.is_err(), "one attempt per call");
    drop(tx);
    let mut tx = house.on.db.begin().await.unwrap();
    let again =
        record(&mut tx, &house.on.clock, &house.on.sealer, catalogue().unwrap(), &to_record, &choice).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(saved.no, again.no, "what was rolled back left nothing");
    again
}

/// What the business code asks for, read as the desk reads it.
fn filled(house: &House, business: &str, fields: &[(&str, &str)]) -> (Choice, Vec<Filled>) {
    let fields = fields.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect();
    let choice = Choice { contact: "W1".into(), business: business.into(), heard_all: false, fields };
    let facts = CallFacts {
        ended: true,
        answered: true,
        talk_ms: 30_000,
        recorded: true,
        is_attempt: true,
        child: false,
        machine: false,
        now_ms: house.on.clock.now_ms(),
    };
    let filled = check(catalogue().unwrap(), &facts, &choice).unwrap();
    (choice, filled)
}

/// Reserves the task, "calls" its first number and saves an outcome with its fields.
async fn agreed(house: &House, task: &str, business: &str, fields: &[(&str, &str)], broken_consent: bool) -> Saved {
    reserve(house, task).await;
    let row = tasks::find(&house.on.db, &house.court, task).await.unwrap();
    let phone = cases::phones(&house.on.db, &row.party_id).await.unwrap().remove(0).id;
    let call = house.ended_call(task, &phone, "C01").await;
    let (choice, fields) = filled(house, business, fields);
    let to_record = CallToRecord {
        court: &house.court,
        call: &call,
        task,
        phone: &phone,
        technical: "C01",
        agent: By { actor: &house.agents[0], name: "liu" },
        note: "",
        fields: &fields,
        saving: Saving::InTime,
        broken_consent,
    };
    let on = &house.on;
    let mut tx = on.db.begin().await.unwrap();
    let saved = record(&mut tx, &on.clock, &on.sealer, catalogue().unwrap(), &to_record, &choice).await.unwrap();
    tx.commit().await.unwrap();
    saved
}

async fn one_task(house: &House, phones: &[&str], class: &str) -> String {
    house.order("SD1", "（2026）陕0102民初1号", vec![party("p", None, phones)], class).await.tasks[0].id.clone()
}

#[tokio::test]
async fn r4_1d_told_in_full_serves_general_papers_and_the_task_waits_for_its_report() {
    for house in houses().await {
        let task = one_task(&house, &["13800000001"], "D1").await;
        let saved = outcome(&house, &task, "C01", "W1", "B05").await;
        assert_eq!((saved.no, saved.phase.as_str()), (1, tasks::AWAITING_REPORT));
        let row = tasks::find(&house.on.db, &house.court, &task).await.unwrap();
        assert_eq!((row.result.as_str(), row.result_rule.as_str()), ("送达成功", "S13 v2"), "{}", house.on.engine);
        assert_eq!(cases::documents(&house.on.db, &task).await.unwrap()[0].state, "已送达");
        let job = jobs::claim(&house.on.db, &house.on.clock, &["report"], 1_000, 9).await.unwrap();
        assert_eq!((job.len(), job[0].payload["task"].as_str()), (1, Some(task.as_str())));
        let mut tx = house.on.db.begin().await.unwrap();
        tasks::close_with_report(&mut tx, &house.on.clock, &task).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(tasks::find(&house.on.db, &house.court, &task).await.unwrap().phase, tasks::SERVED);
    }
}

#[tokio::test]
async fn a_judgment_is_not_served_by_telephone_whatever_was_heard() {
    for house in houses().await {
        let task = one_task(&house, &["13800000001"], "D2").await;
        let saved = outcome(&house, &task, "C01", "W1", "B05").await;
        let row = tasks::find(&house.on.db, &house.court, &task).await.unwrap();
        assert_eq!((saved.phase.as_str(), row.result.as_str()), (tasks::ELSEWHERE, "未定"), "{}", house.on.engine);
    }
}

#[tokio::test]
async fn a_number_that_does_not_exist_is_dead_for_everybody_and_the_next_one_is_tried() {
    for house in houses().await {
        let task = one_task(&house, &["13800004000", "13800000001"], "D1").await;
        let saved = outcome(&house, &task, "C07", "", "").await;
        assert_eq!((saved.phase.as_str(), saved.next_en.as_str()), (tasks::WAITING, "Try the next number"));
        let row = tasks::find(&house.on.db, &house.court, &task).await.unwrap();
        let phones = cases::phones(&house.on.db, &row.party_id).await.unwrap();
        assert_eq!((phones[0].state.as_str(), phones[1].state.as_str()), ("空号", "有效"));
        let saved = outcome(&house, &task, "C01", "W10", "").await;
        assert_eq!(saved.phase, tasks::SEARCHING, "{}: no number is left", house.on.engine);
        let other = house.order("SD2", "（2026）陕0102民初2号", vec![party("q", None, &["13800004000"])], "D1").await;
        assert_eq!(other.tasks[0].phase, tasks::SEARCHING, "a dead number calls nobody");
    }
}

#[tokio::test]
async fn a_number_that_only_did_not_answer_is_still_usable_when_the_other_one_is_dead() {
    for house in houses().await {
        let task = one_task(&house, &["13800002000", "13800004000"], "D1").await;
        let saved = outcome(&house, &task, "C02", "", "").await;
        assert_eq!(saved.next_en, "Try the next number");
        let row = tasks::find(&house.on.db, &house.court, &task).await.unwrap();
        let phones = cases::phones(&house.on.db, &row.party_id).await.unwrap();
        reserve(&house, &task).await;
        let saved = outcome_of(&house, &task, &phones[1].id, "C07", "", "").await;
        assert_eq!(saved.phase, tasks::WAITING, "{}: the first number is still good", house.on.engine);
        assert_eq!(saved.next_en, "Call again later");
    }
}

#[tokio::test]
async fn a_task_that_loses_its_last_number_with_another_one_leaves_the_queue() {
    for house in houses().await {
        let task = one_task(&house, &["13800004000"], "D1").await;
        let spouse = house.order("SD2", "（2026）陕0102民初2号", vec![party("q", None, &["13800004000"])], "D1").await;
        let spouse = spouse.tasks[0].id.clone();
        outcome(&house, &task, "C07", "", "").await;
        let row = tasks::find(&house.on.db, &house.court, &spouse).await.unwrap();
        assert_eq!(row.phase, tasks::SEARCHING, "{}: nobody would ever be offered it", house.on.engine);
        let events = timeline::list(&house.on.db, &spouse).await.unwrap();
        assert_eq!(events.last().unwrap().kind, "no_number");
        assert_eq!(tasks::queue(&house.on.db, &house.on.clock, &house.court).await.unwrap().ready, 0);
    }
}

#[tokio::test]
async fn two_agents_who_find_one_number_dead_at_once_both_save_it() {
    for house in houses().await {
        let mut two = Vec::new();
        for number in 1..=2 {
            let case = format!("（2026）陕0102民初{number}号");
            let parties = vec![party("p", None, &["13800004000"])];
            two.push(house.order(&format!("SD{number}"), &case, parties, "D1").await.tasks[0].id.clone());
            reserve(&house, &two[number - 1]).await;
        }
        let (one, other) = tokio::join!(found_dead(&house, &two[0]), found_dead(&house, &two[1]));
        for saved in [one, other] {
            assert_eq!(saved.unwrap().phase, tasks::SEARCHING, "{}", house.on.engine);
        }
    }
}

#[tokio::test]
async fn a_call_back_agreed_with_a_stranger_is_not_waited_for_where_no_number_is_left() {
    for house in houses().await {
        let task = one_task(&house, &["13800004000"], "D1").await;
        let saved = outcome(&house, &task, "C01", "W10", "B08").await;
        assert_eq!(saved.phase, tasks::SEARCHING, "{}: nobody would ever be offered it", house.on.engine);
    }
}

#[tokio::test]
async fn a_task_whose_number_died_while_an_agent_had_it_does_not_go_back_to_the_queue() {
    for house in houses().await {
        let task = one_task(&house, &["13800004000"], "D1").await;
        let spouse = house.order("SD2", "（2026）陕0102民初2号", vec![party("q", None, &["13800004000"])], "D1").await;
        let spouse = spouse.tasks[0].id.clone();
        reserve(&house, &spouse).await;
        outcome(&house, &task, "C07", "", "").await;
        let mut tx = house.on.db.begin().await.unwrap();
        tasks::release(&mut tx, &spouse).await.unwrap();
        tx.commit().await.unwrap();
        let row = tasks::find(&house.on.db, &house.court, &spouse).await.unwrap();
        assert_eq!(row.phase, tasks::SEARCHING, "{}", house.on.engine);
        assert!(row.next_step.contains("无可用号码"), "{}", row.next_step);
    }
}

#[tokio::test]
async fn a_mere_notice_needs_no_document_to_be_served() {
    for house in houses().await {
        let task = one_task(&house, &["13800000001"], "D1").await;
        for change in ["DELETE FROM task_documents", "UPDATE orders SET order_kind = '仅通知'"] {
            sqlx::query(change).execute(house.on.db.read()).await.unwrap();
        }
        let saved = outcome(&house, &task, "C01", "W1", "B05").await;
        assert_eq!(saved.phase, tasks::AWAITING_REPORT, "{}", house.on.engine);
    }
}

#[tokio::test]
async fn where_there_is_no_document_nothing_is_served_whatever_was_heard() {
    for house in houses().await {
        let task = one_task(&house, &["13800000001"], "D1").await;
        sqlx::query("DELETE FROM task_documents").execute(house.on.db.read()).await.unwrap();
        let saved = outcome(&house, &task, "C01", "W1", "B05").await;
        let row = tasks::find(&house.on.db, &house.court, &task).await.unwrap();
        assert_eq!((saved.phase.as_str(), row.result.as_str()), (tasks::ELSEWHERE, "未定"), "{}", house.on.engine);
    }
}

#[tokio::test]
async fn r2_4c_a_timeline_that_was_changed_behind_the_products_back_is_named() {
    for house in houses().await {
        let task = one_task(&house, &["13800000001"], "D1").await;
        outcome(&house, &task, "C01", "W1", "B05").await;
        assert_eq!(timeline::verify(&house.on.db).await.unwrap(), None);
        let rename = "UPDATE events SET actor_name = '别人' WHERE seq = 2";
        assert!(sqlx::query(rename).execute(house.on.db.read()).await.is_err(), "the database refuses it");
        let of = if house.on.engine == "postgres" { " ON events" } else { "" };
        let drop = format!("DROP TRIGGER events_no_update{of}");
        sqlx::query(sqlx::AssertSqlSafe(drop)).execute(house.on.db.read()).await.unwrap();
        sqlx::query(rename).execute(house.on.db.read()).await.unwrap();
        assert_eq!(timeline::verify(&house.on.db).await.unwrap(), Some((task, 2)), "{}", house.on.engine);
    }
}

#[tokio::test]
async fn who_did_not_answer_is_called_again_after_the_gap_of_the_rules() {
    for house in houses().await {
        let task = one_task(&house, &["13800002000"], "D1").await;
        outcome(&house, &task, "C02", "", "").await;
        let queue = tasks::queue(&house.on.db, &house.on.clock, &house.court).await.unwrap();
        assert_eq!((queue.ready, queue.later), (0, 1), "{}", house.on.engine);
        assert_eq!(queue.next_ms, Some(house.on.clock.now_ms() + 120 * 60_000));
        house.on.clock.advance(120 * 60_000);
        let queue = tasks::queue(&house.on.db, &house.on.clock, &house.court).await.unwrap();
        assert_eq!(queue.ready, 1);
    }
}

#[tokio::test]
async fn r2_4c_the_timeline_tells_who_did_what_when_and_what_came_of_it() {
    for house in houses().await {
        let task = one_task(&house, &["13800000001"], "D1").await;
        outcome(&house, &task, "C01", "W1", "B02").await;
        let events = timeline::list(&house.on.db, &task).await.unwrap();
        let last = events.last().unwrap();
        assert_eq!((last.seq, last.kind.as_str(), last.actor_name.as_str()), (2, "attempt", "liu"));
        assert_eq!((last.detail["contact"].as_str(), last.detail["business"].as_str()), (Some("W1"), Some("B02")));
        assert!(!last.detail.to_string().contains("很着急"), "the note is sealed");
    }
}

#[tokio::test]
async fn a_call_back_agreed_is_placed_at_its_time_and_before_all_others_then() {
    for house in houses().await {
        let task = one_task(&house, &["13800000001"], "D1").await;
        agreed(&house, &task, "B08", &[("at", "2026-11-23T15:30")], false).await;
        let queue = tasks::queue(&house.on.db, &house.on.clock, &house.court).await.unwrap();
        let half_past_three = house.on.clock.now_ms() + 390 * 60_000;
        assert_eq!((queue.ready, queue.next_ms), (0, Some(half_past_three)), "{}", house.on.engine);
        let soon = Some(house.on.clock.now_ms() + 86_400_000);
        let urgent = vec![party("q", None, &["13800000002"])];
        house.order_at("SD2", "（2026）陕0102民初2号", urgent, "D1", soon).await;
        house.on.clock.advance(390 * 60_000);
        let mut tx = house.on.db.begin().await.unwrap();
        assert_eq!(tasks::next(&mut tx, &house.on.clock, &house.court).await.unwrap(), Some(task));
    }
}

#[tokio::test]
async fn a_new_number_is_entered_as_unverified_and_called_at_once() {
    for house in houses().await {
        let task = one_task(&house, &["13800000001"], "D1").await;
        let saved =
            agreed(&house, &task, "B10", &[("phone", "029-8800 1234"), ("address", "尚德路116号3楼")], false).await;
        assert_eq!((saved.phase.as_str(), saved.next_en.as_str()), (tasks::WAITING, "Call the new number now"));
        let row = tasks::find(&house.on.db, &house.court, &task).await.unwrap();
        let phones = cases::phones(&house.on.db, &row.party_id).await.unwrap();
        assert_eq!(
            (phones[0].masked.as_str(), phones[0].label.as_str(), phones[0].source.as_str(), phones[0].state.as_str()),
            ("029-****1234", "待核实", "通话中提供", "有效"),
            "{}: before the number on file",
            house.on.engine
        );
        for secret in ["02988001234", "8800 1234", "尚德路116号"] {
            assert!(clear::places(&house.on, secret).await.is_empty(), "{}: {secret}", house.on.engine);
        }
        assert_eq!(tasks::queue(&house.on.db, &house.on.clock, &house.court).await.unwrap().ready, 1);
    }
}

#[tokio::test]
async fn e39_a_number_abroad_that_a_party_gives_is_kept_and_called_where_a_line_is_opened_for_its_place() {
    for house in houses().await {
        for (order, places) in [&[][..], &[Region::HongKong]].into_iter().enumerate() {
            let mut tx = house.on.db.begin().await.unwrap();
            open_for(&mut tx, &house.on.clock, &house.court, places).await.unwrap();
            tx.commit().await.unwrap();
            let number = format!("SD{order}");
            let own = format!("1380000000{order}");
            let parties = vec![party("p", None, &[&own])];
            let task =
                house.order(&number, &format!("（2026）陕0102民初{order}号"), parties, "D1").await.tasks[0].id.clone();
            let saved = agreed(&house, &task, "B10", &[("phone", "+85255501234")], false).await;
            let row = tasks::find(&house.on.db, &house.court, &task).await.unwrap();
            let phones = cases::phones(&house.on.db, &row.party_id).await.unwrap();
            let expected = if places.is_empty() { ("待核实", "不可拨") } else { (tasks::WAITING, "有效") };
            assert_eq!((saved.phase.as_str(), phones[0].state.as_str()), expected, "{}", house.on.engine);
            assert_eq!(phones[0].masked, "+852****1234");
        }
    }
}

#[tokio::test]
async fn a_new_address_alone_waits_to_be_verified_and_calls_nobody() {
    for house in houses().await {
        let task = one_task(&house, &["13800000001"], "D1").await;
        let saved = agreed(&house, &task, "B10", &[("email", "wang@example.cn")], false).await;
        assert_eq!(saved.phase, "待核实", "{}", house.on.engine);
    }
}

#[tokio::test]
async fn e45_a_line_that_went_dead_is_called_again_at_once_and_not_without_end() {
    for house in houses().await {
        let task = one_task(&house, &["13800000001"], "D1").await;
        for round in 0..3 {
            let saved = agreed(&house, &task, "B07", &[("kind", "line_lost")], round == 0).await;
            let row = tasks::find(&house.on.db, &house.court, &task).await.unwrap();
            assert!(row.resume_call.is_some(), "{}: what was cut off stays so", house.on.engine);
            let queue = tasks::queue(&house.on.db, &house.on.clock, &house.court).await.unwrap();
            match round {
                0 => assert_eq!((queue.ready, saved.next_en.as_str()), (1, "Cut off: call again first")),
                1 => assert_eq!((queue.ready, queue.later), (0, 1), "twice a day"),
                _ => assert_eq!(saved.next_en, "One more call by another agent", "the rules of the code, no more"),
            }
            house.on.clock.advance(if round == 0 { 1 } else { 24 * 3_600_000 });
        }
    }
}

#[tokio::test]
async fn e45_who_was_spoken_to_since_is_not_cut_off_any_more() {
    for house in houses().await {
        let task = one_task(&house, &["13800000001"], "D1").await;
        agreed(&house, &task, "B07", &[("kind", "line_lost")], true).await;
        agreed(&house, &task, "B12", &[], false).await;
        let row = tasks::find(&house.on.db, &house.court, &task).await.unwrap();
        assert_eq!(row.resume_call, None, "{}", house.on.engine);
    }
}

#[tokio::test]
async fn what_an_outcome_asked_for_is_never_changed() {
    for house in houses().await {
        let task = one_task(&house, &["13800000001"], "D1").await;
        agreed(&house, &task, "B01", &[("mobile", "13800000009")], false).await;
        for change in ["UPDATE attempt_fields SET masked = ''", "DELETE FROM attempt_fields", "DELETE FROM attempts"] {
            let refused = sqlx::query(change).execute(house.on.db.read()).await;
            assert!(refused.is_err(), "{}: {change}", house.on.engine);
        }
    }
}
