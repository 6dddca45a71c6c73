//! What is said: a code, its values, and the sentence.

use serde_json::json;
use songda_recordings::said::Said;

#[test]
fn a_sentence_holds_its_values_and_what_is_said_inside_it() {
    let flaw = Said::new("flaw.seal", "its seal is broken");
    let said = Said::new("recording.block", "altered at block {block}: {flaw}").with("block", 14).with("flaw", flaw);
    assert_eq!(said.to_string(), "altered at block 14: its seal is broken");
    assert_eq!(said.values["flaw"]["code"], "flaw.seal");
    assert_eq!(Said::from_stored(&said.to_stored()), said);
}

#[test]
fn what_was_written_before_there_were_codes_is_said_as_it_stands() {
    for text in ["录音文件被改动", "{}", "3", "{\"code\": 1}", "a {brace}"] {
        let said = Said::from_stored(text);
        assert_eq!((said.code.as_str(), said.text.as_str()), (Said::PLAIN, text));
        assert_eq!(said.values["text"], json!(text));
    }
}

/// Every sentence of up to three of these pieces, with every pair of values of up to two of them,
/// put in either order: what stands in a value is said as it stands.
#[test]
fn x2_a_value_that_holds_a_name_in_braces_is_never_filled_again() {
    const PIECES: [&str; 7] = ["", "{a}", "{b}", "{", "}", "{a", "b}"];
    let pairs: Vec<String> = PIECES.iter().flat_map(|one| PIECES.map(|other| format!("{one}{other}"))).collect();
    for (first, second, third) in PIECES
        .iter()
        .flat_map(|first| PIECES.iter().flat_map(move |second| PIECES.map(|third| (*first, *second, third))))
        .filter(|(first, second, third)| [first, second, third].iter().any(|piece| piece.len() == 3))
    {
        let sentence = format!("{first}{second}{third}");
        for one in &pairs {
            for other in ["{a}", "{b}", "x", "{a}{b}", "{"] {
                let told = Said::new("c.d", &sentence).with("a", one.as_str()).with("b", other);
                let turned = Said::new("c.d", &sentence).with("b", other).with("a", one.as_str());
                assert_eq!(told, turned, "{sentence:?}: whichever is put in first");
                let wanted = by_marks(&sentence, one, other);
                assert_eq!(told.text, wanted, "{sentence:?} with {one:?} and {other:?}");
            }
        }
    }
}

/// The same in another way: the places become signs that no value has, before any value is there.
fn by_marks(sentence: &str, a: &str, b: &str) -> String {
    let marked = sentence.replace("{a}", "\u{1}").replace("{b}", "\u{2}");
    marked
        .chars()
        .map(|sign| match sign {
            '\u{1}' => a.to_owned(),
            '\u{2}' => b.to_owned(),
            other => other.to_string(),
        })
        .collect()
}

#[test]
fn x2_what_was_kept_is_whole_and_a_value_that_comes_later_changes_no_word_of_it() {
    let kept = Said::new("a.b", "it was {why}").with("why", "{who}");
    let read = Said::from_stored(&kept.to_stored()).with("who", "somebody");
    assert_eq!((read.text.as_str(), &read.values["who"]), ("it was {who}", &json!("somebody")));
}
