//! Calls that an agent ends politely (E49).

use songda_desk::{
    calls,
    escalations::{self, Reason},
};
use songda_service::timeline::{self, By};

use crate::desk::{Ended, desks, form};

#[tokio::test]
async fn e49_a_judge_is_called_once_and_a_child_calls_nobody() {
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await;
        let by = By { actor: &desk.liu.user_id, name: &desk.liu.name };
        let mut tx = desk.ground.db.begin().await.unwrap();
        assert!(escalations::note(&mut tx, &desk.ground.clock, &by, &call, Reason::Threat).await.unwrap());
        assert!(!escalations::note(&mut tx, &desk.ground.clock, &by, &call, Reason::Abuse).await.unwrap());
        tx.commit().await.unwrap();
        let shown = escalations::of_task(&desk.ground.db, &order.task_id).await.unwrap();
        assert_eq!((shown.len(), shown[0].reason, shown[0].call_id.as_str()), (1, Reason::Threat, &*call.id));
        let events = timeline::list(&desk.ground.db, &order.task_id).await.unwrap();
        let last = calls::history_text(events.last().unwrap()).unwrap();
        assert_eq!(
            last,
            ("升级法官：威胁".to_owned(), "Escalated to the judge: Threat".to_owned()),
            "{}",
            desk.engine()
        );
        assert!(sqlx::query("DELETE FROM escalations").execute(desk.ground.db.read()).await.is_err(), "for ever");
    }
    for desk in desks().await {
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.ended(&desk.liu, &order, &Ended { parting: "farewell", ..Ended::default() }).await;
        let by = By { actor: &desk.liu.user_id, name: &desk.liu.name };
        let mut tx = desk.ground.db.begin().await.unwrap();
        escalations::note(&mut tx, &desk.ground.clock, &by, &call, Reason::Child).await.unwrap();
        tx.commit().await.unwrap();
        assert!(escalations::of_task(&desk.ground.db, &order.task_id).await.unwrap().is_empty(), "{}", desk.engine());
        let agreed = form("W1", "B02", &[("address", "西安市新城区尚德路116号")]);
        let refused = desk.save(&desk.liu, &call.id, agreed).await.unwrap_err();
        assert!(refused.contains("a child was on the line"), "{refused}");
        // The contact is left to the agent; the task comes again by the rules.
        let saved = desk.save(&desk.liu, &call.id, form("W11", "", &[])).await.unwrap();
        assert_eq!((saved.phase.as_str(), saved.next_en.as_str()), ("待外呼", "Call again later"));
        assert!(desk.take(&desk.wang).await.is_none(), "{}: not at once", desk.engine());
    }
}
