//! A call that is handed over, in the books and between two seats (R4.1a).

use serde_json::{Value, json};
use songda_desk::{
    calls::{
        self,
        transfers::{self, Done, NewTransfer, Taker, TargetKind},
    },
    checklist::{self, Tick},
    outcomes::{
        draft,
        owed::{self, Why},
    },
    recovery,
    seats::{Command, TransferMode, takes_calls},
    work_orders::{self, WorkOrder},
};
use songda_store::new_id;
use sqlx::Row;

use crate::{
    desk::{Desk, Ended, desks, form, frame},
    seats::Seated,
};

/// A transfer of this call that rings.
async fn asks(desk: &Desk, call: &str, kind: TargetKind, to: &str, name: &str) -> String {
    let id = new_id();
    let new = NewTransfer {
        id: &id,
        call,
        court: &desk.house.court,
        from: &desk.liu.user_id,
        mode: "attended",
        kind,
        to,
        to_name: name,
    };
    let mut tx = desk.ground.db.begin().await.unwrap();
    transfers::begin(&mut tx, &desk.ground.clock, &new).await.unwrap();
    transfers::consulting(&mut tx, &desk.ground.clock, &id).await.unwrap();
    tx.commit().await.unwrap();
    id
}

fn done<'a>(desk: &'a Desk, id: &'a str, call: &'a str, order: &'a WorkOrder, to_name: &'a str) -> Done<'a> {
    Done { id, call, order: Some(order), from: &desk.liu, mode: "attended", to_name, offset_ms: Some(12_000) }
}

/// A call of Liu's that is on the line, with one step said and something filled in.
async fn talks(desk: &Desk) -> (WorkOrder, String) {
    let order = desk.take(&desk.liu).await.unwrap();
    let call = desk.begun(&desk.liu, &order).await.id;
    let now = desk.ground.clock.now_ms();
    calls::answered(&desk.ground.db, &call, now, Some(now)).await.unwrap();
    let mut tx = desk.ground.db.begin().await.unwrap();
    let tick = Tick { step: "identify".into(), at_ms: now, offset_ms: Some(1_000) };
    checklist::tick(&mut tx, &call, &tick, true).await.unwrap();
    tx.commit().await.unwrap();
    draft::keep(&desk.ground, &desk.liu, &call, form("W1", "B09", &[])).await.unwrap();
    (order, call)
}

async fn holder(desk: &Desk, task: &str) -> String {
    let row = sqlx::query("SELECT agent_id FROM person_locks WHERE task_id = $1")
        .bind(task)
        .fetch_one(desk.ground.db.read())
        .await
        .unwrap();
    row.get(0)
}

