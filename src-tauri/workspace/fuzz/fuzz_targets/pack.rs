//! The index of a pack, and the pack it leads into.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandbox_workspace::fuzzing::pack(bytes));
