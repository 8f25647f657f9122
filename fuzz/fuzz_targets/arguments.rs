//! Any bytes make a call of some function, which must not panic and not give NaN or infinity.
//!
//! `cargo test` runs random calls through the same code on every change; this searches for longer.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/cxmill-functions/tests/functions/arbitrary.rs"]
mod arbitrary;

fuzz_target!(|bytes: &[u8]| {
    for value in arbitrary::call(bytes).unwrap_or_default() {
        // The name of a function comes first, and may hold these letters.
        let (_, shown) = value.split_once(": ").unwrap_or_default();
        assert!(!shown.contains("NaN") && !shown.contains("inf"), "{value}");
    }
});
