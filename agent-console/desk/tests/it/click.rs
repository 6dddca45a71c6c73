//! A click is taken to call control without any timer being waited for (R4.1a: ringing within three
//! seconds of the click). What follows, up to the INVITE and the ring, is proved in the same way beside
//! call control (`tests/tests/it/switchboard/click.rs`).

use std::time::{Duration, Instant};

use songda_desk::seats::Command;
use tokio::time;

use crate::{
    callers::{SOUND, at_work, opened, opens},
    desk::desks,
    seats::Seated,
};

/// Real time, by the test's own watch, after which something waits for a timer.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn r4_1a_a_click_is_written_down_and_taken_to_the_line_while_the_clock_stands_still() {
    for desk in desks().await {
        let seat = Seated::new(&desk, &desk.liu).await;
        let cancel = opened(&desk, &seat).await;
        let mut page = at_work(&desk, &seat).await;
        let Command::Dial { work_order, phone_id, language, .. } = opens(&desk, &seat).await else { unreachable!() };
        time::pause();
        // A paused clock goes on by itself once everybody waits; not while a blocking task runs.
        let (release, waits) = std::sync::mpsc::channel::<()>();
        let held = tokio::task::spawn_blocking(move || waits.recv().is_ok());
        let (since, begun) = (time::Instant::now(), Instant::now());
        seat.tell(Command::Dial { work_order, phone_id, sdp: SOUND.into(), language }).await;
        let mut told = Vec::new();
        while told.last().is_none_or(|kind| kind != "answer") {
            match page.frames.try_recv() {
                Ok(frame) => told.push(frame["type"].as_str().unwrap().to_owned()),
                Err(_) => tokio::task::yield_now().await,
            }
            assert!(begun.elapsed() < PATIENCE, "{}: the click waits for a timer: {told:?}", desk.engine());
        }
        assert!(told.iter().position(|kind| kind == "call") < told.iter().position(|kind| kind == "answer"));
        let row = sqlx::query("SELECT state FROM calls").fetch_one(desk.ground.db.read()).await.unwrap();
        assert_eq!(sqlx::Row::get::<String, _>(&row, 0), "dialling", "{}", desk.engine());
        assert_eq!(time::Instant::now(), since, "{}: the clock was advanced", desk.engine());
        release.send(()).unwrap();
        assert!(held.await.unwrap(), "{}", desk.engine());
        time::resume();
        cancel.cancel();
    }
}
