//! A carrier changes a live call by re-INVITE: its media moves, it holds and comes back, it asks
//! for fax. The sound goes on both ways, and the recording is whole.

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
async fn a_carrier_that_moves_its_media_holds_comes_back_and_asks_for_fax_is_heard_and_hears_and_all_is_recorded() {
    let world = World::start().await;
    let (mut agent, order) = talking(&world, &world.server.url, "13800008041").await;
    agent_hears(&mut agent, PARTY_HZ).await;

    let moved = changed(&world, Change::NewPort).await;
    assert_eq!((moved.changes[0].what, moved.changes[0].status), ("new-port", 200));
    agent.stay(Duration::from_secs(2)).await;
    agent_hears(&mut agent, PARTY_HZ).await;
    carrier_hears(&world, 1_000).await;

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
    assert!(is_tone(stretch(&left, length - 1_500, length - 500), AGENT_HZ), "the agent to the end");
    let heard = hound::WavReader::open(seen.audio.unwrap()).unwrap().into_samples::<i16>();
    assert!(loudness(&heard.map(Result::unwrap).collect::<Vec<_>>()) > 1e3);
    assert_eq!(seen.rtp.sources, 1, "the sound is one stream throughout");
    let complaints = world.sim.journal().complaints;
    assert!(complaints.is_empty(), "{complaints:?}");
}
