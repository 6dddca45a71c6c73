use std::sync::Arc;

use songda_media::{
    Law, MediaEvent, Prompt, Rest, Silence, Span, Tap,
    inside::{Bridge, Egress, View},
};

use crate::line::{AGENT, Heard, Line, NOTICE, PARTY};

const HOLD: u32 = 2;
const MUSIC: u32 = 3;

#[test]
fn r2_1a_early_media_reaches_the_agent_and_the_recording_and_the_agent_reaches_nobody() {
    let mut line = Line::new();
    let began = line.now();
    line.bridge.early(began);
    line.steps(100, Some(AGENT), Some(PARTY));
    assert_eq!(line.heard.agent.len(), 100);
    assert!(line.heard.agent.iter().all(|(kind, _, octets)| *kind == 8 && octets.iter().all(|octet| *octet == PARTY)));
    assert!(line.heard.party.iter().all(|(_, _, octets)| octets.iter().all(|octet| *octet == Law::Pcma.silence())));
    assert!(line.heard.party.len() >= 99, "a carrier that waits for our sound gets silence");
    assert_eq!(line.news(), [MediaEvent::PartyHeard]);
    let began = began.checked_sub(std::time::Duration::from_millis(500)).unwrap();
    assert_eq!(line.shelf.0.lock().unwrap().0, Some((began, 999_500)), "half a second before the first early media");
    let (left, right, _) = line.close();
    assert!(left.iter().all(|sample| *sample == 0));
    assert!(right[..4_000].iter().all(|sample| *sample == 0));
    assert!(right[4_000..19_000].iter().all(|sample| *sample == Law::Pcma.decode(PARTY)));
}

#[test]
fn r4_2a_twenty_milliseconds_of_silence_leave_at_once_with_the_first_early_description() {
    let mut line = Line::new();
    let now = line.now();
    line.bridge.early(now);
    // No packet of the carrier has come: some send none before they got one.
    line.bridge.tick(now, &mut line.heard);
    let [(kind, _, octets)] = &line.heard.party[..] else { panic!("{}", line.heard.party.len()) };
    assert_eq!((*kind, octets.len()), (8, 160));
    assert!(octets.iter().all(|octet| *octet == Law::Pcma.silence()));
    line.steps(50, None, None);
    assert!((50..=51).contains(&line.heard.party.len()), "and go on every 20 ms: {}", line.heard.party.len());
}

#[test]
fn r4_2f_the_notice_plays_to_the_party_while_the_agent_hears_both_and_is_muted() {
    let mut line = Line::new();
    line.bridge.early(line.now());
    let samples: Vec<i16> = (0..8_000).map(|at| ((at % 40) * 200 - 4_000) as i16).collect();
    let prompt = Arc::new(Prompt::from_samples(samples.clone()));
    line.notice(prompt);
    line.steps(50, Some(AGENT), Some(PARTY));
    let played: Vec<u8> = line.heard.party.iter().flat_map(|(_, _, octets)| octets.clone()).collect();
    let wanted: Vec<u8> = samples.iter().map(|sample| Law::Pcma.encode(*sample)).collect();
    assert_eq!(played[..8_000], wanted[..], "the party hears the notice and nothing of the agent");
    let mixed = &line.heard.agent[20].2;
    let alone = &line.heard.party[20].2;
    assert_ne!(mixed, alone, "the agent hears the party over the notice");
    line.steps(3, Some(AGENT), Some(PARTY));
    assert_eq!(
        line.news(),
        [MediaEvent::PartyHeard, MediaEvent::PromptFinished(Span { cue: NOTICE, from_frame: 160, to_frame: 8_160 })]
    );
    line.heard.party.clear();
    line.steps(50, Some(AGENT), Some(PARTY));
    assert!(line.heard.party.iter().all(|(_, _, octets)| octets.iter().all(|octet| *octet == AGENT)), "then both talk");
    let (left, right, _) = line.close();
    let decoded: Vec<i16> = wanted.iter().map(|octet| Law::Pcma.decode(*octet)).collect();
    let found = left.windows(400).position(|window| {
        window.iter().zip(&samples).all(|(heard, said)| (i32::from(*heard) - i32::from(*said)).abs() < 300)
    });
    assert!(found.is_some_and(|at| at <= 480), "the notice stands in the left channel: {found:?} {}", decoded.len());
    assert!(right[2_000..12_000].iter().all(|sample| *sample == Law::Pcma.decode(PARTY)));
}

