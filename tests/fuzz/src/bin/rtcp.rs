//! Reports of the far end.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| songda_fuzz::rtcp(bytes));
