//! The folder of prompts.

use std::{fs, path::Path};

use songda_calls::{Library, SoundError};

fn products() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/prompts"))
}

/// The product's prompts in a folder of their own.
fn copied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(products()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}

#[test]
fn r4_2f_the_product_speaks_chinese_and_english_with_sound_and_words() {
    let library = Library::new(products().to_owned());
    assert_eq!(library.languages(""), ["zh", "en"]);
    for (language, word) in [("zh", "录音"), ("en", "recorded")] {
        let sounds = library.sounds("", language).unwrap();
        assert!(sounds.notice[0].text.contains(word), "{}", sounds.notice[0].text);
        for sound in [&sounds.hold, &sounds.apology, &sounds.farewell, &sounds.recording_failed] {
            assert!(!sound.text.is_empty() && sound.prompt.len() > 8_000, "{}", sound.text);
        }
        assert!(sounds.music.prompt.len() > 10 * 8_000, "music is no jingle");
        assert!(!sounds.ring_back.is_empty());
    }
}

#[test]
fn r4_2f_the_notice_in_another_language_is_followed_by_the_chinese_one() {
    let library = Library::new(products().to_owned());
    let texts = |language: &str| {
        let notice = library.sounds("", language).unwrap().notice;
        notice.into_iter().map(|notice| notice.text).collect::<Vec<_>>()
    };
    let english = texts("en");
    assert!(english.len() == 2 && english[0].contains("recorded") && english[1].contains("录音"), "{english:?}");
    assert_eq!(texts("zh").len(), 1);
    assert_eq!(texts("fr"), texts("zh"), "a language without a file is spoken in Chinese, once");
}

#[test]
fn r4_2f_a_prompt_without_sound_or_words_is_refused_and_named() {
    let cases = [
        ("notice-zh.wav", "notice-zh"),
        ("notice-zh.txt", "notice-zh.txt"),
        ("hold-zh.wav", "hold-zh"),
        ("apology-zh.txt", "apology-zh.txt"),
        ("farewell-zh.wav", "farewell-zh"),
        ("recording-failed-zh.wav", "recording-failed-zh"),
        ("music.ogg", "music"),
    ];
    for (file, named) in cases {
        let folder = copied();
        let library = Library::new(folder.path().to_owned());
        library.sounds("", "zh").unwrap();
        fs::remove_file(folder.path().join(file)).unwrap();
        let error = library.sounds("", "zh").unwrap_err();
        assert!(error.to_string().contains(named), "{file}: {error}");
    }
    let folder = copied();
    fs::write(folder.path().join("hold-zh.wav"), b"no sound").unwrap();
    let error = Library::new(folder.path().to_owned()).sounds("", "zh").unwrap_err();
    assert!(matches!(error, SoundError::Sound(_)), "{error}");
}

#[test]
fn a_court_has_its_own_prompts_file_by_file() {
    let folder = copied();
    let own = folder.path().join("陕0113");
    fs::create_dir(&own).unwrap();
    fs::copy(folder.path().join("hold-zh.wav"), own.join("notice-zh.wav")).unwrap();
    fs::write(own.join("notice-zh.txt"), "本院通话将被录音。\n").unwrap();
    let library = Library::new(folder.path().to_owned());
    assert_eq!(library.sounds("陕0113", "zh").unwrap().notice[0].text, "本院通话将被录音。");
    assert!(library.sounds("陕0113", "zh").unwrap().hold.text.contains("请稍候"), "the rest is the house's");
    for other in ["OTHER", "", "../陕0113", "陕0113/.", "/"] {
        assert!(library.sounds(other, "zh").unwrap().notice[0].text.contains("人民法院"), "{other}");
    }
}

#[test]
fn a_file_that_was_changed_is_heard_from_the_next_call_on() {
    let folder = copied();
    let library = Library::new(folder.path().to_owned());
    let before = library.sounds("", "zh").unwrap().hold.prompt;
    assert!(std::sync::Arc::ptr_eq(&before, &library.sounds("", "zh").unwrap().hold.prompt), "read once");
    fs::copy(folder.path().join("apology-zh.wav"), folder.path().join("hold-zh.wav")).unwrap();
    let after = library.sounds("", "zh").unwrap().hold.prompt;
    assert_ne!(before.len(), after.len());
}

#[test]
fn ring_back_may_be_the_courts_own() {
    let folder = copied();
    let library = Library::new(folder.path().to_owned());
    let tone = library.sounds("", "zh").unwrap().ring_back;
    assert_eq!(tone.len(), 5 * 8_000, "one second in five");
    fs::copy(folder.path().join("music.ogg"), folder.path().join("ring-back.ogg")).unwrap();
    assert_ne!(library.sounds("", "zh").unwrap().ring_back.len(), tone.len());
}
