//! What call progress makes of samples that nothing in it was fitted on (`tests/samples`): the
//! confusion table, and how often it is right.
//!
//! `SONGDA_SAMPLES=building` prints the same for the set on which it was fitted, after
//! `tests/samples/make.py` has made it; with `SONGDA_TONES_ONLY` set nothing is read, and
//! `SONGDA_READINGS=FOLDER` keeps what was read of a piece there, so that the next run reads it no more.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

use songda_asr::{Model, Reading, Request, words};
use songda_calls::progress::{LineStatus, Progress, Read};
use songda_media::{
    Law,
    progress::{Ear, Heard, Place},
};

/// A sample, as its table tells it.
struct Sample {
    file: String,
    group: String,
    /// The class that is right; of a notice what it says.
    right: String,
    /// It is answered with this packet; never, and all of it is early media.
    answered: Option<usize>,
    words: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples")
}

fn samples(set: &str) -> Vec<Sample> {
    let table = std::fs::read_to_string(folder().join(format!("{set}.tsv"))).unwrap();
    let read = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let answered = match cells[3] {
            "early" => None,
            "answered" => Some(0),
            ms => Some(ms.parse::<usize>().unwrap() / 20),
        };
        Sample {
            file: format!("{set}/{}", cells[0]),
            group: cells[1].into(),
            right: cells[2].into(),
            answered,
            words: cells[5].into(),
        }
    };
    table.lines().filter(|line| !line.starts_with('#')).map(read).collect()
}

/// The samples of an A-law WAV.
fn sound(file: &str) -> Vec<i16> {
    let bytes = std::fs::read(folder().join(file)).unwrap();
    let at = bytes.windows(4).position(|four| four == b"data").unwrap() + 8;
    bytes[at..].iter().map(|octet| Law::Pcma.decode(*octet)).collect()
}

fn model() -> Model {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../asr/fixtures");
    let hash = std::fs::read_to_string(fixtures.join("ggml-songda-test-zh.bin.sha256")).unwrap();
    Model::load(&fixtures.join("ggml-songda-test-zh.bin"), hash.split_whitespace().next().unwrap()).unwrap()
}

fn read(model: &Model, samples: Vec<i16>) -> Option<Reading> {
    let Some(folder) = std::env::var_os("SONGDA_READINGS") else { return decoded(model, samples) };
    let mut hasher = DefaultHasher::new();
    samples.hash(&mut hasher);
    let kept = Path::new(&folder).join(format!("{:016x}", hasher.finish()));
    if let Ok(line) = std::fs::read_to_string(&kept) {
        let (sure, text) = line.split_once('\t').unwrap();
        let confidence = sure.parse().unwrap();
        return (!text.is_empty()).then(|| Reading { text: text.into(), confidence, model: model.info().clone() });
    }
    let reading = decoded(model, samples);
    let line = reading.as_ref().map_or_else(|| "0\t".into(), |read| format!("{}\t{}", read.confidence, read.text));
    std::fs::write(kept, line).unwrap();
    reading
}

fn decoded(model: &Model, samples: Vec<i16>) -> Option<Reading> {
    let request = Request { left: Vec::new(), right: samples, rate: 8_000, speech_from_ms: 0, prompts: Vec::new() };
    let transcript = model.transcribe(&request, 1).unwrap();
    let text: String = transcript.lines.iter().map(|line| line.text.as_str()).collect();
    let sure = transcript.lines.iter().map(|line| line.confidence).sum::<f32>() / transcript.lines.len().max(1) as f32;
    (!text.is_empty()).then(|| Reading { text, confidence: sure, model: model.info().clone() })
}

/// What is told of a sample as it comes packet by packet, in the end and at any time; and what was read.
struct Judged {
    status: Option<LineStatus>,
    /// Called answered by a person at some time, with or without the right to it.
    ever_person: bool,
    text: String,
}

fn judged(sample: &Sample, model: Option<&Model>) -> Judged {
    let place = if sample.answered == Some(0) { Place::Answered } else { Place::Early };
    let mut ear = Ear::new(place, 0);
    let mut progress = Progress::default();
    let mut judged = Judged { status: None, ever_person: false, text: String::new() };
    for (at, packet) in sound(&sample.file).chunks(160).enumerate() {
        let frame = at as u64 * 160;
        if at > 0 && sample.answered == Some(at) {
            ear = Ear::new(Place::Answered, frame);
        }
        ear.packet(frame + packet.len() as u64, 7, at as u32 * 160, packet.iter().copied());
        hear(&mut ear, &mut progress, model, &mut judged);
    }
    ear.finish();
    hear(&mut ear, &mut progress, model, &mut judged);
    judged.status = progress.status().cloned();
    judged
}

fn hear(ear: &mut Ear, progress: &mut Progress, model: Option<&Model>, judged: &mut Judged) {
    while let Some(heard) = ear.news() {
        let told = match heard {
            Heard::Class(finding) => progress.sound(finding),
            Heard::Speech { samples, from_frame, place } => {
                let to_frame = from_frame + samples.len() as u64;
                let Some(reading) = model.and_then(|model| read(model, samples)) else { continue };
                let _ = write!(judged.text, "{} ", reading.text);
                progress.words(Read { place, from_frame, to_frame, reading }, words::table().unwrap())
            }
            Heard::Anew { .. } | Heard::Tone { .. } | Heard::Voice { .. } => None,
        };
        judged.ever_person |= told.is_some_and(|status| status.class == "person");
    }
}

/// The column of the table for what was told.
fn column(class: &str) -> &str {
    match class {
        "voicemail" | "assistant" | "menu" => "machine",
        "no_such_number" | "suspended" | "expired" | "switched_off" | "in_a_call" | "user_busy" | "unreachable"
        | "no_answer" | "barred" | "forwarded" => "announcement",
        other => other,
    }
}

