//! The time between a call and its outcome, by the policy of the court.

use songda_desk::{
    seats::Command,
    settings::{self, Settings, WrapUp},
};

use crate::{
    desk::{Desk, Ended, desks, form, frame},
    seats::{Page, Seated},
};

/// An agent whose call has ended under this policy, seen by his page.
async fn wrapping_up(desk: &Desk, wrap_up: WrapUp, left_ms: i64) -> (Seated, Page, String) {
    let to = Settings { wrap_up, wrap_up_s: 60, ..Settings::default() };
    settings::change(&desk.ground.db, &desk.ground.clock, &desk.liu, &to).await.unwrap();
    let order = desk.take(&desk.liu).await.unwrap();
    let until = desk.ground.clock.now_ms() + 30_000 + left_ms;
    let how = Ended { wrap_until_ms: wrap_up.is_timed().then_some(until), ..Ended::default() };
    let call = desk.ended(&desk.liu, &order, &how).await.id;
    let seat = Seated::new(desk, &desk.liu).await;
    let mut page = seat.open(&desk.liu, "one", false).await;
    let snapshot = frame(&mut page.frames, "snapshot").await;
    assert_eq!(snapshot["agent"]["state"], "wrap_up", "{snapshot}");
    assert_eq!(snapshot["call"]["wrap_up"]["policy"], wrap_up.word());
    assert_eq!(snapshot["call"]["wrap_up"]["until_at"].is_string(), wrap_up.is_timed());
    (seat, page, call)
}

async fn state(desk: &Desk, call: &str) -> String {
    desk.call(call).await.outcome_state
}

#[tokio::test]
async fn r4_2a_when_the_time_is_up_nothing_is_invented_and_the_agent_is_free() {
    for desk in desks().await {
        let (_seat, mut page, call) = wrapping_up(&desk, WrapUp::TimeBoxed, 1).await;
        let closed = frame(&mut page.frames, "work_order_closed").await;
        assert_eq!(closed["reason"], "owed", "{}", desk.engine());
        let owed = frame(&mut page.frames, "owed").await;
        assert_eq!(owed["items"][0]["call_id"], call.as_str());
        assert_eq!(frame(&mut page.frames, "agent").await["state"], "ready");
        assert_eq!(state(&desk, &call).await, "owed");
    }
}

#[tokio::test]
async fn one_more_minute_is_given_once() {
    for desk in desks().await {
        let (seat, mut page, call) = wrapping_up(&desk, WrapUp::TimeBoxed, 40_000).await;
        seat.tell(Command::Extend { call: call.clone() }).await;
        let told = frame(&mut page.frames, "call").await;
        assert_eq!((told["wrap_up"]["extended"].as_bool(), told["outcome_saved"].as_bool()), (Some(true), Some(false)));
        let until = desk.call(&call).await.wrap_until_ms.unwrap();
        assert_eq!(until - desk.ground.clock.now_ms(), 100_000, "{}", desk.engine());
        seat.tell(Command::Extend { call: call.clone() }).await;
        assert_eq!(frame(&mut page.frames, "error").await["code"], "wrap_up.no_more");
        assert!(desk.log().await.contains(&("wrap_up.extend".into(), "ok".into())));
    }
}

