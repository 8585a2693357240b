//! See [`stepscope_fuzz::opening`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepscope_fuzz::opening(data));
