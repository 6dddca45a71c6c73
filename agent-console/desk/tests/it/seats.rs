//! Who sits at a seat: browsers that come, go, and meet each other (E51).

use serde_json::Value;
use songda_desk::{
    inbound::Offer,
    seats::{Bell, Command, Seats, bell},
    work_orders,
};
use songda_people::{Actor, courts};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::desk::{Desk, desks, frame};

pub(crate) struct Seated {
    pub(crate) seats: Seats,
    pub(crate) commands: mpsc::Sender<Command>,
}

/// A browser's end of a line.
pub(crate) struct Page {
    pub(crate) number: u64,
    pub(crate) frames: mpsc::Receiver<Value>,
}

impl Seated {
    pub(crate) async fn new(desk: &Desk, agent: &Actor) -> Self {
        let seats = Seats::new(desk.ground.clone(), CancellationToken::new());
        let court = courts::by_id(&desk.ground.db, &desk.house.court).await.unwrap().unwrap();
        let commands = seats.seat(agent, &court).await;
        Self { seats, commands }
    }

    /// The seat of another agent in the same house.
    pub(crate) async fn beside(&self, desk: &Desk, agent: &Actor) -> Self {
        let court = courts::by_id(&desk.ground.db, &desk.house.court).await.unwrap().unwrap();
        Self { seats: self.seats.clone(), commands: self.seats.seat(agent, &court).await }
    }

    pub(crate) async fn tell(&self, command: Command) {
        self.commands.send(command).await.unwrap();
    }

    /// A page says hello.
    pub(crate) async fn open(&self, agent: &Actor, tab: &str, take_over: bool) -> Page {
        let (sink, frames) = mpsc::channel(64);
        let number = self.seats.next_line();
        self.tell(Command::Attach {
            number,
            actor: Box::new(agent.clone()),
            kid: "k".into(),
            public_key: public_key(),
            sink,
            tab: tab.into(),
            take_over,
            sound: None,
        })
        .await;
        Page { number, frames }
    }
}

/// The generator of P-256, uncompressed: a key like any other.
pub(crate) fn public_key() -> Vec<u8> {
    let hex = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[tokio::test]
async fn e51_a_second_window_is_asked_and_takes_over_only_when_it_says_so() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let mut first = seat.open(&desk.liu, "one", false).await;
        let snapshot = frame(&mut first.frames, "snapshot").await;
        assert_eq!(
            (snapshot["build"].as_str(), snapshot["owed"].as_array().map(Vec::len)),
            (Some("/assets/index-test.js"), Some(0))
        );
        assert_eq!(snapshot["settings"]["wrap_up"]["policy"], "time_boxed");
        assert!(snapshot["settings"]["languages"].as_array().unwrap().contains(&"zh".into()));
        assert_eq!(snapshot["clock"]["trusted"], true);

        let mut second = seat.open(&desk.liu, "two", false).await;
        let asked = frame(&mut second.frames, "occupied").await;
        assert_eq!((asked["in_call"].as_bool(), asked["since_at"].is_string()), (Some(false), true));
        seat.tell(Command::Ready).await;
        frame(&mut first.frames, "work_order").await;
        seat.tell(Command::TakeOver { number: second.number }).await;
        assert_eq!(frame(&mut first.frames, "bye").await["reason"], "replaced");
        assert!(first.frames.recv().await.is_none(), "{}: its line is let go", desk.engine());
        let snapshot = frame(&mut second.frames, "snapshot").await;
        assert!(!snapshot["work_order"].is_null(), "the work order came along");
        // The old line's end takes nobody away.
        seat.tell(Command::Detach { number: first.number, left: true }).await;
        seat.tell(Command::Pause).await;
        assert_eq!(frame(&mut second.frames, "agent").await["state"], "paused");
    }
}

#[tokio::test]
async fn e51_the_same_tab_and_a_dead_line_are_replaced_without_being_asked() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let mut first = seat.open(&desk.liu, "one", false).await;
        frame(&mut first.frames, "snapshot").await;
        let mut reloaded = seat.open(&desk.liu, "one", false).await;
        frame(&mut reloaded.frames, "snapshot").await;
        drop(reloaded);
        let mut other = seat.open(&desk.liu, "two", false).await;
        frame(&mut other.frames, "snapshot").await;
    }
}

#[tokio::test]
async fn e51_an_agent_without_a_browser_is_off_line_and_is_offered_nothing() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let mut page = seat.open(&desk.liu, "one", false).await;
        frame(&mut page.frames, "snapshot").await;
        seat.tell(Command::Detach { number: page.number, left: false }).await;
        seat.tell(Command::Ready).await;
        seat.seats.queue_changed();
        let mut again = seat.open(&desk.liu, "one", false).await;
        let snapshot = frame(&mut again.frames, "snapshot").await;
        assert!(snapshot["work_order"].is_null() && snapshot["queue"]["ready"] == 1, "{}: {snapshot}", desk.engine());
    }
}

