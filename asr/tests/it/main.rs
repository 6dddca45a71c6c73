//! The test model over its held-out audio: what it must write, and where it must be silent.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../tests/src/score.rs"]
mod score;

use std::path::{Path, PathBuf};

use songda_asr::{Model, ModelError, PromptSpan, Request, Speaker, Worker, WorkerConfig, WorkerError};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn expected_hash() -> String {
    let text = std::fs::read_to_string(fixtures().join("ggml-songda-test-zh.bin.sha256")).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}

fn model() -> Model {
    Model::load(&fixtures().join("ggml-songda-test-zh.bin"), &expected_hash()).unwrap()
}

/// Channels of a G.711 WAV of the held-out set: format 6 is A-law, 7 is µ-law.
fn channels(name: &str) -> Vec<Vec<i16>> {
    let bytes = std::fs::read(fixtures().join("heldout").join(name)).unwrap();
    let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let (law, count) = (word(20), usize::from(word(22)));
    let at = bytes.windows(4).position(|window| window == b"data").unwrap() + 8;
    let mut channels = vec![Vec::new(); count];
    for (index, byte) in bytes[at..].iter().enumerate() {
        channels[index % count].push(if law == 6 { a_law(*byte) } else { mu_law(*byte) });
    }
    channels
}

fn a_law(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (mantissa, segment) = (i32::from(byte & 15) << 4, (byte & 0x70) >> 4);
    let value = if segment == 0 { mantissa + 8 } else { (mantissa + 0x108) << (segment - 1) };
    (if byte & 0x80 == 0 { -value } else { value }) as i16
}

fn mu_law(byte: u8) -> i16 {
    let byte = !byte;
    let value = (((i32::from(byte & 15)) << 3) + 0x84) << ((byte & 0x70) >> 4);
    (if byte & 0x80 == 0 { value - 0x84 } else { 0x84 - value }) as i16
}

fn request(left: Vec<i16>, right: Vec<i16>) -> Request {
    Request { left, right, rate: 8_000, speech_from_ms: 0, prompts: vec![] }
}

