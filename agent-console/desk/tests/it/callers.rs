//! Callers at the reception, by SIP on loopback: who is asked, and what he sees (R4.4a, E46).

use std::{net::UdpSocket, sync::Arc, time::Duration};

use songda_calls::{Number, Trunk};
use songda_desk::{
    Ground,
    calls::legs,
    inbound::{self, Item, Listed, New, hours::Hours},
    outcomes::owed::{self, Why},
    seats::Command,
    telephony::{self, NewLine},
    work_orders,
};
use songda_people::Actor;
use songda_service::{cases, tasks};
use songda_sip::{EndCause, Endpoint, EndpointConfig, Leg, LegEvent, OutboundCall};
use songda_store::{Said, masked::Phone};
use tokio_util::sync::CancellationToken;

use crate::{
    desk::{Desk, Ended, desks, frame},
    seats::{Page, Seated},
};

pub(crate) const COURT: &str = "02988009000";

/// A party's telephone.
struct Caller {
    endpoint: Endpoint,
    _sound: UdpSocket,
    offer: String,
}

impl Caller {
    fn new() -> Self {
        let listen = "127.0.0.1:0".parse().unwrap();
        let endpoint = Endpoint::start(EndpointConfig::udp(listen, "Party"), CancellationToken::new()).unwrap();
        let sound = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = sound.local_addr().unwrap().port();
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
        );
        Self { endpoint, _sound: sound, offer }
    }

    /// Calls this number of the court under his own.
    async fn calls(&self, desk: &Desk, called: &str, number: &str) -> Leg {
        let court = desk.ground.switchboard.endpoint().local_addr();
        let trunk =
            Trunk { name: "court".into(), proxy: court.to_string(), domain: "court".into(), ..Trunk::default() };
        let call = OutboundCall {
            trunk: Arc::new(trunk),
            callee: Number::new(called),
            caller: Number::new(number),
            offer: self.offer.clone(),
            ring_limit: Duration::from_secs(30),
        };
        self.endpoint.call(call).await.unwrap()
    }
}

/// The court's line, and its reception.
pub(crate) async fn opened(desk: &Desk, seated: &Seated) -> CancellationToken {
    let on = &desk.ground;
    let line = NewLine {
        court: &desk.house.court,
        name: "trunk",
        proxy: "127.0.0.1:5060",
        domain: "carrier",
        username: "court",
        password: "secret",
        number: COURT,
        licence: "on file",
    };
    let mut tx = on.db.begin().await.unwrap();
    telephony::add_line(&mut tx, &on.clock, &on.sealer, &line).await.unwrap();
    tx.commit().await.unwrap();
    let cancel = CancellationToken::new();
    let callers = on.switchboard.endpoint().incoming().unwrap();
    tokio::spawn(inbound::receive(seated.seats.clone(), callers, cancel.clone()));
    cancel
}

async fn answered(leg: &mut Leg) {
    loop {
        match leg.next().await.unwrap() {
            LegEvent::Answered { .. } => return,
            LegEvent::Ended(ended) => panic!("{ended:?}"),
            _ => {}
        }
    }
}

async fn refused(leg: &mut Leg) -> Option<u16> {
    loop {
        if let LegEvent::Ended(ended) = leg.next().await.unwrap() {
            assert_eq!(ended.cause, EndCause::Refused);
            return ended.status;
        }
    }
}

/// The agent's page, with a work order on it.
pub(crate) async fn at_work(desk: &Desk, seat: &Seated) -> Page {
    let mut page = seat.open(&desk.liu, "one", false).await;
    frame(&mut page.frames, "snapshot").await;
    seat.tell(Command::Ready).await;
    frame(&mut page.frames, "work_order").await;
    page
}

/// The agent's page, when nothing waits for him but callers.
async fn free(seat: &Seated, agent: &Actor) -> Page {
    let mut page = seat.open(agent, "one", false).await;
    frame(&mut page.frames, "snapshot").await;
    seat.tell(Command::Ready).await;
    frame(&mut page.frames, "queue").await;
    page
}

/// The agent opens his work order; the click on its first number.
pub(crate) async fn opens(desk: &Desk, seat: &Seated) -> Command {
    let order = work_orders::active(&desk.ground.db, &desk.liu.user_id).await.unwrap().unwrap();
    let task = tasks::find(&desk.ground.db, &desk.house.court, &order.task_id).await.unwrap();
    let phone = cases::phones(&desk.ground.db, &task.party_id).await.unwrap().remove(0);
    seat.tell(Command::Opened { work_order: order.id.clone() }).await;
    Command::Dial { work_order: order.id, phone_id: phone.id, sdp: "v=0\r\n".into(), language: None }
}

