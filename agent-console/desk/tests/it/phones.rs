//! Desk phones in the books.

use songda_calls::sip::{Algorithm, Ha1s};
use songda_desk::telephony::phones::{self, PhoneForm};

use crate::{
    clear,
    desk::{Desk, desks},
};

const REALM: &str = "phones.court.example";

fn form(extension: &str) -> PhoneForm {
    PhoneForm { extension: extension.into(), name: "立案庭 302".into(), owner: None }
}

async fn add(desk: &Desk, form: &PhoneForm) -> (String, String) {
    let mut tx = desk.ground.db.begin().await.unwrap();
    let (clock, sealer) = (&desk.ground.clock, &desk.ground.sealer);
    let added = phones::add(&mut tx, clock, sealer, &desk.house.court, REALM, form).await.unwrap();
    tx.commit().await.unwrap();
    added
}

async fn known(desk: &Desk, realm: &str) -> Vec<(String, Ha1s)> {
    let accounts = phones::accounts(&desk.ground.db, &desk.ground.sealer, realm).await.unwrap();
    accounts.into_iter().map(|account| (account.user, account.ha1s)).collect()
}

#[tokio::test]
async fn a_desk_phone_is_known_by_what_its_password_is_judged_by_and_the_password_is_nowhere() {
    for desk in desks().await {
        let (id, password) = add(&desk, &form("8001")).await;
        let (other, _) = add(&desk, &form("8002")).await;
        assert!(clear::places(&desk.house.on, &password).await.is_empty(), "{}", desk.engine());
        let wanted = Ha1s::derive("8001", REALM, &password);
        assert!(clear::places(&desk.house.on, wanted.get(Algorithm::Md5).unwrap()).await.is_empty(), "sealed");
        let accounts = known(&desk, REALM).await;
        assert_eq!(accounts.iter().map(|(user, _)| user.as_str()).collect::<Vec<_>>(), ["8001", "8002"]);
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            assert_eq!(accounts[0].1.get(algorithm), wanted.get(algorithm));
        }
        assert!(known(&desk, "another.example").await.is_empty(), "it was made for one domain");

        let (db, clock) = (&desk.ground.db, &desk.ground.clock);
        let row = phones::find(db, &desk.house.court, &id).await.unwrap().unwrap();
        let mut tx = db.begin().await.unwrap();
        let renewed = phones::renew(&mut tx, clock, &desk.ground.sealer, &row, "another.example").await.unwrap();
        assert!(phones::set_active(&mut tx, clock, &desk.house.court, &other, false).await.unwrap());
        assert!(!phones::set_active(&mut tx, clock, &desk.house.court, &other, false).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(known(&desk, REALM).await, [], "{}", desk.engine());
        let accounts = known(&desk, "another.example").await;
        assert_eq!(accounts, [("8001".to_owned(), Ha1s::derive("8001", "another.example", &renewed))].map(cut));
        assert_eq!(phones::active(db, &desk.house.court).await.unwrap().len(), 1);
        assert_eq!(phones::list(db, &desk.house.court).await.unwrap().len(), 2);

        let mut tx = db.begin().await.unwrap();
        assert!(!phones::remove(&mut tx, "another court", &id).await.unwrap());
        assert!(phones::remove(&mut tx, &desk.house.court, &id).await.unwrap());
        tx.commit().await.unwrap();
        assert!(phones::find(db, &desk.house.court, &id).await.unwrap().is_none());
    }
}

/// As it is kept: the hashes that phones know.
fn cut((user, ha1s): (String, Ha1s)) -> (String, Ha1s) {
    let mut kept = Ha1s::default();
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        kept.add(algorithm, ha1s.get(algorithm).unwrap());
    }
    (user, kept)
}