#[tokio::test]
async fn r4_1a_a_colleague_who_takes_the_call_has_work_order_ticks_and_draft_and_the_first_agent_is_free() {
    for desk in desks().await {
        let (order, call) = talks(&desk).await;
        let id = asks(&desk, &call, TargetKind::Seat, &desk.wang.user_id, "王坐席").await;
        let taker = Taker { agent: desk.wang.clone(), kid: "kw".into() };
        let mut tx = desk.ground.db.begin().await.unwrap();
        let done = done(&desk, &id, &call, &order, "王坐席");
        let his = transfers::to_colleague(&mut tx, &desk.ground.clock, &done, &taker).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        let db = &desk.ground.db;
        let row = desk.call(&call).await;
        assert_eq!((&row.agent_id, &row.work_order_id), (&desk.wang.user_id, &his.id), "{}", desk.engine());
        assert_eq!((his.session.as_str(), his.state.as_str()), (desk.wang.session.as_str(), "offered"));
        assert!(work_orders::opened(db, &desk.ground.clock, &desk.wang, &his.id).await.unwrap());
        assert!(!work_orders::opened(db, &desk.ground.clock, &desk.liu, &order.id).await.unwrap(), "his is closed");
        assert!(work_orders::active(db, &desk.liu.user_id).await.unwrap().is_none(), "he is free for another");
        assert_eq!(holder(&desk, &order.task_id).await, desk.wang.user_id);
        assert_eq!(checklist::ticks(db, &call).await.unwrap().len(), 1);
        let kept = draft::of_agent(&desk.ground, &desk.wang, &call).await.unwrap().unwrap();
        assert_eq!(kept.business, "B09", "what was filled in goes along");
        assert!(draft::of_agent(&desk.ground, &desk.liu, &call).await.is_err(), "and is no longer the first agent's");
        let told = transfers::of_call(db, &call).await.unwrap();
        let told: Vec<_> = told.iter().map(|it| (it.state.as_str(), it.to_name.as_str(), it.offset_ms)).collect();
        assert_eq!(told, [("done", "王坐席", Some(12_000))]);
        let events = desk.events(&order.task_id).await;
        assert!(events.contains(&"transferred".to_owned()) && !events.contains(&"released".to_owned()), "{events:?}");
        assert!(songda_service::timeline::verify(db).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn r4_1a_a_call_at_a_desk_phone_leaves_its_agent_free_and_its_outcome_is_owed_by_him() {
    for desk in desks().await {
        let (order, call) = talks(&desk).await;
        let id = asks(&desk, &call, TargetKind::Phone, "phone-1", "值班室").await;
        let mut tx = desk.ground.db.begin().await.unwrap();
        transfers::to_phone(&mut tx, &desk.ground.clock, &done(&desk, &id, &call, &order, "值班室")).await.unwrap();
        tx.commit().await.unwrap();
        let db = &desk.ground.db;
        assert!(work_orders::active(db, &desk.liu.user_id).await.unwrap().is_none(), "{}", desk.engine());
        desk.ground.clock.advance(work_orders::LIFETIME_MS + 1);
        let expired = work_orders::expire_all(db, &desk.ground.clock).await.unwrap();
        assert!(expired.is_empty(), "the house holds it as long as the call lasts");
        assert!(desk.take(&desk.wang).await.is_none(), "nobody calls him meanwhile");
        let row = desk.call(&call).await;
        let ended = desk.ends(&row, &Ended::default()).await;
        assert!(owed::leave(&desk.ground, None, &ended, Why::Transferred).await.unwrap());
        let owed = owed::list(db, &desk.liu.user_id).await.unwrap();
        assert_eq!(owed.iter().map(|it| it.call_id.as_str()).collect::<Vec<_>>(), [call.as_str()]);
        let saved = desk.save(&desk.liu, &call, form("W1", "B07", &[("kind", "refused")])).await;
        assert!(saved.is_ok(), "{saved:?}");
    }
}

#[tokio::test]
async fn r4_1a_a_transfer_that_a_kill_cut_off_came_to_nothing() {
    for desk in desks().await {
        let (_, call) = talks(&desk).await;
        asks(&desk, &call, TargetKind::Seat, &desk.wang.user_id, "王坐席").await;
        recovery::run(&desk.ground).await.unwrap();
        let told = transfers::of_call(&desk.ground.db, &call).await.unwrap().remove(0);
        assert_eq!((told.state.as_str(), told.reason.as_str()), ("failed", "restart"), "{}", desk.engine());
        let row = desk.call(&call).await;
        assert_eq!(row.agent_id, desk.liu.user_id);
        let of_task = transfers::of_task(&desk.ground.db, &row.task_id).await.unwrap();
        assert_eq!(of_task.into_iter().collect::<Vec<_>>(), [(call, vec![told])], "{}", desk.engine());
    }
}

#[tokio::test]
async fn r4_1a_a_colleague_who_is_not_free_is_shown_so_and_without_a_call_nothing_is_handed_over() {
    for desk in desks().await {
        let liu = Seated::new(&desk, &desk.liu).await;
        let wang = liu.beside(&desk, &desk.wang).await;
        let mut page = liu.open(&desk.liu, "one", false).await;
        let snapshot = frame(&mut page.frames, "snapshot").await;
        assert!(snapshot["transfer_offer"].is_null());
        let shown = liu.seats.colleagues(&desk.house.court, &desk.liu.user_id).await;
        assert!(shown.len() == 1 && !takes_calls(shown[0].state), "{}: {shown:?}", desk.engine());
        let mut his = wang.open(&desk.wang, "two", false).await;
        frame(&mut his.frames, "snapshot").await;
        wang.tell(Command::Ready).await;
        frame(&mut his.frames, "work_order").await;
        let shown = liu.seats.colleagues(&desk.house.court, &desk.liu.user_id).await;
        assert!(takes_calls(shown[0].state), "one with a work order that he did not dial may take a call");
        liu.tell(Command::Transfer {
            call: "none".into(),
            mode: TransferMode::Blind,
            kind: TargetKind::Seat,
            to: desk.wang.user_id.clone(),
        })
        .await;
        let told = frame(&mut page.frames, "error").await;
        assert_eq!(told["code"], "transfer.not_now");
        // A word about a call that does not ring here changes nothing.
        wang.tell(Command::TransferAccept { call: "none".into(), sdp: String::new() }).await;
        assert_eq!(frame(&mut his.frames, "transfer_gone").await["reason"], "gone");
        wang.tell(Command::Pause).await;
        let states: Vec<Value> = vec![frame(&mut his.frames, "agent").await["state"].clone()];
        assert_eq!(json!(states), json!(["paused"]));
    }
}
