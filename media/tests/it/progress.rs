//! Tones of the line, beeps and voices, made here: what the ear tells of them.

use std::f32::consts::TAU;

use songda_media::{
    Law, MediaEvent, Rest,
    progress::{Ear, Finding, Heard, Place, SoundClass},
};

use crate::line::{Line, PARTY};

/// A tone at these frequencies, -14 dBFS each, over line noise; the noise is the same each time.
fn tone(sound: &mut Vec<i16>, hertz: &[f32], ms: usize) {
    let from = sound.len();
    for at in from..from + ms * 8 {
        let mut sample: f32 = hertz.iter().map(|hertz| 6_500.0 * (TAU * hertz * at as f32 / 8_000.0).sin()).sum();
        sample += ((at * 7_919 % 211) as f32 - 105.0) * 0.6;
        sound.push(sample as i16);
    }
}

/// On and off in turn.
fn rhythm(hertz: &[f32], ms: &[usize], seconds: usize) -> Vec<i16> {
    let mut sound = Vec::new();
    tone(&mut sound, &[], 240);
    for (turn, ms) in ms.iter().cycle().enumerate() {
        if sound.len() >= seconds * 8_000 {
            return sound;
        }
        tone(&mut sound, if turn % 2 == 0 { hertz } else { &[] }, *ms);
    }
    sound
}

/// Something that changes from block to block as a voice does.
fn voice(sound: &mut Vec<i16>, ms: usize) {
    for block in 0..ms / 20 {
        let pitch = [140.0, 190.0, 230.0, 160.0, 260.0][block * 7 % 5];
        let loud = [1.0, 0.6, 0.2, 0.9, 0.35, 0.75][block * 5 % 6];
        for at in 0..160 {
            let at = (block * 160 + at) as f32 / 8_000.0;
            let formants = [(1.0, 0.4), (3.0, 0.8), (5.0, 0.5), (9.0 + (block % 4) as f32, 0.4), (13.0, 0.2)];
            let sample: f32 = formants.iter().map(|(k, loud)| loud * (TAU * pitch * k * at).sin()).sum();
            sound.push((sample * loud * 5_000.0) as i16);
        }
    }
}

fn heard(place: Place, sound: &[i16], lost: impl Fn(usize) -> bool) -> Vec<Heard> {
    let mut ear = Ear::new(place, 0);
    let mut all = Vec::new();
    for (at, packet) in sound.chunks(160).enumerate() {
        let frame = (at as u64 + 1) * 160;
        if !lost(at) {
            ear.packet(frame, 1, at as u32 * 160, packet.iter().copied());
        }
        ear.tick(frame);
        all.extend(std::iter::from_fn(|| ear.news()));
    }
    all
}

fn found(heard: &[Heard]) -> Option<Finding> {
    heard.iter().rev().find_map(|heard| match heard {
        Heard::Class(finding) => Some(*finding),
        _ => None,
    })
}

fn class(place: Place, sound: &[i16]) -> Option<SoundClass> {
    found(&heard(place, sound, |_| false)).map(|finding| finding.class)
}

#[test]
fn r4_2a_each_tone_of_the_line_is_known_by_its_rhythm_ten_per_cent_off_and_25_hertz_off() {
    let ring = SoundClass::RingBack;
    for (hertz, ms, seconds, right) in [
        (450.0, vec![1_000, 4_000], 12, ring),
        (474.0, vec![1_100, 4_400], 13, ring),
        (426.0, vec![900, 3_600], 11, ring),
        (450.0, vec![350, 350], 4, SoundClass::Busy),
        (430.0, vec![385, 385], 4, SoundClass::Busy),
        (470.0, vec![320, 320], 4, SoundClass::Busy),
        (450.0, vec![700, 700], 5, SoundClass::Congestion),
        (440.0, vec![770, 770], 5, SoundClass::Congestion),
        (450.0, vec![100, 100, 100, 100, 100, 100, 400, 400], 5, SoundClass::NoSuchNumberTone),
        (450.0, vec![5_000, 10], 5, SoundClass::DialTone),
        (425.0, vec![500, 500], 5, SoundClass::Busy),
    ] {
        assert_eq!(class(Place::Early, &rhythm(&[hertz], &ms, seconds)), Some(right), "{hertz} Hz {ms:?}");
    }
    assert_eq!(class(Place::Early, &rhythm(&[440.0, 480.0], &[2_000, 4_000], 13)), Some(ring), "North America");
}

