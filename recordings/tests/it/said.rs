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