#[test]
fn a_notice_begins_when_the_carrier_takes_it_and_is_heard_whole() {
    let mut line = Line::new();
    line.bridge.early(line.now());
    line.bridge.party_listens(false);
    line.notice(Arc::new(Prompt::from_samples(vec![9_000; 8_000])));
    line.steps(50, Some(AGENT), Some(PARTY));
    assert_eq!(line.heard.party.len(), 0, "on hold nothing is played");
    assert_eq!(line.heard.agent.len(), 51, "the agent hears the party meanwhile");
    line.bridge.party_listens(true);
    line.steps(10, Some(AGENT), Some(PARTY));
    line.bridge.party_listens(false);
    line.steps(20, Some(AGENT), Some(PARTY));
    line.bridge.party_listens(true);
    line.heard.party.clear();
    line.steps(51, Some(AGENT), Some(PARTY));
    let loud = |octets: &[u8]| octets.iter().all(|octet| *octet == Law::Pcma.encode(9_000));
    assert_eq!(line.heard.party.iter().filter(|(_, _, octets)| loud(octets)).count(), 50, "from its first word again");
    let (from, to) = (8_160, 80 * 160 + 160 + 8_000);
    assert_eq!(
        line.news().last(),
        Some(&MediaEvent::PromptFinished(Span { cue: NOTICE, from_frame: from, to_frame: to }))
    );
    let (left, _, summary) = line.close();
    let said = |at: usize| left[at] > 8_000;
    assert!(!said(7_000) && said(8_400) && !said(11_000) && said(13_200) && said(20_500));
    assert_eq!(summary.played, [Span { cue: NOTICE, from_frame: from, to_frame: to }]);
}

#[test]
fn a_notice_that_nobody_took_is_not_said_to_be_in_the_recording() {
    for (steps, heard) in [(0, None), (10, Some((8_000, 9_600)))] {
        let mut line = Line::new();
        line.bridge.early(line.now());
        line.bridge.party_listens(false);
        line.notice(Arc::new(Prompt::from_samples(vec![9_000; 80_000])));
        line.steps(49, None, Some(PARTY));
        line.bridge.party_listens(true);
        line.steps(steps, None, Some(PARTY));
        let (_, _, summary) = line.close();
        assert_eq!(summary.played.first().map(|span| (span.from_frame, span.to_frame)), heard);
    }
}

#[test]
fn what_the_agent_says_while_the_carrier_holds_is_silence_in_the_recording() {
    let mut line = talking();
    line.bridge.party_listens(false);
    line.steps(50, Some(AGENT), Some(PARTY));
    let (left, _, _) = line.close();
    assert!(left[1_600..8_000].iter().all(|sample| *sample == 0));
}

/// What was heard before has faded out within four milliseconds.
fn settled(octets: &[u8], wanted: u8) -> bool {
    octets[32..].iter().all(|octet| *octet == wanted)
}

fn talking() -> Line {
    let mut line = Line::new();
    line.bridge.early(line.now());
    let prompt = Arc::new(Prompt::from_samples(vec![0; 160]));
    line.notice(prompt);
    line.steps(5, Some(AGENT), Some(PARTY));
    line.heard = Heard::default();
    line.news();
    line
}

#[test]
fn a_muted_agent_is_silence_for_the_party_and_for_the_recording() {
    let mut line = talking();
    line.bridge.mute(true);
    line.steps(50, Some(AGENT), Some(PARTY));
    assert_eq!(line.heard.party.len(), 50);
    assert!(line.heard.party.iter().all(|(_, _, octets)| settled(octets, Law::Pcma.silence())));
    line.bridge.mute(false);
    line.heard.party.clear();
    line.steps(50, Some(AGENT), Some(PARTY));
    assert!(line.heard.party.iter().all(|(_, _, octets)| settled(octets, AGENT)));
    let (left, _, summary) = line.close();
    assert!(left[1_600..8_000].iter().all(|sample| *sample == 0), "mute stands as silence");
    assert!(!summary.gaps.iter().any(|gap| gap.channel == 0 && gap.to_frame - gap.from_frame > 320), "mute is no hole");
}

