//! Manifests and the chunks of entries they name.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandbox_workspace::fuzzing::manifest(bytes));
