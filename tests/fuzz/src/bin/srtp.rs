//! Files of sealed blocks.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| songda_fuzz::srtp(bytes));