#[test]
fn the_party_hears_silence_on_one_clock_when_the_browser_stops_and_the_hole_is_noted() {
    let mut line = talking();
    line.steps(25, Some(AGENT), Some(PARTY));
    line.steps(50, None, Some(PARTY));
    line.steps(25, Some(AGENT), Some(PARTY));
    let stamps: Vec<u32> = line.heard.party.iter().map(|(_, stamp, _)| *stamp).collect();
    assert!(stamps.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) <= 800), "{stamps:?}");
    assert!(stamps.len() >= 96, "{}", stamps.len());
    let (_, _, summary) = line.close();
    let hole = summary.gaps.iter().find(|gap| gap.channel == 0).unwrap();
    assert!((7_500..=8_100).contains(&(hole.to_frame - hole.from_frame)), "{hole:?}");
}

#[test]
fn a_carrier_of_the_other_law_is_spoken_to_in_its_own() {
    let mut line = talking();
    line.bridge.party_speaks(Law::Pcmu, None);
    line.steps(10, Some(AGENT), Some(PARTY));
    let wanted = Law::Pcmu.encode(Law::Pcma.decode(AGENT));
    assert!(line.heard.party.iter().all(|(kind, _, octets)| *kind == 0 && octets.iter().all(|octet| *octet == wanted)));
    assert!(line.heard.agent.iter().all(|(kind, _, _)| *kind == 8), "what the carrier sends goes through as it is");
    // A browser that answered with one law hears that one, whatever the trunk speaks.
    line.bridge.agent_speaks(Law::Pcmu);
    line.heard.agent.clear();
    line.steps(10, Some(AGENT), Some(PARTY));
    let wanted = Law::Pcmu.encode(Law::Pcma.decode(PARTY));
    assert!(line.heard.agent.iter().all(|(kind, _, octets)| *kind == 0 && octets.iter().all(|octet| *octet == wanted)));
}

#[test]
fn keys_of_the_agent_reach_the_carrier_under_its_payload_type_and_not_the_recording() {
    let mut line = talking();
    line.bridge.party_speaks(Law::Pcma, Some(101));
    let key =
        View { ssrc: 77, seq: 900, timestamp: 144_000, payload_type: 126, marker: true, payload: &[5, 10, 0, 160] };
    let now = line.now();
    line.bridge.from_agent(now, &key, &mut line.heard);
    assert_eq!(
        line.heard.party.last().map(|(kind, _, octets)| (*kind, octets.clone())),
        Some((101, vec![5, 10, 0, 160]))
    );
    let (left, right, summary) = line.close();
    let loudest = |octet: u8| Law::Pcma.decode(octet).unsigned_abs();
    let within = |samples: &[i16], octet: u8| samples.iter().all(|sample| sample.unsigned_abs() <= loudest(octet));
    assert!(within(&left, AGENT) && within(&right, PARTY), "no key is in the recording");
    assert!(summary.gaps.iter().all(|gap| gap.kind != songda_media::GapKind::Lost), "{:?}", summary.gaps);
}

/// Two presses on the agent's own leg from this timestamp on, each of eight packets of which the last
/// three are ends.
fn presses(line: &mut Line, from: u32, keys: [u8; 2]) {
    for (no, key) in (0_u16..).zip(keys) {
        for part in 0..8_u16 {
            let payload = &[key, if part > 4 { 0x8a } else { 10 }, 0, (part as u8 + 1).min(5) * 20];
            let view = View {
                ssrc: 77,
                seq: 900 + no * 8 + part,
                timestamp: from + u32::from(no) * 1_600,
                payload_type: 101,
                marker: part == 0,
                payload,
            };
            let now = line.now();
            line.bridge.from_agent(now, &view, &mut line.heard);
        }
        line.steps(20, Some(AGENT), Some(PARTY));
    }
}

