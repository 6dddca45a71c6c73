//! One registration at a carrier (RFC 3261, 10.2).

use std::time::Duration;

use songda_sip::{Registration, Secret, TrunkSettings, Why, machine::Response};

use super::{Sent, World, account, seconds};

const MD5: (&str, &str) = ("WWW-Authenticate", r#"Digest realm="c", nonce="n1", algorithm=MD5, qop="auth""#);

fn grants(granted: u64) -> impl FnMut(&Sent) -> Option<Response> {
    move |sent| {
        Some(if sent.header("Authorization").is_empty() { sent.answer(401, &[MD5]) } else { sent.grant(granted) })
    }
}

#[test]
fn an_account_registers_with_its_password_and_is_up() {
    let mut world = World::new(vec![account("a")]);
    assert_eq!(world.state("a").why, Why::Registering);
    world.run(seconds(1), grants(3_600));
    let asked = world.requests("REGISTER");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].request.uri, "sip:carrier.example");
    assert_eq!(asked[0].header("Contact"), "<sip:4001@192.0.2.1:5060>;expires=3600");
    assert!(asked[1].header("Authorization").contains("nc=00000001"));
    assert!(matches!(world.state("a").registration, Registration::Until(_)) && world.state("a").up);
}

#[test]
fn call_id_and_tag_stay_and_the_number_grows_over_refreshes() {
    let mut world = World::new(vec![account("a")]);
    world.run(seconds(1_000), grants(60));
    let asked = world.requests("REGISTER");
    assert!(asked.len() > 20);
    let numbers: Vec<u32> = asked.iter().map(|sent| sent.request.headers.cseq().unwrap().0).collect();
    assert!(numbers.iter().zip(1..).all(|(number, n)| *number == n), "{numbers:?}");
    assert!(asked.iter().all(|sent| sent.header("Call-ID") == asked[0].header("Call-ID")));
    assert!(asked.iter().all(|sent| sent.header("From") == asked[0].header("From")));
    let with_password = asked.iter().filter(|sent| !sent.header("Authorization").is_empty()).count();
    assert_eq!(asked.len() - with_password, 1, "the nonce is used again: one challenge in all");
}

/// What is granted counts, wherever it stands, and the refresh comes well before its end.
#[test]
fn the_granted_time_is_read_from_the_contact_before_the_header() {
    let ours = "<sip:4001@192.0.2.1:5060>";
    let table: &[(&[(&str, &str)], u64)] = &[
        (&[("Contact", "<sip:4001@192.0.2.1:5060>;expires=100"), ("Expires", "900")], 100),
        (&[("Expires", "200")], 200),
        (&[("Contact", ours), ("Expires", "200")], 200),
        (&[], 3_600),
        // Of several bindings ours counts.
        (&[("Contact", "<sip:4001@192.0.2.9:5060>;expires=50, <sip:4001@192.0.2.1:5060>;expires=300")], 300),
        (
            &[
                ("Contact", "<sip:4001@192.0.2.9:5060>;expires=50"),
                ("Contact", "<sip:4001@192.0.2.1:5060>;Expires=300"),
            ],
            300,
        ),
        // A carrier that writes it otherwise names one alone.
        (&[("Contact", "<sip:4001@203.0.113.5:40000>;expires=120")], 120),
        (&[("Contact", "<sip:4001@192.0.2.9:5060>;expires=50, <sip:x@192.0.2.8>;expires=60"), ("Expires", "400")], 400),
        (&[("Contact", "<sip:4001@192.0.2.1:5060>;expires=nonsense"), ("Expires", "70")], 70),
    ];
    for (headers, granted) in table {
        let mut world = World::new(vec![account("a")]);
        world.run(seconds(granted + 1), |sent| Some(sent.answer(200, headers)));
        let times = world.times("REGISTER");
        assert!(times[1] >= granted * 6 / 10 && times[1] <= granted * 3 / 4, "{headers:?}: {times:?}");
    }
}

