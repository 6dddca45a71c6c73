//! From order to queue to agent.

use songda_service::{cases, intake::AddressFacts, tasks, timeline};

use crate::{
    clear,
    house::{House, ID_NUMBER, houses, party, representative},
};

const DAY_MS: i64 = 86_400_000;

async fn take(house: &House, agent: usize) -> Option<String> {
    let mut tx = house.on.db.begin().await.unwrap();
    let task = tasks::next(&mut tx, &house.on.clock, &house.court).await.unwrap()?;
    let until = house.on.clock.now_ms() + 60_000;
    assert!(tasks::reserve(&mut tx, &house.on.clock, &task, &house.agents[agent], until).await.unwrap());
    tx.commit().await.unwrap();
    Some(task)
}

#[tokio::test]
async fn r6_1a_each_recipient_who_can_be_called_stands_in_the_queue() {
    for house in houses().await {
        let many = (0..30).map(|n| party(&format!("p{n}"), None, &[&format!("1380000{n:04}")])).collect();
        house.order("SD1", "（2026）陕0102民初1号", many, "D1").await;
        let odd = vec![party("no-phone", None, &[]), party("abroad", None, &["+85255501234"])];
        let accepted = house.order("SD2", "（2026）陕0102民初2号", odd, "D1").await;
        let queue = tasks::queue(&house.on.db, &house.on.clock, &house.court).await.unwrap();
        assert_eq!((queue.ready, queue.later), (30, 0), "{}", house.on.engine);
        assert!(accepted.tasks.iter().all(|task| task.phase == tasks::SEARCHING), "no number: not into the queue");
        let events = timeline::list(&house.on.db, &accepted.tasks[0].id).await.unwrap();
        assert_eq!(events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(), ["received", "no_number"]);
    }
}

#[tokio::test]
async fn the_nearest_hearing_comes_first_then_age() {
    for house in houses().await {
        let now = house.on.clock.now_ms();
        for (number, hearing) in [(1, None), (2, Some(now + 5 * DAY_MS)), (3, Some(now + DAY_MS)), (4, None)] {
            let parties = vec![party("p", None, &[&format!("1380000000{number}")])];
            house
                .order_at(&format!("SD{number}"), &format!("（2026）陕0102民初{number}号"), parties, "D1", hearing)
                .await;
            house.on.clock.advance(10);
        }
        let mut order = Vec::new();
        while let Some(task) = take(&house, 0).await {
            order.push(tasks::find(&house.on.db, &house.court, &task).await.unwrap().number);
        }
        assert_eq!(order, ["SD3-01", "SD2-01", "SD1-01", "SD4-01"], "{}", house.on.engine);
    }
}

#[tokio::test]
async fn a_hearing_presses_when_it_comes_near_and_not_when_it_is_over() {
    for house in houses().await {
        let now = house.on.clock.now_ms();
        for (number, hearing) in [(1, now + DAY_MS), (2, now + 10 * DAY_MS)] {
            let parties = vec![party("p", None, &[&format!("1380000000{number}")])];
            let case = format!("（2026）陕0102民初{number}号");
            house.order_at(&format!("SD{number}"), &case, parties, "D1", Some(hearing)).await;
            house.on.clock.advance(10);
        }
        house.on.clock.advance(8 * DAY_MS);
        let first = take(&house, 0).await.unwrap();
        let first = tasks::find(&house.on.db, &house.court, &first).await.unwrap();
        assert_eq!(first.number, "SD2-01", "{}: two days are left, the other hearing is over", house.on.engine);
    }
}

#[tokio::test]
async fn one_person_in_two_cases_is_not_called_by_two_agents_at_once() {
    for house in houses().await {
        for number in 1..=2 {
            let parties = vec![party("p", Some(ID_NUMBER), &["13800000001"])];
            house.order(&format!("SD{number}"), &format!("（2026）陕0102民初{number}号"), parties, "D1").await;
        }
        let first = take(&house, 0).await.unwrap();
        assert_eq!(take(&house, 1).await, None, "{}: the person is locked", house.on.engine);
        let mut tx = house.on.db.begin().await.unwrap();
        tasks::release(&mut tx, &first).await.unwrap();
        tx.commit().await.unwrap();
        assert!(take(&house, 1).await.is_some());
    }
}

#[tokio::test]
async fn r4_3d_nothing_of_a_person_stands_in_clear_in_the_database() {
    for house in houses().await {
        let mut recipient = party("p", Some(ID_NUMBER), &["13800001234"]);
        recipient.addresses.push(AddressFacts {
            text: "西安市新城区尚德路116号".into(),
            source: "送达地址确认书".into(),
            confirmed: true,
        });
        recipient.emails.push("ayiguli@example.cn".into());
        recipient.representatives.push(representative("13800005678"));
        let accepted = house.order("SD1", "（2026）陕0102民初1号", vec![recipient], "D1").await;
        let task = tasks::find(&house.on.db, &house.court, &accepted.tasks[0].id).await.unwrap();
        let secrets =
            ["13800001234", "13800005678", ID_NUMBER, "尚德路116号", "ayiguli@example.cn", "请尽快", "%PDF-1.4"];
        for secret in secrets {
            let found = clear::places(&house.on, secret).await;
            assert!(found.is_empty(), "{}: {secret} stands in {found:?}", house.on.engine);
        }
        // It looks everywhere: what may be shown is found in its place.
        for (shown, place) in [
            ("138****1234", "phones.masked"),
            ("尚德路****", "addresses.masked"),
            ("a***@example.cn", "emails.masked"),
            ("110105********002X", "parties.id_masked"),
        ] {
            assert!(clear::places(&house.on, shown).await.iter().any(|found| found == place), "{shown}");
        }
        let phone = cases::phones(&house.on.db, &task.party_id).await.unwrap().remove(0);
        let open = house.on.sealer.open_sealed("phones", "number_sealed", &phone.id, &phone.sealed).unwrap();
        assert_eq!(open.as_slice(), b"13800001234");
    }
}

#[tokio::test]
async fn e39_numbers_that_are_off_by_default_keep_a_task_out_of_the_queue_whoever_has_them() {
    for house in houses().await {
        for (order, number) in ["+85255501234", "+85366001234", "+886223456789", "+12025550100"].into_iter().enumerate()
        {
            let mut recipient = party("p", None, &[]);
            recipient.representatives.push(representative(number));
            let case = format!("（2026）陕0102民初{order}号");
            let accepted = house.order(&format!("SD{order}"), &case, vec![recipient], "D1").await;
            assert_eq!(accepted.tasks[0].phase, tasks::SEARCHING, "{}: {number}", house.on.engine);
            let task = tasks::find(&house.on.db, &house.court, &accepted.tasks[0].id).await.unwrap();
            assert_eq!(cases::phones(&house.on.db, &task.party_id).await.unwrap()[0].state, "不可拨");
        }
    }
}
