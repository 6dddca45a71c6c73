//! Sessions, lock-out, browser keys and machine accounts, on both databases.

use songda_people::{
    Actor, PeopleError, Role, courts, machines, sessions,
    users::{self, NewUser},
};
use songda_store::{
    audit::{self, Verdict},
    testing::{Fixture, databases},
};

const PASSWORD: &str = "Right-horse-9";

async fn court(house: &Fixture) -> courts::Court {
    let mut tx = house.db.begin().await.unwrap();
    let court = courts::create(&mut tx, &house.clock, "陕0102", "新城区人民法院", true).await.unwrap();
    let user = NewUser {
        court: &court.id,
        login: "liu",
        name: "刘敏",
        staff_no: "1026",
        role: Role::Agent,
        password: PASSWORD,
    };
    users::create(&mut tx, &house.clock, &user).await.unwrap();
    tx.commit().await.unwrap();
    court
}

async fn sign_in(house: &Fixture) -> (Actor, String) {
    sessions::login(&house.db, &house.clock, "liu", PASSWORD, "127.0.0.1").await.unwrap()
}

#[tokio::test]
async fn a_session_lives_while_it_is_used_and_dies_at_sign_out() {
    for house in databases().await.unwrap() {
        let court = court(&house).await;
        let (actor, cookie) = sign_in(&house).await;
        assert_eq!((actor.court_id.as_str(), actor.role), (court.id.as_str(), Role::Agent));
        for _ in 0..3 {
            house.clock.advance(29 * 60_000);
            let back = sessions::resume(&house.db, &house.clock, &cookie, "127.0.0.1").await.unwrap();
            assert_eq!(back.map(|actor| actor.user_id), Some(actor.user_id.clone()), "{}", house.engine);
        }
        assert!(sessions::resume(&house.db, &house.clock, "another", "").await.unwrap().is_none());
        house.clock.advance(31 * 60_000);
        assert!(sessions::resume(&house.db, &house.clock, &cookie, "").await.unwrap().is_none(), "idle");
        let (actor, cookie) = sign_in(&house).await;
        sessions::logout(&house.db, &house.clock, &actor).await.unwrap();
        assert!(sessions::resume(&house.db, &house.clock, &cookie, "").await.unwrap().is_none(), "signed out");
        assert!(matches!(audit::verify(&house.db).await.unwrap(), Verdict::Intact { rows: 3 }), "{}", house.engine);
    }
}

#[tokio::test]
async fn five_wrong_passwords_lock_the_account_for_a_quarter_of_an_hour() {
    for house in databases().await.unwrap() {
        court(&house).await;
        let attempt = |password: &'static str| sessions::login(&house.db, &house.clock, "liu", password, "127.0.0.1");
        for _ in 0..5 {
            assert!(matches!(attempt("wrong").await, Err(PeopleError::Wrong)));
        }
        assert!(matches!(attempt(PASSWORD).await, Err(PeopleError::Locked { .. })), "{}", house.engine);
        house.clock.advance(15 * 60_000 + 1);
        assert!(attempt(PASSWORD).await.is_ok(), "{}", house.engine);
        let nobody = sessions::login(&house.db, &house.clock, "nobody", PASSWORD, "").await;
        assert!(matches!(nobody, Err(PeopleError::Wrong)));
    }
}

#[tokio::test]
async fn r4_3a_a_browser_key_is_bound_to_its_session_and_dies_with_it() {
    for house in databases().await.unwrap() {
        court(&house).await;
        let (actor, _) = sign_in(&house).await;
        let mut point = vec![0x04; 65];
        let key = sessions::register_key(&house.db, &house.clock, &actor, &point).await.unwrap();
        assert!(sessions::browser_key(&house.db, &house.clock, &actor, &key.kid).await.unwrap().is_some());
        let (other, _) = sign_in(&house).await;
        assert!(
            sessions::browser_key(&house.db, &house.clock, &other, &key.kid).await.unwrap().is_none(),
            "another session"
        );
        point[1] = 9;
        let newer = sessions::register_key(&house.db, &house.clock, &actor, &point).await.unwrap();
        assert!(sessions::browser_key(&house.db, &house.clock, &actor, &key.kid).await.unwrap().is_none(), "replaced");
        sessions::logout(&house.db, &house.clock, &actor).await.unwrap();
        assert!(
            sessions::browser_key(&house.db, &house.clock, &actor, &newer.kid).await.unwrap().is_none(),
            "signed out"
        );
        for bad in [vec![], vec![0x04; 64], vec![0x02; 65]] {
            assert!(matches!(
                sessions::register_key(&house.db, &house.clock, &other, &bad).await,
                Err(PeopleError::BadKey)
            ));
        }
    }
}

#[tokio::test]
async fn a_machine_is_known_by_its_key_alone() {
    for house in databases().await.unwrap() {
        let court = court(&house).await;
        let mut tx = house.db.begin().await.unwrap();
        let key = machines::create(&mut tx, &house.clock, &court.id, "ajxt").await.unwrap();
        tx.commit().await.unwrap();
        let machine = machines::verify(&house.db, &key).await.unwrap().unwrap();
        assert_eq!((machine.source.as_str(), machine.court_code.as_str()), ("ajxt", "陕0102"));
        for wrong in [format!("{key}x"), key.replace("sdk_", ""), "sdk_a_b".into(), String::new()] {
            assert!(machines::verify(&house.db, &wrong).await.unwrap().is_none());
        }
    }
}

#[tokio::test]
async fn a_weak_password_is_refused() {
    let house = songda_store::testing::sqlite().await.unwrap();
    let court = court(&house).await;
    for password in ["short-1A", "alllowercase", "12345678901", "onlytwokinds1"] {
        let mut tx = house.db.begin().await.unwrap();
        let user = NewUser { court: &court.id, login: "x", name: "x", staff_no: "1", role: Role::Judge, password };
        assert!(matches!(users::create(&mut tx, &house.clock, &user).await, Err(PeopleError::Weak)), "{password}");
    }
    assert_eq!(users::list(&house.db, &court.id).await.unwrap().len(), 1);
}
