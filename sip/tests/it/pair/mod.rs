//! Two stacks over a bad line, and whatever their owners do: it ends, for both.

mod world;

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use songda_sip::Protocol;

use self::world::{Line, Wish, World};

/// When, who, what, and to which of his legs.
type Step = (u64, usize, Wish, usize);

fn step(dials: u32, ends: u32) -> impl Strategy<Value = Step> {
    let wish = prop_oneof![
        dials => Just(Wish::Dial),
        3 => Just(Wish::Ring),
        3 => Just(Wish::Progress),
        6 => Just(Wish::Answer),
        ends => Just(Wish::Reject),
        ends * 2 => Just(Wish::HangUp),
        6 => Just(Wish::Reoffer),
    ];
    (0_u64..4_000, 0_usize..2, wish, 0_usize..3)
}

fn line() -> impl Strategy<Value = Line> {
    let protocol = prop_oneof![5 => Just(Protocol::Udp), 1 => Just(Protocol::Tcp)];
    (0_u64..40, 0_u64..20, 1_u64..100, 0_u64..900, protocol).prop_map(|(lost, doubled, least, more, protocol)| Line {
        lost,
        doubled,
        delay: (least, least + more),
        protocol,
    })
}

/// Of which stories are told: the same every time, and others in each long run. One that failed
/// is told again with its seed in `SONGDA_SEED`.
fn seed() -> u64 {
    match std::env::var("SONGDA_SEED").ok().map(|seed| seed.parse()) {
        Some(seed) => seed.expect("SONGDA_SEED is a number"),
        None if std::env::var_os("SONGDA_LONG").is_some() => RandomState::new().hash_one(()),
        None => 0,
    }
}

/// Tells stories; a failure names the seed.
fn tell<S: Strategy>(cases: u32, story: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let seed = seed();
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    if let Err(failure) = TestRunner::new_with_rng(config, rng).run(story, test) {
        panic!("with SONGDA_SEED={seed}: {failure}");
    }
}

fn play(world: &mut World, steps: &[Step]) {
    for (pause, side, wish, which) in steps {
        world.wait(Duration::from_millis(*pause));
        world.wish(*side, *wish, *which);
        world.flush();
    }
}

/// Everything is over, for both, and each was told so once.
fn over(world: &World) -> Result<(), TestCaseError> {
    for (at, side) in world.sides.iter().enumerate() {
        prop_assert!(side.core.is_empty(), "side {at} keeps something: {:?}", side.core);
        for (id, told) in &side.told {
            prop_assert_eq!(told.ended, 1, "side {}: {} ends once: {:?}", at, id, told);
            prop_assert_eq!(told.down, 1, "side {}: {} is down once: {:?}", at, id, told);
            prop_assert_eq!(told.after_down, 0, "side {}: {} says nothing more: {:?}", at, id, told);
        }
    }
    Ok(())
}

#[test]
fn two_stacks_over_a_bad_line_end_with_empty_tables_whatever_their_owners_do() {
    let story = (any::<u64>(), line(), any::<bool>(), prop::collection::vec(step(4, 2), 1..40));
    tell(600, &story, |(seed, line, timers, steps)| {
        let mut world = World::new(seed, line, timers);
        play(&mut world, &steps);
        // Whoever still talks is interrupted at last.
        world.wait(Duration::from_secs(50));
        for side in 0..2 {
            for which in 0..world.sides[side].legs.len() {
                world.wish(side, Wish::HangUp, which);
            }
        }
        world.wait(Duration::from_mins(10));
        over(&world)
    });
}

#[test]
fn two_stacks_agree_on_who_talks_and_where_when_the_line_comes_to_rest() {
    let story = (any::<u64>(), line(), any::<bool>(), prop::collection::vec(step(3, 0), 1..30));
    tell(400, &story, |(seed, line, timers, steps)| {
        let mut world = World::new(seed, line, timers);
        play(&mut world, &steps);
        world.wait(Duration::from_mins(3));
        let [one, other] = &world.sides;
        for (id, told) in &one.told {
            // One call has the same Call-ID on both sides.
            let Some(theirs) = other.told.get(id) else { continue };
            // Who heard nothing at all gave up without a CANCEL (9.1): there it rings on.
            if told.answered == theirs.answered && !told.answered {
                continue;
            }
            // A BYE that was never answered: one side knows that it does not know.
            if told.silent || theirs.silent {
                continue;
            }
            prop_assert_eq!(told.ended, theirs.ended, "{}: over for both or none: {:?} {:?}", id, told, theirs);
            if told.ended == 0 {
                prop_assert!(told.answered && theirs.answered, "{id}: {told:?} {theirs:?}");
                prop_assert_eq!(told.ours, theirs.theirs, "{}: {:?} {:?}", id, told, theirs);
                prop_assert_eq!(told.theirs, theirs.ours, "{}: {:?} {:?}", id, told, theirs);
            }
        }
        Ok(())
    });
}
