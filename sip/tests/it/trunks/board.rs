//! All trunks together: new settings while it runs, and carriers that come and go.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use songda_sip::{Protocol, Registration, Secret, TrunkSettings, Why, machine::NoTrunk};

use super::{Sent, World, account, peer, seconds};

#[expect(clippy::unnecessary_wraps, reason = "as a carrier that may be silent")]
fn good(sent: &Sent) -> Option<songda_sip::machine::Response> {
    Some(if sent.is("REGISTER") { sent.grant(3_600) } else { sent.answer(200, &[]) })
}

#[test]
fn r12_1_new_settings_do_not_touch_what_did_not_change() {
    let checked = |id| TrunkSettings { health: Some(seconds(30)), ..account(id) };
    let mut world = World::new(vec![checked("a"), checked("b")]);
    world.run(seconds(20), good);
    let first = world.board.choose(world.now, |id| id == "a").unwrap();
    let (sent, before) = (world.sent.len(), world.state("a"));
    let b = TrunkSettings {
        name: "Carrier B".into(),
        weight: 90,
        max_calls: Some(3),
        codecs: vec!["PCMA".into()],
        accept: vec!["198.51.100.0".into()],
        ..checked("b")
    };
    world.board.set(world.now, vec![checked("a"), b, peer("c")]);
    world.run(seconds(1), good);
    assert_eq!(world.sent.len(), sent, "nobody is registered or asked anew");
    assert_eq!(world.state("a"), before);
    assert_eq!((world.state("b").name.as_str(), world.state("a").calls), ("Carrier B", 1));
    assert_eq!(first.trunk, "a");
    assert!(world.state("c").up, "the new one is there at once");
}

#[test]
fn r12_1_a_trunk_that_is_gone_gives_its_registration_back_and_its_calls_end_in_peace() {
    let mut world = World::new(vec![account("a"), peer("b")]);
    world.run(seconds(20), good);
    world.board.choose(world.now, |id| id == "a").unwrap();
    world.board.set(world.now, vec![peer("b")]);
    world.run(seconds(1), good);
    assert_eq!(world.requests("REGISTER").last().unwrap().expires(), 0);
    assert!(world.board.is_quiet() && world.board.states().len() == 1);
    world.board.ended(world.now, "a");
    assert_eq!(world.board.choose(world.now, |id| id == "a"), Err(NoTrunk::Unknown));
}

#[test]
fn r12_1_another_account_gives_the_old_one_back_and_registers_the_new() {
    let mut world = World::new(vec![account("a")]);
    world.run(seconds(20), good);
    let other = TrunkSettings { username: "4002".into(), ..account("a") };
    world.board.set(world.now, vec![other]);
    world.run(seconds(1), good);
    let last: Vec<(&str, u64)> =
        world.requests("REGISTER")[1..].iter().map(|sent| (sent.header("To"), sent.expires())).collect();
    assert!(last.contains(&("<sip:4001@carrier.example>", 0)) && last.contains(&("<sip:4002@carrier.example>", 3_600)));
    assert!(world.state("a").up && world.board.is_quiet());
}

#[test]
fn r12_1_a_trunk_that_no_longer_registers_is_a_static_peer_and_the_other_way_round() {
    let mut world = World::new(vec![account("a"), peer("b")]);
    world.run(seconds(20), good);
    let b = TrunkSettings { username: "5001".into(), ..account("b") };
    world.board.set(world.now, vec![TrunkSettings { register: false, ..account("a") }, b]);
    world.run(seconds(1), good);
    let mut last: Vec<(&str, u64)> =
        world.requests("REGISTER")[1..].iter().map(|sent| (sent.trunk.as_str(), sent.expires())).collect();
    last.sort_unstable();
    assert_eq!(last, [("a", 0), ("b", 3_600)]);
    assert!(world.state("a").up && world.state("b").up && world.board.is_quiet());
}

#[test]
fn r12_1_another_host_is_registered_with_at_once() {
    let mut world = World::new(vec![account("a")]);
    world.run(seconds(20), good);
    let moved = TrunkSettings { hosts: vec!["new.example".into()], protocol: Protocol::Tcp, ..account("a") };
    world.board.set(world.now, vec![moved]);
    world.run(seconds(1), good);
    let last = world.requests("REGISTER").pop().unwrap().clone();
    assert_eq!(
        (last.host.as_str(), last.header("Contact")),
        ("new.example", "<sip:4001@192.0.2.1:5060;transport=tcp>;expires=3600")
    );
    assert_eq!(last.request.headers.cseq().unwrap().0, 2, "the same registration goes on");
}

