//! 待补录: outcomes that were not saved in time.

use songda_desk::{
    calls,
    outcomes::owed::{self, Why},
};
use songda_service::tasks;

use crate::desk::{ALL, Desk, Ended, desks, form};

const MINUTE_MS: i64 = 60_000;

async fn leave(desk: &Desk, call: &str, why: Why) -> bool {
    owed::leave(&desk.ground, Some(&desk.liu), &desk.call(call).await, why).await.unwrap()
}

#[tokio::test]
async fn r4_2a_an_outcome_that_is_left_invents_nothing_and_the_task_stands_first_in_line() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended::default()).await;
        assert!(leave(&desk, &call.id, Why::TimeIsUp).await);
        assert!(!leave(&desk, &call.id, Why::TimeIsUp).await, "{}: once", desk.engine());
        assert!(calls::attempts(&desk.ground.db, &desk.ground.sealer, &order.task_id).await.unwrap().is_empty());
        let task = desk.task(&order.task_id).await;
        assert_eq!((task.phase.as_str(), task.result.as_str()), (tasks::WAITING, "未定"));
        assert_eq!(desk.events(&order.task_id).await.last().unwrap(), "owed");
        let mine = owed::list(&desk.ground.db, &desk.liu.user_id).await.unwrap();
        assert_eq!(
            (mine.len(), mine[0].call_id.as_str(), mine[0].phone_masked.as_str()),
            (1, &*call.id, "138****1234")
        );
        assert!(owed::list(&desk.ground.db, &desk.wang.user_id).await.unwrap().is_empty());

        // Who heard everything is not called again before the gap of the rules is over; then
        // he comes before everybody else.
        let party = vec![crate::house::party("q", None, &["13800004321"])];
        let soon = Some(desk.ground.clock.now_ms() + 86_400_000);
        let urgent = desk.house.order_at("SD2", "（2026）陕0102民初2号", party, "D1", soon).await.tasks[0].id.clone();
        let mut tx = desk.ground.db.begin().await.unwrap();
        let next = tasks::next(&mut tx, &desk.ground.clock, &desk.house.court).await.unwrap();
        assert_eq!(next, Some(urgent), "{}: the gap is not over", desk.engine());
        drop(tx);
        desk.ground.clock.advance(121 * MINUTE_MS);
        let next = desk.take(&desk.wang).await.unwrap();
        assert_eq!(next.task_id, order.task_id, "{}", desk.engine());
    }
}

#[tokio::test]
async fn e51_who_was_told_that_we_are_sorry_is_called_again_at_once() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended { parting: "apology", ..Ended::default() }).await;
        assert!(leave(&desk, &call.id, Why::AgentGone).await);
        let next = desk.take(&desk.wang).await.unwrap();
        assert_eq!(next.task_id, order.task_id, "{}", desk.engine());
    }
}

#[tokio::test]
async fn r4_2a_a_late_outcome_moves_the_task_while_nobody_has_called_since() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended { ticks: ALL, ..Ended::default() }).await;
        leave(&desk, &call.id, Why::Asked).await;
        let saved = desk.save(&desk.liu, &call.id, form("W1", "B06", &[])).await.unwrap();
        assert_eq!((saved.no, saved.phase.as_str()), (1, tasks::ELSEWHERE), "{}", desk.engine());
        assert!(owed::list(&desk.ground.db, &desk.liu.user_id).await.unwrap().is_empty());
        assert_eq!(desk.call(&call.id).await.outcome_state, "saved");
    }
}

#[tokio::test]
async fn r4_2a_a_late_outcome_leaves_a_task_alone_that_somebody_else_has_called() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended { parting: "apology", ticks: ALL, ..Ended::default() }).await;
        leave(&desk, &call.id, Why::AgentGone).await;
        let again = desk.take(&desk.wang).await.unwrap();
        desk.ground.clock.advance(1_000);
        let second = desk.ended(&desk.wang, &again, &Ended::default()).await;
        let late = desk.save(&desk.liu, &call.id, form("W1", "B05", &[])).await;
        assert!(late.unwrap_err().contains("no recording"), "success needs its evidence, late or not");
        let saved = desk.save(&desk.liu, &call.id, form("W1", "B06", &[])).await.unwrap();
        assert_eq!((saved.no, saved.phase.as_str()), (1, tasks::CALLING), "{}", desk.engine());
        assert!(saved.next_en.contains("late"), "{}", saved.next_en);
        let saved =
            desk.save(&desk.wang, &second.id, form("W1", "B02", &[("address", "西安市新城区尚德路116号")])).await;
        assert_eq!((saved.as_ref().unwrap().no, saved.unwrap().phase.as_str()), (2, "已约定渠道"));
    }
}

