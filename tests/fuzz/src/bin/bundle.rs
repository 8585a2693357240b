//! See [`stepscope_fuzz::bundle`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepscope_fuzz::bundle(data));
