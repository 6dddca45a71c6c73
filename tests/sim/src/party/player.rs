//! A party's mouth and ear: twenty milliseconds out for every twenty milliseconds in.
//!
//! No clock and no socket: the media task asks for one frame per tick and says whether
//! it heard the other side since the last one.

use std::collections::VecDeque;
use std::f32::consts::TAU;

use super::voices::Clip;

/// Samples of one frame: 20 ms at 8 kHz.
pub(crate) const FRAME: usize = 160;
const FRAME_MS: u32 = 20;
/// Silence after which the other side counts as having finished its sentence.
const PAUSE_MS: u32 = 900;
const TONE_HZ: f32 = 1000.0;
const BUSY_HZ: f32 = 450.0;
/// 0.35 s.
const BUSY_SAMPLES: usize = 2_800;
const TONE_AMPLITUDE: f32 = 8_000.0;
/// White noise of −40 dBFS: uniform samples have a mean square of a third of their peak's.
const NOISE_PEAK: i32 = 568;
/// A key is pressed at the beginning of each of these.
const KEY_EVERY: usize = 8_000;
/// How long it is held: 100 ms.
const KEY_FRAMES: usize = 5;
/// Frequencies of the rows and columns of the keypad (ITU-T Q.23), Hz, and how loud each tone is.
const KEYPAD: [&str; 4] = ["123A", "456B", "789C", "*0#D"];
const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEY_AMPLITUDE: f32 = 5_000.0;
/// The end of an event is sent three times (RFC 4733, section 2.5.1.4).
const KEY_ENDS: usize = 3;

/// One thing a party does.
#[derive(Clone)]
pub(crate) enum Step {
    /// Silence for a time.
    Wait { ms: u32 },
    /// A whole clip.
    Say(Clip),
    /// The first milliseconds of a clip.
    Begin { clip: Clip, ms: u32 },
    /// Silence until the other side spoke and paused, or the time is over.
    Listen { at_most_ms: u32 },
    /// 1000 Hz for a time; without one, without end.
    Tone { ms: Option<u32> },
    /// 450 Hz for 0.35 s and silence for as long, in turn (GF 002-9002).
    Busy { ms: u32 },
    /// These keys, one each second: as telephone-events, and as tones for whom cannot be told of those.
    Keys(std::sync::Arc<str>),
    /// White noise without end.
    Noise,
}

/// A telephone-event of RFC 4733 that stands in for the sound of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// The key, as it is written.
    pub(crate) digit: char,
    /// Samples since it was pressed, this frame included.
    pub(crate) duration: u16,
    /// True once it was let go.
    pub(crate) end: bool,
}

impl Key {
    /// Whether it is pressed with this frame.
    pub(crate) fn begins(self) -> bool {
        usize::from(self.duration) == FRAME
    }
}

/// A script being played.
pub(crate) struct Plan {
    steps: VecDeque<Step>,
    /// Samples done of the current step.
    done: usize,
    heard_ms: u32,
    quiet_ms: u32,
    reported: bool,
    noise: u32,
    again: bool,
    deaf: bool,
    once_heard: bool,
}

/// What a tick brought.
pub(crate) struct Frame {
    pub(crate) samples: [i16; FRAME],
    /// A clip that starts with this frame.
    pub(crate) began: Option<std::sync::Arc<str>>,
    /// A key that is told instead of the samples, which are its sound.
    pub(crate) key: Option<Key>,
    /// True once, with the first frame after the last step.
    pub(crate) over: bool,
}

impl Plan {
    pub(crate) fn new(steps: Vec<Step>) -> Self {
        Self {
            steps: steps.into(),
            done: 0,
            heard_ms: 0,
            quiet_ms: 0,
            reported: false,
            noise: 0x5eed_2026,
            again: false,
            deaf: false,
            once_heard: false,
        }
    }

    /// The steps over and over, of a party who hears nothing.
    pub(crate) fn deaf(steps: Vec<Step>) -> Self {
        Self { again: true, deaf: true, ..Self::new(steps) }
    }

    /// The same, begun only when a packet of the other side has come.
    pub(crate) fn once_heard(self) -> Self {
        Self { once_heard: true, ..self }
    }

    /// Whether it begins only then.
    pub(crate) fn waits_for_a_packet(&self) -> bool {
        self.once_heard
    }

    /// The same with these steps before it.
    pub(crate) fn after(mut self, steps: Vec<Step>) -> Self {
        for step in steps.into_iter().rev() {
            self.steps.push_front(step);
        }
        self
    }

