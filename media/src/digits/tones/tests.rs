use super::*;
use crate::Law;

/// Milliseconds as samples.
const MS: usize = RATE as usize / 1_000;
/// Amplitude of a tone of 0 dBm0 in A-law.
const ZERO: f32 = 32_124.0 / 1.436;

/// What is sent of a digit, with its frequencies off by these shares and each level in dBm0.
#[derive(Clone, Copy)]
struct Press {
    key: u8,
    ms: usize,
    off: (f32, f32),
    level: (f32, f32),
}

impl Press {
    fn of(key: u8) -> Self {
        Self { key, ms: 40, off: (0.0, 0.0), level: (-10.0, -10.0) }
    }

    /// After `before` milliseconds of silence, with 100 behind.
    fn samples(self, before: f32) -> Vec<i16> {
        let place = (0..16).find(|place| KEYS[place / 4][place % 4] == self.key).unwrap();
        let amplitude = |dbm: f32| ZERO * 10f32.powf(dbm / 20.0);
        let (low, high) = (ROWS[place / 4] * (1.0 + self.off.0), COLUMNS[place % 4] * (1.0 + self.off.1));
        let mut samples = vec![0; (before * MS as f32) as usize];
        samples.extend((0..self.ms * MS).map(|at| {
            let turn = TAU * at as f32 / RATE as f32;
            (amplitude(self.level.0) * (turn * low).sin() + amplitude(self.level.1) * (turn * high).sin()) as i16
        }));
        samples.extend(vec![0; 100 * MS]);
        samples
    }

    /// What is heard of it, wherever its first window begins.
    fn heard(self) -> Vec<String> {
        (0..13).map(|step| hear(&self.samples(50.0 + step as f32 * 0.4))).collect()
    }
}

fn hear(samples: &[i16]) -> String {
    let mut hearer = Hearer::default();
    let whole = samples.chunks_exact(PACKET);
    whole
        .zip(0u32..)
        .filter_map(|(packet, no)| {
            let coded = packet.iter().map(|sample| Law::Pcma.decode(Law::Pcma.encode(*sample)));
            hearer.packet(7, no * PACKET as u32, coded)
        })
        .collect()
}

fn is(heard: &[String], key: u8) -> bool {
    heard.iter().all(|heard| heard.as_bytes() == [key])
}

#[test]
fn q_24_forty_milliseconds_of_each_key_are_heard_once_and_twenty_three_never() {
    for key in KEYS.concat() {
        for ms in [40, 50, 100, 2_000] {
            let heard = Press { ms, ..Press::of(key) }.heard();
            assert!(is(&heard, key), "{}: {ms} ms: {heard:?}", char::from(key));
        }
        let heard = Press { ms: 23, ..Press::of(key) }.heard();
        assert!(heard.iter().all(String::is_empty), "{}: {heard:?}", char::from(key));
    }
}

#[test]
fn q_24_levels_twist_and_frequencies_are_heard_within_their_limits() {
    for key in KEYS.concat() {
        for level in [(0.0, 0.0), (-25.0, -25.0), (-10.0, -6.0), (-10.0, -18.0), (-25.0, -21.0), (-17.0, -25.0)] {
            let heard = Press { level, ..Press::of(key) }.heard();
            assert!(is(&heard, key), "{} at {level:?}: {heard:?}", char::from(key));
        }
        for off in [(0.015, 0.015), (-0.015, 0.015), (0.015, -0.015), (-0.015, -0.015)] {
            let heard = Press { off, ..Press::of(key) }.heard();
            assert!(is(&heard, key), "{} off by {off:?}: {heard:?}", char::from(key));
        }
        for (off, level) in
            [((0.0, 0.0), (-55.0, -55.0)), ((0.035, 0.035), (-10.0, -10.0)), ((-0.035, -0.035), (-10.0, -10.0))]
        {
            let heard = Press { off, level, ms: 100, ..Press::of(key) }.heard();
            assert!(heard.iter().all(String::is_empty), "{} off by {off:?} at {level:?}: {heard:?}", char::from(key));
        }
    }
}

