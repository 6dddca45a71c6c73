//! The search for numbers: every spelling in which one could slip out.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

/// Spellings of a telephone or identity number.
pub(crate) fn spellings(number: &str) -> Vec<String> {
    let plain: String = number.chars().filter(char::is_ascii_alphanumeric).collect();
    let grouped = |sign: &str| match plain.len() {
        11 => format!("{}{sign}{}{sign}{}", &plain[..3], &plain[3..7], &plain[7..]),
        18 => format!("{}{sign}{}{sign}{}", &plain[..6], &plain[6..14], &plain[14..]),
        _ => plain.clone(),
    };
    let wide: String = plain.chars().map(|c| char::from_u32(c as u32 + 0xfee0).unwrap()).collect();
    let percent = plain.bytes().fold(String::new(), |text, b| format!("{text}%{b:02X}"));
    let mut found =
        vec![plain.clone(), format!("+86{plain}"), grouped(" "), grouped("-"), wide, percent, plain.to_lowercase()];
    // Base64 shifts by the place at which the number stands: the middle of each is constant.
    for shift in 0..3 {
        let padded = [&vec![b'x'; shift][..], plain.as_bytes()].concat();
        for encoded in [STANDARD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            found.push(encoded.trim_end_matches('=')[4.min(encoded.len())..encoded.len() - 5].to_owned());
        }
    }
    found
}

/// The spelling of a number that stands in a text.
pub(crate) fn find(text: &str, numbers: &[String]) -> Option<String> {
    numbers.iter().flat_map(|number| spellings(number)).find(|spelling| text.contains(spelling.as_str()))
}

#[test]
fn r4_3b_the_search_finds_a_number_that_was_planted_in_any_spelling() {
    let number = ["13800001234".to_owned()];
    for planted in [
        "13800001234",
        "+8613800001234",
        "138 0000 1234",
        "138-0000-1234",
        "１３８００００１２３４",
        "%31%33%38%30%30%30%30%31%32%33%34",
        &STANDARD.encode("tel:13800001234;x"),
        &STANDARD.encode("xx13800001234"),
    ] {
        assert!(find(&format!("a log line {planted} goes on"), &number).is_some(), "{planted}");
    }
    assert_eq!(find("138****1234 1380000 2024-11-23T13:80:00", &number), None);
}
