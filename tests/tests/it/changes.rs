//! A carrier changes a live call by re-INVITE: its media moves, it speaks another law and the first one
//! again, it holds and comes back, it asks for fax. The sound goes on both ways, and the recording is
//! whole on both sides.

use std::time::Duration;

use songda_sim::{Change, journal::CallRecord};
use songda_tests::agent::until;

use crate::{
    sound::{AGENT_HZ, PARTY_HZ, agent_hears, is_tone, loudness, stretch},
    survives::{at_the_carrier, recorded, talking},
    world::World,
};

/// Lets the carrier change the call; what the court answered, and what was heard until then.
async fn changed(world: &World, what: Change) -> CallRecord {
    let before = at_the_carrier(world);
    world.sim.change(&before.call_id, what).await.unwrap();
    let answered = |call: &CallRecord| call.changes.len() > before.changes.len();
    until(|| async { at_the_carrier(world) }, answered).await.unwrap()
}

/// Waits until the carrier has heard so much more.
async fn carrier_hears(world: &World, ms: u64) {
    let enough = at_the_carrier(world).rtp.heard_ms + ms;
    until(|| async { at_the_carrier(world).rtp.heard_ms }, |heard| *heard >= enough).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_a_carrier_that_moves_changes_its_law_holds_comes_back_and_asks_for_fax_hears_and_is_recorded_whole() {
    let world = World::start().await;
    let (mut agent, order) = talking(&world, &world.server.url, "13800008041").await;
    agent_hears(&mut agent, PARTY_HZ).await;

    let moved = changed(&world, Change::NewPort).await;
    assert_eq!((moved.changes[0].what, moved.changes[0].status), ("new-port", 200));
    agent.stay(Duration::from_secs(2)).await;
    agent_hears(&mut agent, PARTY_HZ).await;
    carrier_hears(&world, 1_000).await;

    for (change, name, codec) in [(Change::MuLaw, "mu-law", "PCMU"), (Change::ALaw, "a-law", "PCMA")] {
        let seen = changed(&world, change).await;
        assert_eq!(seen.changes.last().map(|last| (last.what, last.status)), Some((name, 200)));
        agent.stay(Duration::from_secs(2)).await;
        agent_hears(&mut agent, PARTY_HZ).await;
        carrier_hears(&world, 1_000).await;
        assert_eq!(at_the_carrier(&world).rtp.codec, Some(codec), "what it hears is in its law");
    }

    changed(&world, Change::Hold).await;
    // Its own sound goes on; ours is complained of there.
    agent.stay(Duration::from_secs(3)).await;
    agent_hears(&mut agent, PARTY_HZ).await;
    assert_eq!(agent.call["phase"], "talking");

    changed(&world, Change::Resume).await;
    agent.stay(Duration::from_secs(2)).await;
    agent_hears(&mut agent, PARTY_HZ).await;
    carrier_hears(&world, 1_000).await;

    let refused = changed(&world, Change::Fax).await;
    assert_eq!(refused.changes.last().map(|last| (last.what, last.status)), Some(("fax", 488)));
    agent.stay(Duration::from_secs(2)).await;
    agent_hears(&mut agent, PARTY_HZ).await;
    carrier_hears(&world, 1_000).await;
    agent.hang_up().await;
    agent.phase("ended").await;

    let (_, left, right) = recorded(&world, &order).await;
    let seen = at_the_carrier(&world);
    let first_ms = seen.rtp.first_sent_at.unwrap();
    let lasted = (seen.ended_at.unwrap() - first_ms) as i64;
    let length = right.len() as i64 / 8;
    assert!((length - lasted).abs() < 1_000, "{length} ms recorded of {lasted}");
    // The party's tone never pauses: a second without it would be a hole.
    for at in (1_000..length - 1_000).step_by(1_000) {
        assert!(is_tone(stretch(&right, at, at + 1_000), PARTY_HZ), "the party at {at} of {length}");
    }
    // The agent's begins with the talk, and is silent to a party that does not listen: once, and as long
    // as that lasted.
    let says = |at: &i64| is_tone(stretch(&left, *at, at + 500), AGENT_HZ);
    let begun = (0..length - 500).step_by(500).find(says).expect("the agent is recorded");
    let silent: Vec<i64> = (begun..length - 1_000).step_by(500).filter(|at| !says(at)).collect();
    let (first, last) = (silent[0], silent[silent.len() - 1]);
    assert_eq!((last - first) / 500 + 1, silent.len() as i64, "one silence: {silent:?}");
    assert!((2_500..8_000).contains(&(last - first)), "as long as the party held: {silent:?}");
    let heard = hound::WavReader::open(seen.audio.unwrap()).unwrap().into_samples::<i16>();
    assert!(loudness(&heard.map(Result::unwrap).collect::<Vec<_>>()) > 1e3);
    assert_eq!(seen.rtp.sources, 1, "the sound is one stream throughout");
    let complaints = world.sim.journal().complaints;
    assert!(complaints.is_empty(), "{complaints:?}");
}
