//! Calls that come in: whose they are, and what becomes of those that are nobody's (R4.4a,
//! R4.2d, E46).

use serde_json::json;
use songda_calls::Number;
use songda_desk::{
    Ground,
    calls::{
        Leg, legs,
        recorded::{self, Owner},
    },
    inbound::{self, End, Inbound, Linked, Listed, New, TakenBy, caller::Match, hours::Hours},
    recovery, work_orders,
};
use songda_people::Actor;
use songda_recordings::vault::{Manifest, RecordingId};
use songda_service::{
    cases,
    tasks::{self, TaskRow},
};
use songda_sip::OutboundCall;
use songda_store::{masked::Phone, new_id};
use sqlx::Row;

use crate::{
    clear,
    desk::{Desk, Ended, desks, form},
    house::party,
};

pub(crate) const KNOWN: &str = "13800001234";
pub(crate) const STRANGER: &str = "13800009876";

/// A call of this number that has just come in.
pub(crate) async fn comes(desk: &Desk, number: Option<&str>) -> (Inbound, Option<Match>) {
    let (id, recording) = (new_id(), new_id());
    let number = number.map(|number| Phone::parse(number).unwrap());
    let new = New {
        id: &id,
        court: &desk.house.court,
        called: "02988009000",
        trunk: "trunk",
        number: number.as_ref(),
        recording: &recording,
        language: "zh",
    };
    let mut tx = desk.ground.db.begin().await.unwrap();
    let found = inbound::begin(&mut tx, &desk.ground.clock, &desk.ground.sealer, &new).await.unwrap();
    tx.commit().await.unwrap();
    (inbound::find(&desk.ground.db, &desk.house.court, &id).await.unwrap(), found)
}

/// It ends after twenty seconds.
async fn ends(desk: &Desk, call: &Inbound, message: bool) {
    let db = &desk.ground.db;
    let call = inbound::find(db, &call.court_id, &call.id).await.unwrap();
    let began = desk.ground.clock.now_ms();
    desk.ground.clock.advance(20_000);
    let manifest = Manifest {
        id: RecordingId::new(&call.recording_id).unwrap(),
        started_ms: began,
        frames: 160_000,
        bytes: 640_044,
        sha256: "a".into(),
        sm3: "b".into(),
        recovered: false,
        gaps: vec![],
    };
    let end = End {
        ended_ms: desk.ground.clock.now_ms(),
        by: "party",
        talk_ms: call.talk_from_ms.map_or(0, |_| 15_000),
        answered_ms: Some(began),
        facts: json!({}),
        recording: Some(&manifest),
        incomplete: false,
        prompt_spans: json!([]),
        quality: json!({}),
        marks: json!([]),
        message,
        leg: Leg::Down,
    };
    let mut tx = db.begin().await.unwrap();
    assert!(inbound::end(&mut tx, &desk.ground.clock, &Hours::default(), &call, &end).await.unwrap());
    assert!(!inbound::end(&mut tx, &desk.ground.clock, &Hours::default(), &call, &end).await.unwrap(), "once");
    tx.commit().await.unwrap();
}

/// This agent talks to a caller whom nobody knows.
async fn talks(desk: &Desk, call: &Inbound, agent: &Actor) {
    let mut tx = desk.ground.db.begin().await.unwrap();
    assert!(inbound::take_stray(&mut tx, &desk.ground.clock, &call.id, agent).await.unwrap());
    assert!(!inbound::take_stray(&mut tx, &desk.ground.clock, &call.id, agent).await.unwrap(), "one agent takes it");
    tx.commit().await.unwrap();
    let now = desk.ground.clock.now_ms();
    inbound::answered(&desk.ground.db, &call.id, now, Some(now)).await.unwrap();
}

async fn open(desk: &Desk) -> Vec<inbound::Item> {
    inbound::items(&desk.ground.db, &desk.house.court, Listed::Open, None, 50).await.unwrap()
}

