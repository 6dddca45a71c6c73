//! RTP packets of both ends of a call.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| songda_fuzz::rtp(bytes));
