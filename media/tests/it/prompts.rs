use std::{path::Path, sync::Arc};

use songda_media::{Law, Prompt, PromptError};

use crate::line::Line;

#[test]
fn the_recording_notice_of_the_product_can_be_played() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent-console/calls/prompts/notice-zh.wav");
    let prompt = Prompt::load(&path).unwrap();
    assert_eq!(prompt.len() % 160, 0);
    assert!((5 * 8_000..6 * 8_000).contains(&prompt.len()), "{}", prompt.len());
}

#[test]
fn a_prompt_of_another_rate_and_two_channels_is_brought_to_the_telephone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.wav");
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for at in 0..44_100 {
        let sample = ((f64::from(at) * 440.0 * std::f64::consts::TAU / 44_100.0).sin() * 9_000.0) as i16;
        writer.write_sample(sample).unwrap();
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    let prompt = Prompt::load(&path).unwrap();
    assert!((8_000..8_320).contains(&prompt.len()), "{}", prompt.len());
}

#[test]
fn a_missing_or_broken_prompt_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notice.wav");
    let error = Prompt::load(&path).unwrap_err();
    assert!(matches!(error, PromptError::Read { .. }) && error.to_string().contains("notice.wav"), "{error}");
    std::fs::write(&path, b"this is no sound").unwrap();
    assert!(matches!(Prompt::load(&path).unwrap_err(), PromptError::Format { .. }));
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(Prompt::load(&path).unwrap_err(), PromptError::Format { .. }));
}

/// A prompt as the party hears it, one packet after another.
fn played(prompt: Prompt) -> Vec<i16> {
    let packets = prompt.len() / 160;
    let mut line = Line::new();
    line.notice(Arc::new(prompt));
    line.steps(packets, None, None);
    let octets = line.heard.party.iter().take(packets).flat_map(|(_, _, octets)| octets);
    octets.map(|octet| Law::Pcma.decode(*octet)).collect()
}

/// Hertz of a tone, by its zero crossings, and its loudest sample.
fn tone(samples: &[i16]) -> (f64, i16) {
    let crossings = samples.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
    (crossings as f64 * 4_000.0 / samples.len() as f64, samples.iter().copied().max().unwrap())
}

#[test]
fn ring_back_is_one_second_of_450_hz_in_five() {
    let samples = played(Prompt::ring_back());
    assert_eq!(samples.len(), 5 * 8_000);
    let (hertz, loudest) = tone(&samples[..8_000]);
    assert!((449.0..=451.0).contains(&hertz) && loudest > 5_000, "{hertz} {loudest}");
    assert!(samples[8_000..].iter().all(|sample| sample.abs() < 16));
}

#[test]
fn music_may_be_wav_flac_mp3_or_ogg_and_sounds_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sounds");
    for name in ["tone.flac", "tone.mp3", "tone.ogg"] {
        let prompt = Prompt::load(&folder.join(name)).unwrap();
        // One second; what a lossy coder adds at its ends is a tenth at most.
        assert!((8_000..8_900).contains(&prompt.len()), "{name}: {} samples", prompt.len());
        let (hertz, loudest) = tone(&played(prompt)[1_000..7_000]);
        assert!((438.0..=442.0).contains(&hertz) && (3_700..4_400).contains(&loudest), "{name}: {hertz} {loudest}");
    }
}

#[test]
fn music_that_is_cut_off_is_refused_or_shorter_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sounds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sounds");
    for name in ["tone.flac", "tone.mp3", "tone.ogg"] {
        let whole = std::fs::read(sounds.join(name)).unwrap();
        let path = folder.path().join(name);
        for part in 1..20 {
            std::fs::write(&path, &whole[..whole.len() * part / 20]).unwrap();
            if let Ok(prompt) = Prompt::load(&path) {
                assert!(prompt.len() <= 8_900, "{name} {part}");
            }
        }
    }
}
