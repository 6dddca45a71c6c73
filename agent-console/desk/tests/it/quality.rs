//! How well a call was heard, in the books: what was measured while it lived outlives a kill, and says
//! until when it is known (R4.1a).

use serde_json::{Value, json};
use songda_desk::{
    calls,
    inbound::{self, TakenBy},
    recovery,
};
use songda_recordings::vault::RecordingId;
use songda_store::{alarms, clock::rfc3339};

use crate::{
    desk::{Desk, Ended, desks},
    inbound::{KNOWN, STRANGER, comes},
};

/// What a call tells after ten seconds, as it is kept.
fn measured(desk: &Desk) -> Value {
    desk.ground.clock.advance(10_000);
    let leg = json!({ "received": 480, "lost": 20, "mos": 3.9 });
    calls::measured_until(&json!({ "agent": leg, "party": leg }), desk.ground.clock.now_ms())
}

fn read(kept: &str) -> Value {
    serde_json::from_str(kept).unwrap()
}

/// What is kept of a caller's call.
async fn of_caller(desk: &Desk, id: &str) -> Value {
    let sql = "SELECT quality FROM inbound_calls WHERE id = $1";
    let row = sqlx::query(sql).bind(id).fetch_one(desk.ground.db.read()).await.unwrap();
    read(&sqlx::Row::get::<String, _>(&row, 0))
}

#[tokio::test]
async fn r4_1a_a_killed_call_keeps_how_well_it_was_heard_and_says_until_when() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await.id;
        let (db, now) = (&desk.ground.db, desk.ground.clock.now_ms());
        calls::answered(db, &call, now, Some(now)).await.unwrap();
        calls::measured(db, &call, &measured(&desk)).await.unwrap();
        let last = measured(&desk);
        calls::measured(db, &call, &last).await.unwrap();
        desk.ground.clock.advance(4_000);
        recovery::run(&desk.ground).await.unwrap();
        let kept = read(&desk.call(&call).await.quality);
        assert_eq!(kept, last, "{}", desk.engine());
        assert_eq!((&kept["until_at"], &kept["party"]["lost"]), (&json!(rfc3339(now + 20_000)), &json!(20)));
        calls::measured(db, &call, &json!({})).await.unwrap();
        assert_eq!(read(&desk.call(&call).await.quality), last, "it is over: nothing is measured any more");
    }
}

#[tokio::test]
async fn x2_a_recording_whose_file_is_gone_after_a_kill_rings_with_case_and_task_and_one_that_was_never_whole_does_not()
{
    for gone in [true, false] {
        for desk in desks().await {
            let order = desk.take(&desk.liu).await.unwrap();
            let call = desk.begun(&desk.liu, &order).await;
            let (db, now) = (&desk.ground.db, desk.ground.clock.now_ms());
            calls::answered(db, &call.id, now, Some(now)).await.unwrap();
            calls::recording_began(db, &call.id, now).await.unwrap();
            if !gone {
                let id = RecordingId::new(call.recording_id.as_ref().unwrap()).unwrap();
                drop(desk.ground.vault.begin(&id, now).unwrap());
            }
            desk.ground.clock.advance(20_000);
            recovery::run(&desk.ground).await.unwrap();
            let open = alarms::open_for(db, &desk.house.court).await.unwrap();
            let told: Vec<_> = open.iter().filter(|alarm| alarm.kind == "recording.lost").collect();
            assert_eq!(told.len(), usize::from(gone), "{}: {open:?}", desk.engine());
            let task = desk.task(&order.task_id).await;
            for alarm in told {
                let said = alarm.said.to_stored();
                assert!(alarm.object_id == call.id && said.contains(&task.number), "{said}");
                assert!(said.contains("民初") && said.contains(call.recording_id.as_ref().unwrap()), "{said}");
            }
        }
    }
}

#[tokio::test]
async fn r4_1a_a_call_that_ended_well_is_known_to_its_end_and_says_no_until() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await;
        let (db, now) = (&desk.ground.db, desk.ground.clock.now_ms());
        calls::answered(db, &call.id, now, Some(now)).await.unwrap();
        calls::measured(db, &call.id, &measured(&desk)).await.unwrap();
        let call = desk.call(&call.id).await;
        let ended = desk.ends(&call, &Ended::default()).await;
        assert_eq!(read(&ended.quality), json!({}), "{}: what its end told", desk.engine());
    }
}

#[tokio::test]
async fn r4_1a_a_callers_call_keeps_how_well_it_was_heard_when_an_agent_takes_it_and_when_the_server_dies() {
    for desk in desks().await {
        let (db, clock) = (&desk.ground.db, &desk.ground.clock);
        let (known, found) = comes(&desk, Some(KNOWN)).await;
        let (stranger, _) = comes(&desk, Some(STRANGER)).await;
        let last = measured(&desk);
        for call in [&known, &stranger] {
            inbound::measured(db, &call.id, &last).await.unwrap();
        }
        let by = TakenBy { agent: &desk.liu, kid: "k", order: None, script: "general-v1" };
        let mut tx = db.begin().await.unwrap();
        inbound::take_for_task(&mut tx, clock, &known.id, &found.unwrap(), &by).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert_eq!(read(&desk.call(&known.id).await.quality), last, "{}: taken", desk.engine());
        recovery::run(&desk.ground).await.unwrap();
        assert_eq!(read(&desk.call(&known.id).await.quality), last, "{}: killed", desk.engine());
        assert_eq!(of_caller(&desk, &stranger.id).await, last, "{}: nobody's, killed", desk.engine());
    }
}