#[tokio::test]
async fn the_limits_of_calling_hold_for_what_is_owed_too() {
    for desk in desks().await {
        let mut last = String::new();
        for round in 0..3 {
            let order = desk.take(&desk.liu).await.unwrap();
            let call = desk.ended(&desk.liu, &order, &Ended { parting: "apology", ..Ended::default() }).await;
            leave(&desk, &call.id, Why::AgentGone).await;
            last.clone_from(&order.task_id);
            let queue = tasks::queue(&desk.ground.db, &desk.ground.clock, &desk.house.court).await.unwrap();
            match round {
                0 => assert_eq!(queue.ready, 1, "{}", desk.engine()),
                1 => {
                    // Twice a day is enough: 8:30 of the next day.
                    assert_eq!((queue.ready, queue.later), (0, 1));
                    let next = songda_store::clock::rfc3339(queue.next_ms.unwrap());
                    assert_eq!(next, "2026-11-24T08:30:00+08:00");
                    desk.ground.clock.advance(24 * 60 * MINUTE_MS);
                }
                _ => assert_eq!((queue.ready, queue.later), (0, 0)),
            }
        }
        let task = desk.task(&last).await;
        assert_eq!(task.phase, tasks::SEARCHING, "{}: three calls of one number", desk.engine());
        assert!(task.next_step.contains("次数已满"), "{}", task.next_step);
    }
}

#[tokio::test]
async fn what_nobody_looks_after_is_owed_when_its_time_is_long_up_and_an_alarm_follows() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let until = desk.ground.clock.now_ms() + 90_000;
        let call = desk.ended(&desk.liu, &order, &Ended { wrap_until_ms: Some(until), ..Ended::default() }).await;
        let seats = songda_desk::seats::Seats::new(desk.ground.clone(), tokio_util::sync::CancellationToken::new());
        seats.tick().await.unwrap();
        assert_eq!(desk.call(&call.id).await.outcome_state, "due", "{}: it has time", desk.engine());
        desk.ground.clock.advance(2 * MINUTE_MS);
        seats.tick().await.unwrap();
        assert_eq!(desk.call(&call.id).await.outcome_state, "owed");
        assert!(songda_store::alarms::open(&desk.ground.db).await.unwrap().is_empty());
        desk.ground.clock.advance(31 * MINUTE_MS);
        seats.tick().await.unwrap();
        let alarms = songda_store::alarms::open(&desk.ground.db).await.unwrap();
        assert_eq!((alarms.len(), alarms[0].kind.as_str()), (1, "desk.owed"));
        desk.save(&desk.liu, &call.id, form("W1", "B06", &[])).await.unwrap();
        assert!(songda_store::alarms::open(&desk.ground.db).await.unwrap().is_empty(), "{}", desk.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_is_saved_at_the_moment_at_which_its_time_is_up_is_saved_once() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended::default()).await;
        let save = desk.save(&desk.liu, &call.id, form("W1", "B06", &[]));
        let (saved, _left) = tokio::join!(save, leave(&desk, &call.id, Why::TimeIsUp));
        assert_eq!(saved.unwrap().no, 1, "{}: whichever came first", desk.engine());
        assert_eq!(desk.call(&call.id).await.outcome_state, "saved");
        assert_eq!(desk.task(&order.task_id).await.phase, tasks::ELSEWHERE);
        let attempts = calls::attempts(&desk.ground.db, &desk.ground.sealer, &order.task_id).await.unwrap();
        assert_eq!(attempts.len(), 1);
    }
}
