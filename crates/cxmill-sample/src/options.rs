//! What to make, and whether it can be made.

use crate::SampleError;

/// What to make. Shares are between 0 and 1.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Options {
    /// Customers acquired, at least 1.
    pub customers: u64,
    /// Days from 2026-01-01 on, at least 1.
    pub days: u32,
    /// Seed: same options, same bytes.
    pub seed: u64,
    /// Share of rows that arrive in a later file than the one of their day.
    pub late: f64,
    /// Share of bad rows.
    pub bad: f64,
    /// Share of rows sent twice.
    pub duplicates: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { customers: 1_000, days: 90, seed: 42, late: 0.01, bad: 0.001, duplicates: 0.005 }
    }
}

/// Customer numbers are kept in 32 bits.
const MOST_CUSTOMERS: u64 = 100_000_000;

/// Ten years; seconds since the first day are kept in 32 bits.
const MOST_DAYS: u32 = 3_660;

impl Options {
    /// Says which option is out of its range, if one is.
    pub(crate) fn validate(&self) -> Result<(), SampleError> {
        if !(1..=MOST_CUSTOMERS).contains(&self.customers) {
            return Err(SampleError(format!(
                "customers must be between 1 and {MOST_CUSTOMERS}, not {}: choose another number",
                self.customers
            )));
        }
        if !(1..=MOST_DAYS).contains(&self.days) {
            return Err(SampleError(format!(
                "days must be between 1 and {MOST_DAYS}, not {}: choose another number",
                self.days
            )));
        }
        for (name, share) in [("late", self.late), ("bad", self.bad), ("duplicates", self.duplicates)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(SampleError(format!(
                    "the share of {name} rows must be between 0% and 100%, not {}%: choose another share",
                    share * 100.0
                )));
            }
        }
        Ok(())
    }
}
