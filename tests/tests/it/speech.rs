//! Held-out speech through whole calls, counted character by character.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use songda_media::Law;
use songda_tests::score;

use crate::{
    browser::{Browser, Microphone, id},
    world::World,
};

/// Most wrong characters of a hundred, over all sets.
const LIMIT: f64 = 15.0;

fn heldout(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../asr/fixtures/heldout").join(name)
}

fn table(name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(heldout(name)).unwrap();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// A-law octets of one channel of a G.711 file; half of the set is µ-law.
fn octets(name: &str, channel: usize) -> Vec<u8> {
    let bytes = std::fs::read(heldout(name)).unwrap();
    let law = match u16::from_le_bytes([bytes[20], bytes[21]]) {
        6 => Law::Pcma,
        7 => Law::Pcmu,
        format => panic!("{name} has the format {format}"),
    };
    let channels = usize::from(u16::from_le_bytes([bytes[22], bytes[23]]));
    let at = bytes.windows(4).position(|window| window == b"data").unwrap() + 8;
    let of = bytes[at..].iter().skip(channel).step_by(channels);
    of.map(|octet| Law::Pcma.encode(law.decode(*octet))).collect()
}

fn write_wav(path: &Path, octets: &[u8]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for octet in octets {
        writer.write_sample(Law::Pcma.decode(*octet)).unwrap();
    }
    writer.finalize().unwrap();
}

#[derive(Default)]
struct Score {
    wrong: usize,
    length: usize,
    wrong_digits: usize,
    digits: usize,
}

impl Score {
    fn add(&mut self, said: &str, heard: &str) {
        let (wrong, length) = score::character_errors(said, heard);
        let (wrong_digits, digits) = score::digit_errors(said, heard);
        self.wrong += wrong;
        self.length += length;
        self.wrong_digits += wrong_digits;
        self.digits += digits;
    }

    fn rate(&self) -> f64 {
        100.0 * self.wrong as f64 / self.length as f64
    }

    #[expect(clippy::print_stdout, reason = "the rate is what the test is run for")]
    fn print(&self, name: &str) {
        let digits = 100.0 * self.wrong_digits as f64 / self.digits.max(1) as f64;
        println!(
            "{name}: {:.1} % of {} characters wrong, digits {digits:.1} % of {}",
            self.rate(),
            self.length,
            self.digits
        );
    }
}

/// How long Chromium's microphone is silent first: until the notice is over.
const LEAD: usize = 9;

/// A call in which the far end plays `file` and a person at Chromium says `voice`; answers
/// the lines.
async fn call(number: &str, file: &Path, voice: &[u8], talk: Duration) -> Vec<Value> {
    let say = format!("{number}={},delay_ms={}", file.display(), LEAD * 1_000);
    let world = World::start_with(|sim| sim.say.push(say.parse().unwrap())).await;
    world.push(number).await;
    let folder = tempfile::tempdir().unwrap();
    let microphone = folder.path().join("microphone.wav");
    write_wav(&microphone, &[&vec![0xd5; LEAD * 8_000], voice].concat());
    let plays = format!("{}%noloop", microphone.display());
    let mut browser = Browser::open(&world.server.url, Microphone { plays: Some(&plays), denied: false }).await;
    browser.sign_in("agent", "/desk?raw=1").await;
    browser.take_work().await;
    browser.press("Alt+d").await;
    browser.phase("talking").await;
    browser.talk(talk.as_secs() + 1).await;
    browser.press("Alt+e").await;
    browser.press("Alt+e").await;
    browser.phase("ended").await;
    browser.press("1").await;
    browser.press("6").await;
    browser.press("Control+Enter").await;
    browser.wait(&id("outcome-saved")).await;
    browser.close().await;
    let judge = world.server.cookie("J0001").await;
    let task = world.only_task(&judge).await;
    let task = world.task_until(&judge, &task, |task| task["calls"][0]["transcript"]["state"] == "ready").await;
    let path = format!("/api/v1/calls/{}/transcript", task["calls"][0]["id"].as_str().unwrap());
    let transcript: Value = serde_json::from_str(&world.server.get(&path, &judge).await.1).unwrap();
    transcript["lines"].as_array().unwrap().clone()
}

fn said_by(lines: &[Value], speaker: &str) -> String {
    let of = lines.iter().filter(|line| line["speaker"] == speaker && line["hidden"] == false);
    of.map(|line| line["text"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2b_held_out_speech_of_both_sides_is_written_down_through_whole_calls() {
    let folder = tempfile::tempdir().unwrap();
    let party = folder.path().join("party.wav");
    write_wav(&party, &octets("stereo.wav", 1));
    let agents = octets("stereo.wav", 0);
    let length = Duration::from_millis(agents.len() as u64 / 8 + 6_000);

    let rows: Vec<_> = table("sentences.tsv").into_iter().take(20).collect();
    let mut pause = Vec::new();
    for row in &rows {
        pause.extend(octets(&row[0], 0));
        pause.extend(std::iter::repeat_n(0xd5, 6_400));
    }
    let sentences = folder.path().join("sentences.wav");
    write_wav(&sentences, &pause);
    let talk = Duration::from_millis(pause.len() as u64 / 8 + 6_000);

    let (both, one) =
        tokio::join!(call("13800008501", &party, &agents, length), call("13800008502", &sentences, &[], talk));
    let mut all = Score::default();
    for (name, channel) in [("agent", "agent"), ("party", "party")] {
        let said: String =
            table("stereo.ref.tsv").iter().filter(|row| row[0] == name).map(|row| row[3].clone()).collect();
        let mut score = Score::default();
        score.add(&said, &said_by(&both, channel));
        score.print(&format!("stereo, {name}"));
        all.add(&said, &said_by(&both, channel));
    }
    let said: String = rows.iter().map(|row| row[1].clone()).collect();
    let mut score = Score::default();
    score.add(&said, &said_by(&one, "party"));
    score.print("sentences through the far end");
    all.add(&said, &said_by(&one, "party"));
    all.print("all");
    assert!(all.rate() <= LIMIT, "{:.1} % of {} characters wrong", all.rate(), all.length);
    assert_eq!(said_by(&one, "agent"), "", "silence yields no text");
}