#[test]
fn r4_2a_a_rhythm_survives_lost_packets_and_its_span_is_where_it_is_heard() {
    let sound = rhythm(&[450.0], &[350, 350], 5);
    let heard = heard(Place::Early, &sound, |at| at % 29 == 3);
    let finding = found(&heard).unwrap();
    assert_eq!((finding.class, finding.place), (SoundClass::Busy, Place::Early));
    assert!(finding.confidence >= 75 && finding.from_frame < 12_000 && finding.to_frame <= sound.len() as u64);
}

#[test]
fn r4_2a_another_rhythm_of_the_same_tone_is_none_of_them() {
    for ms in [vec![150, 900], vec![1_500, 300], vec![60, 60]] {
        let class = class(Place::Early, &rhythm(&[450.0], &ms, 6));
        assert!(
            !matches!(class, Some(SoundClass::Busy | SoundClass::Congestion | SoundClass::RingBack)),
            "{ms:?} {class:?}"
        );
    }
    let dtmf = class(Place::Early, &rhythm(&[697.0, 1_209.0], &[350, 350], 4));
    assert!(!matches!(dtmf, Some(SoundClass::Busy)), "{dtmf:?}");
}

#[test]
fn e44_a_fax_and_a_modem_are_known_by_their_tones() {
    let calling = rhythm(&[1_100.0], &[500, 3_000], 8);
    assert_eq!(class(Place::Answered, &calling), Some(SoundClass::Fax));
    let mut answering = Vec::new();
    tone(&mut answering, &[], 600);
    tone(&mut answering, &[2_100.0], 3_000);
    assert_eq!(class(Place::Answered, &answering), Some(SoundClass::Fax));
    let mut modem = Vec::new();
    tone(&mut modem, &[], 600);
    for turn in 0..7 {
        let from = modem.len();
        tone(&mut modem, &[2_100.0], 450);
        if turn % 2 == 1 {
            modem[from..].iter_mut().for_each(|sample| *sample = -*sample);
        }
    }
    assert_eq!(class(Place::Answered, &modem), Some(SoundClass::Modem));
}

#[test]
fn e44_a_short_greeting_and_a_wait_is_a_person_and_a_beep_after_it_a_machine() {
    let mut sound = Vec::new();
    tone(&mut sound, &[], 500);
    voice(&mut sound, 900);
    tone(&mut sound, &[], 2_600);
    let person = heard(Place::Answered, &sound, |_| false);
    assert_eq!(found(&person).map(|finding| finding.class), Some(SoundClass::Person));
    let voices: Vec<bool> =
        person.iter().filter_map(|heard| if let Heard::Voice { on, .. } = heard { Some(*on) } else { None }).collect();
    assert_eq!(voices, [true, false]);
    let spoken = person.iter().find_map(|heard| match heard {
        Heard::Speech { samples, from_frame, .. } => Some((samples.len(), *from_frame)),
        _ => None,
    });
    let (length, from) = spoken.expect("what was said can be read");
    assert!((7_200..=17_000).contains(&length) && from <= 4_000, "{length} from {from}");

    sound.truncate(8 * 1_700);
    tone(&mut sound, &[1_000.0], 400);
    tone(&mut sound, &[], 1_000);
    let finding = found(&heard(Place::Answered, &sound, |_| false)).unwrap();
    assert_eq!((finding.class, finding.confidence), (SoundClass::Machine, 95));
}

#[test]
fn e44_who_speaks_on_and_on_is_a_machine_after_the_answer_and_a_notice_before_it() {
    let mut sound = Vec::new();
    tone(&mut sound, &[], 300);
    voice(&mut sound, 7_000);
    tone(&mut sound, &[], 1_000);
    assert_eq!(class(Place::Answered, &sound), Some(SoundClass::Machine));
    assert_eq!(class(Place::Early, &sound), Some(SoundClass::Announcement));
    let pieces = heard(Place::Early, &sound, |_| false);
    let first = pieces.iter().find_map(|heard| match heard {
        Heard::Speech { samples, .. } => Some(samples.len()),
        _ => None,
    });
    assert!(first.is_some_and(|length| (48_000..=50_600).contains(&length)), "six seconds are handed out: {first:?}");
}

