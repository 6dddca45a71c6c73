//! Drafts of an outcome, sealed and masked.

use songda_desk::outcomes::draft::{self, Form, Typed};

use crate::{
    clear,
    desk::{ALL, Ended, desks, form},
};

#[tokio::test]
async fn r4_3b_a_number_in_a_draft_is_sealed_and_comes_back_only_by_its_mask() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await;
        let typed = [("mobile", "13800005678"), ("who", "妻子，电话13800009876")];
        let sent = Form { note: "本人另有 13800003333".into(), ..form("W1", "B01", &typed) };
        draft::keep(&desk.ground, &desk.liu, &call.id, sent).await.unwrap();
        for secret in ["13800005678", "13800009876", "13800003333"] {
            let found = clear::places(&desk.house.on, secret).await;
            assert!(found.is_empty(), "{}: {secret} stands in {found:?}", desk.engine());
        }
        let back = draft::of_agent(&desk.ground, &desk.liu, &call.id).await.unwrap().unwrap();
        let text = serde_json::to_string(&back).unwrap();
        assert!(text.contains("138****5678") && !text.contains("5678\"}}"), "{text}");
        for secret in ["13800005678", "13800009876", "13800003333"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(matches!(&back.fields["mobile"], Typed::Kept { kept: true, .. }));

        // Sent back as it came, everything that is kept stays; what is left out is gone.
        let mut again = back.clone();
        again.contact = "W3".into();
        again.fields.remove("who");
        draft::keep(&desk.ground, &desk.liu, &call.id, again).await.unwrap();
        let kept = draft::find(&desk.ground.db, &desk.ground.sealer, &call.id).await.unwrap().unwrap();
        assert_eq!((kept.contact.as_str(), kept.note.as_str()), ("W3", "本人另有 13800003333"));
        assert_eq!(
            kept.fields.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect::<Vec<_>>(),
            [("mobile", "13800005678")]
        );
        let log = desk.log().await;
        assert_eq!(log.iter().filter(|(action, _)| action == "outcome.draft").count(), 1, "the first one is told");
    }
}

#[tokio::test]
async fn what_a_draft_keeps_becomes_the_attempt_and_the_draft_is_gone() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended { ticks: ALL, ..Ended::default() }).await;
        let typed = form("W1", "B01", &[("mobile", "138 0000 5678")]);
        draft::keep(&desk.ground, &desk.liu, &call.id, typed).await.unwrap();
        let mut shown = draft::of_agent(&desk.ground, &desk.liu, &call.id).await.unwrap().unwrap();
        shown.note = "已确认".into();
        let saved = desk.save(&desk.liu, &call.id, shown).await.unwrap();
        assert_eq!(saved.phase, "已约定渠道", "{}", desk.engine());
        assert!(draft::of_agent(&desk.ground, &desk.liu, &call.id).await.unwrap().is_none());
        assert!(clear::places(&desk.house.on, "13800005678").await.is_empty());
        let attempts =
            songda_desk::calls::attempts(&desk.ground.db, &desk.ground.sealer, &order.task_id).await.unwrap();
        let field = &attempts[0].fields[0];
        assert_eq!((field.name.as_str(), field.masked.as_str()), ("mobile", "138****5678"));
        assert_eq!(attempts[0].note, "已确认");
        let late = draft::keep(&desk.ground, &desk.liu, &call.id, Form::default()).await;
        assert!(late.unwrap_err().to_string().contains("saved already"));
    }
}

#[tokio::test]
async fn a_draft_of_another_agents_call_is_not_there() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await;
        draft::keep(&desk.ground, &desk.liu, &call.id, form("W1", "", &[])).await.unwrap();
        assert!(draft::of_agent(&desk.ground, &desk.wang, &call.id).await.is_err(), "{}", desk.engine());
        assert!(draft::keep(&desk.ground, &desk.wang, &call.id, Form::default()).await.is_err());
        assert!(desk.save(&desk.wang, &call.id, form("W1", "B06", &[])).await.is_err());
    }
}

#[tokio::test]
async fn no_outcome_is_saved_before_the_end_and_none_twice() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await;
        let early = desk.save(&desk.liu, &call.id, form("W1", "B06", &[])).await.unwrap_err();
        assert!(early.contains("still up"), "{}: {early}", desk.engine());
    }
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended::default()).await;
        desk.save(&desk.liu, &call.id, form("W1", "B06", &[])).await.unwrap();
        let twice = desk.save(&desk.liu, &call.id, form("W1", "B06", &[])).await.unwrap_err();
        assert!(twice.contains("saved already"), "{}: {twice}", desk.engine());
    }
}
