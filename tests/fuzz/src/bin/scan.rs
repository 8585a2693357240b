//! See [`stepscope_fuzz::scan`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepscope_fuzz::scan(data));
