//! Which trunk takes the next call: its share by weight, and its limits (R12.1).

use songda_desk::{
    calls::{
        CallRow,
        legs::{self, Way, WayEnd},
    },
    telephony::{
        NoRoute,
        numbers::{self, NumberForm},
        trunks::{self, Place, Profile, TrunkForm, TrunkState},
    },
};

use crate::{
    desk::{Desk, desks},
    lines::{PARTY, number, trunk},
};

impl Desk {
    /// The trunk that takes the next call, when this one is down.
    async fn next_over(&self, down: &str) -> String {
        let mut tx = self.ground.db.begin().await.unwrap();
        let name = self.ways_in(&mut tx, PARTY, down).await.unwrap().remove(0);
        tx.commit().await.unwrap();
        name
    }

    /// So many calls of each of these trunks, of the next ones.
    async fn shares(&self, names: &[&str], calls: usize, down: &str) -> Vec<usize> {
        let mut gone = Vec::new();
        for _ in 0..calls {
            gone.push(self.next_over(down).await);
        }
        names.iter().map(|name| gone.iter().filter(|over| over == name).count()).collect()
    }

    /// A way of the call goes out over this trunk.
    async fn goes(&self, call: &CallRow, no: usize, trunk: &str) {
        let mut tx = self.ground.db.begin().await.unwrap();
        let way = Way { court: &self.house.court, call: &call.id, no, trunk, caller: "02988001000" };
        legs::begin(&mut tx, &self.ground.clock, &way).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn weighs(&self, id: &str, version: i64, form: &TrunkForm) {
        let mut tx = self.ground.db.begin().await.unwrap();
        let place = Place { court: &self.house.court, id, version, demo: false };
        trunks::put(&mut tx, &self.ground.clock, &self.ground.sealer, place, form).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn weight(name: &str, weight: u32) -> TrunkForm {
    let form = trunk(name);
    TrunkForm { profile: Profile { weight, ..form.profile.clone() }, ..form }
}

#[tokio::test]
async fn calls_are_spread_by_weight_and_stop_at_each_limit_of_a_trunk() {
    for desk in desks().await {
        let profile = trunk("heavy").profile;
        let heavy = Profile { weight: 30, calls_per_day: 3, ..profile.clone() };
        let light = Profile { weight: 10, max_calls: 1, ..profile };
        let heavy = desk.trunk(&TrunkForm { profile: heavy, ..trunk("heavy") }).await;
        let light = desk.trunk(&TrunkForm { profile: light, ..trunk("light") }).await;
        desk.proved("02988001000", &[&heavy, &light]).await;
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await;
        let mut gone = Vec::new();
        for no in 1..=4 {
            desk.ground.clock.advance(2_000);
            let name = desk.next_over("").await;
            desk.goes(&call, no, if name == "heavy" { &heavy } else { &light }).await;
            gone.push(name);
        }
        assert_eq!(gone, ["heavy", "light", "heavy", "heavy"], "{}: three to one", desk.engine());
        assert_eq!(desk.why_not(PARTY, "").await, NoRoute::Busy, "one is full for today, the other for now");
        let end = WayEnd { status: Some(486), q850: Some(17), cause: "busy", down: true };
        legs::failed(&desk.ground.db, &desk.ground.clock, &call.id, 2, &end).await.unwrap();
        assert_eq!(desk.ways(PARTY, "").await.unwrap(), ["light"]);
        assert_eq!(desk.why_not(PARTY, &light).await, NoRoute::Ceiling);
        desk.ground.clock.advance(24 * 3_600_000);
        assert_eq!(desk.ways(PARTY, "").await.unwrap().len(), 2, "a day later");
        assert_eq!(desk.ways(PARTY, &heavy).await.unwrap(), ["light"], "a trunk that is down is left out");
        let mut tx = desk.ground.db.begin().await.unwrap();
        assert!(trunks::pause(&mut tx, &desk.ground.clock, &desk.house.court, &light).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(desk.ways(PARTY, "").await.unwrap(), ["heavy"], "{}: so is one that is paused", desk.engine());
        assert_eq!(desk.why_not(PARTY, &heavy).await, NoRoute::Down);
    }
}

#[tokio::test]
async fn r12_1_a_trunk_that_comes_late_gets_its_share_and_no_more() {
    for desk in desks().await {
        let (a, b) = (desk.trunk(&weight("a", 10)).await, desk.trunk(&weight("b", 10)).await);
        desk.proved("02988001000", &[&a, &b]).await;
        assert_eq!(desk.shares(&["a", "b"], 30, &b).await, [30, 0]);
        assert_eq!(desk.shares(&["a", "b"], 6, "").await, [3, 3], "{}: back after an outage", desk.engine());
        // At noon, with half of all that goes out.
        let c = desk.trunk(&weight("c", 20)).await;
        let row = numbers::list(&desk.ground.db, &desk.house.court).await.unwrap().remove(0);
        let three = NumberForm { proof: row.proof, ..number("02988001000", &[&a, &b, &c]) };
        desk.number(&row.id, 1, &three).await.unwrap();
        assert_eq!(desk.shares(&["a", "b", "c"], 8, "").await, [2, 2, 4], "{}", desk.engine());
        // A pause, and another weight.
        desk.weighs(&a, 1, &TrunkForm { state: TrunkState::Paused, ..weight("a", 10) }).await;
        assert_eq!(desk.shares(&["a", "b", "c"], 30, "").await, [0, 10, 20], "{}", desk.engine());
        desk.weighs(&a, 2, &weight("a", 1)).await;
        desk.weighs(&b, 1, &weight("b", 1)).await;
        desk.weighs(&c, 1, &weight("c", 100)).await;
        let shares = desk.shares(&["a", "b", "c"], 102, "").await;
        assert_eq!(shares, [1, 1, 100], "{}", desk.engine());
        desk.weighs(&c, 2, &weight("c", 1)).await;
        assert_eq!(desk.shares(&["a", "b", "c"], 9, "").await, [3, 3, 3], "{}: no debt stays", desk.engine());
    }
}

#[tokio::test]
async fn r12_1_no_more_calls_per_second_go_over_a_trunk_than_it_takes() {
    for desk in desks().await {
        let form = trunk("a");
        let profile = Profile { max_calls_per_second: 2, ..form.profile.clone() };
        let a = desk.trunk(&TrunkForm { profile, ..form }).await;
        desk.proved("02988001000", &[&a]).await;
        let order = desk.take(&desk.liu).await.unwrap();
        let call = desk.begun(&desk.liu, &order).await;
        desk.goes(&call, 1, &a).await;
        desk.ground.clock.advance(600);
        desk.goes(&call, 2, &a).await;
        assert_eq!(desk.why_not(PARTY, "").await, NoRoute::Busy, "{}", desk.engine());
        desk.ground.clock.advance(399);
        assert_eq!(desk.why_not(PARTY, "").await, NoRoute::Busy, "{}", desk.engine());
        desk.ground.clock.advance(1);
        assert_eq!(desk.ways(PARTY, "").await.unwrap(), ["a"], "{}: a second after the first", desk.engine());
        desk.goes(&call, 3, &a).await;
        assert_eq!(desk.why_not(PARTY, "").await, NoRoute::Busy, "{}: in any second", desk.engine());
    }
}
