//! Who hears whom, with real peers: Chromium, baresip and SIPp through every mode of the bridge at
//! the built server, by tones. After each switch everybody hears whom he should, and nobody else,
//! for half a second; what the party was sent meanwhile, and the recording, hold no stranger.

mod house;

use songda_media::Law;

use self::{
    Do::{Back, Barge, Consult, HandOver, Hold, Join, Leave, Listen, Ring, Talk, Whisper},
    house::{House, Person},
};
use crate::{
    peers::FarEnd,
    phones,
    road::tone,
    secured::{Party, Secured},
    sound::{PIECE, loudness, shares, stretch, tones},
    world::World,
};

/// Agent, party, supervisor, and the target of a transfer: between the notes of the hold music and
/// of all their overtones.
const VOICES: [(char, f64); 4] = [('a', 1_523.0), ('p', 1_141.0), ('s', 2_283.0), ('t', 1_919.0)];

fn voice(who: char) -> f64 {
    VOICES.iter().find(|(name, _)| *name == who).unwrap().1
}

/// What somebody does at his page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Do {
    /// The agent dials and is heard.
    Talk,
    Hold,
    /// Off hold.
    Back,
    /// A colleague is asked; a telephone that answers by itself rings too shortly to be looked at.
    Ring,
    Consult,
    Join,
    /// The agent leaves the party to the target.
    HandOver,
    Listen,
    Whisper,
    Barge,
    /// The supervisor goes.
    Leave,
}

/// What is done, and whom party, agent, target and supervisor hear then: `m` is music or a
/// ring-back and nobody, `-` is not in the call.
const TABLE: [(Do, [&str; 4]); 22] = [
    (Talk, ["a", "p", "-", "-"]),
    (Hold, ["m", "p", "-", "-"]),
    (Back, ["a", "p", "-", "-"]),
    (Listen, ["a", "p", "-", "ap"]),
    (Whisper, ["a", "ps", "-", "ap"]),
    (Barge, ["as", "ps", "-", "ap"]),
    (Hold, ["m", "ps", "-", "ap"]),
    (Back, ["as", "ps", "-", "ap"]),
    (Listen, ["a", "p", "-", "ap"]),
    (Ring, ["m", "m", "-", "ap"]),
    (Consult, ["m", "t", "a", "at"]),
    (Whisper, ["m", "st", "a", "at"]),
    (Barge, ["m", "st", "as", "at"]),
    (Whisper, ["m", "st", "a", "at"]),
    (Join, ["at", "pst", "ap", "apt"]),
    (Barge, ["ast", "pst", "aps", "apt"]),
    (Hold, ["m", "pst", "aps", "apt"]),
    (Back, ["ast", "pst", "aps", "apt"]),
    (Listen, ["at", "pt", "ap", "apt"]),
    (HandOver, ["t", "-", "p", "pt"]),
    (Barge, ["st", "-", "ps", "pt"]),
    (Leave, ["t", "-", "p", "-"]),
];

/// UDP sockets of a server with one call, however many browsers are in it: signalling, all browsers'
/// sound, the carrier's, and its reports.
const SOCKETS: usize = 4;

/// Whom one of them hears.
fn heard_in(samples: &[i16]) -> String {
    let voices = tones(samples, &VOICES);
    if voices.is_empty() && loudness(samples) > 1e3 { "m".into() } else { voices }
}

/// Pieces that make a voice heard: 0.3 s.
const SPAN: usize = 12;

/// Everybody who is heard, one set after the other, for 0.3 s at least. Music, words and silence
/// are nobody.
fn story(samples: &[i16]) -> Vec<String> {
    let pieces: Vec<&[i16]> = samples.chunks_exact(PIECE).collect();
    let mut told = vec![String::new()];
    for span in pieces.windows(SPAN) {
        let shares = shares(&span.concat(), &VOICES);
        // On the border between two sets.
        if shares.iter().all(|(_, share)| !(0.2..=0.5).contains(share)) {
            told.push(shares.into_iter().filter(|(_, share)| *share > 0.5).map(|(name, _)| name).collect());
        }
    }
    told.dedup();
    told
}

/// Whether everybody of the table is heard by the party, set by set in this order. That somebody is
/// missed for a moment between is the busy machine's.
fn tells_the_table(told: &[String]) -> bool {
    let mut wanted: Vec<String> = TABLE.iter().map(|(_, [party, ..])| party.replace('m', "")).collect();
    wanted.dedup();
    let mut told = told.iter();
    wanted.iter().all(|set| told.any(|heard| heard == set))
}

/// Who is heard here for 0.3 s and should not be.
fn strangers(samples: &[i16], allowed: &str) -> String {
    let pieces: Vec<&[i16]> = samples.chunks_exact(PIECE).collect();
    let others: Vec<(char, f64)> = VOICES.into_iter().filter(|(name, _)| !allowed.contains(*name)).collect();
    pieces.windows(SPAN).map(|span| tones(&span.concat(), &others)).find(|found| !found.is_empty()).unwrap_or_default()
}