#[test]
fn a_carrier_that_wants_a_longer_time_gets_it() {
    let mut world = World::new(vec![TrunkSettings { expires: seconds(60), ..account("a") }]);
    world.run(seconds(1_500), |sent| {
        Some(if sent.expires() < 1_800 { sent.answer(423, &[("Min-Expires", "1800")]) } else { sent.grant(1_800) })
    });
    let asked: Vec<u64> = world.requests("REGISTER").iter().map(|sent| sent.expires()).collect();
    assert_eq!(asked, [60, 1_800, 1_800], "asked once, remembered for the refresh");
}

#[test]
fn a_423_without_sense_is_a_failure_and_no_loop() {
    for least in ["", "5", "60", "99999999999999999999", "4000000000"] {
        let mut world = World::new(vec![TrunkSettings { expires: seconds(60), ..account("a") }]);
        world.run(seconds(4), |sent| Some(sent.answer(423, &[("Min-Expires", least)])));
        assert_eq!(world.requests("REGISTER").len(), 1, "{least}");
        assert!(matches!(world.state("a").registration, Registration::Failing { status: Some(423), .. }));
    }
}

#[test]
fn a_wrong_password_is_tried_once_and_alarms() {
    let mut world = World::new(vec![account("a")]);
    world.run(seconds(36_000), |sent| Some(sent.answer(401, &[MD5])));
    assert_eq!(world.requests("REGISTER").len(), 2);
    assert_eq!(world.state("a").registration, Registration::Refused { status: 401 });
    assert_eq!((world.state("a").up, world.state("a").why), (false, Why::Refused));
    // The right one comes with new settings.
    let right = TrunkSettings { password: Secret::from("right".to_owned()), ..account("a") };
    world.board.set(world.now, vec![right]);
    world.run(seconds(10), grants(600));
    assert!(world.state("a").up);
}

