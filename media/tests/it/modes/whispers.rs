//! What was said to others: no word of it reaches whoever hears the same mouth from now on, and
//! nothing is heard twice.

use songda_media::{Law, Supervision, inside::View};

use super::{House, PERIOD, Room, WINDOW, heard, loudness};

#[test]
fn r4_4b_a_whisper_is_in_no_channel_however_long_it_lasts_and_what_barges_in_is_on_the_left() {
    let mut house = House::new();
    // What is whispered sounds otherwise than what is said to all.
    house.says = 'n';
    house.go((Room::Talk, Some(Supervision::Whisper)));
    house.run(200);
    assert_eq!(heard(&house.ears.agent.samples), "pn", "the agent hears it");
    let whispered = house.no as usize * 160;
    house.go((Room::Talk, Some(Supervision::Barge)));
    house.run(5);
    house.says = 's';
    house.run(200);
    house.go((Room::Talk, None));
    house.run(50);
    let (left, right, _) = house.close();
    for (channel, name) in [(&left, "left"), (&right, "right")] {
        for (at, window) in channel.windows(PERIOD).enumerate().step_by(40) {
            let leaked = loudness(window, 220.0);
            assert!(leaked < 600.0, "{leaked} of a whisper at {at} of {whispered} on the {name}");
        }
    }
    for at in (whispered + WINDOW + 3_000..whispered + 200 * 160).step_by(800) {
        assert_eq!((heard(&left[..at]).as_str(), heard(&right[..at]).as_str()), ("as", "p"));
    }
}

/// What was said to others must not be heard by whoever hears the same mouth from now on.
#[test]
fn r4_4b_no_word_of_a_whisper_is_heard_by_the_party_or_the_target_after_the_supervisor_barges_in() {
    for room in [Room::Talk, Room::ThreeWay] {
        for whispers in 190..200 {
            let mut house = House::new();
            house.says = 'n';
            house.go((room, Some(Supervision::Whisper)));
            house.run(whispers);
            house.go((room, Some(Supervision::Barge)));
            // What he had said before he pressed the key is still on its way.
            house.run(5);
            house.says = 's';
            house.run(60);
            let target = house.ears.target.samples.clone();
            let party = house.ears.party.samples.clone();
            assert_eq!(&heard(&party), if room == Room::Talk { "as" } else { "ats" });
            let (left, ..) = house.close();
            for ear in [party, target, left] {
                for window in ear.windows(PERIOD).step_by(40) {
                    let leaked = loudness(window, 220.0);
                    assert!(leaked < 600.0, "{leaked} of a whisper: {room:?} after {whispers}");
                }
            }
        }
    }
}

/// The hundred loudnesses that a party counts by: each is one of the law, and no other.
fn loudnesses() -> Vec<i16> {
    let mut all: Vec<i16> = (0..=u8::MAX).map(|octet| Law::Pcma.decode(octet)).filter(|loud| *loud > 100).collect();
    all.sort_unstable();
    all.truncate(100);
    assert_eq!(all.len(), 100);
    all
}

#[test]
fn what_was_heard_as_it_came_is_not_heard_again_when_it_is_mixed() {
    // The supervisor's ear mixes already when he begins to whisper: the agent hears the party,
    // who counts, without a number twice, and with at most what the mix waits for left out.
    let mut house = House::new();
    house.go((Room::Talk, Some(Supervision::Listen)));
    let numbers = loudnesses();
    for (no, loudness) in (0..).zip(&numbers) {
        if no == 50 {
            house.bridge.supervision(Supervision::Whisper);
        }
        house.no += 1;
        let now = house.now();
        let octets = [Law::Pcma.encode(*loudness); 160];
        let view =
            View { ssrc: 90, seq: no as u16, timestamp: no * 160, payload_type: 8, marker: false, payload: &octets };
        house.bridge.from_party(now, 1_000_000, &view, &mut house.ears);
        house.bridge.tick(now, &mut house.ears);
    }
    // In the middle of a packet nothing fades.
    let heard = house.ears.agent.samples.chunks(160).map(|packet| packet[100]).filter(|loudness| *loudness > 50);
    let places = heard.map(|loudness| numbers.binary_search(&loudness).expect("a number that was said"));
    let places: Vec<usize> = places.collect();
    assert!(places.is_sorted_by(|one, next| one < next), "one is heard again: {places:?}");
    assert!(places.len() >= 90 && places[..50] == (0..50).collect::<Vec<_>>(), "{places:?}");
}
