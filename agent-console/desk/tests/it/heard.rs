//! What the line says and what the agent makes of it: confirmed, refused, or said with the outcome.

use songda_calls::progress::LineStatus;
use songda_desk::{
    DeskError, calls,
    progress::{self, Heard, Verdict},
    recovery,
};
use songda_media::progress::Place;
use songda_recordings::vault::{BLOCK_FRAMES, RecordingId};
use sqlx::Row;

use crate::desk::{Desk, Ended, desks, form};

fn says(class: &'static str, place: Place) -> LineStatus {
    LineStatus { class, confidence: 80, from_ms: 500, to_ms: 2_500, place, words: None }
}

impl Desk {
    async fn says(&self, call: &str, class: &'static str, place: Place) -> bool {
        let (ground, said) = (&self.ground, says(class, place));
        progress::put(&ground.db, &ground.clock, &ground.sealer, (&self.house.court, call), &said).await.unwrap()
    }

    async fn heard(&self, call: &str) -> Option<Heard> {
        progress::find(&self.ground.db, &self.ground.sealer, call).await.unwrap()
    }

    /// Technical code of the call, of its attempt, and the rule.
    async fn books(&self, call: &str) -> (String, String, String) {
        let sql =
            "SELECT c.technical_code, a.technical_code, c.cause_rule FROM calls c JOIN attempts a ON a.call_id = c.id
                   WHERE c.id = $1";
        let row = sqlx::query(sql).bind(call).fetch_one(self.ground.db.read()).await.unwrap();
        (row.get(0), row.get(1), row.get(2))
    }
}

#[tokio::test]
async fn e44_a_machine_that_is_picked_is_no_answer_whether_it_was_suggested_refused_or_neither() {
    for heard in ["voicemail", "voicemail refused", "person", ""] {
        for desk in desks().await {
            let order = desk.take(&desk.liu).await.unwrap();
            let call = desk.ended(&desk.liu, &order, &Ended::default()).await.id;
            if let Some(class) = ["voicemail", "person"].into_iter().find(|class| heard.starts_with(class)) {
                assert!(desk.says(&call, class, Place::Answered).await);
            }
            if heard.ends_with("refused") {
                progress::decide(&desk.ground, &desk.liu, &call, Verdict::Rejected).await.unwrap();
            }
            desk.save(&desk.liu, &call, form("W12", "", &[])).await.unwrap();
            let (call_code, attempt, rule) = desk.books(&call).await;
            assert_eq!((call_code.as_str(), attempt.as_str()), ("C10", "C10"), "{}: {heard:?}", desk.engine());
            assert_eq!(rule, "announced v1");
            let state = desk.heard(&call).await.map(|heard| heard.state);
            let wanted = match heard {
                "" => None,
                "person" => Some("rejected"),
                _ => Some("confirmed"),
            };
            assert_eq!(state.as_deref(), wanted, "{}: {heard:?}", desk.engine());
            assert!(desk.events(&order.task_id).await.contains(&"line_judged".into()), "{heard:?}");
            assert!(desk.log().await.contains(&("call.line_judged".into(), "ok".into())), "{heard:?}");
        }
    }
}

#[tokio::test]
async fn e44_a_machine_that_was_only_suggested_is_refused_by_picking_the_person_who_spoke() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended::default()).await.id;
        desk.says(&call, "machine", Place::Answered).await;
        desk.save(&desk.liu, &call, form("W1", "B06", &[])).await.unwrap();
        assert_eq!(desk.books(&call).await.0, "C01", "{}", desk.engine());
        assert_eq!(desk.heard(&call).await.unwrap().state, "rejected");
        // What is saved is settled, for him and for whatever is read later.
        let again = progress::decide(&desk.ground, &desk.liu, &call, Verdict::Confirmed).await;
        assert!(matches!(again, Err(DeskError::OutcomeSaved)), "{again:?}");
        assert!(!desk.says(&call, "voicemail", Place::Answered).await);
        assert_eq!(desk.heard(&call).await.unwrap().class, "machine");
    }
}

#[tokio::test]
async fn e44_a_notice_behind_the_answer_that_was_confirmed_leaves_nobody_to_agree_with() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended::default()).await.id;
        desk.says(&call, "no_such_number", Place::Answered).await;
        progress::decide(&desk.ground, &desk.liu, &call, Verdict::Confirmed).await.unwrap();
        let refused = desk.save(&desk.liu, &call, form("W1", "B06", &[])).await.unwrap_err();
        assert!(refused.contains("nobody was reached"), "{}: {refused}", desk.engine());
        desk.save(&desk.liu, &call, form("W12", "", &[])).await.unwrap();
        assert_eq!(desk.books(&call).await.0, "C07", "what was confirmed says more");
    }
}

#[tokio::test]
async fn r4_2a_a_notice_before_the_answer_does_not_outweigh_the_answer() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended::default()).await.id;
        desk.says(&call, "in_a_call", Place::Early).await;
        let heard = progress::decide(&desk.ground, &desk.liu, &call, Verdict::Confirmed).await.unwrap();
        assert!(heard.conflict, "{}: he was engaged, and took the call", desk.engine());
        assert_eq!(desk.call(&call).await.technical_code, "C01");
        // What is heard after the answer is asked anew; what was decided about that stays.
        assert!(desk.says(&call, "machine", Place::Answered).await);
        let heard = desk.heard(&call).await.unwrap();
        assert_eq!((heard.class.as_str(), heard.state.as_str(), heard.conflict), ("machine", "suggested", false));
        progress::decide(&desk.ground, &desk.liu, &call, Verdict::Confirmed).await.unwrap();
        assert_eq!(desk.call(&call).await.technical_code, "C10");
        assert!(!desk.says(&call, "person", Place::Answered).await);
        assert!(!desk.says(&call, "in_a_call", Place::Early).await);
    }
}