struct Result {
    right: usize,
    said_right: usize,
    answered_wrongly: Vec<String>,
    persons: (usize, usize),
    groups: BTreeMap<String, usize>,
    all: usize,
}

fn table(set: &str, model: Option<&Model>) -> Result {
    let mut confusion: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut result = Result {
        right: 0,
        said_right: 0,
        answered_wrongly: Vec::new(),
        persons: (0, 0),
        groups: BTreeMap::new(),
        all: 0,
    };
    let mut lines = String::new();
    for sample in samples(set) {
        let Judged { status, ever_person, text } = judged(&sample, model);
        let class = status.as_ref().map_or("untold", |status| status.class);
        let (right, told) = (column(&sample.right), column(class));
        let mark = if right == told { ' ' } else { '!' };
        let sure = status.as_ref().map_or(0, |status| status.confidence);
        let near = words::table().unwrap().leaning(&text);
        let _ = writeln!(
            lines,
            "{mark} {:<28} {:<20} {class:<20} {sure:>3} {:+.2} {:+.2} {} | {text}",
            sample.file, sample.right, near.recorded, near.person, sample.words
        );
        *confusion.entry((right.to_owned(), told.to_owned())).or_default() += 1;
        *result.groups.entry(sample.group.clone()).or_default() += 1;
        result.all += 1;
        result.right += usize::from(right == told);
        result.said_right += usize::from(sample.right == class || (right == "machine" && told == "machine"));
        if right == "person" {
            result.persons.0 += usize::from(told == "person");
            result.persons.1 += 1;
        } else if ever_person {
            result.answered_wrongly.push(sample.file);
        }
    }
    let columns: Vec<&String> = {
        let mut all: Vec<&String> = confusion.keys().map(|(_, told)| told).collect();
        all.sort();
        all.dedup();
        all
    };
    let mut rows: Vec<&String> = confusion.keys().map(|(right, _)| right).collect();
    rows.dedup();
    // Shown in every run: what a test prints by itself is seen only where it fails.
    let mut shown = format!("{lines}\n{set}: rows are what it is, columns what is told\n");
    let mut head = String::new();
    for name in &columns {
        let _ = write!(head, "{name:>20}");
    }
    let _ = writeln!(shown, "{:<20}{head}", "");
    for row in rows {
        let cells = columns.iter().map(|told| {
            let count = confusion.get(&(row.clone(), (*told).clone())).copied().unwrap_or(0);
            format!("{:>20}", if count == 0 { "·".to_owned() } else { count.to_string() })
        });
        let _ = writeln!(shown, "{row:<20}{}", cells.collect::<String>());
    }
    let _ = writeln!(
        shown,
        "right class {} of {}, and what a notice says right {}; real answers recognised {} of {}; called answered at any time and is not: {:?}",
        result.right, result.all, result.said_right, result.persons.0, result.persons.1, result.answered_wrongly
    );
    std::io::Write::write_all(&mut std::io::stderr(), shown.as_bytes()).unwrap();
    result
}

#[test]
fn r4_2a_what_answers_is_told_from_what_does_not_by_voices_that_nothing_was_fitted_on() {
    let set = std::env::var("SONGDA_SAMPLES").unwrap_or_else(|_| "judging".into());
    let model = (std::env::var_os("SONGDA_TONES_ONLY").is_none()).then(model);
    let result = table(&set, model.as_ref());
    if set != "judging" {
        return;
    }
    assert!(result.all >= 60, "{}", result.all);
    for group in ["announcement", "tone", "speech", "machine"] {
        assert!(result.groups[group] >= 10, "{group}");
    }
    assert_eq!(result.answered_wrongly, Vec::<String>::new(), "called answered by a person, and is not");
    assert!(result.right * 100 >= result.all * 80, "{} of {} in the right class", result.right, result.all);
    assert!(
        result.said_right * 100 >= result.all * 80,
        "{} of {} told as what they say",
        result.said_right,
        result.all
    );
    let (recognised, persons) = result.persons;
    assert!(recognised * 100 >= persons * 95, "{recognised} of {persons} real answers recognised");
}

/// Voices that a table names, without the number of a variant: `iven3` is one of `iven`.
fn voices(set: &str) -> BTreeSet<String> {
    let table = std::fs::read_to_string(folder().join(format!("{set}.tsv"))).unwrap();
    let cells = table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split('\t').nth(4));
    cells.filter(|voice| !voice.is_empty()).map(family).collect()
}

fn family(voice: &str) -> String {
    voice.trim_start_matches('+').trim_end_matches(|c: char| c.is_ascii_digit()).to_ascii_lowercase()
}

#[test]
fn r4_2a_the_judging_voices_are_none_of_those_of_the_building_set_or_of_the_model() {
    let (building, judging) = (voices("building"), voices("judging"));
    assert!(building.len() >= 15 && judging.len() >= 30, "{} {}", building.len(), judging.len());
    let training = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../asr/fixtures/train/synth.py");
    let training = std::fs::read_to_string(training).unwrap();
    let lists = training.split("VOICES = [").skip(1).map(|rest| rest.split(']').next().unwrap());
    let quoted = lists.flat_map(|list| list.split('\'').skip(1).step_by(2)).filter(|voice| !voice.is_empty());
    let trained: BTreeSet<String> = quoted.map(family).collect();
    assert!(trained.contains("linda") && trained.contains("paul"), "{trained:?}");
    for voice in &judging {
        let kin = |other: &&String| *other == voice || (other.len() > 2 && voice.ends_with(other.as_str()));
        assert_eq!(building.iter().chain(&trained).find(kin), None, "{voice} was heard in building");
    }
}