#[test]
fn keys_of_a_desk_phone_reach_a_carrier_without_events_as_tones_once_each() {
    let mut line = talking();
    line.heard = Heard::default();
    line.steps(5, Some(AGENT), Some(PARTY));
    line.bridge.mute(true);
    presses(&mut line, 144_000, [3, 3]);
    line.bridge.mute(false);
    presses(&mut line, 160_000, [4, 11]);
    assert!(line.heard.party.iter().all(|(kind, _, _)| *kind == 8), "no event was agreed");
    // What the carrier's own ear makes of it.
    let mut far = Line::new();
    far.notice(prompt(4_000, 1));
    far.steps(5, None, None);
    for (no, (_, timestamp, octets)) in (0_u16..).zip(&line.heard.party) {
        let view = View {
            ssrc: 5,
            seq: no,
            timestamp: *timestamp,
            payload_type: 8,
            marker: false,
            payload: octets.as_slice(),
        };
        let now = far.now();
        far.bridge.from_party(now, 0, &view, &mut far.heard);
        far.steps(1, None, None);
    }
    let told = far.news().into_iter().filter_map(|news| match news {
        MediaEvent::Digit { digit, .. } => Some(digit),
        _ => None,
    });
    assert_eq!(told.collect::<String>(), "4#", "who is muted presses nothing");
    let agent = line.heard.party.iter().filter(|(_, _, octets)| octets.iter().all(|octet| *octet == AGENT)).count();
    assert!(agent > 10, "between them the agent is heard: {agent}");
}

#[test]
fn a_key_that_begins_while_others_go_out_waits_for_its_turn_and_is_no_second_one_afterwards() {
    let mut line = talking();
    line.bridge.party_speaks(Law::Pcma, Some(101));
    assert!(line.bridge.digits("1"));
    line.steps(2, Some(AGENT), Some(PARTY));
    line.heard = Heard::default();
    let part = |part: u16, flags: u8| (part, [7, flags, 0, 160]);
    for (no, payload) in [part(0, 0x0a), part(1, 0x0a), part(2, 0x8a)] {
        let view =
            View { ssrc: 77, seq: 900 + no, timestamp: 144_000, payload_type: 126, marker: no == 0, payload: &payload };
        let now = line.now();
        line.bridge.from_agent(now, &view, &mut line.heard);
        line.steps(25, Some(AGENT), Some(PARTY));
    }
    let mut keys: Vec<(u32, u8)> = line
        .heard
        .party
        .iter()
        .filter(|(kind, ..)| *kind == 101)
        .map(|(_, stamp, octets)| (*stamp, octets[0]))
        .collect();
    keys.dedup();
    assert_eq!(keys.iter().map(|(_, key)| *key).collect::<Vec<_>>(), [1, 7]);
}

#[test]
fn a_recording_that_cannot_be_kept_is_said_at_once() {
    struct Broken;
    impl Tap for Broken {
        fn started(&mut self, _: std::time::Instant, _: i64) {}
        fn block(&mut self, _: &[i16]) -> bool {
            false
        }
    }
    let mut line = Line::new();
    line.bridge = Bridge::new(Box::new(Broken), Egress::new(1, 0, 0), Egress::new(2, 0, 0));
    line.bridge.early(line.now());
    line.steps(100, None, Some(PARTY));
    assert_eq!(line.news(), [MediaEvent::PartyHeard, MediaEvent::RecordingFailed]);
}

fn prompt(sample: i16, packets: usize) -> Arc<Prompt> {
    Arc::new(Prompt::from_samples(vec![sample; packets * 160]))
}

/// Runs of what the party was sent: the octet, once what was heard before has faded out, and how
/// many packets of it.
fn runs(heard: &Heard) -> Vec<(u8, usize)> {
    let mut runs: Vec<(u8, usize)> = Vec::new();
    for (_, _, octets) in &heard.party {
        match runs.last_mut() {
            Some((octet, count)) if *octet == octets[159] => *count += 1,
            _ => runs.push((octets[159], 1)),
        }
    }
    runs
}