#[tokio::test]
async fn e44_a_machine_that_was_confirmed_before_a_kill_does_not_come_back_as_an_answer() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await;
        let now = desk.ground.clock.now_ms();
        calls::answered(&desk.ground.db, &call.id, now, Some(now)).await.unwrap();
        desk.says(&call.id, "machine", Place::Answered).await;
        let heard = progress::decide(&desk.ground, &desk.liu, &call.id, Verdict::Confirmed).await.unwrap();
        assert!(!heard.conflict && heard.technical.is_none(), "the call goes on");
        // Two seconds of it are sealed.
        let recording = RecordingId::new(call.recording_id.as_deref().unwrap()).unwrap();
        let mut writer = desk.ground.vault.begin(&recording, now).unwrap();
        (0..2).for_each(|_| writer.put(&vec![0; 2 * BLOCK_FRAMES]).unwrap());
        writer.finish(Vec::new()).unwrap();
        desk.ground.clock.advance(9_000);
        recovery::run(&desk.ground).await.unwrap();

        let row = desk.call(&call.id).await;
        assert_eq!((row.technical_code.as_str(), row.outcome_state.as_str()), ("C10", "due"), "{}", desk.engine());
        assert!(row.is_attempt && row.ended_ms == Some(now + 2_000));
        let heard = desk.heard(&call.id).await.unwrap();
        assert_eq!((heard.state.as_str(), heard.conflict), ("confirmed", false));
        let sql = "SELECT COUNT(*) FROM jobs WHERE kind = 'progress'";
        let jobs: i64 = sqlx::query(sql).fetch_one(desk.ground.db.read()).await.unwrap().get(0);
        assert_eq!(jobs, 1, "what the kill left unread is read from the recording");
        let refused = desk.save(&desk.liu, &call.id, form("W1", "B06", &[])).await.unwrap_err();
        assert!(refused.contains("nobody was reached"), "{}: {refused}", desk.engine());
        desk.save(&desk.liu, &call.id, form("W12", "", &[])).await.unwrap();
        let (code, attempt, rule) = desk.books(&call.id).await;
        assert_eq!((code.as_str(), attempt.as_str(), rule.as_str()), ("C10", "C10", "announced v1"));
    }
}

#[tokio::test]
async fn r4_2a_what_was_confirmed_before_the_end_and_is_not_what_ended_the_call_is_shown_as_a_conflict() {
    for (class, answered, code, conflict) in
        [("in_a_call", true, "C01", true), ("no_such_number", false, "C11", true), ("ringing", true, "C01", false)]
    {
        for desk in desks().await {
            let order = desk.take(&desk.liu).await.unwrap();
            let call = desk.begun(&desk.liu, &order).await.id;
            desk.says(&call, class, Place::Early).await;
            progress::decide(&desk.ground, &desk.liu, &call, Verdict::Confirmed).await.unwrap();
            if answered {
                let now = desk.ground.clock.now_ms();
                calls::answered(&desk.ground.db, &call, now, Some(now)).await.unwrap();
            }
            recovery::run(&desk.ground).await.unwrap();
            assert_eq!(desk.call(&call).await.technical_code, code, "{}: {class}", desk.engine());
            assert_eq!(desk.heard(&call).await.unwrap().conflict, conflict, "{}: {class}", desk.engine());
        }
    }
}

#[tokio::test]
async fn r4_2b_an_outcome_is_saved_by_the_technical_code_that_the_call_has_at_that_moment() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended::default()).await.id;
        // The agent's word on the line is being written down while his outcome comes.
        let mut tx = desk.ground.db.begin().await.unwrap();
        sqlx::query("UPDATE calls SET technical_code = 'C10' WHERE id = $1")
            .bind(&call)
            .execute(&mut *tx.conn())
            .await
            .unwrap();
        let mut saving = std::pin::pin!(desk.save(&desk.liu, &call, form("W1", "B06", &[])));
        let waits = tokio::time::timeout(std::time::Duration::from_millis(300), &mut saving).await;
        assert!(waits.is_err(), "{}: it waits for what is written down: {waits:?}", desk.engine());
        tx.commit().await.unwrap();
        let refused = saving.await.unwrap_err();
        assert!(refused.contains("nobody was reached"), "{}: {refused}", desk.engine());
        assert_eq!(desk.call(&call).await.outcome_state, "due", "nothing was saved");
    }
}

#[tokio::test]
async fn e44_a_notice_that_was_only_suggested_marks_no_number_as_dead_when_a_machine_is_picked() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended::default()).await.id;
        desk.says(&call, "no_such_number", Place::Answered).await;
        desk.save(&desk.liu, &call, form("W12", "", &[])).await.unwrap();
        let (code, attempt, _) = desk.books(&call).await;
        assert_eq!((code.as_str(), attempt.as_str()), ("C10", "C10"), "{}", desk.engine());
        let heard = desk.heard(&call).await.unwrap();
        assert_eq!((heard.state.as_str(), heard.conflict), ("suggested", false), "he did not say which machine");
        assert!(heard.is_evidence(), "and the judge may hear it");
    }
}
