//! Messages, streams and typed readers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| songda_fuzz::sip(bytes));
