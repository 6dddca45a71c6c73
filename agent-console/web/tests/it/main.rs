//! What the server gets from the embedded console, built or not.

use songda_web::{asset, index, is_placeholder};

#[test]
fn the_entry_page_is_a_page_and_may_change() {
    let page = index();
    assert_eq!(page.media_type, "text/html; charset=utf-8");
    assert!(!page.immutable);
    assert!(String::from_utf8_lossy(&page.bytes).contains("<html lang=\"zh-CN\""));
}

#[test]
fn a_missing_asset_is_none_and_never_the_entry_page() {
    assert_eq!(asset("/assets/gone-0000.js"), None);
    assert_eq!(asset("../Cargo.toml"), None);
    assert_eq!(asset(""), None);
}

#[test]
fn the_placeholder_names_both_commands_in_both_languages() {
    let text = include_str!("../../placeholder.html");
    assert_eq!(is_placeholder(), index().bytes == text.as_bytes());
    for words in ["npm --prefix agent-console/web ci", "run build", "lang=\"en\"", "界面尚未构建"] {
        assert!(text.contains(words), "{words}");
    }
}

#[test]
fn scripts_of_the_built_console_are_immutable() {
    if is_placeholder() {
        return;
    }
    let text = String::from_utf8_lossy(&index().bytes).into_owned();
    let name = text.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let script = asset(name).unwrap();
    assert!(script.immutable);
    assert_eq!(script.media_type, "text/javascript; charset=utf-8");
}