#[tokio::test]
async fn r4_4a_a_caller_is_matched_to_his_open_task_and_to_the_agent_who_spoke_to_him_last() {
    for desk in desks().await {
        let (_, found) = comes(&desk, Some(KNOWN)).await;
        let found = found.unwrap();
        assert_eq!((&found.holder, &found.last_agent), (&None, &None), "{}: nobody called him yet", desk.engine());
        assert!(comes(&desk, Some(STRANGER)).await.1.is_none() && comes(&desk, None).await.1.is_none());
        assert!(comes(&desk, Some(KNOWN)).await.1.is_none(), "he is on the line already");
    }
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended::default()).await;
        desk.save(&desk.liu, &call.id, form("W1", "B09", &[])).await.ok();
        let found = comes(&desk, Some(KNOWN)).await.1.unwrap();
        assert_eq!(found.task, order.task_id);
        assert_eq!(found.last_agent.as_deref(), Some(desk.liu.user_id.as_str()), "{}", desk.engine());
    }
}

#[tokio::test]
async fn r4_4a_a_number_that_went_over_to_somebody_else_shows_no_case() {
    for desk in desks().await {
        let mut tx = desk.ground.db.begin().await.unwrap();
        sqlx::query("UPDATE phones SET state = '易主'").execute(&mut *tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(comes(&desk, Some(KNOWN)).await.1.is_none(), "{}", desk.engine());
    }
}

async fn is_now(desk: &Desk, phase: &str) {
    let mut tx = desk.ground.db.begin().await.unwrap();
    sqlx::query("UPDATE tasks SET phase = $1").bind(phase).execute(&mut *tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn r4_4a_who_agreed_on_a_channel_and_calls_back_is_known_and_his_task_stays_as_it_is() {
    for desk in desks().await {
        for phase in ["待核实", "已约定渠道", "挂起", "待出报告"] {
            is_now(&desk, phase).await;
            let (call, found) = comes(&desk, Some(KNOWN)).await;
            let found = found.unwrap_or_else(|| panic!("{}: {phase}", desk.engine()));
            let by = TakenBy { agent: &desk.liu, kid: "k", order: None, script: "general-v1" };
            let mut tx = desk.ground.db.begin().await.unwrap();
            let order = inbound::take_for_task(&mut tx, &desk.ground.clock, &call.id, &found, &by).await.unwrap();
            assert!(order.is_none(), "{}: no call is owed in {phase}", desk.engine());
            drop(tx);
            talks(&desk, &call, &desk.liu).await;
            ends(&desk, &call, false).await;
            assert_eq!(desk.task(&found.task).await.phase, phase, "{}", desk.engine());
            let item = open(&desk).await.into_iter().find(|item| item.id == call.id).unwrap();
            assert_eq!(item.task.map(|task| task.id), Some(found.task), "{}: it stands beside him", desk.engine());
        }
        is_now(&desk, "送达完成").await;
        assert!(comes(&desk, Some(KNOWN)).await.1.is_none(), "{}: it is closed", desk.engine());
    }
}

#[tokio::test]
async fn r4_4a_a_task_that_takes_a_call_comes_before_one_that_is_past_its_calls() {
    for desk in desks().await {
        let (call, found) = comes(&desk, Some(KNOWN)).await;
        ends(&desk, &call, true).await;
        let waiting = found.unwrap().task;
        // A newer case of somebody with the same number, whose channel is agreed.
        let parties = vec![party("q", Some("110101199003074477"), &[KNOWN])];
        desk.house.order("2", "(2026)陕0102民初2号", parties, "传票").await;
        let mut tx = desk.ground.db.begin().await.unwrap();
        let sql = "UPDATE tasks SET phase = '已约定渠道', created_ms = created_ms + 1000 WHERE id <> $1";
        assert_eq!(sqlx::query(sql).bind(&waiting).execute(&mut *tx.conn()).await.unwrap().rows_affected(), 1);
        tx.commit().await.unwrap();
        assert_eq!(comes(&desk, Some(KNOWN)).await.1.unwrap().task, waiting, "{}", desk.engine());
    }
}

#[tokio::test]
async fn r4_2d_a_recording_that_was_not_closed_says_so_in_the_list() {
    for desk in desks().await {
        let (db, clock) = (&desk.ground.db, &desk.ground.clock);
        let (never, _) = comes(&desk, None).await;
        let (call, _) = comes(&desk, Some(STRANGER)).await;
        inbound::recording_began(db, &call.id, clock.now_ms()).await.unwrap();
        for call in [&never, &call] {
            inbound::answered(db, &call.id, clock.now_ms(), None).await.unwrap();
        }
        // The server dies, and no block of it was sealed.
        recovery::run(&desk.ground).await.unwrap();
        let listed = open(&desk).await;
        let state = |id: &str| listed.iter().find(|item| item.id == id).unwrap().recording.clone();
        assert_eq!(state(&call.id), Some(("unsealed".to_owned(), 0)), "{}", desk.engine());
        assert_eq!(state(&never.id), None, "{}: nothing was ever heard", desk.engine());
        // Closed at last, it is one like any other.
        let manifest = Manifest {
            id: RecordingId::new(&call.recording_id).unwrap(),
            started_ms: clock.now_ms(),
            frames: 160_000,
            bytes: 640_044,
            sha256: "a".into(),
            sm3: "b".into(),
            recovered: true,
            gaps: vec![],
        };
        let mut tx = db.begin().await.unwrap();
        recorded::enter(&mut tx, clock, Owner::Caller(&call.id), &call.court_id, &manifest, false).await.unwrap();
        tx.commit().await.unwrap();
        let item = open(&desk).await.into_iter().find(|item| item.id == call.id).unwrap();
        assert_eq!(item.recording, Some(("recovered".to_owned(), 20_000)), "{}", desk.engine());
    }
}

#[tokio::test]
async fn e46_nobody_is_given_the_person_who_calls_us_and_the_agent_who_takes_it_has_the_work_order() {
    for desk in desks().await {
        let (call, found) = comes(&desk, Some(KNOWN)).await;
        assert!(desk.take(&desk.wang).await.is_none(), "{}: he is on the line", desk.engine());
        let by = TakenBy { agent: &desk.liu, kid: "k", order: None, script: "general-v1" };
        let mut tx = desk.ground.db.begin().await.unwrap();
        let found = found.unwrap();
        let order = inbound::take_for_task(&mut tx, &desk.ground.clock, &call.id, &found, &by).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        let row = desk.call(&call.id).await;
        assert_eq!((row.direction.as_str(), row.task_id, row.work_order_id), ("in", found.task.clone(), order.id));
        assert_eq!(desk.task(&found.task).await.phase, tasks::CALLING);
        assert!(desk.take(&desk.wang).await.is_none() && open(&desk).await.is_empty(), "it is in no list");
        let again = inbound::find(&desk.ground.db, &desk.house.court, &call.id).await.unwrap();
        assert_eq!(again.state, "ended", "it is a call of the task, and ends as one");
        assert!(desk.events(&found.task).await.contains(&"incoming".to_owned()));
        assert!(desk.log().await.contains(&("inbound.take".into(), "ok".into())));
    }
}

#[tokio::test]
async fn e46_who_has_the_work_order_in_hand_gets_the_call_under_it() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let (call, found) = comes(&desk, Some(KNOWN)).await;
        let found = found.unwrap();
        assert_eq!(found.holder.as_deref(), Some(desk.liu.user_id.as_str()));
        let mut tx = desk.ground.db.begin().await.unwrap();
        let wang = TakenBy { agent: &desk.wang, kid: "k", order: None, script: "general-v1" };
        let foreign = inbound::take_for_task(&mut tx, &desk.ground.clock, &call.id, &found, &wang).await.unwrap();
        assert!(foreign.is_none(), "{}: the person is locked", desk.engine());
        drop(tx);
        let by = TakenBy { agent: &desk.liu, kid: "k", order: Some(&order), script: "general-v1" };
        let mut tx = desk.ground.db.begin().await.unwrap();
        let same = inbound::take_for_task(&mut tx, &desk.ground.clock, &call.id, &found, &by).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert_eq!((same.id, desk.call(&call.id).await.work_order_id), (order.id.clone(), order.id));
    }
}

#[tokio::test]
async fn r4_2d_a_call_of_nobody_stands_in_the_list_until_it_is_linked_and_is_the_tasks_then() {
    for desk in desks().await {
        let (call, _) = comes(&desk, Some(STRANGER)).await;
        talks(&desk, &call, &desk.liu).await;
        ends(&desk, &call, false).await;
        assert_eq!(clear::places(&desk.house.on, STRANGER).await, Vec::<String>::new(), "{}", desk.engine());
        let listed = open(&desk).await;
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].masked.as_str(), listed[0].agent.as_str()), ("138****9876", "liu"));
        assert!(listed[0].task.is_none() && !listed[0].call_back && listed[0].recording.is_some());
        let task = tasks::list(&desk.ground.db, &desk.house.court, None, None, None, None, 9).await.unwrap().remove(0);
        assert_eq!(inbound::link(&desk.ground, &desk.wang, &call.id, &task.id).await.unwrap(), Linked::Done);
        let again = inbound::link(&desk.ground, &desk.wang, &call.id, &task.id).await.unwrap();
        assert_eq!(again, Linked::SettledBefore);
        assert!(!inbound::dismiss(&desk.ground.db, &desk.ground.clock, &desk.wang, &call.id, "x").await.unwrap());
        assert!(open(&desk).await.is_empty());
        let row = desk.call(&call.id).await;
        assert_eq!((row.task_id.as_str(), row.direction.as_str()), (task.id.as_str(), "in"));
        assert_eq!((row.outcome_state.as_str(), row.agent_id.as_str()), ("owed", desk.liu.user_id.as_str()));
        assert!(
            recorded::find(&desk.ground.db, Owner::Call(&call.id)).await.unwrap().is_some(),
            "its recording came along"
        );
        assert!(recorded::find(&desk.ground.db, Owner::Caller(&call.id)).await.unwrap().is_none());
        let phones = cases::phones(&desk.ground.db, &task.party_id).await.unwrap();
        assert!(phones.iter().any(|phone| phone.source == "来电" && phone.masked == "138****9876"));
        assert!(desk.events(&task.id).await.contains(&"incoming".to_owned()));
        assert!(desk.log().await.contains(&("inbound.link".into(), "ok".into())));
        let settled = inbound::items(&desk.ground.db, &desk.house.court, Listed::Settled, None, 50).await.unwrap();
        assert_eq!((settled[0].state.as_str(), settled[0].settled_by.as_str()), ("linked", "wang"));
        assert!(settled[0].recording.is_some() && settled[0].task.is_some());
    }
}