#[tokio::test]
async fn who_saves_in_time_is_free_at_once_and_where_the_court_wants_it_only_at_its_end() {
    for desk in desks().await {
        let (seat, mut page, call) = wrapping_up(&desk, WrapUp::TimeBoxed, 60_000).await;
        seat.seats.save_outcome(&desk.liu, &call, form("W1", "B06", &[])).await.unwrap();
        assert_eq!(frame(&mut page.frames, "work_order_closed").await["reason"], "saved", "{}", desk.engine());
        assert_eq!(frame(&mut page.frames, "agent").await["state"], "ready");
    }
    for desk in desks().await {
        let (seat, mut page, call) = wrapping_up(&desk, WrapUp::TimeBoxedNoEarlyExit, 60_000).await;
        seat.tell(Command::Later { call: call.clone() }).await;
        assert_eq!(frame(&mut page.frames, "error").await["code"], "wrap_up.no_early_exit");
        seat.seats.save_outcome(&desk.liu, &call, form("W1", "B06", &[])).await.unwrap();
        let told = frame(&mut page.frames, "call").await;
        assert_eq!((told["outcome_saved"].as_bool(), told["wrap_up"]["until_at"].is_string()), (Some(true), true));
        // The clock of the house moves on; the next frame to the seat lets it look.
        desk.ground.clock.advance(60_000);
        seat.tell(Command::HangUp).await;
        assert_eq!(frame(&mut page.frames, "work_order_closed").await["reason"], "saved", "{}", desk.engine());
        assert_eq!(frame(&mut page.frames, "agent").await["state"], "ready");
    }
}

#[tokio::test]
async fn where_there_is_no_clock_the_agent_leaves_the_outcome_for_later_by_himself() {
    for desk in desks().await {
        let (seat, mut page, call) = wrapping_up(&desk, WrapUp::Discretionary, 0).await;
        let view = seat.seats.views(&desk.house.court).await.remove(0);
        let due = desk.ground.clock.now_ms() + 60_000;
        assert_eq!((view.user_id, view.due_ms), (desk.liu.user_id.clone(), Some(due)), "a measure for the supervisor");
        seat.tell(Command::Ready).await;
        seat.tell(Command::Extend { call: call.clone() }).await;
        assert_eq!(frame(&mut page.frames, "error").await["code"], "wrap_up.no_more", "{}", desk.engine());
        assert_eq!(state(&desk, &call).await, "due", "asking for work leaves nothing behind here");
        seat.tell(Command::Later { call: call.clone() }).await;
        assert_eq!(frame(&mut page.frames, "work_order_closed").await["reason"], "owed");
        assert_eq!(state(&desk, &call).await, "owed");
    }
    for desk in desks().await {
        let (seat, mut page, call) = wrapping_up(&desk, WrapUp::Optional, 0).await;
        seat.tell(Command::Ready).await;
        assert_eq!(frame(&mut page.frames, "work_order_closed").await["reason"], "owed", "{}", desk.engine());
        assert_eq!(frame(&mut page.frames, "agent").await["state"], "ready");
        assert_eq!(state(&desk, &call).await, "owed");
    }
}

#[tokio::test]
async fn steps_are_ticked_behind_the_end_too_and_say_that_they_have_no_place_in_the_recording() {
    for desk in desks().await {
        let (seat, mut page, call) = wrapping_up(&desk, WrapUp::Discretionary, 0).await;
        let tick =
            |step: &str, on, call: Option<&str>| Command::Tick { step: step.into(), on, call: call.map(str::to_owned) };
        seat.tell(tick("identify", true, None)).await;
        let told = frame(&mut page.frames, "call").await;
        assert_eq!(
            (told["ticks"][0]["step"].as_str(), told["ticks"][0]["offset_ms"].is_null()),
            (Some("identify"), true)
        );
        seat.tell(tick("nothing", true, None)).await;
        assert_eq!(frame(&mut page.frames, "error").await["code"], "tick.unknown", "{}", desk.engine());
        seat.tell(tick("identify", false, None)).await;
        assert_eq!(frame(&mut page.frames, "call").await["ticks"].as_array().map(Vec::len), Some(0));
        seat.tell(Command::Later { call: call.clone() }).await;
        frame(&mut page.frames, "owed").await;
        seat.tell(tick("verify", true, Some(&call))).await;
        assert_eq!(frame(&mut page.frames, "owed").await["items"][0]["ticks"][0]["step"], "verify");
        seat.tell(tick("verify", true, None)).await;
        assert_eq!(frame(&mut page.frames, "error").await["code"], "tick.no_call");
    }
}
