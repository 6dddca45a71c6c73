//! The consent checklist (2.7) and a consent that is cut off (E45).

use songda_desk::{
    calls,
    checklist::{self, Tick, script_for},
    work_orders,
};
use songda_service::timeline;

use crate::desk::{ALL, Ended, desks, form};

#[tokio::test]
async fn r4_1d_an_agreement_needs_every_step_that_must_be_said() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended { ticks: &ALL[..6], ..Ended::default() }).await;
        let agreed = form("W1", "B01", &[("mobile", "13800005678")]);
        let refused = desk.save(&desk.liu, &call.id, agreed.clone()).await.unwrap_err();
        assert!(refused.contains("Confirm it was heard"), "{}: {refused}", desk.engine());
        let mut tx = desk.ground.db.begin().await.unwrap();
        let tick = |step: &str| Tick { step: step.into(), at_ms: 1, offset_ms: Some(12_000) };
        checklist::tick(&mut tx, &call.id, &tick("heard"), true).await.unwrap();
        checklist::tick(&mut tx, &call.id, &tick("rights"), false).await.unwrap();
        tx.commit().await.unwrap();
        let refused = desk.save(&desk.liu, &call.id, agreed.clone()).await.unwrap_err();
        assert!(refused.contains("Tell the rights"), "{}: what was taken back is not said: {refused}", desk.engine());
        let mut tx = desk.ground.db.begin().await.unwrap();
        checklist::tick(&mut tx, &call.id, &tick("rights"), true).await.unwrap();
        tx.commit().await.unwrap();
        desk.save(&desk.liu, &call.id, agreed).await.unwrap();
        let ticks = checklist::ticks(&desk.ground.db, &call.id).await.unwrap();
        assert_eq!((ticks.len(), ticks[6].offset_ms), (7, Some(12_000)), "with their places in the recording");
    }
}

#[tokio::test]
async fn what_is_no_agreement_needs_no_step() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended::default()).await;
        desk.save(&desk.liu, &call.id, form("W9", "B14", &[("who", "妻子"), ("until", "2026-11-24")])).await.unwrap();
    }
}

#[test]
fn each_kind_of_order_has_its_script_and_every_script_can_be_read() {
    assert_eq!(script_for("一般诉讼文书").id, "general-v1");
    assert_eq!(script_for("裁判文书").id, "judgment-v1");
    assert_eq!(script_for("仅通知").id, "notify-v1");
    assert_eq!(script_for("以后才有的").id, "general-v1");
    for kind in ["一般诉讼文书", "裁判文书", "仅通知"] {
        let script = script_for(kind);
        assert!(script.steps.len() >= 6 && script.has("identify") && script.has("heard"), "{}", script.id);
        assert!(script.steps.iter().all(|step| !step.title_en.is_empty() && !step.text_zh.is_empty()));
    }
    assert!(!script_for("仅通知").has("consent"), "a notice asks for no consent");
}

#[test]
fn a_consent_is_open_from_its_first_step_to_the_last_that_must_be_said() {
    let script = script_for("一般诉讼文书");
    let ticks = |steps: &[&str]| -> Vec<Tick> {
        steps.iter().map(|step| Tick { step: (*step).into(), at_ms: 0, offset_ms: None }).collect()
    };
    assert!(!script.consent_is_open(&ticks(&["identify", "verify", "documents"])), "not begun");
    assert!(script.consent_is_open(&ticks(&["identify", "verify", "documents", "consent"])));
    assert!(!script.consent_is_open(&ticks(ALL)), "at its end");
}

#[tokio::test]
async fn e45_a_consent_that_was_cut_off_is_taken_up_by_the_next_call() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let cut = Ended { ticks: &ALL[..4], broken_consent: true, ..Ended::default() };
        let first = desk.ended(&desk.liu, &order, &cut).await;
        let saved = desk.save(&desk.liu, &first.id, form("W1", "B07", &[("kind", "line_lost")])).await.unwrap();
        assert!(saved.next_en.contains("call again first"), "{}: {}", desk.engine(), saved.next_en);

        let next = desk.take(&desk.wang).await.unwrap();
        assert_eq!(next.task_id, order.task_id, "{}: before all others, at once", desk.engine());
        let plain = work_orders::content(&desk.ground.db, &desk.wang, "法院", &next).await.unwrap();
        assert_eq!(plain["resumed_from"]["call_id"], first.id.as_str());
        assert_eq!(plain["resumed_from"]["ticks"].as_array().unwrap().len(), 4);
        assert_eq!(
            (plain["script_id"].as_str(), plain["script"].as_array().map(Vec::len)),
            (Some("general-v1"), Some(9))
        );
        desk.ground.clock.advance(1_000);
        let second = desk.begun(&desk.wang, &next).await;
        assert_eq!(second.resumed_from.as_deref(), Some(first.id.as_str()));
        let events = timeline::list(&desk.ground.db, &order.task_id).await.unwrap();
        let dialled = events.iter().rfind(|event| event.kind == "dialled").unwrap();
        assert_eq!(dialled.detail["resumes"], first.id.as_str(), "both calls stand linked in the timeline");
        assert!(calls::history_text(dialled).unwrap().0.contains("接续中断的征询"));
    }
}

#[tokio::test]
async fn e45_who_hangs_up_or_refuses_is_not_called_again_at_once() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let cut = Ended { ticks: &ALL[..4], broken_consent: true, ..Ended::default() };
        let call = desk.ended(&desk.liu, &order, &cut).await;
        desk.save(&desk.liu, &call.id, form("W1", "B07", &[("kind", "refused")])).await.unwrap();
        assert!(desk.take(&desk.wang).await.is_none(), "{}: a day later, by the rules", desk.engine());
    }
}