async fn every_mode(mut house: House) {
    let (mut rows, mut before) = (Vec::new(), "");
    for (at, (what, wanted)) in TABLE.into_iter().enumerate() {
        let telephone = matches!(house.target, Person::Telephone(_));
        if what == Ring && telephone {
            continue;
        }
        let from = house.party_heard().len();
        house.go(what).await;
        house.hears(&format!("{at}. {what:?}"), wanted).await;
        if !telephone {
            assert_eq!(house.udp_sockets(), SOCKETS, "one port serves every browser: {at}. {what:?}");
        }
        // From the click on the party hears whom it heard before, then whom it should.
        rows.push((at, what, format!("{before}{}", wanted[0]), from..house.party_heard().len()));
        before = wanted[0];
    }
    let (call, left, right, party) = house.end().await;
    for (at, what, allowed, span) in rows {
        assert_eq!(strangers(&party[span], &allowed), "", "the party hears a stranger: {at}. {what:?}");
    }
    assert!(tells_the_table(&story(&left)), "the left channel: {:?}", story(&left));
    assert_eq!(strangers(&left, "ast"), "", "the party is in the left channel");
    assert_eq!(strangers(&right, "p"), "", "somebody else is in the right channel");
    assert!(story(&right).contains(&"p".to_owned()), "the right channel: {:?}", story(&right));
    let marks = call["marks"].as_array().unwrap().iter();
    let whispers: Vec<_> = marks.filter(|mark| mark["kind"] == "whispered").collect();
    assert_eq!(whispers.len(), 3, "{}", call["marks"]);
    for mark in whispers {
        let at = |key: &str| mark[key].as_i64().unwrap();
        // He may have barged in just before.
        let whispered = stretch(&left, at("from_ms") + 200, at("to_ms"));
        assert_eq!(strangers(whispered, "at"), "", "a whisper is in no recording: {mark}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_r4_4b_in_every_mode_sipp_baresip_and_two_chromiums_hear_whom_they_should() {
    let party = FarEnd::sipp_saying(voice('p'));
    // The house is behind NAT: no sound of ours gets back in by its public address (RFC 5737).
    let (machine, at) = phones::machine_with("trunk_advertise = \"203.0.113.5\"");
    let world = World::start_on_at(machine, party.address).await;
    let password = phones::enter(&world, "8003", "王法官").await;
    let target = FarEnd::desk_phone(at, "8003", &password, voice('t'));
    let told = party.told();
    every_mode(House::open(world, party, Some(target)).await).await;
    let told = told.lock().unwrap();
    assert!(!told.is_empty() && told.iter().all(|ip| ip == "203.0.113.5"), "the carrier is told {told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_r4_4b_in_every_mode_baresip_and_two_agents_at_chromium_hear_whom_they_should() {
    let party = FarEnd::baresip_saying(house::NUMBER, voice('p'));
    let world = World::start_at(party.address).await;
    every_mode(House::open(world, party, None).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_r4_4b_in_every_mode_baresip_sipp_and_two_chromiums_hear_whom_they_should() {
    let party = FarEnd::baresip_saying(house::NUMBER, voice('p'));
    let (machine, at) = phones::machine();
    let world = World::start_on_at(machine, party.address).await;
    let password = phones::enter(&world, "8003", "王法官").await;
    let target = FarEnd::sipp_desk_phone(at, "8003", &password, voice('t'));
    every_mode(House::open(world, party, Some(target)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_r4_4b_in_every_mode_baresip_over_srtp_and_two_agents_at_chromium_hear_whom_they_should() {
    let secured = Secured::open().await;
    // Neither side takes sound in the clear.
    let party = Party::saying(voice('p'), secured.keys.path(), "srtp-mand");
    secured.leads_to(&party, "required").await;
    let Secured { world, keys: _keys, .. } = secured;
    every_mode(House::open(world, party.far, None).await).await;
}

#[test]
fn a_stranger_is_found_beside_those_who_are_allowed() {
    let said = |who: char| tone(voice(who), 1.0).into_iter().map(|octet| Law::Pcma.decode(octet));
    let agent: Vec<i16> = said('a').collect();
    // The supervisor too, for 0.4 s.
    let both = |at: usize, (one, other): (i16, i16)| if (2_000..5_200).contains(&at) { one + other } else { one };
    let both: Vec<i16> = said('a').zip(said('s')).enumerate().map(|(at, pair)| both(at, pair)).collect();
    assert_eq!((strangers(&agent, "a").as_str(), strangers(&both, "a").as_str()), ("", "s"));
    assert_eq!((strangers(&both, "as").as_str(), story(&both)), ("", ["", "a", "as", "a"].map(str::to_owned).to_vec()));
}