#[test]
fn a_nonce_that_is_over_at_the_refresh_is_no_wrong_password_also_without_qop_and_stale() {
    let mut world = World::new(vec![account("a")]);
    let (mut nonce, mut served) = (0, 0);
    // Each nonce serves twice.
    world.run(seconds(5_000), |sent| {
        let said = sent.header("Authorization");
        if said.contains(&format!("nonce=\"n{nonce}\"")) && served < 2 {
            served += 1;
            return Some(sent.grant(600));
        }
        (nonce, served) = (nonce + 1, 0);
        Some(sent.answer(401, &[("WWW-Authenticate", &format!(r#"Digest realm="c", nonce="n{nonce}""#))]))
    });
    assert!(nonce > 3);
    assert!(world.state("a").up && world.states.iter().all(|state| state.why != Why::Refused));
}

#[test]
fn what_a_carrier_refuses_for_good_is_not_tried_again_until_somebody_asks() {
    for status in [403, 404, 405, 410, 416, 501, 604, 606] {
        let mut world = World::new(vec![account("a")]);
        world.run(seconds(36_000), |sent| Some(sent.answer(status, &[])));
        assert_eq!(world.requests("REGISTER").len(), 1, "{status}");
        assert_eq!(world.state("a").registration, Registration::Refused { status });
        let alarms = world.states.iter().filter(|state| state.why == Why::Refused).count();
        assert_eq!(alarms, 1, "told once");
        world.board.again(world.now, "a");
        world.run(seconds(10), grants(600));
        assert!(world.state("a").up, "{status}");
    }
}

#[test]
fn a_403_to_a_refresh_takes_the_registration_away_at_once() {
    let mut world = World::new(vec![account("a")]);
    world.run(seconds(10), grants(600));
    assert!(world.state("a").up);
    world.run(seconds(450), |sent| Some(sent.answer(403, &[])));
    assert_eq!(world.state("a").registration, Registration::Refused { status: 403 });
}

#[test]
fn retry_after_is_kept_and_a_registration_that_is_still_good_goes_on() {
    let mut world = World::new(vec![account("a")]);
    world.run(seconds(10), |sent| Some(sent.grant(600)));
    world.run(seconds(2_000), |sent| Some(sent.answer(503, &[("Retry-After", "900 (maintenance);duration=60")])));
    let times = world.times("REGISTER");
    assert!(times[2] - times[1] >= 900, "{times:?}");
    let down = world.states.iter().find(|state| !state.up && state.why == Why::NotRegistered).unwrap();
    assert!((down.since - world.begun) >= seconds(600), "up until the granted time is over");
    world.run(seconds(1_000), |sent| Some(sent.grant(600)));
    assert!(world.state("a").up, "recovers by itself");
}

#[test]
fn failures_are_tried_again_after_longer_and_longer_times_up_to_five_minutes() {
    let mut world = World::new(vec![account("a")]);
    world.run(seconds(3_600), |sent| Some(sent.answer(500, &[])));
    let times = world.times("REGISTER");
    let waits: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, n) in waits.iter().zip(0_u32..) {
        let most = (10_u64 << n.min(10)).min(300);
        assert!(*wait + 1 >= most / 2 && *wait <= most + 1, "{waits:?}");
    }
}

#[test]
fn silence_of_one_host_is_answered_by_the_next_at_once() {
    let two = TrunkSettings { hosts: vec!["one.example".into(), "two.example".into()], ..account("a") };
    let mut world = World::new(vec![two]);
    world.run(seconds(100), |sent| (sent.host == "two.example").then(|| sent.grant(60)));
    assert_eq!(world.times("REGISTER")[..2], [0, 32]);
    assert_eq!(world.state("a").host, "two.example");
    assert!(world.state("a").up);
    assert!(world.requests("REGISTER")[2..].iter().all(|sent| sent.host == "two.example"));
}

#[test]
fn the_service_route_is_kept_for_calls() {
    let mut world = World::new(vec![account("a")]);
    world.run(seconds(1), |sent| {
        let mut answer = sent.grant(600);
        answer.headers.push("Service-Route", "<sip:p1.example;lr>, <sip:p2.example;lr>");
        answer.headers.push("Service-Route", "<sip:p3.example;lr>");
        Some(answer)
    });
    let chosen = world.board.choose(world.now, |_| true).unwrap();
    assert_eq!(chosen.route, ["<sip:p1.example;lr>", "<sip:p2.example;lr>", "<sip:p3.example;lr>"]);
}

#[test]
fn closing_gives_every_registration_back_and_waits_for_the_answer() {
    let mut world = World::new(vec![account("a"), account("b")]);
    world.run(seconds(1), |sent| (sent.trunk == "a").then(|| sent.grant(600)));
    world.board.close(world.now);
    assert!(!world.board.is_quiet());
    // A proxy that challenges this, too, gets its answer.
    world.run(seconds(100), |sent| grants(0)(sent).filter(|_| sent.trunk == "a"));
    assert!(world.board.is_quiet());
    let given_back: Vec<(&str, u64)> =
        world.requests("REGISTER")[2..].iter().map(|sent| (sent.trunk.as_str(), sent.expires())).collect();
    assert_eq!(given_back, [("a", 0), ("a", 0), ("b", 0)], "b may be registered: perhaps only the answer was lost");
    assert!(world.board.next_deadline(world.now).is_none());
}

#[test]
fn a_registration_that_is_answered_while_we_close_is_given_back() {
    let mut world = World::new(vec![account("a")]);
    let mut closing = false;
    world.run(Duration::from_millis(20), |sent| Some(sent.grant(600)));
    world.board.close(world.now);
    assert!(!world.board.is_quiet(), "the answer to the first comes first (RFC 3261, 10.2)");
    world.run(seconds(1), |sent| {
        closing = sent.expires() == 0;
        Some(sent.grant(0))
    });
    assert!(closing && world.board.is_quiet());
}

#[test]
fn a_private_identity_of_ims_is_digest_user_as_a_whole() {
    let ims = TrunkSettings { username: "+861012345678@ims.example".into(), ..account("a") };
    let mut world = World::new(vec![ims]);
    world.run(seconds(1), grants(600));
    let asked = &world.requests("REGISTER")[1];
    assert_eq!(asked.header("To"), "<sip:+861012345678@carrier.example>");
    assert!(asked.header("Authorization").contains("username=\"+861012345678@ims.example\""));
}
