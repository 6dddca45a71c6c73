//! Session descriptions, offers and answers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| songda_fuzz::sdp(bytes));
