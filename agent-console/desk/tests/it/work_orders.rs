//! Who holds a work order, and for how long.

use songda_desk::{
    calls::{self, NewCall},
    work_orders::{self, LIFETIME_MS, WorkOrder},
};
use songda_people::{Actor, sessions};
use songda_service::{cases, tasks, timeline::By};
use songda_store::new_id;

use crate::house::{House, ID_NUMBER, houses, party};

async fn actor(house: &House, login: &str) -> Actor {
    sessions::login(&house.on.db, &house.on.clock, login, "Right-horse-9", "127.0.0.1").await.unwrap().0
}

async fn offered(house: &House, agent: &Actor) -> Option<WorkOrder> {
    work_orders::offer(&house.on.db, &house.on.clock, agent, "k").await.unwrap()
}

async fn opened(house: &House, agent: &Actor, order: &WorkOrder) -> bool {
    work_orders::opened(&house.on.db, &house.on.clock, agent, &order.id).await.unwrap()
}

async fn held(house: &House, agent: &Actor, order: &WorkOrder) -> bool {
    let mut tx = house.on.db.begin().await.unwrap();
    let held = work_orders::still_held(&mut tx, &house.on.clock, agent, &order.id).await.unwrap();
    tx.commit().await.unwrap();
    held
}

#[tokio::test]
async fn an_order_that_went_back_can_be_neither_renewed_nor_dialled_nor_given_back_by_who_held_it() {
    for house in houses().await {
        house.order("SD1", "（2026）陕0102民初1号", vec![party("p", Some(ID_NUMBER), &["13800001234"])], "D1").await;
        let (liu, wang) = (actor(&house, "liu").await, actor(&house, "wang").await);
        let mut first = offered(&house, &liu).await.unwrap();
        assert!(!held(&house, &liu, &first).await, "{}: it was not opened yet", house.on.engine);
        assert!(opened(&house, &liu, &first).await && held(&house, &liu, &first).await);
        assert!(!held(&house, &wang, &first).await, "it is not his");

        house.on.clock.advance(LIFETIME_MS + 1);
        let expired = work_orders::expire_all(&house.on.db, &house.on.clock).await.unwrap();
        assert_eq!((expired.len(), &expired[0].id, &expired[0].agent), (1, &first.id, &liu.user_id));
        let second = offered(&house, &wang).await.unwrap();
        assert_eq!(second.task_id, first.task_id);
        assert!(opened(&house, &wang, &second).await);

        assert!(!work_orders::renew(&house.on.db, &house.on.clock, &liu, "k", &mut first).await.unwrap());
        assert!(!held(&house, &liu, &first).await && !opened(&house, &liu, &first).await);
        let mut tx = house.on.db.begin().await.unwrap();
        let by = By { actor: &liu.user_id, name: &liu.name };
        work_orders::close(&mut tx, &house.on.clock, &first.id, &first.task_id, &by, true).await.unwrap();
        tx.commit().await.unwrap();
        let task = tasks::find(&house.on.db, &house.court, &first.task_id).await.unwrap();
        assert_eq!(task.phase, "外呼中", "{}: it stays with who has it now", house.on.engine);
        assert!(held(&house, &wang, &second).await);
    }
}

#[tokio::test]
async fn a_renewed_order_must_be_opened_in_the_browser_that_asked_for_it_before_it_is_dialled() {
    for house in houses().await {
        house.order("SD1", "（2026）陕0102民初1号", vec![party("p", Some(ID_NUMBER), &["13800001234"])], "D1").await;
        let liu = actor(&house, "liu").await;
        let mut order = offered(&house, &liu).await.unwrap();
        assert!(opened(&house, &liu, &order).await);
        let later = actor(&house, "liu").await;
        assert!(!held(&house, &later, &order).await, "{}: another session", house.on.engine);
        assert!(work_orders::renew(&house.on.db, &house.on.clock, &later, "k2", &mut order).await.unwrap());
        assert!(!held(&house, &later, &order).await, "the new browser has opened nothing yet");
        assert!(opened(&house, &later, &order).await && held(&house, &later, &order).await);
        assert!(!held(&house, &liu, &order).await, "and the old one has nothing left");
    }
}

#[tokio::test]
async fn a_person_stays_locked_while_a_call_lasts_longer_than_an_order_lives() {
    for house in houses().await {
        for (no, number) in [("SD1", "（2026）陕0102民初1号"), ("SD2", "（2026）陕0102民初2号")] {
            house.order(no, number, vec![party("p", Some(ID_NUMBER), &["13800001234"])], "D1").await;
            house.on.clock.advance(1);
        }
        let (liu, wang) = (actor(&house, "liu").await, actor(&house, "wang").await);
        let order = offered(&house, &liu).await.unwrap();
        let task = tasks::find(&house.on.db, &house.court, &order.task_id).await.unwrap();
        let phone = cases::phones(&house.on.db, &task.party_id).await.unwrap().remove(0);
        let mut tx = house.on.db.begin().await.unwrap();
        let (call, recording) = (new_id(), new_id());
        let new = NewCall {
            id: &call,
            court: &house.court,
            task: &order.task_id,
            work_order: &order.id,
            phone: &phone.id,
            masked: &phone.masked,
            caller: "02988009000",
            recording: &recording,
            trunk: "",
            language: "zh",
            script: "general-v1",
        };
        let by = By { actor: &liu.user_id, name: &liu.name };
        calls::begin(&mut tx, &house.on.clock, &by, &new).await.unwrap();
        tx.commit().await.unwrap();
        for _ in 0..3 {
            house.on.clock.advance(LIFETIME_MS - 1);
            assert!(work_orders::expire_all(&house.on.db, &house.on.clock).await.unwrap().is_empty());
            assert!(offered(&house, &wang).await.is_none(), "{}: the same person in another case", house.on.engine);
        }
    }
}