#[test]
fn e51_the_party_hears_the_hold_prompt_and_music_until_the_agent_is_back() {
    let mut line = talking();
    let (hold, music) = (prompt(4_000, 10), prompt(9_000, 7));
    line.bridge.announce(line.now(), 0, HOLD, hold);
    line.bridge.rest(line.now(), 0, Rest::Hold { cue: MUSIC, music });
    line.steps(40, Some(AGENT), Some(PARTY));
    let heard = runs(&line.heard);
    let (say, play) = (Law::Pcma.encode(4_000), Law::Pcma.encode(9_000));
    assert_eq!((heard[0], heard[1].0, heard[2].0), ((say, 10), Law::Pcma.silence(), play), "{heard:?}");
    assert!(heard[2].1 >= 28, "the music goes round and round: {heard:?}");
    assert!(!heard.iter().any(|(octet, _)| *octet == AGENT), "who is on hold does not hear the agent");
    let agent = &line.heard.agent[20..];
    assert!(agent.iter().all(|(_, _, octets)| octets.iter().all(|octet| *octet == PARTY)), "the agent hears the party");
    line.heard = Heard::default();
    line.bridge.rest(line.now(), 0, Rest::Talk);
    line.steps(10, Some(AGENT), Some(PARTY));
    assert_eq!(runs(&line.heard), [(AGENT, 10)]);
    let (left, _, summary) = line.close();
    let cues: Vec<u32> = summary.played.iter().map(|span| span.cue).collect();
    assert_eq!(cues, [NOTICE, HOLD, MUSIC]);
    let music = summary.played[2];
    assert!((28 * 160..=31 * 160).contains(&(music.to_frame - music.from_frame)), "{music:?}");
    assert!(left[music.from_frame as usize + 80..music.to_frame as usize - 160].iter().all(|sample| *sample > 8_000));
}

#[test]
fn after_the_last_announcement_the_party_hears_neither_music_nor_the_agent() {
    let mut line = talking();
    line.bridge.rest(line.now(), 0, Rest::Hold { cue: MUSIC, music: prompt(9_000, 7) });
    line.steps(10, Some(AGENT), Some(PARTY));
    line.bridge.rest(line.now(), 0, Rest::Silence);
    line.bridge.announce(line.now(), 0, HOLD, prompt(4_000, 3));
    line.heard = Heard::default();
    line.steps(20, Some(AGENT), Some(PARTY));
    let (say, silence) = (Law::Pcma.encode(4_000), Law::Pcma.silence());
    assert_eq!(runs(&line.heard), [(say, 3), (silence, 17)]);
    let (left, right, summary) = line.close();
    let cues: Vec<u32> = summary.played.iter().map(|span| span.cue).collect();
    assert_eq!(cues, [NOTICE, MUSIC, HOLD]);
    let last = summary.played[2].to_frame as usize;
    assert!(left[last + 160..].iter().all(|sample| sample.abs() < 100), "what nobody heard is not recorded");
    assert!(right[last + 320..last + 1_600].iter().all(|sample| *sample != 0), "the party is");
}

#[test]
fn an_announcement_that_is_cut_short_counts_as_far_as_it_was_heard() {
    let mut line = talking();
    line.bridge.announce(line.now(), 0, HOLD, prompt(4_000, 100));
    line.bridge.announce(line.now(), 0, MUSIC, prompt(9_000, 100));
    line.steps(10, Some(AGENT), Some(PARTY));
    line.bridge.hush();
    line.heard = Heard::default();
    line.steps(10, Some(AGENT), Some(PARTY));
    assert_eq!(runs(&line.heard), [(AGENT, 10)], "what waited is dropped too");
    let (_, _, summary) = line.close();
    let lengths: Vec<(u32, u64)> =
        summary.played.iter().map(|span| (span.cue, span.to_frame - span.from_frame)).collect();
    assert_eq!(lengths, [(NOTICE, 160), (HOLD, 1_600)]);
}

#[test]
fn announcements_follow_one_another_and_each_end_is_told() {
    let mut line = talking();
    line.bridge.announce(line.now(), 0, HOLD, prompt(4_000, 3));
    line.bridge.announce(line.now(), 0, MUSIC, prompt(9_000, 3));
    line.steps(10, Some(AGENT), Some(PARTY));
    let ended: Vec<u32> = line
        .news()
        .into_iter()
        .filter_map(|news| match news {
            MediaEvent::PromptFinished(span) => Some(span.cue),
            _ => None,
        })
        .collect();
    assert_eq!(ended, [HOLD, MUSIC]);
}