#[tokio::test]
async fn r4_2d_a_withheld_number_can_be_linked_and_its_call_dismissed_with_a_reason() {
    for desk in desks().await {
        let (call, _) = comes(&desk, None).await;
        ends(&desk, &call, true).await;
        let listed = open(&desk).await;
        assert_eq!((listed[0].masked.as_str(), listed[0].call_back, listed[0].message), ("未显示号码", false, true));
        assert!(inbound::dismiss(&desk.ground.db, &desk.ground.clock, &desk.wang, &call.id, "推销电话").await.unwrap());
        assert!(open(&desk).await.is_empty() && desk.log().await.contains(&("inbound.dismiss".into(), "ok".into())));
        assert!(
            recorded::find(&desk.ground.db, Owner::Caller(&call.id)).await.unwrap().is_some(),
            "the recording stays"
        );
        let (second, _) = comes(&desk, None).await;
        ends(&desk, &second, true).await;
        let task = tasks::list(&desk.ground.db, &desk.house.court, None, None, None, None, 9).await.unwrap().remove(0);
        assert_eq!(inbound::link(&desk.ground, &desk.wang, &second.id, &task.id).await.unwrap(), Linked::Done);
        let row = desk.call(&second.id).await;
        assert_eq!((row.is_attempt, row.outcome_state.as_str()), (false, ""), "a message is no attempt");
        let dialable = cases::phones(&desk.ground.db, &task.party_id).await.unwrap();
        assert!(
            dialable.iter().any(|phone| phone.masked == "未显示号码" && phone.state == "不可拨"),
            "{}",
            desk.engine()
        );
    }
}

