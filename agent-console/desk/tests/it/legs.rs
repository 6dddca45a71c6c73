//! What ends a carrier's leg after a kill, and what stands beside a recording.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use songda_calls::{Mark, MarkKind, Number};
use songda_desk::{
    Ground,
    calls::{
        self, Ending, Leg, Sample,
        legs::{self, Way, WayEnd},
    },
    checklist,
    inbound::{self, New},
    recovery,
    telephony::{self, Line, NewLine},
};
use songda_people::courts;
use songda_recordings::vault::{BLOCK_FRAMES, RecordingId};
use songda_service::outcomes::LineFacts;
use songda_sip::{OutboundCall, PreparedLeg};
use sqlx::{Column as _, Row as _};
use tokio::net::UdpSocket;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clear,
    desk::{Desk, Ended, desks},
};

const NUMBER: &str = "13800001234";

/// A carrier that knows of no call: it answers each request with 481.
async fn forgetful_carrier() -> (std::net::SocketAddr, tokio::sync::mpsc::Receiver<String>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (heard, requests) = tokio::sync::mpsc::channel(64);
    tokio::spawn(async move {
        let mut buffer = vec![0; 8_192];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let kept = ["Via", "From", "To", "Call-ID", "CSeq"];
            let lines = request.lines().filter(|line| kept.iter().any(|name| line.starts_with(&format!("{name}:"))));
            let lines: Vec<&str> = lines.collect();
            let answer = format!("SIP/2.0 481 Unknown\r\n{}\r\nContent-Length: 0\r\n\r\n", lines.join("\r\n"));
            let _ = heard.send(request.lines().next().unwrap_or_default().to_owned()).await;
            let _ = socket.send_to(answer.as_bytes(), from).await;
        }
    });
    (address, requests)
}

async fn line(desk: &Desk, carrier: std::net::SocketAddr) -> Line {
    let mut tx = desk.ground.db.begin().await.unwrap();
    let line = NewLine {
        court: &desk.house.court,
        name: "songda-sim",
        proxy: &carrier.to_string(),
        domain: "songda-sim",
        username: "songda",
        password: "secret",
        number: "02988009000",
        licence: "演示",
    };
    telephony::add_line(&mut tx, &desk.ground.clock, &desk.ground.sealer, &line).await.unwrap();
    tx.commit().await.unwrap();
    telephony::lines_of(&desk.ground.db, &desk.ground.clock, &desk.house.court, true).await.unwrap().remove(0)
}

async fn kept(desk: &Desk, call: &str, line: &Line, carrier: std::net::SocketAddr) -> bool {
    kept_as(desk, call, 0, line, carrier).await
}

/// Keeps what ends one way of a call.
async fn kept_as(desk: &Desk, call: &str, no: usize, line: &Line, carrier: std::net::SocketAddr) -> bool {
    let prepared = prepared(desk, line, carrier);
    let Ground { db, clock, sealer, .. } = &desk.ground;
    let way = Way { court: &desk.house.court, call, no, trunk: &line.trunk.id, caller: &line.number };
    legs::keep(db, clock, sealer, &way, prepared.saved()).await.unwrap()
}