#[test]
fn a_password_that_changes_while_an_answer_is_awaited_is_not_blamed() {
    let mut world = World::new(vec![account("a")]);
    let challenge = [("WWW-Authenticate", r#"Digest realm="c", nonce="n", qop="auth""#)];
    world.run(Duration::from_millis(60), |sent| Some(sent.answer(401, &challenge)));
    assert_eq!(world.requests("REGISTER").len(), 2, "the second is on its way");
    world.board.set(world.now, vec![TrunkSettings { password: Secret::from("new".to_owned()), ..account("a") }]);
    world.run(seconds(20), good);
    assert!(world.state("a").up);
}

#[test]
fn r12_1_a_trunk_that_is_removed_and_entered_again_registers_after_it_was_given_back() {
    let mut world = World::new(vec![account("a")]);
    world.run(seconds(20), good);
    world.board.set(world.now, vec![]);
    world.board.set(world.now, vec![account("again")]);
    // The first farewell gets no answer: nothing else is said until that is clear.
    world.run(seconds(30), |_| None);
    assert_eq!(world.requests("REGISTER").last().unwrap().expires(), 0);
    world.run(seconds(60), good);
    assert_eq!(world.requests("REGISTER").last().unwrap().expires(), 3_600);
    assert!(world.state("again").up);
}

#[test]
fn a_paused_trunk_stays_registered_and_takes_no_calls() {
    let mut world = World::new(vec![TrunkSettings { paused: true, ..account("a") }]);
    world.run(seconds(20), good);
    assert_eq!((world.state("a").why, world.requests("REGISTER").len()), (Why::Paused, 1));
    assert_eq!(world.board.choose(world.now, |_| true), Err(NoTrunk::Down));
    world.board.set(world.now, vec![account("a")]);
    assert!(world.board.choose(world.now, |_| true).is_ok());
}

#[test]
fn settings_without_sense_are_left_out() {
    let mut world = World::new(vec![
        TrunkSettings { hosts: vec![], ..account("none") },
        account("a"),
        TrunkSettings { name: "twice".into(), ..account("a") },
    ]);
    world.run(seconds(5), good);
    let names: Vec<String> = world.board.states().into_iter().map(|state| state.name).collect();
    assert_eq!(names, ["a"]);
}

#[test]
fn answers_nobody_waits_for_change_nothing() {
    let mut world = World::new(vec![account("a")]);
    world.run(seconds(5), good);
    let (state, last) = (world.state("a"), world.sent.last().unwrap().clone());
    world.board.answered(world.now, last.ticket, &last.answer(403, &[]));
    world.board.unanswered(world.now, last.ticket);
    assert_eq!(world.state("a"), state);
}

/// What a carrier does for a while.
#[derive(Debug, Clone)]
enum Mood {
    Good(u64),
    Silent,
    Says(u16),
    Rest(u64),
    TooBrief(u64),
    OldNonce,
}

fn mood() -> impl Strategy<Value = Mood> {
    prop_oneof![
        (1_u64..4_000).prop_map(Mood::Good),
        Just(Mood::Silent),
        prop_oneof![Just(500_u16), Just(408), Just(480), Just(302), Just(502), Just(600)].prop_map(Mood::Says),
        (1_u64..4_000).prop_map(Mood::Rest),
        (1_u64..100_000).prop_map(Mood::TooBrief),
        Just(Mood::OldNonce),
    ]
}

impl Mood {
    fn answer(&self, sent: &Sent) -> Option<songda_sip::machine::Response> {
        if sent.is("OPTIONS") {
            return match self {
                Self::Silent => None,
                Self::Rest(_) => Some(sent.answer(503, &[])),
                _ => Some(sent.answer(200, &[])),
            };
        }
        Some(match self {
            Self::Good(granted) => sent.grant(*granted),
            Self::Silent => return None,
            Self::Says(status) => sent.answer(*status, &[]),
            Self::Rest(time) => sent.answer(503, &[("Retry-After", &time.to_string())]),
            Self::TooBrief(least) => sent.answer(423, &[("Min-Expires", &least.to_string())]),
            Self::OldNonce => {
                let nonce = sent.request.headers.cseq().unwrap().0;
                let value = format!("Digest realm=\"c\", nonce=\"{nonce}\", qop=\"auth\", stale=true");
                sent.answer(401, &[("WWW-Authenticate", &value)])
            }
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever a carrier does for two hours, and however often it changes its mind: REGISTERs
    /// of different rounds are five seconds apart, a round has no more than it may, Retry-After
    /// is kept; and when the carrier is good again, the trunk is up within the time of its
    /// longest wish.
    #[test]
    fn a_carrier_is_never_pressed_and_always_found_again(
        moods in proptest::collection::vec((mood(), 1_u64..1_500), 1..8), hosts in 1_usize..3, checked: bool,
    ) {
        let mut trunk = account("a");
        trunk.hosts = (0..hosts).map(|n| format!("h{n}.example")).collect();
        trunk.health = checked.then_some(seconds(30));
        let mut world = World::new(vec![trunk]);
        let mut rests: Vec<(Instant, u64)> = Vec::new();
        for (mood, time) in &moods {
            world.run(seconds(*time), |sent| {
                if let Mood::Rest(rest) = mood && sent.is("REGISTER") {
                    rests.push((sent.at, *rest));
                }
                mood.answer(sent)
            });
        }
        let troubled = world.requests("REGISTER").len();
        // The longest rest that is believed, and the silence of a last request before.
        world.run(seconds(3_600 + 300 + 70), |sent| Mood::Good(3_600).answer(sent));
        prop_assert!(world.state("a").up, "{:?}", world.state("a"));
        let all = world.requests("REGISTER");
        prop_assert!(all.len() <= troubled + 3, "no more than needed after that");
        // In any five seconds one round: the first, credentials twice, a longer time, on each host.
        for (n, sent) in all.iter().enumerate() {
            let near = all[n..].iter().take_while(|next| next.at - sent.at < seconds(5)).count();
            prop_assert!(near <= 4 * hosts + 1, "{near} REGISTERs within five seconds");
            prop_assert_eq!(sent.request.headers.cseq().unwrap().0 as usize, n + 1);
        }
        if hosts == 1 {
            for (at, rest) in rests {
                let next = all.iter().find(|sent| sent.at > at);
                prop_assert!(next.is_none_or(|next| next.at - at >= seconds(rest.min(3_600))));
            }
        }
    }
}

/// What an operator may do.
#[derive(Debug, Clone)]
enum Act {
    Set(Vec<(u8, u8)>),
    Call,
    HangUp(u8),
    Suspect(u8),
    Again(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => proptest::collection::vec((0_u8..3, any::<u8>()), 0..4).prop_map(Act::Set),
        2 => Just(Act::Call),
        1 => (0_u8..3).prop_map(Act::HangUp),
        1 => (0_u8..3).prop_map(Act::Suspect),
        1 => (0_u8..3).prop_map(Act::Again),
    ]
}

/// A trunk that differs from the others of its id in what the bits say.
fn odd(id: u8, bits: u8) -> TrunkSettings {
    let bit = |n: u8| bits >> n & 1 == 1;
    TrunkSettings {
        register: bit(0),
        username: format!("400{id}{}", u8::from(bit(1))),
        password: Secret::from(if bit(2) { "one" } else { "two" }.to_owned()),
        hosts: if bit(3) { vec!["h1.example".into()] } else { vec!["h1.example".into(), "h2.example".into()] },
        health: bit(4).then(|| seconds(if bit(5) { 20 } else { 40 })),
        paused: bit(6),
        max_calls: bit(7).then_some(2),
        ..TrunkSettings::new(format!("t{id}"), "unused", "carrier.example")
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever operators and carriers do: after closing nothing is asked, nothing is waited
    /// for, and the carriers hold exactly what is registered.
    #[test]
    fn r12_1_nothing_is_left_of_any_number_of_changes(
        acts in proptest::collection::vec((act(), mood(), 0_u64..400), 1..12),
    ) {
        let mut world = World::new(vec![]);
        let mut calls: HashMap<String, u32> = HashMap::new();
        for (act, mood, time) in &acts {
            match act {
                Act::Set(trunks) => {
                    world.board.set(world.now, trunks.iter().map(|(id, bits)| odd(*id, *bits)).collect());
                }
                Act::Call => {
                    if let Ok(chosen) = world.board.choose(world.now, |_| true) {
                        *calls.entry(chosen.trunk).or_default() += 1;
                    }
                }
                Act::HangUp(id) => {
                    let id = format!("t{id}");
                    let alive = calls.entry(id.clone()).or_default();
                    if *alive > 0 {
                        *alive -= 1;
                        world.board.ended(world.now, &id);
                    }
                }
                Act::Suspect(id) => world.board.suspect(world.now, &format!("t{id}")),
                Act::Again(id) => world.board.again(world.now, &format!("t{id}")),
            }
            world.run(seconds(*time), |sent| mood.answer(sent));
            for state in world.board.states() {
                prop_assert_eq!(state.calls, calls.get(&state.id).copied().unwrap_or_default(), "{}", state.id);
            }
        }
        // What is under way is answered, what was changed is done.
        world.run(seconds(4_000), good);
        for state in world.board.states() {
            let settings = world.board.settings(&state.id).unwrap();
            let to = format!("<sip:{}@carrier.example>", settings.username);
            prop_assert_eq!(world.is_held(&to), matches!(state.registration, Registration::Until(_)), "{:?}", state);
        }
        world.board.close(world.now);
        world.run(seconds(200), good);
        prop_assert!(world.board.is_quiet() && world.board.states().is_empty());
        prop_assert!(world.board.next_deadline(world.now).is_none());
        for sent in world.requests("REGISTER") {
            prop_assert!(!world.is_held(sent.header("To")), "{}", sent.header("To"));
        }
    }
}

#[test]
fn why_a_trunk_stands_as_it_does_has_a_word_that_never_changes() {
    let words = [Why::Fine, Why::Paused, Why::Silent, Why::Registering, Why::NotRegistered, Why::Refused, Why::Resting];
    assert_eq!(
        words.map(Why::code),
        ["fine", "paused", "silent", "registering", "not_registered", "refused", "resting"]
    );
}
