//! Invalid messages (RFC 4475, 3.1.2): refused, thrown away, or taken where no doubt is left.

use songda_sip::machine::{Defect, FrameError, Framer, NameAddr};

use super::{defects, is_thrown_away, message, refused, request};

#[test]
fn badinv01_separators_without_values_are_answered_400() {
    assert_eq!(refused("badinv01").status, 400);
}

#[test]
fn clerr_a_length_beyond_the_datagram_is_answered_400_and_awaited_on_a_stream() {
    assert_eq!(refused("clerr").status, 400);
    let mut framer = Framer::default();
    framer.push(&message("clerr"));
    assert_eq!(framer.take(), Ok(None));
}

#[test]
fn ncl_a_negative_length_is_answered_400_and_ends_a_stream() {
    assert_eq!(refused("ncl").status, 400);
    let mut framer = Framer::default();
    framer.push(&message("ncl"));
    assert!(matches!(framer.take(), Err(FrameError::Length { .. })));
    let words = String::from_utf8(message("ncl")).unwrap().replace("-999", "five");
    let mut framer = Framer::default();
    framer.push(words.as_bytes());
    assert!(matches!(framer.take(), Err(FrameError::Length { .. })));
}

#[test]
fn scalar02_numbers_beyond_their_range_are_answered_400() {
    assert_eq!(refused("scalar02").status, 400);
    assert!(defects("scalar02").contains(&Defect::CSeq));
}

#[test]
fn scalarlg_a_response_with_numbers_beyond_their_range_is_thrown_away() {
    assert!(is_thrown_away("scalarlg"));
}

#[test]
fn quotbal_a_quote_that_never_ends_is_answered_400() {
    assert_eq!(refused("quotbal").status, 400);
}

#[test]
fn ltgtruri_brackets_around_the_request_uri_are_answered_400() {
    assert_eq!(refused("ltgtruri").status, 400);
}

#[test]
fn lwsruri_white_space_in_the_request_uri_is_answered_400() {
    assert_eq!(refused("lwsruri").status, 400);
}

#[test]
fn lwsstart_more_than_one_space_in_the_request_line_is_answered_400() {
    assert_eq!(refused("lwsstart").status, 400);
}

#[test]
fn trws_space_behind_the_request_line_is_answered_400() {
    assert_eq!(refused("trws").status, 400);
}

#[test]
fn escruri_headers_in_the_request_uri_are_answered_400() {
    assert_eq!(refused("escruri").status, 400);
}

#[test]
fn baddate_a_date_that_nobody_needs_spoils_no_call() {
    assert_eq!(request("baddate").headers.get("Date"), Some("Fri, 01 Jan 2010 16:00:00 EST"));
}

#[test]
fn regbadct_a_contact_with_headers_but_without_brackets_is_answered_400() {
    assert_eq!(refused("regbadct").status, 400);
}

#[test]
fn badaspec_spaces_inside_the_brackets_are_overlooked() {
    let to = NameAddr::parse(request("badaspec").headers.get("To").unwrap()).unwrap();
    assert_eq!((to.display.as_str(), to.uri.to_string().as_str()), ("Watson, Thomas", "sip:t.watson@example.org"));
}

#[test]
fn baddn_missing_quotes_around_a_name_are_inferred() {
    let from = NameAddr::parse(request("baddn").headers.get("From").unwrap()).unwrap();
    assert_eq!((from.display.as_str(), from.tag()), ("Bell, Alexander", Some("43")));
    assert!(from.to_string().starts_with("\"Bell, Alexander\" <"));
}

#[test]
fn badvers_another_version_is_answered_505() {
    assert_eq!(refused("badvers").status, 505);
}

#[test]
fn mismatch01_a_cseq_of_another_method_is_answered_400() {
    assert_eq!(refused("mismatch01").status, 400);
}

#[test]
fn mismatch02_an_unknown_method_is_answered_501_whatever_its_cseq_says() {
    assert_eq!(refused("mismatch02").status, 501);
}

#[test]
fn bigcode_a_status_beyond_699_is_thrown_away() {
    assert!(is_thrown_away("bigcode"));
}
