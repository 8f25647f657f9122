//! The days of a sample, written once.

use chrono::{Datelike, Days, NaiveDate};

/// Seconds of a day.
pub(crate) const DAY: u32 = 86_400;

/// 2026-01-01T00:00:00Z in seconds since 1970.
const START: i64 = 1_767_225_600;

/// The days from 2026-01-01 on.
#[derive(Debug)]
pub(crate) struct Calendar {
    iso: Vec<String>,
    dotted: Vec<String>,
    months: Vec<String>,
    days: u32,
}

impl Calendar {
    /// A calendar of `days` days, and of some more that promised times may lie in.
    pub(crate) fn new(days: u32) -> Self {
        let first = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap_or_default();
        let dates = || (0..u64::from(days) + 40).map(|day| first.checked_add_days(Days::new(day)).unwrap_or(first));
        Self {
            iso: dates().map(|date| date.to_string()).collect(),
            dotted: dates().map(|date| date.format("%d.%m.%Y").to_string()).collect(),
            months: dates().map(|date| format!("{:04}-{:02}", date.year(), date.month())).collect(),
            days,
        }
    }

    /// Number of days.
    pub(crate) fn days(&self) -> u32 {
        self.days
    }

    /// `2026-01-31`
    pub(crate) fn iso(&self, day: u32) -> &[u8] {
        self.iso_text(day).as_bytes()
    }

    /// `2026-01-31`
    pub(crate) fn iso_text(&self, day: u32) -> &str {
        self.iso.get(day as usize).map_or("", String::as_str)
    }

    /// `31.01.2026`
    pub(crate) fn dotted(&self, day: u32) -> &[u8] {
        self.dotted.get(day as usize).map_or(&[], String::as_bytes)
    }

    /// `2026-01`
    pub(crate) fn month(&self, day: u32) -> &str {
        self.months.get(day as usize).map_or("", String::as_str)
    }

    /// Seconds since 1970 of an instant in seconds since the first day.
    pub(crate) fn epoch_seconds(&self, at: u32) -> i64 {
        START + i64::from(at)
    }
}