#[tokio::test]
async fn e51_a_page_that_went_to_sleep_keeps_no_party_waiting() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let mut page = seat.open(&desk.liu, "one", false).await;
        frame(&mut page.frames, "snapshot").await;
        seat.tell(Command::Ready).await;
        frame(&mut page.frames, "work_order").await;
        seat.tell(Command::Detach { number: page.number, left: false }).await;
        let mut again = seat.open(&desk.liu, "one", false).await;
        assert!(!frame(&mut again.frames, "snapshot").await["work_order"].is_null(), "a reload finds it again");
        seat.tell(Command::Detach { number: again.number, left: false }).await;
        // The seat looks at the clock of the house whenever something reaches it.
        seat.tell(Command::HangUp).await;
        while seat.commands.capacity() < seat.commands.max_capacity() {
            tokio::task::yield_now().await;
        }
        desk.ground.clock.advance(60_000);
        seat.tell(Command::HangUp).await;
        while !desk.log().await.contains(&("work_order.give_back".into(), "ok".into())) {
            tokio::task::yield_now().await;
        }
        let mut later = seat.open(&desk.liu, "one", false).await;
        let snapshot = frame(&mut later.frames, "snapshot").await;
        assert!(snapshot["work_order"].is_null(), "{}: it went back", desk.engine());
        assert!(desk.take(&desk.wang).await.is_some(), "and somebody else gets it");
    }
}

#[tokio::test]
async fn e51_a_session_that_is_over_is_told_in_the_order_of_the_frames() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let mut page = seat.open(&desk.liu, "one", false).await;
        let before = frame(&mut page.frames, "snapshot").await["seq"].as_u64().unwrap();
        seat.tell(Command::SessionExpired { number: page.number + 7 }).await;
        seat.tell(Command::SessionExpired { number: page.number }).await;
        let told = frame(&mut page.frames, "session_expired").await;
        assert_eq!(told["seq"].as_u64(), Some(before + 1), "{}: another line's end is not ours", desk.engine());
        seat.tell(Command::SignedOut { session: desk.liu.session.clone() }).await;
        assert_eq!(frame(&mut page.frames, "bye").await["reason"], "logged_out");
    }
}

/// A call of nobody known rings at this seat as long as the bell is held.
async fn rings(desk: &Desk, seat: &Seated) -> Bell {
    let (bell, ring) = bell();
    let offer = Offer {
        call: "call".into(),
        masked: "138****9876".into(),
        found: None,
        until_ms: desk.ground.clock.now_ms() + 15_000,
        word: mpsc::channel(8).0,
        ring,
    };
    seat.tell(Command::Incoming(Box::new(offer))).await;
    bell
}

#[tokio::test]
async fn r4_4a_what_rings_is_over_whatever_waits_in_the_inbox_and_whether_or_not_anybody_says_so() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let mut page = seat.open(&desk.liu, "one", false).await;
        frame(&mut page.frames, "snapshot").await;
        seat.tell(Command::Ready).await;
        frame(&mut page.frames, "work_order").await;
        let bell = rings(&desk, &seat).await;
        frame(&mut page.frames, "incoming").await;
        while seat.commands.try_send(Command::HangUp).is_ok() {}
        bell.stop("missed");
        assert_eq!(frame(&mut page.frames, "incoming_gone").await["reason"], "missed", "{}", desk.engine());

        let bell = rings(&desk, &seat).await;
        frame(&mut page.frames, "incoming").await;
        drop(bell);
        assert_eq!(frame(&mut page.frames, "incoming_gone").await["reason"], "hung_up", "{}", desk.engine());
        seat.tell(Command::Pause).await;
        assert_eq!(frame(&mut page.frames, "agent").await["state"], "paused");
    }
}

#[tokio::test]
async fn the_queue_may_change_as_often_as_it_likes_and_takes_no_place_in_an_inbox() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        for _ in 0..2 * seat.commands.max_capacity() {
            seat.seats.queue_changed();
        }
        assert_eq!(seat.commands.capacity(), seat.commands.max_capacity(), "{}", desk.engine());
        // Nothing is to be had at first; what comes then is offered without being asked for.
        let order = desk.take(&desk.wang).await.unwrap();
        let mut page = seat.open(&desk.liu, "one", false).await;
        seat.tell(Command::Ready).await;
        frame(&mut page.frames, "queue").await;
        let mut tx = desk.ground.db.begin().await.unwrap();
        let by = songda_service::timeline::SYSTEM;
        work_orders::close(&mut tx, &desk.ground.clock, &order.id, &order.task_id, &by, true).await.unwrap();
        tx.commit().await.unwrap();
        seat.seats.queue_changed();
        frame(&mut page.frames, "work_order").await;
    }
}
