//! How values are written.

use crate::format::{Format, civil, decimal, first_of_month, label};
use crate::rows::Cell;
use crate::scale::Scale;
use crate::text::{clean, clip, width};
use crate::ticks::{days, numbers};

#[test]
fn numbers_have_their_thousands_set_apart_and_a_real_minus() {
    assert_eq!(decimal(1_234_567.891, 2), "1,234,567.89");
    assert_eq!(decimal(-1_234.5, 0), "−1,234");
    assert_eq!(decimal(999.0, 0), "999");
    assert_eq!(decimal(-0.04, 1), "0.0");
    assert_eq!(decimal(1.5e18, 2), "1.50e18");
    assert_eq!(decimal(-0.000_012, 2), "−1.20e−5");
}

#[test]
fn a_column_is_written_with_as_many_digits_as_it_needs() {
    let digits = |values: &[f64]| {
        let cells: Vec<Cell> = values.iter().map(|value| Cell::Number(*value)).collect();
        Format::of(cells.iter()).number(1.23456)
    };
    assert_eq!(digits(&[3.0, 400.0]), "1");
    assert_eq!(digits(&[0.25, 0.5]), "1.235");
    assert_eq!(digits(&[12.5, 0.5]), "1.2");
    assert_eq!(digits(&[12_345.5, 0.5]), "1");
}

#[test]
fn decimals_are_exact() {
    let cell = |unscaled: i128, digits: u8| label(&Cell::Exact { unscaled, digits });
    assert_eq!(cell(123_456_789_012_345_678_901, 2), "1,234,567,890,123,456,789.01");
    assert_eq!(cell(-5, 2), "−0.05");
    assert_eq!(cell(i128::MIN, 0), "−170,141,183,460,469,231,731,687,303,715,884,105,728");
}

#[test]
fn days_are_those_of_the_calendar() {
    for (day, shown) in [(0, "1970-01-01"), (20_458, "2026-01-05"), (-1, "1969-12-31"), (11_016, "2000-02-29")] {
        assert_eq!(label(&Cell::Date(day)), shown);
    }
    assert_eq!(label(&Cell::Time(1_774_999_945_123_456)), "2026-03-31 23:32:25");
    for month in 1..=12 {
        let day = first_of_month(2024, month);
        assert_eq!(civil(day), (2024, month, 1));
        assert_ne!(civil(day - 1).1, month);
    }
}

#[test]
fn ticks_are_round_and_enclose_the_values() {
    let labels = |low: f64, high: f64| {
        let ticks = numbers((low, high), 5.0, &Format::default());
        assert!(ticks.low <= low && ticks.high >= high, "{ticks:?}");
        ticks.all.into_iter().map(|(_, label)| label).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(labels(0.0, 61.0), "0 20 40 60 80");
    assert_eq!(labels(-23.8, 65.0), "−40 −20 0 20 40 60 80");
    assert_eq!(labels(0.0, 0.83), "0.0 0.2 0.4 0.6 0.8 1.0");
    // Each label says where it is: steps of two and a half have a digit for the half, and what is counted has no such steps.
    let shares = Format::of([Cell::Number(77.6), Cell::Number(88.9)].iter());
    let of_shares: Vec<String> = numbers((77.6, 88.9), 5.0, &shares).all.into_iter().map(|(_, label)| label).collect();
    assert_eq!(of_shares, ["77.5", "80.0", "82.5", "85.0", "87.5", "90.0"]);
    assert_eq!(labels(0.0, 11.0), "0 5 10 15");
    assert_eq!(labels(0.0, 2_400_000.0), "0 500,000 1,000,000 1,500,000 2,000,000 2,500,000");
}

#[test]
fn ticks_of_days_begin_weeks_months_or_years() {
    let labels = |low: f64, high: f64| {
        days((low, high), 9).all.into_iter().map(|(_, label)| label).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(labels(20_454.0, 20_460.0), "1 Jan 2 Jan 3 Jan 4 Jan 5 Jan 6 Jan 7 Jan");
    assert_eq!(labels(20_454.0, 20_500.0), "5 Jan 12 Jan 19 Jan 26 Jan 2 Feb 9 Feb 16 Feb");
    assert_eq!(labels(20_454.0, 20_643.0), "Jan 2026 Feb Mar Apr May Jun Jul");
    assert_eq!(labels(18_000.0, 20_643.0), "2020 2021 2022 2023 2024 2025 2026");
}

#[test]
fn a_scale_takes_the_largest_numbers_and_single_ones() {
    let whole = Scale::new((f64::MIN, f64::MAX), (0.0, 100.0));
    assert!((whole.at(0.0) - 50.0).abs() < 1e-9);
    let single = Scale::new((7.0, 7.0), (0.0, 100.0));
    assert!((single.at(7.0) - 50.0).abs() < 1e-9);
}

#[test]
fn labels_that_do_not_fit_are_cut_off() {
    assert_eq!(clip("short", 200.0, 12.0), "short");
    let cut = clip("a label that is much too long for its place", 90.0, 12.0);
    assert!(cut.ends_with('…') && width(&cut, 12.0) <= 95.0, "{cut}");
    assert_eq!(clean("a\0b\u{7}c\td"), "a\u{fffd}b\u{fffd}c\td");
}