#[test]
fn e44_who_beeped_waits_for_a_message_and_not_for_an_answer() {
    let mut sound = Vec::new();
    tone(&mut sound, &[], 300);
    voice(&mut sound, 4_000);
    tone(&mut sound, &[], 400);
    tone(&mut sound, &[1_000.0], 500);
    tone(&mut sound, &[], 5_000);
    let finding = found(&heard(Place::Answered, &sound, |_| false)).unwrap();
    assert_eq!((finding.class, finding.confidence, finding.waits), (SoundClass::Machine, 95, false));
}

#[test]
fn e50_five_seconds_of_nothing_are_silence_whether_packets_come_or_not() {
    assert_eq!(class(Place::Answered, &vec![8; 48_000]), Some(SoundClass::Silence));
    assert_eq!(
        found(&heard(Place::Answered, &vec![8; 48_000], |at| at > 3)).map(|found| found.class),
        Some(SoundClass::Silence)
    );
}

#[test]
fn the_ear_ends_half_a_minute_after_the_answer_and_bears_any_time_and_any_packet() {
    let mut line = Line::new();
    line.bridge.early(line.now());
    line.steps(300, None, Some(PARTY));
    let silence = |news: Vec<MediaEvent>| {
        news.into_iter()
            .any(|event| matches!(event, MediaEvent::Heard(Heard::Class(found)) if found.class == SoundClass::Silence))
    };
    assert!(silence(line.news()));
    let mut ear = Ear::new(Place::Answered, 0);
    ear.packet(0, 1, 5, [1; 160].into_iter());
    ear.packet(u64::from(u32::MAX), 1, 5_000_000, [1; 960].into_iter());
    ear.packet(u64::from(u32::MAX), 2, 0, std::iter::empty());
    ear.tick(u64::from(u32::MAX) + 8_000 * 3_600);
    assert!(ear.is_done());
}

#[test]
fn r4_2a_nobody_listens_to_who_called_us_not_even_behind_keys() {
    let listens = |comes_in: bool| {
        let mut line = Line::new();
        line.bridge.party_speaks(Law::Pcma, Some(101));
        if comes_in {
            line.bridge.comes_in();
        }
        line.bridge.rest(line.now(), 1_000_000, Rest::Talk);
        line.steps(300, None, Some(0xd5));
        let before = line.news().iter().any(|event| matches!(event, MediaEvent::Heard(_)));
        assert!(line.bridge.digits("1"));
        line.steps(300, None, Some(0xd5));
        (before, line.news().iter().any(|event| matches!(event, MediaEvent::Heard(_))))
    };
    assert_eq!(listens(false), (true, true), "who was called is heard, and anew behind the keys");
    assert_eq!(listens(true), (false, false));
}

#[test]
fn e44_who_greets_from_a_noisy_street_is_a_person_and_a_click_is_nobody() {
    let mut state = 0x5eed_2026_u32;
    let mut noise = |sound: &mut Vec<i16>, from: usize| {
        for sample in &mut sound[from..] {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = sample.saturating_add(((state >> 16) as i32 / 16 - 2_048) as i16);
        }
    };
    let mut street = vec![0; 5_600];
    voice(&mut street, 900);
    street.extend(std::iter::repeat_n(0, 28_000));
    noise(&mut street, 0);
    assert_eq!(class(Place::Answered, &street), Some(SoundClass::Person), "noise of -29 dBFS is no speech");
    let mut alone = vec![0; 48_000];
    noise(&mut alone, 0);
    assert_ne!(class(Place::Answered, &alone), Some(SoundClass::Person));

    let mut click = vec![0; 5_600];
    voice(&mut click, 80);
    click.extend(std::iter::repeat_n(0, 40_000));
    assert_ne!(class(Place::Answered, &click), Some(SoundClass::Person));
}
