use std::path::Path;

use songda_calls::Notice;

#[test]
fn the_products_notice_has_sound_and_words() {
    let notice = Notice::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts/notice-zh.wav")).unwrap();
    assert!(notice.text.contains("录音"), "{}", notice.text);
    assert!(!notice.prompt.is_empty());
}

#[test]
fn a_notice_without_words_or_without_sound_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notice.wav");
    assert!(Notice::load(&path).unwrap_err().to_string().contains("notice.wav"));
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts/notice-zh.wav"), &path).unwrap();
    assert!(Notice::load(&path).unwrap_err().to_string().contains("notice.txt"));
}
