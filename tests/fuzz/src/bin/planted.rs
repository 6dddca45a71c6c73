//! A fault that only a fuzzer which follows coverage finds: it proves that the others do.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| songda_fuzz::planted(bytes));
