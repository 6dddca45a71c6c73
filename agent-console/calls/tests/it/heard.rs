//! What sound and words say together of who answered: a greeting is no proof of a person.

use songda_asr::{ModelInfo, Reading, words};
use songda_calls::progress::{LineStatus, Progress, Read};
use songda_media::progress::{Finding, Place, SoundClass};

/// He spoke so surely as a person does, or a machine, and says nothing more.
fn sound(class: SoundClass, confidence: u8) -> Finding {
    Finding { class, confidence, from_frame: 4_000, to_frame: 20_000, place: Place::Answered, waits: true }
}

fn read(text: &str, from_frame: u64) -> Read {
    let model = ModelInfo { name: "test".into(), sha256: "0".into(), test_only: true };
    let reading = Reading { text: text.into(), confidence: 0.9, model };
    Read { place: Place::Answered, from_frame, to_frame: from_frame + 16_000, reading }
}

fn told(finding: Finding, text: &str) -> Option<LineStatus> {
    let mut progress = Progress::default();
    progress.sound(finding);
    if !text.is_empty() {
        progress.words(read(text, 4_000), words::table().unwrap());
    }
    progress.status().cloned()
}

fn class(finding: Finding, text: &str) -> &'static str {
    told(finding, text).map_or("untold", |status| status.class)
}

#[test]
fn e44_a_longer_greeting_is_a_person_only_where_its_words_are_nothing_like_a_recording() {
    let doubtful = sound(SoundClass::Person, 50);
    assert_eq!(class(doubtful, ""), "untold", "the sound alone does not tell");
    assert_eq!(class(doubtful, "喂，你好，我是老张，请问哪位？"), "person");
    assert_eq!(class(doubtful, "链，同记，纠样。"), "person", "read badly, and still no recording");
    for recorded in [
        "您好，您拨打的用户正忙。",
        "您好，你拨大的电话一关机。",
        "您好，机主不在，有事请说。",
        "您好，地住不再，有是请说。",
    ] {
        assert_ne!(class(doubtful, recorded), "person", "{recorded}");
    }
    assert_eq!(class(doubtful, "您好。"), "untold", "too little was read: machines greet, too");
}

#[test]
fn e44_who_speaks_long_is_a_person_only_once_he_waits_and_where_his_words_are_nothing_like_a_recording() {
    let long = sound(SoundClass::Machine, 65);
    let firm = "喂，你好，永兴小学门卫室，请问找哪位？";
    assert_eq!(class(long, firm), "person");
    assert_eq!(class(Finding { waits: false, ..long }, firm), "machine", "it may go on");
    assert_eq!(class(long, "您好，我是机主的智能助理，请问您是哪位？"), "assistant");
    assert_eq!(class(long, "您好，地住再忙，有是请讲。"), "machine", "read badly, and near a recording");
    assert_eq!(class(long, ""), "machine", "nothing was read");
    // The less its words are those of persons who answer, the less sure it is.
    let sure = |text: &str| told(long, text).map(|status| (status.class, status.confidence));
    assert_eq!(sure("没红，是姓薛美伟诗，女证是。"), Some(("person", 50)), "read badly, and near none");
    assert_eq!(sure(firm), Some(("person", 60)));
}

#[test]
fn e44_who_speaks_for_almost_five_seconds_is_a_person_only_by_what_persons_say() {
    let longest = sound(SoundClass::Machine, 80);
    assert_eq!(class(longest, "喂，你好，我是老张，请问您是哪一位？"), "person");
    assert_eq!(class(longest, "您好，四海物流，我姓陈，请讲。"), "machine", "recordings greet so, too");
    assert_eq!(class(longest, "没红，是姓薛美伟诗，女证是。"), "machine");
}

#[test]
fn e44_behind_keys_the_menu_says_nothing_of_who_answers_them() {
    let mut progress = Progress::default();
    let table = words::table().unwrap();
    progress.sound(sound(SoundClass::Machine, 80));
    progress.words(read("您好，人工服务请按零，查询请按一。", 4_000), table);
    assert_eq!(progress.status().unwrap().class, "menu");
    progress.anew(160_000);
    // What was still being read when the keys went out is past.
    assert_eq!(progress.words(read("业务请按一。", 24_000), table), None);
    let person = Finding { from_frame: 168_000, to_frame: 176_000, ..sound(SoundClass::Person, 80) };
    assert_eq!(progress.sound(person).unwrap().class, "person");
}
