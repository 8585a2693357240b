//! See [`stepscope_fuzz::inflate`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepscope_fuzz::inflate(data));
