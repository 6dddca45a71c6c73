//! Marks of a call in the books: what was told of them while the call lived outlives whoever told it
//! (R4.4b).

use serde_json::{Value, json};
use songda_calls::{Mark, MarkKind};
use songda_desk::{
    calls::{self, Ending, Leg},
    inbound::{self, End, New, hours::Hours},
    recovery,
};
use songda_service::outcomes::LineFacts;

use crate::desk::{Desk, desks};

const NOTICE: &str = "本次通话将被录音";

fn told() -> Value {
    let mark = |kind, from_ms, to_ms| Mark { kind, from_ms, to_ms, text: "赵主管".into() };
    // He whispers still.
    calls::marks_to_store(&[mark(MarkKind::Listened, 2_000, 5_000), mark(MarkKind::Whispered, 5_000, 5_000)])
}

fn stands(marks: &str, to_ms: u64, of: &str) {
    let marks: Value = serde_json::from_str(marks).unwrap();
    let spans: Vec<_> =
        marks.as_array().unwrap().iter().map(|it| (&it["kind"], &it["from_ms"], &it["to_ms"])).collect();
    let wanted = [("listened", 2_000, 5_000), ("whispered", 5_000, to_ms)];
    let wanted = wanted.map(|(kind, from, to)| (json!(kind), json!(from), json!(to)));
    assert_eq!(spans, wanted.iter().map(|(kind, from, to)| (kind, from, to)).collect::<Vec<_>>(), "{of}");
    assert!(marks.as_array().unwrap().iter().all(|mark| mark["text"] == "赵主管"));
}

fn spoken() -> Value {
    json!([{ "from_ms": 0, "to_ms": 4_000, "text": NOTICE }])
}

/// A call with a supervisor in it.
async fn supervised(desk: &Desk) -> String {
    let order = desk.take(&desk.liu).await.unwrap();
    let call = desk.begun(&desk.liu, &order).await.id;
    let (db, now) = (&desk.ground.db, desk.ground.clock.now_ms());
    calls::answered(db, &call, now, Some(now)).await.unwrap();
    calls::recording_began(db, &call, now).await.unwrap();
    calls::said(db, &call, &spoken()).await.unwrap();
    calls::marked(db, &call, &told()).await.unwrap();
    call
}

#[tokio::test]
async fn r4_4b_a_call_whose_control_died_keeps_the_marks_of_who_listened_and_what_was_said() {
    for desk in desks().await {
        let call = supervised(&desk).await;
        desk.ground.clock.advance(9_000);
        let facts = LineFacts { answered: true, ..Default::default() };
        let ending = Ending {
            ended_ms: desk.ground.clock.now_ms(),
            by: "system",
            talk_ms: 9_000,
            facts: &facts,
            technical: "C01",
            rule: "house v1",
            is_attempt: true,
            answered_ms: None,
            recording: None,
            incomplete: false,
            prompt_spans: Value::Null,
            quality: json!({}),
            marks: Value::Null,
            parting: "",
            broken_consent: false,
            unread: false,
            wrap_until_ms: None,
            leg: Leg::Down,
        };
        let row = desk.call(&call).await;
        let mut tx = desk.ground.db.begin().await.unwrap();
        assert!(calls::end(&mut tx, &desk.ground.clock, &row, &ending).await.unwrap());
        tx.commit().await.unwrap();
        let row = desk.call(&call).await;
        stands(&row.marks, 9_000, desk.engine());
        assert!(row.prompt_spans.contains(NOTICE), "{}", desk.engine());
    }
}

#[tokio::test]
async fn r4_4b_a_kill_without_a_recording_that_could_be_saved_leaves_the_marks_as_they_were_told() {
    for desk in desks().await {
        let call = supervised(&desk).await;
        desk.ground.clock.advance(9_000);
        recovery::run(&desk.ground).await.unwrap();
        stands(&desk.call(&call).await.marks, 5_000, desk.engine());
    }
}

#[test]
fn r4_4b_a_kill_in_the_middle_of_a_whisper_or_a_three_way_ends_it_with_the_recording() {
    stands(&calls::marks_until(&told().to_string(), Some(7_000)).to_string(), 7_000, "until the end");
    let open = json!([{ "kind": "three_way", "from_ms": 1_000, "to_ms": 1_000, "text": "" }]);
    assert_eq!(calls::marks_until(&open.to_string(), Some(7_000))[0]["to_ms"], 7_000);
}

#[tokio::test]
async fn r4_4b_the_call_of_a_caller_whose_control_died_keeps_its_marks_too() {
    for desk in desks().await {
        let (db, clock) = (&desk.ground.db, &desk.ground.clock);
        let new = New {
            id: "caller",
            court: &desk.house.court,
            called: "02988009001",
            trunk: "trunk",
            number: None,
            recording: "recording",
            language: "zh",
        };
        let mut tx = db.begin().await.unwrap();
        inbound::begin(&mut tx, clock, &desk.ground.sealer, &new).await.unwrap();
        tx.commit().await.unwrap();
        let call = inbound::find(db, &desk.house.court, "caller").await.unwrap();
        inbound::recording_began(db, "caller", clock.now_ms()).await.unwrap();
        inbound::marked(db, "caller", &told()).await.unwrap();
        inbound::said(db, "caller", &spoken()).await.unwrap();
        clock.advance(9_000);
        let end = End {
            ended_ms: clock.now_ms(),
            by: "system",
            talk_ms: 0,
            answered_ms: None,
            facts: json!({}),
            recording: None,
            incomplete: false,
            prompt_spans: Value::Null,
            quality: json!({}),
            marks: Value::Null,
            message: false,
            leg: Leg::Down,
        };
        let mut tx = db.begin().await.unwrap();
        assert!(inbound::end(&mut tx, clock, &Hours::default(), &call, &end).await.unwrap());
        tx.commit().await.unwrap();
        let call = inbound::find(db, &desk.house.court, "caller").await.unwrap();
        stands(&call.marks, 9_000, desk.engine());
        assert!(call.prompt_spans.contains(NOTICE), "{}", desk.engine());
    }
}