    /// Whether the party has no ear.
    pub(crate) fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// The next 20 ms. `heard` says whether the other side made a sound meanwhile.
    pub(crate) fn frame(&mut self, heard: bool) -> Frame {
        let mut frame = Frame { samples: [0; FRAME], began: None, key: None, over: false };
        let Some(step) = self.steps.front() else {
            frame.over = !std::mem::replace(&mut self.reported, true);
            return frame;
        };
        let at = self.done;
        self.done += FRAME;
        let finished = match step {
            Step::Wait { ms } => self.done >= samples(*ms),
            Step::Say(clip) => {
                frame.began = (at == 0).then(|| clip.name.clone());
                copy(&clip.samples, at, &mut frame.samples);
                self.done >= clip.samples.len()
            }
            Step::Begin { clip, ms } => {
                frame.began = (at == 0).then(|| clip.name.clone());
                copy(&clip.samples, at, &mut frame.samples);
                self.done >= samples(*ms)
            }
            Step::Listen { at_most_ms } => {
                if heard {
                    self.heard_ms += FRAME_MS;
                    self.quiet_ms = 0;
                } else {
                    self.quiet_ms += FRAME_MS;
                }
                let answered = self.heard_ms >= 200 && self.quiet_ms >= PAUSE_MS;
                answered || self.done >= samples(*at_most_ms)
            }
            Step::Tone { ms } => {
                for (n, sample) in frame.samples.iter_mut().enumerate() {
                    // 1000 Hz repeats every 8 samples, so the phase may wrap with them.
                    let phase = ((at + n) % 8) as f32 * TONE_HZ / 8000.0;
                    *sample = (TONE_AMPLITUDE * (TAU * phase).sin()) as i16;
                }
                if ms.is_none() {
                    self.done %= 8;
                }
                ms.is_some_and(|ms| self.done >= samples(ms))
            }
            Step::Busy { ms } => {
                for (n, sample) in frame.samples.iter_mut().enumerate() {
                    // 450 Hz repeats every 160 samples.
                    let phase = ((at + n) % 160) as f32 * BUSY_HZ / 8000.0;
                    let on = ((at + n) / BUSY_SAMPLES).is_multiple_of(2);
                    *sample = if on { (TONE_AMPLITUDE * (TAU * phase).sin()) as i16 } else { 0 };
                }
                self.done >= samples(*ms)
            }
            Step::Keys(keys) => {
                frame.key = key(keys, at);
                tones(keys, at, &mut frame.samples);
                self.done >= keys.len() * KEY_EVERY
            }
            Step::Noise => {
                self.done = 0;
                for sample in &mut frame.samples {
                    // xorshift: the same noise in every run.
                    self.noise ^= self.noise << 13;
                    self.noise ^= self.noise >> 17;
                    self.noise ^= self.noise << 5;
                    *sample = ((self.noise >> 16) as i32 * 2 * NOISE_PEAK / 0x1_0000 - NOISE_PEAK) as i16;
                }
                false
            }
        };
        if finished {
            let step = self.steps.pop_front();
            self.steps.extend(step.filter(|_| self.again));
            (self.done, self.heard_ms, self.quiet_ms) = (0, 0, 0);
        }
        frame
    }
}

/// The key that is down, or whose end is still said, `at` samples after the first.
fn key(keys: &str, at: usize) -> Option<Key> {
    let digit = char::from(*keys.as_bytes().get(at / KEY_EVERY)?);
    let frame = at % KEY_EVERY / FRAME;
    let duration = ((frame + 1).min(KEY_FRAMES) * FRAME) as u16;
    (frame < KEY_FRAMES + KEY_ENDS - 1).then_some(Key { digit, duration, end: frame + 1 >= KEY_FRAMES })
}

/// The sound of the key that is down `at` samples after the first; silence between two keys.
fn tones(keys: &str, at: usize, to: &mut [i16; FRAME]) {
    let Some(digit) = keys.chars().nth(at / KEY_EVERY).filter(|_| at % KEY_EVERY < KEY_FRAMES * FRAME) else { return };
    let places = KEYPAD.iter().zip(ROWS).find_map(|(row, hertz)| Some((hertz, row.find(digit)?)));
    let Some((row, column)) = places else { return };
    for (n, sample) in to.iter_mut().enumerate() {
        let time = (at % KEY_EVERY + n) as f32 / 8_000.0;
        let tone = |hertz: f32| (TAU * hertz * time).sin();
        *sample = (KEY_AMPLITUDE * (tone(row) + tone(COLUMNS[column]))) as i16;
    }
}

fn samples(ms: u32) -> usize {
    ms as usize * 8
}

fn copy(from: &[i16], at: usize, to: &mut [i16; FRAME]) {
    for (out, sample) in to.iter_mut().zip(from.iter().skip(at)) {
        *out = *sample;
    }
}

