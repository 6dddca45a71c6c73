//! STUN and whatever else comes to the port of all browsers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| songda_fuzz::stun(bytes));
