//! URIs, name-addresses and single header values.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| songda_fuzz::uri(bytes));