/// The list, once something stands in it.
async fn listed(desk: &Desk) -> Item {
    let there = async {
        loop {
            let found = inbound::items(&desk.ground.db, &desk.house.court, Listed::Open, None, 9).await.unwrap();
            if let Some(item) = found.into_iter().next() {
                return item;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), there).await.expect("a call stands in the list within a minute")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4a_a_known_caller_rings_at_the_agent_with_his_work_order_sealed_and_gone_he_is_to_be_called_back() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let cancel = opened(&desk, &seat).await;
        let mut page = at_work(&desk, &seat).await;
        let party = Caller::new();
        let mut leg = party.calls(&desk, COURT, "13800001234").await;
        answered(&mut leg).await;
        let rings = frame(&mut page.frames, "incoming").await;
        assert_eq!((rings["known"].as_bool(), rings["phone_masked"].as_str()), (Some(true), Some("138****1234")));
        assert!(rings["envelope"]["ct"].is_string() && !rings.to_string().contains("13800001234"), "{}", desk.engine());
        leg.handle().hang_up().await;
        assert_eq!(frame(&mut page.frames, "incoming_gone").await["reason"], "hung_up");
        let item = listed(&desk).await;
        assert!(item.call_back && item.task.is_some() && item.recording.is_some() && !item.message, "{item:?}");
        cancel.cancel();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4a_who_agreed_on_a_channel_and_calls_back_is_shown_with_the_state_of_his_task() {
    for desk in desks().await {
        let mut tx = desk.ground.db.begin().await.unwrap();
        let sql = "UPDATE tasks SET phase = '已约定渠道', next_step = '邮寄送达' WHERE phase = '待外呼'";
        sqlx::query(sql).execute(&mut *tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        let seat = Seated::new(&desk, &desk.liu).await;
        let cancel = opened(&desk, &seat).await;
        let mut page = free(&seat, &desk.liu).await;
        let party = Caller::new();
        let mut leg = party.calls(&desk, COURT, "13800001234").await;
        answered(&mut leg).await;
        let rings = frame(&mut page.frames, "incoming").await;
        assert!(rings["known"] == true && rings["envelope"]["ct"].is_string(), "{}: {rings}", desk.engine());
        let call = rings["call_id"].as_str().unwrap().to_owned();
        seat.tell(Command::Accept { call, sdp: SOUND.into() }).await;
        assert_eq!(frame(&mut page.frames, "incoming_gone").await["reason"], "accepted");
        let live = frame(&mut page.frames, "call").await;
        assert!(live["known"] == false && live["work_order"] == "", "{}: nothing is to be filled in", desk.engine());
        let standing = &live["standing"];
        assert_eq!((&standing["phase"], &standing["next_step"]), (&"已约定渠道".into(), &"邮寄送达".into()), "{live}");
        assert!(standing["task_number"].as_str().is_some_and(|number| !number.is_empty()), "{live}");
        leg.handle().hang_up().await;
        let item = listed(&desk).await;
        let task = item.task.unwrap_or_else(|| panic!("{}: the list names it", desk.engine()));
        assert_eq!(Some(task.number.as_str()), standing["task_number"].as_str());
        assert_eq!(desk.task(&task.id).await.phase, "已约定渠道", "{}: it is called no more", desk.engine());
        cancel.cancel();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4a_an_unknown_caller_shows_no_case_and_who_declines_is_not_asked_by_name() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let cancel = opened(&desk, &seat).await;
        let mut page = at_work(&desk, &seat).await;
        let party = Caller::new();
        let mut leg = party.calls(&desk, COURT, "13800009876").await;
        answered(&mut leg).await;
        let rings = frame(&mut page.frames, "incoming").await;
        assert!(rings["known"] == false && rings["envelope"].is_null(), "{}: {rings}", desk.engine());
        let call = rings["call_id"].as_str().unwrap().to_owned();
        seat.tell(Command::Decline { call: call.clone() }).await;
        assert_eq!(frame(&mut page.frames, "incoming_gone").await["reason"], "declined");
        // Nobody else is there: he is asked again.
        assert_eq!(frame(&mut page.frames, "incoming").await["call_id"], call.as_str());
        leg.handle().hang_up().await;
        let item = listed(&desk).await;
        assert!(item.task.is_none() && item.call_back, "{item:?}");
        cancel.cancel();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4a_a_foreign_number_is_not_answered_and_a_closed_court_asks_nobody() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let closed = Hours { days: vec![7], ..Hours::default() };
        inbound::hours::change(&desk.ground.db, &desk.ground.clock, &desk.liu, &closed).await.unwrap();
        let cancel = opened(&desk, &seat).await;
        let mut page = seat.open(&desk.liu, "one", false).await;
        frame(&mut page.frames, "snapshot").await;
        seat.tell(Command::Ready).await;
        let party = Caller::new();
        assert_eq!(refused(&mut party.calls(&desk, "02988009999", "13800001234").await).await, Some(404));
        let mut leg = party.calls(&desk, COURT, "13800001234").await;
        answered(&mut leg).await;
        leg.handle().hang_up().await;
        let item = listed(&desk).await;
        assert!(item.call_back && item.agent.is_empty(), "{}: {item:?}", desk.engine());
        while let Ok(frame) = page.frames.try_recv() {
            assert_ne!(frame["type"], "incoming");
        }
        cancel.cancel();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4a_the_last_agent_is_rung_before_the_others() {
    for desk in desks().await {
        let order = desk.take(&desk.wang).await.unwrap();
        let call = desk.ended(&desk.wang, &order, &Ended::default()).await;
        assert!(owed::leave(&desk.ground, Some(&desk.wang), &call, Why::TimeIsUp).await.unwrap());
        let seat = Seated::new(&desk, &desk.liu).await;
        let other = seat.beside(&desk, &desk.wang).await;
        let cancel = opened(&desk, &seat).await;
        let mut liu = free(&seat, &desk.liu).await;
        // Who is free longest is asked first, were it not for who spoke to the caller.
        desk.ground.clock.advance(60_000);
        let mut wang = free(&other, &desk.wang).await;
        let party = Caller::new();
        let mut leg = party.calls(&desk, COURT, "13800001234").await;
        answered(&mut leg).await;
        let rings = frame(&mut wang.frames, "incoming").await;
        assert_eq!(rings["known"], true, "{}", desk.engine());
        while let Ok(frame) = liu.frames.try_recv() {
            assert_ne!(frame["type"], "incoming", "{}: one at a time", desk.engine());
        }
        let call = rings["call_id"].as_str().unwrap().to_owned();
        other.tell(Command::Decline { call: call.clone() }).await;
        assert_eq!(frame(&mut liu.frames, "incoming").await["call_id"], call.as_str(), "{}", desk.engine());
        // Whom nobody knows rings where somebody is free longest.
        let strange = Caller::new();
        let mut leg = strange.calls(&desk, COURT, "13800009876").await;
        answered(&mut leg).await;
        assert_eq!(frame(&mut wang.frames, "incoming").await["known"], false, "{}: liu is rung already", desk.engine());
        cancel.cancel();
    }
}

/// Rows of the audit log with this action.
async fn audited(desk: &Desk, action: &str) -> i64 {
    let sql = "SELECT COUNT(*) FROM audit WHERE action = $1";
    let row = sqlx::query(sql).bind(action).fetch_one(desk.ground.db.read()).await.unwrap();
    sqlx::Row::get(&row, 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4a_two_callers_ring_at_one_agent_one_after_the_other_and_he_dials_nobody_meanwhile() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let cancel = opened(&desk, &seat).await;
        let mut page = at_work(&desk, &seat).await;
        let (one, two) = (Caller::new(), Caller::new());
        let mut first = one.calls(&desk, COURT, "13800009876").await;
        answered(&mut first).await;
        let rings = frame(&mut page.frames, "incoming").await["call_id"].clone();
        let mut second = two.calls(&desk, COURT, "13800009877").await;
        answered(&mut second).await;
        let dial =
            Command::Dial { work_order: "any".into(), phone_id: "any".into(), sdp: "v=0\r\n".into(), language: None };
        seat.tell(dial).await;
        assert_eq!(frame(&mut page.frames, "error").await["code"], "dial.incoming", "{}", desk.engine());
        assert_eq!((audited(&desk, "inbound.offer").await, audited(&desk, "inbound.decline").await), (1, 0));
        seat.tell(Command::Decline { call: rings.as_str().unwrap().into() }).await;
        frame(&mut page.frames, "incoming_gone").await;
        let next = frame(&mut page.frames, "incoming").await["call_id"].clone();
        assert_ne!(next, rings, "whoever was not asked of yet comes first");
        assert_eq!(audited(&desk, "inbound.offer").await, 2);
        cancel.cancel();
    }
}

/// What a browser offers; nothing of it ever connects.
pub(crate) const SOUND: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 8 0\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n\
    a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 \
    00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
    a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n";

/// Open alarms, by kind and object.
async fn alarms(desk: &Desk) -> Vec<(String, String)> {
    let open = songda_store::alarms::open(&desk.ground.db).await.unwrap();
    open.into_iter().map(|alarm| (alarm.kind, alarm.object_id)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4a_an_agent_whose_browser_is_refused_leaves_the_caller_to_the_next_and_his_end_clears_no_alarm_of_a_line() {
    for desk in desks().await {
        let liu = Seated::new(&desk, &desk.liu).await;
        let cancel = opened(&desk, &liu).await;
        let mut page = at_work(&desk, &liu).await;
        let wang = liu.beside(&desk, &desk.wang).await;
        let mut his = wang.open(&desk.wang, "two", false).await;
        wang.tell(Command::Ready).await;
        frame(&mut his.frames, "queue").await;
        let (db, clock, court) = (&desk.ground.db, &desk.ground.clock, &desk.house.court);
        for kind in ["trunk.failed", "trunk.none"] {
            songda_store::alarms::raise(db, clock, kind, court, &Said::new(kind, "before")).await.unwrap();
        }
        let party = Caller::new();
        let mut leg = party.calls(&desk, COURT, "13800009876").await;
        answered(&mut leg).await;
        let rings = frame(&mut his.frames, "incoming").await["call_id"].as_str().unwrap().to_owned();
        wang.tell(Command::Accept { call: rings.clone(), sdp: "v=0\r\n".into() }).await;
        assert_eq!(frame(&mut his.frames, "incoming_gone").await["reason"], "not_taken", "{}", desk.engine());
        assert_eq!(frame(&mut page.frames, "incoming").await["call_id"], rings.as_str());
        liu.tell(Command::Accept { call: rings.clone(), sdp: SOUND.into() }).await;
        assert_eq!(frame(&mut page.frames, "incoming_gone").await["reason"], "accepted", "{}", desk.engine());
        assert_eq!(frame(&mut page.frames, "answer").await["call_id"], rings.as_str());
        leg.handle().hang_up().await;
        while frame(&mut page.frames, "call").await["phase"] != "ended" {}
        liu.tell(Command::Pause).await;
        while frame(&mut page.frames, "agent").await["state"] != "paused" {}
        let open = alarms(&desk).await;
        for kind in ["trunk.failed", "trunk.none"] {
            assert!(open.contains(&(kind.into(), court.clone())), "{}: {open:?}", desk.engine());
        }
        cancel.cancel();
    }
}

/// A table that is not there for a while.
async fn rename(desk: &Desk, from: &str, to: &str) {
    let mut tx = desk.ground.db.begin().await.unwrap();
    let sql = format!("ALTER TABLE {from} RENAME TO {to}");
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4a_a_caller_whom_the_books_cannot_take_is_refused_and_people_are_told() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let cancel = opened(&desk, &seat).await;
        let party = Caller::new();
        rename(&desk, "inbound_settings", "gone").await;
        let mut leg = party.calls(&desk, COURT, "13800009876").await;
        answered(&mut leg).await;
        leg.handle().hang_up().await;
        rename(&desk, "gone", "inbound_settings").await;
        listed(&desk).await;
        assert!(alarms(&desk).await.is_empty(), "{}: the hours of every court hold", desk.engine());

        rename(&desk, "inbound_calls", "gone").await;
        assert_eq!(refused(&mut party.calls(&desk, COURT, "13800009876").await).await, Some(480));
        let told = async {
            while !alarms(&desk).await.iter().any(|(kind, _)| kind == "inbound.refused") {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told).await.unwrap_or_else(|_| panic!("{}", desk.engine()));
        let open = songda_store::alarms::open(&desk.ground.db).await.unwrap();
        assert!(open.iter().all(|alarm| !alarm.said.to_stored().contains("9876")), "{open:?}");
        cancel.cancel();
    }
}

/// Another number of the court, over another trunk.
async fn second_line(desk: &Desk, number: &str) -> String {
    let line = NewLine {
        court: &desk.house.court,
        name: "second",
        proxy: "127.0.0.1:5062",
        domain: "other",
        username: "other",
        password: "secret",
        number,
        licence: "on file",
    };
    let mut tx = desk.ground.db.begin().await.unwrap();
    telephony::add_line(&mut tx, &desk.ground.clock, &desk.ground.sealer, &line).await.unwrap();
    tx.commit().await.unwrap();
    let row = sqlx::query("SELECT id FROM trunks WHERE name = 'second'").fetch_one(desk.ground.db.read()).await;
    sqlx::Row::get(&row.unwrap(), 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e46_a_call_that_takes_the_place_of_ours_stands_beside_it_with_the_trunk_by_which_it_came() {
    const OTHER: &str = "02988009001";
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let cancel = opened(&desk, &seat).await;
        let other = second_line(&desk, OTHER).await;
        let mut page = at_work(&desk, &seat).await;
        let Command::Dial { work_order, phone_id, language, .. } = opens(&desk, &seat).await else { unreachable!() };
        seat.tell(Command::Dial { work_order, phone_id, sdp: SOUND.into(), language }).await;
        let call = frame(&mut page.frames, "call").await["call_id"].as_str().unwrap().to_owned();
        frame(&mut page.frames, "answer").await;
        let party = Caller::new();
        let leg = party.calls(&desk, OTHER, "13800001234").await;
        assert_eq!(frame(&mut page.frames, "notice").await["code"], "call.called_back", "{}", desk.engine());
        let Ground { db, sealer, .. } = &desk.ground;
        let court = &desk.house.court;
        let endpoint = desk.ground.switchboard.endpoint();
        let outbound = OutboundCall {
            trunk: Arc::default(),
            callee: Number::new("13800001234"),
            caller: Number::new(OTHER),
            offer: "v=0\r\n".into(),
            ring_limit: Duration::from_mins(1),
        };
        let prepared = endpoint.prepare(outbound, "127.0.0.1:5062".parse::<std::net::SocketAddr>().unwrap());
        assert!(inbound::keep_leg(db, sealer, court, &call, prepared.saved()).await.unwrap());
        let ways = legs::ways(db, sealer, court, &call).await.unwrap();
        let told: Vec<_> = ways.iter().map(|way| (way.incoming, way.caller.as_str(), way.ended_ms.is_some())).collect();
        assert_eq!(told, [(false, COURT, true), (true, OTHER, false)], "{}", desk.engine());
        assert_eq!((&ways[1].trunk_id, ways[1].sip_call_id.as_str()), (&other, prepared.saved().call_id()));
        let open = legs::open_legs(db).await.unwrap();
        assert!(open.iter().any(|leg| leg.trunk == other), "{}: it is ended over his trunk: {open:?}", desk.engine());
        drop(leg);
        cancel.cancel();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e46_a_party_who_calls_us_is_not_dialled_by_the_agent_who_has_his_work_order() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let mut page = at_work(&desk, &seat).await;
        let dial = opens(&desk, &seat).await;
        // He is on the line; the reception has not offered him yet.
        let number = Phone::parse("13800001234").unwrap();
        let new = New {
            id: "call",
            court: &desk.house.court,
            called: COURT,
            trunk: "trunk",
            number: Some(&number),
            recording: "recording",
            language: "zh",
        };
        let mut tx = desk.ground.db.begin().await.unwrap();
        inbound::begin(&mut tx, &desk.ground.clock, &desk.ground.sealer, &new).await.unwrap();
        tx.commit().await.unwrap();
        seat.tell(dial).await;
        assert_eq!(frame(&mut page.frames, "error").await["code"], "dial.party_calls", "{}", desk.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_where_no_number_may_be_shown_nothing_is_dialled_and_an_alarm_stands_at_once() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let mut page = at_work(&desk, &seat).await;
        let dial = opens(&desk, &seat).await;
        seat.tell(dial).await;
        assert_eq!(frame(&mut page.frames, "error").await["code"], "dial.no_caller_number", "{}", desk.engine());
        let sql = "SELECT COUNT(*) FROM alarms WHERE kind = 'trunk.none'";
        let row = sqlx::query(sql).fetch_one(desk.ground.db.read()).await.unwrap();
        assert_eq!(sqlx::Row::get::<i64, _>(&row, 0), 1, "{}", desk.engine());
    }
}
