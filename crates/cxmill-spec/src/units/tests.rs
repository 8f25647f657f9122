//! Units as people write them.

use std::time::Duration;

use super::{duration, duration_text, error_budget, size};
use crate::source::ErrorBudget;

#[test]
fn durations_are_written_back_in_their_largest_unit() {
    for text in ["0d", "90s", "15m", "25h", "30d", "14d"] {
        assert_eq!(duration(text).map(duration_text), Some(text.to_owned()));
    }
    assert_eq!(duration("2w").map(duration_text), Some("14d".to_owned()));
}

#[test]
fn durations_have_a_unit() {
    let seconds = |text| duration(text).map(|duration: Duration| duration.as_secs());
    assert_eq!(
        ["90s", "15m", "12h", "30d", "2w", " 2 d "].map(seconds),
        [90, 900, 43_200, 2_592_000, 1_209_600, 172_800].map(Some)
    );
    assert_eq!(
        ["", "5", "d", "1.5d", "-1d", "2 days", "99999999999999999999w", "18446744073709551615w"].map(seconds),
        [None; 8]
    );
}

#[test]
fn sizes_have_a_unit() {
    assert_eq!(
        ["512MB", "1GB", "2GiB", "5B", "1 kB"].map(size),
        [512_000_000, 1_000_000_000, 2 << 30, 5, 1_000].map(Some)
    );
    assert_eq!(["512", "1.5GB", "MB", "1Gb", "99999999999TB", ""].map(size), [None; 6]);
}

#[test]
fn budgets_are_shares_or_rows() {
    assert_eq!(
        ["1%", "0.5 %", "100%", "0%"].map(error_budget),
        [0.01, 0.005, 1.0, 0.0].map(|share| Some(ErrorBudget::Share(share)))
    );
    assert_eq!(["20", "20 rows", "1 row"].map(error_budget), [20, 20, 1].map(|rows| Some(ErrorBudget::Rows(rows))));
    assert_eq!(["101%", "1.5", "-1", "many", "", "1 percent"].map(error_budget), [None; 6]);
}
