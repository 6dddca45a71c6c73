//! Every seed, and so every finding of the past, goes through its target.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, panic::catch_unwind, path::Path};

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let files = fs::read_dir(folder).unwrap().map(Result::unwrap);
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

fn all_pass(target: &str, run: fn(&[u8])) {
    let seeds = seeds(target);
    assert!(seeds.len() > 10, "{target} has its seeds");
    for (name, bytes) in seeds {
        assert!(catch_unwind(|| run(&bytes)).is_ok(), "{target}/{name}");
    }
}

#[test]
fn every_message_that_was_ever_a_finding_is_none_any_more() {
    all_pass("sip", songda_fuzz::sip);
}

#[test]
fn every_uri_that_was_ever_a_finding_is_none_any_more() {
    all_pass("uri", songda_fuzz::uri);
}

#[test]
fn every_session_description_that_was_ever_a_finding_is_none_any_more() {
    all_pass("sdp", songda_fuzz::sdp);
}

#[test]
fn every_packet_that_was_ever_a_finding_is_none_any_more() {
    all_pass("rtp", songda_fuzz::rtp);
}

#[test]
fn every_key_that_was_ever_a_finding_is_none_any_more() {
    all_pass("event", songda_fuzz::event);
}

#[test]
fn every_browsers_offer_that_was_ever_a_finding_is_none_any_more() {
    all_pass("offer", songda_fuzz::offer);
}

#[test]
fn every_check_of_a_browser_that_was_ever_a_finding_is_none_any_more() {
    all_pass("stun", songda_fuzz::stun);
}

#[test]
fn every_report_that_was_ever_a_finding_is_none_any_more() {
    all_pass("rtcp", songda_fuzz::rtcp);
}

#[test]
fn the_49_messages_of_rfc_4475_are_among_the_seeds() {
    let torture = seeds("sip").into_iter().filter(|(name, _)| name.starts_with("rfc4475-")).count();
    assert_eq!(torture, 49);
}

#[test]
fn every_file_of_sealed_blocks_that_was_ever_a_finding_is_none_any_more() {
    all_pass("vault", songda_fuzz::vault);
}

#[test]
fn every_carriers_session_description_that_was_ever_a_finding_is_none_any_more() {
    all_pass("carrier", songda_fuzz::carrier);
}

#[test]
fn every_secured_packet_that_was_ever_a_finding_is_none_any_more() {
    all_pass("srtp", songda_fuzz::srtp);
}

#[test]
fn every_connection_of_a_browser_that_was_ever_a_finding_is_none_any_more() {
    all_pass("frames", songda_fuzz::frames);
}

#[test]
fn every_end_of_a_cut_recording_that_was_ever_a_finding_is_none_any_more() {
    all_pass("tail", songda_fuzz::tail);
}