#[tokio::test]
async fn r4_4a_who_called_in_vain_is_called_back_before_all_others_when_the_court_is_open() {
    for desk in desks().await {
        let (call, found) = comes(&desk, Some(KNOWN)).await;
        // Ten in the evening.
        desk.ground.clock.advance(13 * 3_600_000);
        ends(&desk, &call, true).await;
        let listed = open(&desk).await;
        assert!(listed[0].call_back && listed[0].message && listed[0].task.is_some(), "{}", desk.engine());
        assert!(desk.take(&desk.liu).await.is_none(), "not at night");
        desk.ground.clock.advance(11 * 3_600_000);
        assert_eq!(desk.take(&desk.liu).await.unwrap().task_id, found.unwrap().task);
    }
}

/// The only task of a court.
async fn task_of(desk: &Desk) -> TaskRow {
    tasks::list(&desk.ground.db, &desk.house.court, None, None, None, None, 9).await.unwrap().remove(0)
}

/// Whether a task comes before all others.
async fn is_first(desk: &Desk, task: &str) -> bool {
    let row = sqlx::query("SELECT front FROM tasks WHERE id = $1").bind(task).fetch_one(desk.ground.db.read()).await;
    row.unwrap().get::<i64, _>(0) == 1
}

async fn set_phase(desk: &Desk, phase: &str) {
    let mut tx = desk.ground.db.begin().await.unwrap();
    sqlx::query("UPDATE tasks SET phase = $1, front = 0").bind(phase).execute(&mut *tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn r4_4a_who_left_a_message_from_an_unknown_number_is_called_back_once_it_is_linked() {
    for desk in desks().await {
        let task = task_of(&desk).await;
        for (phase, number) in [
            (tasks::WAITING, "13800009871"),
            (tasks::SEARCHING, "13800009872"),
            (tasks::ELSEWHERE, "13800009873"),
            (tasks::SERVED, "13800009874"),
        ] {
            let (call, found) = comes(&desk, Some(number)).await;
            assert!(found.is_none());
            ends(&desk, &call, true).await;
            set_phase(&desk, phase).await;
            assert_eq!(inbound::link(&desk.ground, &desk.wang, &call.id, &task.id).await.unwrap(), Linked::Done);
            let after = desk.task(&task.id).await;
            let wanted = phase != tasks::SERVED;
            assert_eq!(after.phase, if wanted { tasks::WAITING } else { phase }, "{}: {phase}", desk.engine());
            assert_eq!(is_first(&desk, &task.id).await, wanted, "{}: {phase}", desk.engine());
            assert!(!wanted || after.next_step == "来电未接通，优先回拨");
        }
    }
}

#[tokio::test]
async fn r4_4a_who_was_spoken_to_since_his_message_is_not_called_back_for_it() {
    for desk in desks().await {
        let (call, _) = comes(&desk, Some(STRANGER)).await;
        ends(&desk, &call, true).await;
        let order = desk.take(&desk.liu).await.unwrap();
        let spoken = desk.ended(&desk.liu, &order, &Ended::default()).await;
        desk.save(&desk.liu, &spoken.id, form("W1", "B09", &[])).await.ok();
        set_phase(&desk, tasks::WAITING).await;
        assert_eq!(inbound::link(&desk.ground, &desk.wang, &call.id, &order.task_id).await.unwrap(), Linked::Done);
        assert!(!is_first(&desk, &order.task_id).await, "{}", desk.engine());
    }
}

#[tokio::test]
async fn r4_4a_who_calls_in_vain_while_an_agent_has_his_task_comes_first_when_it_is_given_back() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let (call, found) = comes(&desk, Some(KNOWN)).await;
        assert_eq!(found.unwrap().task, order.task_id);
        ends(&desk, &call, false).await;
        assert_eq!(desk.task(&order.task_id).await.phase, tasks::CALLING, "{}: he keeps it", desk.engine());
        let mut tx = desk.ground.db.begin().await.unwrap();
        let by = songda_service::timeline::SYSTEM;
        work_orders::close(&mut tx, &desk.ground.clock, &order.id, &order.task_id, &by, true).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(desk.task(&order.task_id).await.phase, tasks::WAITING);
        assert!(is_first(&desk, &order.task_id).await, "{}", desk.engine());
    }
}