/// Whether a frame is loud enough to be speech or a tone (about −44 dBFS).
pub(crate) fn audible(frame: &[i16]) -> bool {
    let energy: i64 = frame.iter().map(|s| i64::from(*s) * i64::from(*s)).sum();
    !frame.is_empty() && energy / frame.len() as i64 > 200 * 200
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(length: usize) -> Clip {
        Clip { name: "x".into(), samples: vec![7; length].into() }
    }

    #[test]
    fn a_script_speaks_in_order_and_says_once_that_it_is_over() {
        let mut plan = Plan::new(vec![Step::Wait { ms: 40 }, Step::Say(clip(200))]);
        let frames: Vec<Frame> = (0..7).map(|_| plan.frame(false)).collect();
        let spoken: Vec<i16> = frames.iter().map(|f| f.samples[0]).collect();
        assert_eq!(spoken, [0, 0, 7, 7, 0, 0, 0]);
        assert_eq!(frames[3].samples[39..42], [7, 0, 0]);
        assert_eq!(frames.iter().filter(|f| f.over).count(), 1);
        assert!(frames[2].began.is_some() && frames[4].over);
    }

    #[test]
    fn listening_ends_when_the_other_side_has_spoken_and_paused() {
        let mut plan = Plan::new(vec![Step::Listen { at_most_ms: 60_000 }, Step::Say(clip(160))]);
        for _ in 0..50 {
            assert_eq!(plan.frame(true).samples[0], 0);
        }
        let frames = (0..60).position(|_| plan.frame(false).samples[0] == 7);
        assert_eq!(frames, Some(45));
    }

    #[test]
    fn keys_are_pressed_one_each_second_and_end_three_times() {
        let mut plan = Plan::new(vec![Step::Keys("7#".into())]);
        let keys: Vec<Option<Key>> = (0..100).map(|_| plan.frame(false).key).collect();
        let said: Vec<Key> = keys.iter().copied().flatten().collect();
        assert_eq!(said.iter().map(|key| key.duration).collect::<Vec<_>>()[..7], [160, 320, 480, 640, 800, 800, 800]);
        assert_eq!(said.iter().filter(|key| key.end && key.digit == '#').count(), 3);
        assert_eq!(keys.iter().position(|key| key.is_some_and(|key| key.digit == '#' && key.begins())), Some(50));
        assert_eq!(said.len(), 14);
        assert!(plan.frame(false).over);
    }

    #[test]
    fn a_key_sounds_by_its_row_and_its_column_as_long_as_it_is_held() {
        let mut plan = Plan::new(vec![Step::Keys("6".into())]);
        let sound: Vec<i16> = (0..50).flat_map(|_| plan.frame(false).samples).collect();
        let held = &sound[..800];
        let share = |hertz: f32| {
            let turn = |(n, sample): (usize, &i16)| {
                let (sine, cosine) = (TAU * hertz * n as f32 / 8_000.0).sin_cos();
                (f32::from(*sample) * sine, f32::from(*sample) * cosine)
            };
            let (a, b) = held.iter().enumerate().map(turn).fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            2.0 * a.hypot(b) / held.len() as f32
        };
        let loud: Vec<f32> = ROWS.into_iter().chain(COLUMNS).filter(|hertz| share(*hertz) > 4_000.0).collect();
        assert_eq!(loud, [770.0, 1_477.0]);
        assert!(sound[800..].iter().all(|sample| *sample == 0), "let go after 100 ms");
    }

    #[test]
    fn noise_is_forty_decibels_under_full_scale() {
        let mut plan = Plan::new(vec![Step::Noise]);
        let frames: Vec<i16> = (0..100).flat_map(|_| plan.frame(false).samples).collect();
        let square = frames.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / frames.len() as f64;
        let level = 10.0 * (square / 32_768_f64.powi(2)).log10();
        assert!((level + 40.0).abs() < 0.5, "{level}");
    }

    #[test]
    fn a_deaf_party_says_the_same_for_ever() {
        let mut plan = Plan::deaf(vec![Step::Say(clip(160)), Step::Wait { ms: 20 }]);
        let spoken: Vec<i16> = (0..6).map(|_| plan.frame(true).samples[0]).collect();
        assert_eq!(spoken, [7, 0, 7, 0, 7, 0]);
    }

    #[test]
    fn listening_to_nobody_ends_with_its_time() {
        let mut plan = Plan::new(vec![Step::Listen { at_most_ms: 100 }, Step::Say(clip(160))]);
        assert_eq!((0..9).position(|_| plan.frame(false).samples[0] == 7), Some(5));
    }
}
