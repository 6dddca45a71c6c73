//! How a court works at the desk.

use songda_desk::settings::{self, Settings, SupervisionShown, WrapUp};

use crate::desk::desks;

#[tokio::test]
async fn a_court_has_the_default_until_it_sets_its_own_and_the_log_tells_what_was() {
    for desk in desks().await {
        let court = &desk.house.court;
        let found = settings::of(&desk.ground.db, court).await.unwrap();
        assert_eq!(
            found,
            Settings { wrap_up: WrapUp::TimeBoxed, wrap_up_s: 60, supervision: SupervisionShown::Spoken },
            "{}",
            desk.engine()
        );
        for (wrap_up, wrap_up_s, supervision) in [
            (WrapUp::Optional, 30, SupervisionShown::Always),
            (WrapUp::TimeBoxedNoEarlyExit, 120, SupervisionShown::Spoken),
        ] {
            let to = Settings { wrap_up, wrap_up_s, supervision };
            settings::change(&desk.ground.db, &desk.ground.clock, &desk.liu, &to).await.unwrap();
            assert_eq!(settings::of(&desk.ground.db, court).await.unwrap(), to);
        }
        let rows = songda_store::audit::list(&desk.ground.db, court, None, 10).await.unwrap();
        assert!(
            rows[0].detail.contains(r#""was":{"seconds":30,"supervision":"always","wrap_up":"optional"}"#),
            "{}",
            rows[0].detail
        );
    }
    for policy in WrapUp::ALL {
        assert_eq!(WrapUp::parse(policy.word()), Some(policy));
    }
}