#[tokio::test]
async fn e39_r4_4a_who_has_an_extension_on_file_is_found_by_the_number_of_his_switchboard() {
    for desk in desks().await {
        let parties = vec![party("q", Some("110101199003074477"), &["0917-3261234转801"])];
        desk.house.order("SD2", "（2026）陕0102民初2号", parties, "D1").await;
        let (call, found) = comes(&desk, Some("09173261234")).await;
        let found = found.unwrap_or_else(|| panic!("{}: he is not found", desk.engine()));
        let task = desk.task(&found.task).await;
        ends(&desk, &call, true).await;
        assert_eq!(inbound::link(&desk.ground, &desk.wang, &call.id, &task.id).await.unwrap(), Linked::Done);
        let phones = cases::phones(&desk.ground.db, &task.party_id).await.unwrap();
        assert_eq!(phones.len(), 1, "{}: his switchboard is no second number", desk.engine());

        let mut tx = desk.ground.db.begin().await.unwrap();
        sqlx::query("UPDATE phones SET main_index = NULL").execute(&mut *tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(comes(&desk, Some("09173261234")).await.1.is_none(), "as an earlier version left it");
        recovery::run(&desk.ground).await.unwrap();
        assert_eq!(comes(&desk, Some("09173261234")).await.1.unwrap().task, task.id, "{}", desk.engine());
    }
}

#[tokio::test]
async fn a_call_that_came_in_has_its_way_and_its_name_on_the_wire() {
    for desk in desks().await {
        let (call, _) = comes(&desk, Some(STRANGER)).await;
        let outbound = OutboundCall {
            trunk: std::sync::Arc::default(),
            callee: Number::new(STRANGER),
            caller: Number::new("02988009000"),
            offer: "v=0\r\n".into(),
            ring_limit: std::time::Duration::from_mins(1),
        };
        let prepared = desk
            .ground
            .switchboard
            .endpoint()
            .prepare(outbound, "127.0.0.1:5060".parse::<std::net::SocketAddr>().unwrap());
        let (Ground { db, sealer, .. }, court) = (&desk.ground, &desk.house.court);
        assert!(inbound::keep_leg(db, sealer, court, &call.id, prepared.saved()).await.unwrap());
        let ways = legs::ways(db, sealer, court, &call.id).await.unwrap();
        assert_eq!(ways.len(), 1, "{}", desk.engine());
        assert!(ways[0].incoming && ways[0].ended_ms.is_none() && ways[0].caller == "02988009000");
        assert_eq!(ways[0].sip_call_id, prepared.saved().call_id());
        let clear = sqlx::query("SELECT sip_call_id FROM inbound_calls").fetch_one(db.read()).await.unwrap();
        assert_eq!(clear.get::<String, _>(0), "", "{}: it may hold his number", desk.engine());
        assert!(legs::ways(db, sealer, "other", &call.id).await.unwrap().is_empty());
        ends(&desk, &call, false).await;
        let ways = legs::ways(db, sealer, court, &call.id).await.unwrap();
        assert!(
            ways[0].ended_ms.is_some() && !ways[0].sip_call_id.is_empty(),
            "{}: it stays to be looked at",
            desk.engine()
        );
    }
}

#[tokio::test]
async fn r4_2a_a_kill_while_a_caller_waits_leaves_him_in_the_list_and_frees_his_person() {
    for desk in desks().await {
        let (call, _) = comes(&desk, Some(KNOWN)).await;
        inbound::answered(&desk.ground.db, &call.id, desk.ground.clock.now_ms(), None).await.unwrap();
        recovery::run(&desk.ground).await.unwrap();
        recovery::run(&desk.ground).await.unwrap();
        let listed = open(&desk).await;
        assert!(listed.len() == 1 && listed[0].call_back, "{}", desk.engine());
        assert!(desk.take(&desk.liu).await.is_some(), "he can be called");
    }
}

#[tokio::test]
async fn r4_4a_a_known_caller_who_is_spoken_to_without_his_task_is_nobody_elses_to_call_meanwhile() {
    for desk in desks().await {
        let (call, found) = comes(&desk, Some(KNOWN)).await;
        assert!(found.is_some());
        talks(&desk, &call, &desk.liu).await;
        assert!(desk.take(&desk.wang).await.is_none(), "{}", desk.engine());
        ends(&desk, &call, false).await;
        assert!(desk.take(&desk.wang).await.is_some(), "{}: he is off the line", desk.engine());
    }
}

#[tokio::test]
async fn r4_4a_hours_are_the_courts_to_set() {
    for desk in desks().await {
        let (db, court) = (&desk.ground.db, &desk.house.court);
        assert_eq!(inbound::hours::of(db, court).await.unwrap(), Hours::default());
        let other = Hours {
            days: vec![1, 6],
            opens: 540,
            closes: 1_080,
            wait_s: 30,
            message_s: 0,
            exceptions: [(20_727, false)].into(),
        };
        inbound::hours::change(db, &desk.ground.clock, &desk.liu, &other).await.unwrap();
        assert_eq!(inbound::hours::of(db, court).await.unwrap(), other, "{}", desk.engine());
        let rows =
            sqlx::query("SELECT COUNT(*) FROM audit WHERE action = 'inbound.settings'").fetch_one(db.read()).await;
        assert_eq!(rows.unwrap().get::<i64, _>(0), 1);
    }
}
