#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| piglow_node_fuzz::config::run(data));