fn prepared(desk: &Desk, line: &Line, carrier: std::net::SocketAddr) -> PreparedLeg {
    let outbound = OutboundCall {
        trunk: Arc::new(line.trunk.sip(&desk.ground.sealer).unwrap()),
        callee: Number::new(NUMBER),
        caller: Number::new("02988009000"),
        offer: "v=0\r\n".into(),
        ring_limit: Duration::from_mins(1),
    };
    desk.ground.switchboard.endpoint().prepare(outbound, carrier)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_a_start_ends_every_leg_that_may_be_up_and_dials_nobody() {
    for desk in desks().await {
        let (carrier, mut requests) = forgetful_carrier().await;
        let line = line(&desk, carrier).await;
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await;
        assert!(kept(&desk, &call.id, &line, carrier).await);
        assert!(clear::places(&desk.house.on, NUMBER).await.is_empty(), "{}: it holds the number", desk.engine());

        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
        assert_eq!(recovery::end_legs(&desk.ground, &tasks, &cancel).await.unwrap(), 1);
        let recovered = recovery::run(&desk.ground).await.unwrap();
        assert_eq!(recovered.calls, 1);
        tasks.close();
        tasks.wait().await;
        let asked = requests.try_recv().unwrap();
        assert!(asked.starts_with("CANCEL "), "{}: {asked}", desk.engine());
        while let Ok(asked) = requests.try_recv() {
            assert!(asked.starts_with("CANCEL "), "nothing else, and never an INVITE: {asked}");
        }
        assert!(legs::open_legs(&desk.ground.db).await.unwrap().is_empty(), "nothing of it is kept");
        assert!(desk.log().await.contains(&("call.leg_end".into(), "ok".into())));
        assert!(!kept(&desk, &call.id, &line, carrier).await, "a call that is over keeps no leg");
    }
}

#[tokio::test]
async fn r4_2a_a_leg_whose_trunk_is_gone_is_told_and_not_kept() {
    for desk in desks().await {
        let (carrier, _requests) = forgetful_carrier().await;
        let line = line(&desk, carrier).await;
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await;
        assert!(kept(&desk, &call.id, &line, carrier).await);
        sqlx::query("UPDATE call_tries SET trunk_id = 'gone'").execute(desk.ground.db.read()).await.unwrap();
        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
        assert_eq!(recovery::end_legs(&desk.ground, &tasks, &cancel).await.unwrap(), 1);
        tasks.close();
        tasks.wait().await;
        assert!(desk.log().await.contains(&("call.leg_end".into(), "unknown".into())), "{}", desk.engine());
        assert!(legs::open_legs(&desk.ground.db).await.unwrap().is_empty());
    }
}

/// Three ways of one call, of which the first two were left without a word.
async fn two_left(desk: &Desk, line: &Line, carrier: std::net::SocketAddr) -> String {
    let order = desk.take(&desk.liu).await.unwrap();
    let call = desk.begun(&desk.liu, &order).await;
    for no in 0..3 {
        assert!(kept_as(desk, &call.id, no, line, carrier).await);
        if no < 2 {
            let silent = WayEnd { status: None, q850: None, cause: "silent", down: false };
            legs::failed(&desk.ground.db, &desk.ground.clock, &call.id, no, &silent).await.unwrap();
        }
    }
    assert_eq!(legs::left(&desk.ground.db, i64::MAX).await.unwrap().len(), 2);
    call.id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_a_way_that_cannot_be_read_any_more_keeps_no_other_from_being_ended() {
    for desk in desks().await {
        let (carrier, mut requests) = forgetful_carrier().await;
        let line = line(&desk, carrier).await;
        two_left(&desk, &line, carrier).await;
        let mut tx = desk.ground.db.begin().await.unwrap();
        sqlx::query("UPDATE call_tries SET leg_sealed = $1 WHERE no = 0")
            .bind(vec![0_u8; 8])
            .execute(&mut *tx.conn())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        desk.ground.clock.advance(60_000);
        recovery::end_left(&desk.ground).await.unwrap();
        assert!(requests.try_recv().unwrap().starts_with("CANCEL "), "{}: the other one is ended", desk.engine());
        assert!(legs::left(&desk.ground.db, i64::MAX).await.unwrap().is_empty());
        let log = desk.log().await;
        for result in ["unknown", "ok"] {
            assert!(log.contains(&("call.leg_end".into(), result.into())), "{}: {result}", desk.engine());
        }
    }
}

/// Alarms about legs that stayed.
async fn stayed(desk: &Desk) -> usize {
    let open = songda_store::alarms::open(&desk.ground.db).await.unwrap();
    open.iter().filter(|alarm| alarm.kind == "leg.stayed").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_a_way_that_signalling_still_has_is_ended_later_and_told_when_it_never_is() {
    for desk in desks().await {
        // It takes every request and answers none.
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let carrier = silent.local_addr().unwrap();
        let line = line(&desk, carrier).await;
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await.id;
        let Ground { db, clock, sealer, .. } = &desk.ground;
        let prepared = prepared(&desk, &line, carrier);
        let way = Way { court: &desk.house.court, call: &call, no: 0, trunk: &line.trunk.id, caller: &line.number };
        assert!(legs::keep(db, clock, sealer, &way, prepared.saved()).await.unwrap());
        let _leg = desk.ground.switchboard.endpoint().place(prepared).await.unwrap();
        let end = WayEnd { status: None, q850: None, cause: "silent", down: false };
        legs::failed(db, clock, &call, 0, &end).await.unwrap();
        assert!(kept_as(&desk, &call, 1, &line, carrier).await);
        for wait in [0, 60_000] {
            clock.advance(wait);
            recovery::end_left(&desk.ground).await.unwrap();
            assert_eq!(legs::left(db, i64::MAX).await.unwrap().len(), 1, "{}: it waits", desk.engine());
            assert!(desk.log().await.iter().all(|(action, _)| action != "call.leg_end") && stayed(&desk).await == 0);
        }
        clock.advance(600_000);
        recovery::end_left(&desk.ground).await.unwrap();
        assert!(legs::left(db, i64::MAX).await.unwrap().is_empty());
        assert!(desk.log().await.contains(&("call.leg_end".into(), "failed".into())), "{}", desk.engine());
        assert_eq!(stayed(&desk).await, 1, "{}: people ask the carrier", desk.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x5_demo_mode_sends_nothing_to_a_carrier_elsewhere_for_a_way_that_was_left() {
    for desk in desks().await {
        let (carrier, mut requests) = forgetful_carrier().await;
        let line = line(&desk, carrier).await;
        two_left(&desk, &line, carrier).await;
        let mut tx = desk.ground.db.begin().await.unwrap();
        sqlx::query("UPDATE trunks SET profile = '{}', proxy = '192.0.2.1:5060'")
            .execute(&mut *tx.conn())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        desk.ground.clock.advance(60_000);
        recovery::end_left(&desk.ground).await.unwrap();
        assert!(requests.try_recv().is_err(), "{}", desk.engine());
        assert!(desk.log().await.contains(&("call.leg_end".into(), "unknown".into())));
        assert_eq!(stayed(&desk).await, 1, "{}: people are told", desk.engine());
        assert!(legs::left(&desk.ground.db, i64::MAX).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_a_callers_leg_is_ended_over_the_trunk_by_which_it_came_whichever_court_it_is_of() {
    for desk in desks().await {
        let (carrier, mut requests) = forgetful_carrier().await;
        let line = line(&desk, carrier).await;
        let Ground { db, clock, sealer, .. } = &desk.ground;
        let mut tx = db.begin().await.unwrap();
        let other = courts::create(&mut tx, clock, "陕0103", "碑林区人民法院", true).await.unwrap().id;
        sealer.ensure_court(&mut tx, clock, &other).await.unwrap();
        let new = New {
            id: "caller",
            court: &other,
            called: "02988009001",
            trunk: &line.trunk.id,
            number: None,
            recording: "recording",
            language: "zh",
        };
        inbound::begin(&mut tx, clock, sealer, &new).await.unwrap();
        tx.commit().await.unwrap();
        assert!(
            inbound::keep_leg(db, sealer, &other, "caller", prepared(&desk, &line, carrier).saved()).await.unwrap()
        );
        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
        assert_eq!(recovery::end_legs(&desk.ground, &tasks, &cancel).await.unwrap(), 1);
        tasks.close();
        tasks.wait().await;
        assert!(requests.try_recv().is_ok(), "{}: its carrier is told", desk.engine());
        assert!(legs::open_legs(db).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn r4_2a_e45_what_a_kill_cut_off_waits_for_its_outcome_and_is_known_to_be_cut_off() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await;
        let now = desk.ground.clock.now_ms();
        calls::answered(&desk.ground.db, &call.id, now, Some(now)).await.unwrap();
        let notice = serde_json::json!([{ "from_ms": 0, "to_ms": 4_000, "text": "本次通话将被录音" }]);
        calls::said(&desk.ground.db, &call.id, &notice).await.unwrap();
        let mut tx = desk.ground.db.begin().await.unwrap();
        for step in ["identify", "verify", "consent"] {
            let tick = checklist::Tick { step: step.into(), at_ms: now, offset_ms: Some(5_000) };
            checklist::tick(&mut tx, &call.id, &tick, true).await.unwrap();
        }
        tx.commit().await.unwrap();
        recovery::run(&desk.ground).await.unwrap();
        let closed = desk.call(&call.id).await;
        assert_eq!((closed.state.as_str(), closed.outcome_state.as_str()), ("ended", "due"), "{}", desk.engine());
        assert!(closed.broken_consent && closed.prompt_spans.contains("本次通话将被录音"));
        assert_eq!(closed.wrap_until_ms, Some(now + 90_000), "the court's minute, and time to come back");
        recovery::run(&desk.ground).await.unwrap();
        assert_eq!(desk.events(&order.task_id).await.iter().filter(|kind| *kind == "call_ended").count(), 1, "once");
    }
}

fn sample(at_ms: i64, rtt_ms: f64, quality: &str) -> Sample {
    Sample { at_ms, rtt_ms: Some(rtt_ms), jitter_ms: Some(5.0), loss: Some(0.01), quality: quality.into() }
}

#[tokio::test]
async fn what_a_browser_measured_stands_with_its_call_and_with_no_other() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await;
        let keep = async |agent: &str, samples: &[Sample]| {
            let mut tx = desk.ground.db.begin().await.unwrap();
            let kept = calls::keep_samples(&mut tx, agent, &call.id, samples).await.unwrap();
            tx.commit().await.unwrap();
            kept
        };
        assert_eq!(keep(&desk.liu.user_id, &[sample(1, 40.0, "good"), sample(2, 60.0, "good")]).await, 2);
        assert_eq!(keep(&desk.liu.user_id, &[sample(3, 500.0, "poor")]).await, 1);
        assert_eq!(keep(&desk.wang.user_id, &[sample(4, 1.0, "good")]).await, 0, "{}: not his call", desk.engine());
        let network = calls::network(&desk.ground.db, &call.id).await.unwrap().unwrap();
        assert_eq!((network.samples, network.impaired), (3, 1));
        assert_eq!((network.rtt_ms, network.rtt_max_ms, network.jitter_ms), (Some(200.0), Some(500.0), Some(5.0)));
        assert!(calls::network(&desk.ground.db, "none").await.unwrap().is_none());
    }
}

#[test]
fn e44_keys_of_either_side_that_may_be_a_number_are_kept_without_their_digits() {
    // The page of the agent sends each key by itself.
    for kind in [MarkKind::DigitIn, MarkKind::DigitOut] {
        let mark = |digit: char| Mark { kind, from_ms: 1, to_ms: 1, text: digit.to_string() };
        let short: Vec<Mark> = "123456".chars().map(mark).collect();
        assert_eq!(calls::marks_to_store(&short)[0]["text"], "1");
        let number: Vec<Mark> = NUMBER.chars().map(mark).collect();
        let stored = calls::marks_to_store(&number);
        assert!(stored.as_array().unwrap().iter().all(|mark| mark["text"] == "*"), "{stored}");
    }
    let at_once = |text: &str| Mark { kind: MarkKind::DigitOut, from_ms: 1, to_ms: 1, text: text.to_owned() };
    let stored = calls::marks_to_store(&[at_once("1380"), at_once("0000"), at_once("001")]);
    assert_eq!((&stored[0]["text"], &stored[2]["text"]), (&json!("****"), &json!("***")));
}

#[tokio::test]
async fn r4_2a_what_ends_a_leg_is_kept_until_the_carrier_has_answered() {
    for desk in desks().await {
        let (carrier, _requests) = forgetful_carrier().await;
        let line = line(&desk, carrier).await;
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await;
        assert!(kept(&desk, &call.id, &line, carrier).await);
        let facts = LineFacts { answered: true, ..Default::default() };
        let ending = Ending {
            ended_ms: desk.ground.clock.now_ms(),
            by: "agent",
            talk_ms: 1_000,
            facts: &facts,
            technical: "C01",
            rule: "house v1",
            is_attempt: true,
            answered_ms: None,
            recording: None,
            incomplete: false,
            prompt_spans: json!([]),
            quality: json!({}),
            marks: json!([]),
            parting: "",
            broken_consent: false,
            unread: false,
            wrap_until_ms: None,
            leg: Leg::MayBeUp,
        };
        let mut tx = desk.ground.db.begin().await.unwrap();
        assert!(calls::end(&mut tx, &desk.ground.clock, &call, &ending).await.unwrap());
        tx.commit().await.unwrap();
        let open = legs::open_legs(&desk.ground.db).await.unwrap();
        assert_eq!(open.len(), 1, "{}: the next run would find it", desk.engine());
        legs::down(&desk.ground.db, &call.id).await.unwrap();
        assert!(legs::open_legs(&desk.ground.db).await.unwrap().is_empty(), "{}", desk.engine());
    }
}

/// So many more rows of a table like this one, newer than it, each with a recording of its own that
/// never had any sound.
async fn many_like(desk: &Desk, table: &str, id: &str, many: u32) {
    let db = &desk.ground.db;
    let one = format!("SELECT * FROM {table} WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(one)).bind(id).fetch_one(db.read()).await.unwrap();
    let names: Vec<String> = row.columns().iter().map(|column| column.name().to_owned()).collect();
    let values: Vec<String> = names
        .iter()
        .map(|name| match name.as_str() {
            "id" => "'Z' || CAST(s.n AS TEXT)".to_owned(),
            "recording_id" => "'R' || CAST(s.n AS TEXT)".to_owned(),
            other => format!("c.{other}"),
        })
        .collect();
    let sql = format!(
        "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {many})
         INSERT INTO {table} ({}) SELECT {} FROM {table} c, s WHERE c.id = $1",
        names.join(", "),
        values.join(", ")
    );
    let done = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).execute(db.read()).await.unwrap();
    assert_eq!(done.rows_affected(), u64::from(many));
}

fn shelved(desk: &Desk, recording: &str) {
    let id = RecordingId::new(recording).unwrap();
    let mut writer = desk.ground.vault.begin(&id, desk.ground.clock.now_ms()).unwrap();
    writer.append(&vec![7; BLOCK_FRAMES * 2]).unwrap();
    writer.finish(Vec::new()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_a_recording_that_a_kill_kept_out_of_the_books_is_entered_however_many_calls_came_after_it() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended::default()).await;
        shelved(&desk, call.recording_id.as_deref().unwrap());
        many_like(&desk, "calls", &call.id, 1_100).await;
        let caller = songda_store::new_id();
        sqlx::query(
            "INSERT INTO inbound_calls (id, court_id, called, trunk_id, number_index, masked, state, list_state, message,
                                        call_back, created_ms, talk_ms, ended_by, end_facts, recording_id, language,
                                        prompt_spans, quality, marks, settled_reason)
             VALUES ($1, $2, '', '', '', '', 'ended', 'open', 1, 0, 0, 0, '', '{}', 'I1', '', '[]', '{}', '[]', '')",
        )
        .bind(&caller)
        .bind(&desk.house.court)
        .execute(desk.ground.db.read())
        .await
        .unwrap();
        shelved(&desk, "I1");
        many_like(&desk, "inbound_calls", &caller, 1_100).await;
        let recovered = recovery::run(&desk.ground).await.unwrap();
        assert_eq!((recovered.calls, recovered.recordings), (0, 2), "{}", desk.engine());
        for (table, owner, call) in [("recordings", "call_id", &call.id), ("inbound_recordings", "inbound_id", &caller)]
        {
            let sql = format!("SELECT COUNT(*) FROM {table} WHERE {owner} = $1");
            let found = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(sql)).bind(call);
            assert_eq!(found.fetch_one(desk.ground.db.read()).await.unwrap(), 1, "{}: {table}", desk.engine());
        }
        assert_eq!(recovery::run(&desk.ground).await.unwrap().recordings, 0, "{}: once", desk.engine());
    }
}
