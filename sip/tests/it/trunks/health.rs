//! Whether a carrier is there (OPTIONS).

use songda_sip::{Health, Registration, TrunkSettings, Why};

use super::{World, account, peer, seconds};

fn asked(id: &str) -> TrunkSettings {
    TrunkSettings { health: Some(seconds(30)), ..peer(id) }
}

#[test]
fn a_peer_is_asked_at_once_and_then_at_its_interval() {
    let mut world = World::new(vec![asked("a")]);
    assert!(world.state("a").up, "calls go before the first answer");
    world.run(seconds(300), |sent| Some(sent.answer(200, &[])));
    let times = world.times("OPTIONS");
    assert!((9..=12).contains(&times.len()), "{times:?}");
    assert!(times.windows(2).all(|pair| (26..=34).contains(&(pair[1] - pair[0]))), "{times:?}");
    let all = world.requests("OPTIONS");
    assert!(all[1..].iter().all(|sent| sent.header("Call-ID") != all[0].header("Call-ID")));
    assert_eq!(world.state("a").health, Health::Alive);
}

#[test]
fn any_final_answer_but_408_and_503_says_that_somebody_is_there() {
    for status in [200, 300, 401, 403, 404, 405, 480, 481, 486, 500, 501, 502, 504, 600, 603] {
        let mut world = World::new(vec![asked("a")]);
        world.run(seconds(200), |sent| Some(sent.answer(status, &[])));
        assert_eq!((world.state("a").up, world.state("a").health), (true, Health::Alive), "{status}");
        assert_eq!(world.state("a").last_answer.unwrap().status, status);
    }
    for status in [408, 503] {
        let mut world = World::new(vec![asked("a")]);
        world.run(seconds(200), |sent| Some(sent.answer(status, &[])));
        assert_eq!((world.state("a").up, world.state("a").why), (false, Why::Silent), "{status}");
    }
}

#[test]
fn one_miss_changes_nothing_two_make_it_down_and_one_answer_up() {
    let mut world = World::new(vec![asked("a")]);
    let mut n = 0;
    world.run(seconds(100), |sent| {
        n += 1;
        (n != 2).then(|| sent.answer(200, &[]))
    });
    assert!(world.states.iter().all(|state| state.up), "one miss");
    world.run(seconds(60), |_| None);
    assert_eq!((world.state("a").up, world.state("a").health), (false, Health::Silent));
    world.run(seconds(60), |sent| Some(sent.answer(200, &[])));
    assert!(world.state("a").up);
    let changes: Vec<bool> = world.states.iter().map(|state| state.up).collect::<Vec<_>>();
    assert_eq!(changes.windows(2).filter(|pair| pair[0] != pair[1]).count(), 2, "down once, up once");
}

#[test]
fn a_carrier_that_dies_is_known_to_be_down_within_a_minute() {
    let mut world = World::new(vec![asked("a")]);
    world.run(seconds(100), |sent| Some(sent.answer(200, &[])));
    let died = world.now;
    world.run(seconds(120), |_| None);
    let down = world.states.iter().find(|state| !state.up).unwrap();
    assert!(down.since - died <= seconds(60), "{:?}", down.since - died);
}

#[test]
fn a_call_that_met_silence_asks_at_once() {
    let mut world = World::new(vec![asked("a")]);
    world.run(seconds(2), |sent| Some(sent.answer(200, &[])));
    world.board.suspect(world.now, "a");
    world.run(seconds(27), |_| None);
    assert_eq!(world.times("OPTIONS"), [0, 2, 20]);
    world.run(seconds(3), |_| None);
    assert!(!world.state("a").up);
}

#[test]
fn a_trunk_of_two_hosts_is_down_when_neither_answers_and_uses_the_one_that_does() {
    let two = TrunkSettings { hosts: vec!["one.example".into(), "two.example".into()], ..asked("a") };
    let mut world = World::new(vec![two]);
    world.run(seconds(60), |sent| (sent.host == "two.example").then(|| sent.answer(200, &[])));
    assert!(world.states.iter().all(|state| state.up), "never down");
    assert_eq!(world.board.choose(world.now, |_| true).unwrap().host, "two.example");
    world.run(seconds(120), |_| None);
    assert!(!world.state("a").up);
    world.run(seconds(60), |sent| (sent.host == "one.example").then(|| sent.answer(200, &[])));
    assert_eq!((world.state("a").up, world.state("a").host.as_str()), (true, "one.example"));
}

#[test]
fn a_carrier_that_returns_gets_the_registration_at_once() {
    let both = TrunkSettings { health: Some(seconds(30)), ..account("a") };
    let mut world = World::new(vec![both]);
    world.run(seconds(3_600), |_| None);
    assert!(matches!(world.state("a").registration, Registration::Failing { status: None, .. }));
    world.run(seconds(60), |sent| Some(if sent.is("REGISTER") { sent.grant(3_600) } else { sent.answer(200, &[]) }));
    assert!(world.state("a").up, "not after the five minutes of the back-off");
}

#[test]
fn a_carrier_that_was_away_and_may_have_forgotten_us_is_registered_with_anew() {
    let both = TrunkSettings { health: Some(seconds(30)), ..account("a") };
    let mut world = World::new(vec![both]);
    let mut good =
        |sent: &super::Sent| Some(if sent.is("REGISTER") { sent.grant(3_600) } else { sent.answer(200, &[]) });
    world.run(seconds(60), &mut good);
    world.run(seconds(60), |_| None);
    let before = world.requests("REGISTER").len();
    world.run(seconds(60), &mut good);
    assert_eq!(world.requests("REGISTER").len(), before + 1);
}

#[test]
fn a_carrier_that_asks_for_rest_gets_no_calls_for_so_long() {
    let mut world = World::new(vec![peer("a")]);
    world.board.rest(world.now, "a", seconds(120));
    world.run(seconds(1), |_| None);
    assert_eq!(world.state("a").why, Why::Resting);
    world.run(seconds(120), |_| None);
    assert!(world.state("a").up);
    world.board.rest(world.now, "a", seconds(1_000_000));
    world.run(seconds(3_601), |_| None);
    assert!(world.state("a").up, "more than an hour is not believed");
}