#[test]
fn the_agent_hears_ring_back_until_the_carrier_sends_something_and_it_is_in_no_recording() {
    let mut line = Line::new();
    line.bridge.ring_back(line.now(), prompt(4_000, 5));
    line.steps(20, Some(AGENT), None);
    let ring = Law::Pcma.encode(4_000);
    assert!(line.heard.agent.len() >= 20 && line.heard.agent.iter().all(|(_, _, octets)| octets[0] == ring));
    assert!(line.heard.party.is_empty());
    line.bridge.early(line.now());
    line.heard = Heard::default();
    line.steps(20, Some(AGENT), Some(PARTY));
    assert!(line.heard.agent[1..].iter().all(|(_, _, octets)| octets[0] == PARTY), "the carrier's own sound wins");
    let (left, _, summary) = line.close();
    assert!(left.iter().all(|sample| *sample == 0) && summary.played.is_empty());
}

#[test]
fn keys_go_to_the_carrier_in_the_place_of_the_agents_voice_on_one_clock() {
    let mut line = talking();
    line.bridge.party_speaks(Law::Pcma, Some(101));
    assert!(line.bridge.digits("1#") && !line.bridge.digits("x"));
    line.steps(30, Some(AGENT), Some(PARTY));
    let events: Vec<&(u8, u32, Vec<u8>)> = line.heard.party.iter().filter(|(kind, _, _)| *kind == 101).collect();
    assert_eq!(events.len(), 16, "five packets and three ends each");
    assert!(events[..8].iter().all(|(_, stamp, octets)| *stamp == events[0].1 && octets[0] == 1));
    assert!(events[8..].iter().all(|(_, stamp, octets)| *stamp == events[8].1 && octets[0] == 11));
    assert_eq!(events.iter().filter(|(_, _, octets)| octets[1] & 0x80 != 0).count(), 6);
    let last = line.heard.party.last().unwrap();
    assert_eq!(last.2[0], AGENT, "then the agent speaks again");
    assert_eq!(line.heard.party.len(), 30, "one packet each 20 ms throughout");
    let wall = last.1.wrapping_sub(line.heard.party[0].1);
    assert!((29 * 160 - 160..=29 * 160 + 160).contains(&wall), "no time is lost or won: {wall}");
    let (_, _, summary) = line.close();
    assert!(
        !summary.gaps.iter().any(|gap| gap.channel == 0 && gap.to_frame - gap.from_frame > 480),
        "{:?}",
        summary.gaps
    );
}

#[test]
fn keys_of_the_party_are_told_once_each() {
    let mut line = talking();
    line.bridge.party_speaks(Law::Pcma, Some(101));
    for (no, key) in [(0_u16, 4_u8), (1, 2)] {
        for part in 0..8_u16 {
            let payload = &[key, if part > 4 { 0x8a } else { 10 }, 0, (part as u8 + 1) * 20];
            let view = View {
                ssrc: 88,
                seq: 500 + no * 8 + part,
                timestamp: 90_000 + u32::from(no) * 1_600,
                payload_type: 101,
                marker: part == 0,
                payload,
            };
            let now = line.now();
            line.bridge.from_party(now, 0, &view, &mut line.heard);
        }
    }
    let keys: String = line
        .news()
        .into_iter()
        .filter_map(|news| match news {
            MediaEvent::Digit { digit, .. } => Some(digit),
            _ => None,
        })
        .collect();
    assert_eq!(keys, "42");
}

#[test]
fn e51_a_browser_that_stops_is_told_after_two_seconds_and_again_when_it_is_back() {
    let mut line = talking();
    line.steps(150, None, Some(PARTY));
    line.steps(5, Some(AGENT), Some(PARTY));
    let news = line.news();
    let [MediaEvent::AgentGone { frame: gone }, MediaEvent::AgentBack { frame: back }] = news[..] else {
        panic!("{news:?}")
    };
    assert!((15_900..=17_900).contains(&gone) && (back - gone) / 8 >= 980, "{gone} {back}");
}

#[test]
fn e50_an_answered_line_without_a_packet_is_told_after_five_seconds() {
    let mut line = Line::new();
    line.notice(prompt(4_000, 10));
    line.steps(260, Some(AGENT), None);
    line.steps(2, Some(AGENT), Some(PARTY));
    let news = line.news();
    let at = news.iter().find_map(|news| match news {
        MediaEvent::PartySilent { silence: Silence::NoPackets, frame } => Some(*frame),
        _ => None,
    });
    assert!(at.is_some_and(|frame| (39_900..=40_500).contains(&frame)), "{news:?}");
    assert!(matches!(news.last(), Some(MediaEvent::PartyHeardAgain { .. })), "{news:?}");
}
