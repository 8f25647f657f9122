//! What the end-to-end tests share: the binary, throw-away projects, other readers, real services.
//!
//! Tests use cxmill as its users do, through the binary and the files it writes. What a test needs from outside is named
//! by variables that `.ci/run` sets; without them a test says that it was skipped, and with `CXMILL_TEST_REQUIRE=1` a
//! skipped test fails.
//!
//! | variable | what it names |
//! |---|---|
//! | `CXMILL_TEST_VENV` | a Python environment with the packages of `tests/peers/requirements.txt` |
//! | `CXMILL_TEST_AZURITE` | a folder where the npm package `azurite` is installed |
//! | `CXMILL_SHARED_DATA` | the folder of real data made by others |
//!
//! The browser that opens pages is the `chromium` of the `PATH`.
//!
//! Others say how long tests look for what happens seldom: `CXMILL_CRASH_KILLS`, `CXMILL_CRASH_SEED` (`tests/crash.rs`),
//! `CXMILL_READER_RUNS` and `CXMILL_S3_READER_RUNS` (`tests/readers.rs`). `CXMILL_TEST_RENEW=1` writes `docs/strategies.md` anew.
#![expect(clippy::expect_used, clippy::panic, reason = "these are test helpers: a failed expectation fails the test")]

mod answers;
mod binary;
mod browser;
pub mod crash;
mod page;
mod peers;
mod project;
mod proxy;
mod services;

pub use answers::answers;
pub use binary::{Ran, binary, cxmill};
pub use browser::{Browser, Measured, Picture, browser};
pub use page::body;
pub use peers::{Peers, peers};
pub use project::{TestProject, copy_folder, root, tree};
pub use proxy::FaultProxy;
pub use services::{Azurite, Seaweed, azurite, seaweed};

use std::path::PathBuf;

/// What a variable names, or `None` after saying that the test is skipped.
///
/// # Panics
/// With `CXMILL_TEST_REQUIRE=1`: in CI nothing may be skipped.
#[must_use]
pub fn outside(variable: &str) -> Option<PathBuf> {
    match std::env::var_os(variable) {
        Some(path) if !path.is_empty() => Some(PathBuf::from(path)),
        _ => {
            skip(&format!("{variable} is not set"));
            None
        }
    }
}

/// Says that a test is skipped, and why.
///
/// # Panics
/// With `CXMILL_TEST_REQUIRE=1`: in CI nothing may be skipped.
pub fn skip(why: &str) {
    let required = std::env::var_os("CXMILL_TEST_REQUIRE").is_some_and(|value| value == "1");
    assert!(!required, "{why}, and CXMILL_TEST_REQUIRE=1 forbids to skip this test");
    say(&format!("skipped: {why}"));
}

/// The number that a variable gives, or the one that holds without it.
///
/// # Panics
/// Where the variable is no number.
#[must_use]
pub fn number(variable: &str, otherwise: u64) -> u64 {
    let Some(given) = std::env::var_os(variable) else { return otherwise };
    let text = given.to_string_lossy();
    text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}"))
}

/// Says something in the output of a test.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub fn say(text: &str) {
    eprintln!("{text}");
}
