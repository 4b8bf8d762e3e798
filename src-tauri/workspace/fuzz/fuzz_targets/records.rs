//! What lies beside the store: the index of a scan, and paths.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandbox_workspace::fuzzing::records(bytes));