#[test]
fn q_24_a_pause_of_forty_milliseconds_parts_two_and_a_gap_of_ten_does_not() {
    let two = |pause: usize, second: u8| {
        let press = Press::of(b'5');
        let mut samples = press.samples(50.0);
        samples.truncate((50 + 40 + pause) * MS);
        samples.extend(Press { key: second, ..press }.samples(0.0));
        hear(&samples)
    };
    assert_eq!((two(40, b'5').as_str(), two(40, b'6').as_str()), ("55", "56"));
    assert_eq!(two(10, b'5'), "5", "one key with a gap");
}

#[test]
fn a_key_is_heard_through_noise_of_fifteen_decibels_and_through_a_lost_packet() {
    let mut state = 9u32;
    let mut noise = |level: f32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) as f32 / 32_768.0 - 1.0) * level * 3f32.sqrt()
    };
    // Both tones of -10 dBm0 hold -7 dBm0; the noise -22.
    let level = ZERO / 2f32.sqrt() * 10f32.powf(-22.0 / 20.0);
    for key in KEYS.concat() {
        let clean = Press { ms: 60, ..Press::of(key) }.samples(50.0);
        let samples: Vec<i16> = clean.iter().map(|sample| (f32::from(*sample) + noise(level)) as i16).collect();
        assert_eq!(hear(&samples).as_bytes(), [key], "{}", char::from(key));
    }
    let samples = Press { ms: 200, ..Press::of(b'8') }.samples(40.0);
    let mut hearer = Hearer::default();
    let mut heard = String::new();
    for (no, packet) in (0u32..).zip(samples.chunks_exact(PACKET)) {
        // One is lost, one comes twice, one comes late.
        let order: &[u32] = match no {
            5 => &[],
            7 => &[7, 7, 4],
            _ => &[no],
        };
        for no in order {
            let _ = packet;
            let at = *no as usize * PACKET;
            heard.extend(hearer.packet(7, no * PACKET as u32, samples[at..at + PACKET].iter().copied()));
        }
    }
    assert_eq!(heard, "8");
}

#[test]
fn what_we_send_is_heard_as_what_it_is() {
    for (code, key) in (0..16u8).zip("0123456789*#ABCD".chars()) {
        let (mut samples, mut packet) = (vec![0; 300], [0; PACKET]);
        for at in 0..8 {
            make(code, at * PACKET, 5 * PACKET, &mut packet);
            samples.extend(packet);
        }
        assert_eq!(hear(&samples), key.to_string());
        assert!(samples.iter().all(|sample| sample.unsigned_abs() < 18_000));
        assert!(samples[300..304].iter().chain(&samples[1_096..1_100]).all(|sample| sample.unsigned_abs() < 2_000));
    }
    let mut packet = [1; PACKET];
    make(16, 0, 800, &mut packet);
    assert_eq!(packet, [0; PACKET], "no key");
}

/// Speech, announcements, answering machines, music and tones of the sample set, none of which holds
/// a key.
#[test]
fn q_24_nobody_talks_off_a_key_in_the_speech_and_music_of_the_samples() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut seconds, mut wrong) = (0, Vec::new());
    for folder in ["agent-console/calls/tests/samples/judging", "agent-console/calls/prompts"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|kind| kind != "wav") {
                continue;
            }
            let samples = crate::Prompt::load(&path).unwrap();
            let samples: Vec<i16> = (0..samples.len())
                .step_by(PACKET)
                .filter_map(|at| samples.packet(at, Law::Pcma))
                .flat_map(|(samples, _)| samples.to_vec())
                .collect();
            seconds += samples.len() / RATE as usize;
            // At three levels, as telephones are loud and low.
            for level in [1.0, 0.4, 2.0] {
                let heard = hear(&samples.iter().map(|sample| (f32::from(*sample) * level) as i16).collect::<Vec<_>>());
                if !heard.is_empty() {
                    wrong.push(format!("{}: {heard}", path.display()));
                }
            }
        }
    }
    assert!(seconds > 300, "{seconds} s of samples");
    assert_eq!(wrong, Vec::<String>::new(), "in {seconds} s");
}
