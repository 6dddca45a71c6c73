//! Whatever is asked of a bridge in whatever order: one stream goes to the party, nothing that
//! it must not hear is in it, and the recording says what was sent.

use std::sync::Arc;

use proptest::prelude::*;
use songda_media::{Law, MediaEvent, Prompt, Rest, Span};

use crate::line::{AGENT, Heard, Line, PARTY};

const EVENTS: u8 = 101;
const MUSIC: u32 = 1_000;

#[derive(Debug, Clone)]
enum Order {
    Announce(usize),
    Hold(usize),
    Talk,
    Silence,
    Hush,
    Mute(bool),
    Listens(bool),
    Digits(String),
    /// The machine stands still for so many packets.
    Stall(u64),
    Run {
        packets: usize,
        agent: bool,
        party: bool,
    },
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        2 => (1usize..20).prop_map(Order::Announce),
        2 => (1usize..20).prop_map(Order::Hold),
        2 => Just(Order::Talk),
        1 => Just(Order::Silence),
        1 => Just(Order::Hush),
        1 => any::<bool>().prop_map(Order::Mute),
        1 => any::<bool>().prop_map(Order::Listens),
        1 => (1u64..25).prop_map(Order::Stall),
        1 => "[0-9*#A-D]{1,3}".prop_map(Order::Digits),
        5 => (1usize..30, any::<bool>(), any::<bool>())
            .prop_map(|(packets, agent, party)| Order::Run { packets, agent, party }),
    ]
}

/// Each announcement and each music has a sample of its own, far from the agent's and silence.
fn sample(cue: u32) -> i16 {
    2_000 + (cue % 1_000) as i16 * 300 + if cue >= MUSIC { 15_000 } else { 0 }
}

fn prompt(cue: u32, packets: usize) -> Arc<Prompt> {
    Arc::new(Prompt::from_samples(vec![sample(cue); packets * 160]))
}

/// The call as it was ordered, without a line of how.
#[derive(Default)]
struct Model {
    announced: u32,
    held: u32,
    /// On hold, or to hear nothing more.
    alone: bool,
    muted: bool,
    /// The cue from which on announcements are owed an end.
    hushed: u32,
    cut: bool,
    /// What is played may stand in pieces.
    broken: bool,
    pressed: String,
}

impl Model {
    fn order(&mut self, line: &mut Line, order: Order) {
        let (now, heard_before) = (line.now(), line.heard.party.len());
        match order {
            Order::Announce(packets) => {
                line.bridge.announce(now, 0, self.announced, prompt(self.announced, packets));
                self.announced += 1;
            }
            Order::Hold(packets) => {
                let cue = MUSIC + self.held;
                line.bridge.rest(now, 0, Rest::Hold { cue, music: prompt(cue, packets) });
                self.held += 1;
                self.alone = true;
            }
            Order::Talk => {
                line.bridge.rest(now, 0, Rest::Talk);
                self.alone = false;
            }
            Order::Silence => {
                line.bridge.rest(now, 0, Rest::Silence);
                self.alone = true;
            }
            Order::Hush => {
                line.bridge.hush();
                (self.hushed, self.cut) = (self.announced, true);
            }
            Order::Mute(on) => {
                line.bridge.mute(on);
                self.muted = on;
            }
            Order::Listens(listens) => {
                line.bridge.party_listens(listens);
                self.broken |= !listens;
            }
            Order::Digits(keys) => {
                if line.bridge.digits(&keys) {
                    self.pressed += &keys;
                }
            }
            Order::Stall(packets) => {
                line.stall(packets);
                // What is sent in a burst then lies ahead of time, under what follows.
                self.broken = true;
            }
            Order::Run { packets, agent, party } => {
                line.steps(packets, agent.then_some(AGENT), party.then_some(PARTY));
                let heard = &line.heard.party[heard_before..];
                let of_agent = heard.iter().filter(|(kind, _, octets)| *kind == 8 && octets[159] == AGENT).count();
                assert!(!(self.muted || self.alone) || of_agent == 0, "the agent is heard where he must not be");
            }
        }
    }
}

/// The keys that the party was sent, each with its three ends.
fn keys(heard: &Heard) -> Result<String, TestCaseError> {
    let events: Vec<_> = heard.party.iter().filter(|(kind, _, _)| *kind == EVENTS).collect();
    let mut keys = String::new();
    for event in events.chunk_by(|one, other| one.1 == other.1) {
        let ends = event.iter().filter(|(_, _, octets)| octets[1] & 0x80 != 0).count();
        prop_assert_eq!((event.len(), ends), (8, 3));
        keys.push(char::from(b"0123456789*#ABCD"[usize::from(event[0].2[0])]));
    }
    Ok(keys)
}

fn is_within(part: &str, whole: &str) -> bool {
    let mut whole = whole.chars();
    part.chars().all(|key| whole.any(|other| other == key))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_order_of_orders_leaves_one_stream_and_a_recording_that_says_what_was_sent(
        orders in prop::collection::vec(order(), 1..40),
    ) {
        let mut line = Line::new();
        line.bridge.party_speaks(Law::Pcma, Some(EVENTS));
        line.bridge.early(line.now());
        line.bridge.rest(line.now(), 0, Rest::Talk);
        let mut model = Model::default();
        for order in orders {
            model.order(&mut line, order);
        }
        // Everything that waits gets its turn.
        line.bridge.party_listens(true);
        line.steps(40 * 21, Some(AGENT), Some(PARTY));
        let ended: Vec<u32> = line
            .news()
            .into_iter()
            .filter_map(|news| match news {
                MediaEvent::PromptFinished(Span { cue, .. }) => Some(cue),
                _ => None,
            })
            .collect();
        prop_assert!(ended.is_sorted_by(|one, next| one < next), "each ends once, in order: {:?}", ended);
        prop_assert!((model.hushed..model.announced).all(|cue| ended.contains(&cue)), "{:?}", ended);
        prop_assert!(model.cut || ended.len() == model.announced as usize);

        // One stream on one clock: never two packets of one time, but for the parts of a key.
        let stamps: Vec<_> = line.heard.party.iter().map(|(kind, stamp, _)| (*kind, *stamp)).collect();
        for pair in stamps.windows(2) {
            let step = pair[1].1.wrapping_sub(pair[0].1);
            prop_assert!(step.is_multiple_of(8) && step < 40 * 30 * 160, "{:?}", pair);
            prop_assert!(step >= 160 || (step == 0 && pair[0].0 == EVENTS && pair[1].0 == EVENTS), "{:?}", pair);
        }
        let sent = keys(&line.heard)?;
        prop_assert!(is_within(&sent, &model.pressed), "{} of {}", sent, model.pressed);

        let broken = model.broken;
        let (left, right, summary) = line.close();
        prop_assert_eq!((left.len(), right.len()), (summary.frames as usize, summary.frames as usize));
        for pair in summary.played.windows(2) {
            prop_assert!(pair[0].to_frame <= pair[1].from_frame, "{:?}", pair);
        }
        for span in &summary.played {
            prop_assert!(span.from_frame < span.to_frame && span.to_frame <= summary.frames, "{:?}", span);
            let wanted = Law::Pcma.decode(Law::Pcma.encode(sample(span.cue)));
            let said = &left[span.from_frame as usize..span.to_frame as usize];
            let right_ones = said.iter().filter(|sample| i32::from(**sample).abs_diff(wanted.into()) < 1_000).count();
            prop_assert!(broken || right_ones + 320 >= said.len(), "{:?}: {} of {}", span, right_ones, said.len());
        }
    }
}
