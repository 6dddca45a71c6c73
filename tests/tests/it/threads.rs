//! More than one media thread (`media.threads`): each call has its own, all share the browsers' port, and
//! nobody hears the call of another thread.

use std::time::Duration;

use serde_json::Value;
use songda_tests::{
    agent::{Agent, until},
    supervisor::Supervisor,
};

use crate::{
    peers::tone_file,
    road::tone,
    server::Machine,
    sound::{self, stretch},
    survives::recorded,
    world::World,
};

/// Two calls: an agent and a party each, and the supervisor.
const VOICES: [(char, f64); 5] = [('a', 440.0), ('p', 1_000.0), ('b', 1_523.0), ('q', 1_919.0), ('s', 2_283.0)];
/// A party with a voice of his own.
const SPEAKER: &str = "13800008561";

fn voice(who: char) -> f64 {
    VOICES.iter().find(|(name, _)| *name == who).unwrap().1
}

fn tones(samples: &[i16]) -> String {
    sound::tones(samples, &VOICES)
}

/// An agent who talks to this party in this voice; answers his work order too.
async fn talks(world: &World, login: &str, number: &str, who: char) -> (Agent, Value) {
    world.push(number).await;
    let mut agent = Agent::sign_in_as(&world.server.url, login).await;
    let order = agent.take().await;
    agent.dial().await;
    agent.phase("talking").await;
    agent.peer.as_ref().unwrap().say(&tone(voice(who), 240.0));
    (agent, order)
}

/// Hears these and nobody else for half a second.
async fn agent_hears(agent: &mut Agent, wanted: &str) {
    agent.hears(|heard| heard.len() > sound::HALF && tones(&last_half(heard)) == wanted).await;
}

async fn supervisor_hears(supervisor: &mut Supervisor, wanted: &str) {
    supervisor.hears(|heard| heard.len() > sound::HALF && tones(&last_half(heard)) == wanted).await;
}

fn last_half(heard: &[u8]) -> Vec<i16> {
    let from = heard.len().saturating_sub(sound::HALF);
    heard[from..].iter().map(|octet| songda_media::Law::Pcma.decode(*octet)).collect()
}

/// A figure of each thread.
async fn of_threads(world: &World, figure: &str) -> Vec<f64> {
    let text = world.server.metrics().await;
    let mut rows: Vec<&str> =
        text.lines().filter(|line| line.starts_with(figure) && !line.contains("taken=\"no\"")).collect();
    rows.sort_unstable();
    rows.iter().map(|row| row.rsplit(' ').next().unwrap().parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_r4_4b_with_two_media_threads_two_calls_and_a_supervisor_who_goes_between_hear_whom_they_should() {
    let folder = tempfile::tempdir().unwrap();
    let file = tone_file(folder.path(), voice('q'), 8_000);
    let say = format!("{SPEAKER}={}", file.display()).parse().unwrap();
    let configure = Box::new(|text: String| text + "[media]\nthreads = 2\n");
    let machine = Machine { configure: Some(configure), ..Machine::default() };
    let world = World::start_on_with(|_| machine, |sim| sim.say.push(say)).await;
    let (mut one, first) = talks(&world, "agent", "13800008061", 'a').await;
    agent_hears(&mut one, "p").await;
    let calls = async || of_threads(&world, "songda_media_calls{").await;
    let spread = until(calls, |calls| calls.iter().sum::<f64>() > 0.9).await.unwrap();
    assert_eq!(spread.len(), 2, "both threads tell of themselves: {spread:?}");
    let mut work = std::pin::pin!(talks(&world, "agent2", SPEAKER, 'b'));
    let (mut two, second) = loop {
        tokio::select! {
            both = &mut work => break both,
            () = one.stay(Duration::from_secs(1)) => {}
        }
    };
    agent_hears(&mut two, "q").await;
    agent_hears(&mut one, "p").await;
    until(calls, |calls| *calls == [1.0, 1.0]).await.expect("a call on each thread");

    // The system gives each browser's packets to either thread, by chance: sooner or later to the wrong one.
    let taken = async || of_threads(&world, "songda_media_handed_over_total{").await.iter().sum::<f64>();
    let mut turns = 0;
    while turns < 2 || (turns < 24 && taken().await < 1.0) {
        let (agent, whom) = if turns % 2 == 0 { (&mut one, "ap") } else { (&mut two, "bq") };
        let call = agent.call["call_id"].as_str().unwrap().to_owned();
        let mut supervisor = Supervisor::sign_in(&world.server.url).await;
        assert_eq!(supervisor.enter(&call, "barge").await["what"], "barge");
        supervisor.peer.as_ref().unwrap().say(&tone(voice('s'), 60.0));
        supervisor_hears(&mut supervisor, whom).await;
        agent_hears(agent, &format!("{}s", &whom[1..])).await;
        for agent in [&mut one, &mut two] {
            agent.stay(Duration::from_millis(500)).await;
        }
        turns += 1;
    }
    assert!(taken().await >= 1.0, "a thread passes on what is another's");
    agent_hears(&mut one, "p").await;
    agent_hears(&mut two, "q").await;
    for agent in [&mut one, &mut two] {
        agent.hang_up().await;
        agent.phase("ended").await;
    }
    for (order, agent, party) in [(&first, 'a', 'p'), (&second, 'b', 'q')] {
        let (_, left, right) = recorded(&world, order).await;
        let end = right.len() as i64 / 8;
        for at in (2_000..end - 1_000).step_by(500) {
            assert_eq!(tones(stretch(&right, at, at + 1_000)), party.to_string(), "the party at {at}");
            let ours = tones(stretch(&left, at, at + 1_000));
            assert!(ours.chars().all(|who| who == agent || who == 's'), "of another call: {ours} at {at}");
        }
        assert_eq!(tones(stretch(&left, end - 1_500, end - 500)), agent.to_string());
    }
}
