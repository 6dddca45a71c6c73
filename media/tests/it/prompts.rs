use std::path::Path;

use songda_media::{Prompt, PromptError};

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

#[test]
fn ring_back_is_one_second_of_450_hz_in_five() {
    assert_eq!(Prompt::ring_back().len(), 5 * 8_000);
}

#[test]
fn music_may_be_wav_flac_mp3_or_ogg() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sounds");
    for name in ["tone.flac", "tone.mp3", "tone.ogg"] {
        let prompt = Prompt::load(&folder.join(name)).unwrap();
        // One second; what a lossy coder adds at its ends is a tenth at most.
        assert!((8_000..8_900).contains(&prompt.len()), "{name}: {} samples", prompt.len());
    }
}