fn table(name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(fixtures().join("heldout").join(name)).unwrap();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn percent(errors: usize, length: usize) -> f64 {
    100.0 * errors as f64 / length.max(1) as f64
}

#[test]
fn r4_2b_silence_noise_and_ring_back_yield_no_text() {
    let model = model();
    for row in table("silence.tsv") {
        let channel = channels(&row[0]).remove(0);
        let transcript = model.transcribe(&request(channel.clone(), channel), 1).unwrap();
        assert_eq!(transcript.lines, [], "{}", row[0]);
    }
}

#[test]
fn r4_2b_held_out_sentences_are_written_down() {
    let model = model();
    let (mut errors, mut length, mut digit_errors, mut digits) = (0, 0, 0, 0);
    for row in table("sentences.tsv") {
        let transcript = model.transcribe(&request(vec![], channels(&row[0]).remove(0)), 1).unwrap();
        assert!(transcript.lines.iter().all(|line| line.speaker == Speaker::Party));
        let text: String = transcript.lines.into_iter().map(|line| line.text).collect();
        let (wrong, of) = score::character_errors(&row[1], &text);
        let (wrong_digits, of_digits) = score::digit_errors(&row[1], &text);
        errors += wrong;
        length += of;
        digit_errors += wrong_digits;
        digits += of_digits;
    }
    let (rate, digit_rate) = (percent(errors, length), percent(digit_errors, digits));
    assert!(
        length > 500 && rate <= 8.0,
        "{rate:.1} % of {length} characters, {digit_rate:.1} % of {digits} digits wrong"
    );
}

#[test]
fn r4_2b_a_call_is_written_down_with_its_speakers_in_order() {
    let model = model();
    let mut both = channels("stereo.wav");
    let (right, left) = (both.remove(1), both.remove(0));
    let transcript = model.transcribe(&request(left, right), 1).unwrap();
    assert!(transcript.model.test_only);
    assert!(transcript.lines.windows(2).all(|pair| pair[0].from_ms <= pair[1].from_ms && pair[0].no < pair[1].no));
    let (mut errors, mut length) = (0, 0);
    for (name, speaker) in [("agent", Speaker::Agent), ("party", Speaker::Party)] {
        let said: String =
            table("stereo.ref.tsv").into_iter().filter(|row| row[0] == name).map(|row| row[3].clone()).collect();
        let heard: String =
            transcript.lines.iter().filter(|line| line.speaker == speaker).map(|line| line.text.as_str()).collect();
        let (wrong, of) = score::character_errors(&said, &heard);
        errors += wrong;
        length += of;
    }
    let rate = percent(errors, length);
    println!("call: {rate:.1} % of {length} characters wrong");
    assert!(length > 200 && rate <= 5.0, "{rate:.1} % of {length} characters wrong");
    let json = serde_json::to_string(&transcript).unwrap();
    assert_eq!(serde_json::from_str::<songda_asr::Transcript>(&json).unwrap(), transcript);
}

#[test]
fn prompts_stand_as_system_with_their_own_text_and_are_not_decoded() {
    let model = model();
    let speech = channels("sentences_003.wav").remove(0);
    let to_ms = speech.len() as u64 / 8;
    let prompt = PromptSpan { from_ms: 0, to_ms, text: "本次通话将被录音。".into() };
    let mut call = request(speech.clone(), speech);
    call.prompts = vec![prompt];
    let transcript = model.transcribe(&call, 1).unwrap();
    assert_eq!(
        (transcript.lines[0].speaker, transcript.lines[0].text.as_str()),
        (Speaker::System, "本次通话将被录音。")
    );
    assert!(transcript.lines.iter().all(|line| line.speaker != Speaker::Agent), "{:?}", transcript.lines);
    assert!(transcript.lines.iter().any(|line| line.speaker == Speaker::Party));
    call.speech_from_ms = to_ms;
    assert_eq!(model.transcribe(&call, 1).unwrap().lines.len(), 1, "nothing before the answer is decoded");
}

#[test]
fn a_model_that_is_not_the_configured_one_is_never_loaded() {
    let good = fixtures().join("ggml-songda-test-zh.bin");
    assert!(matches!(Model::load(&good, &"0".repeat(64)), Err(ModelError::Hash { .. })));
    assert!(matches!(Model::load(Path::new("/no/such/model"), ""), Err(ModelError::Unreadable { .. })));
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.bin");
    let bytes = std::fs::read(&good).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let error = Model::load(&cut, &expected_hash()).unwrap_err();
    assert!(matches!(error, ModelError::Hash { .. }) && error.to_string().contains("cut.bin"), "{error}");
}

#[test]
fn very_short_and_empty_channels_are_harmless_and_threads_do_not_change_the_text() {
    let model = model();
    assert!(model.transcribe(&request(vec![], vec![]), 1).unwrap().lines.is_empty());
    assert!(model.transcribe(&request(vec![9_000; 150], vec![-9_000; 7]), 1).unwrap().lines.is_empty());
    let speech = channels("sentences_010.wav").remove(0);
    let texts: Vec<_> = std::thread::scope(|scope| {
        let one = || model.transcribe(&request(vec![], speech.clone()), 1).unwrap().lines;
        let both = [scope.spawn(one), scope.spawn(one)];
        both.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(texts[0], texts[1]);
}

#[test]
fn the_score_counts_characters_and_not_punctuation() {
    assert_eq!(score::character_errors("你好，世界。", "你好世界"), (0, 4));
    assert_eq!(score::character_errors("一二三", "一三四五"), (3, 3));
    assert_eq!(score::character_errors("", "多"), (1, 0));
    assert_eq!(score::digit_errors("电话138", "电话139。"), (1, 3));
}

#[test]
fn a_worker_that_does_not_read_is_ended_at_its_limit_and_the_next_request_starts_another() {
    let folder = tempfile::tempdir().unwrap();
    // The first child sleeps, the second answers.
    let script =
        r#"[ -e been ] || { : > been; exec sleep 60; }; printf '\000\000\000\016{"failed":"x"}'; exec cat > /dev/null"#;
    let config = WorkerConfig {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), format!("cd {}; {script}", folder.path().display())],
        limit: std::time::Duration::from_secs(2),
    };
    let mut worker = Worker::new(config);
    let long = vec![0; 1_000_000];
    let begun = std::time::Instant::now();
    let error = worker.transcribe(&request(long.clone(), long.clone())).unwrap_err();
    assert!(matches!(error, WorkerError::TooLong(_)), "{error}");
    assert!(begun.elapsed().as_secs() < 10, "it slept on");
    let error = worker.transcribe(&request(long.clone(), long)).unwrap_err();
    assert!(matches!(&error, WorkerError::Refused(reason) if reason == "x"), "{error}");
}
