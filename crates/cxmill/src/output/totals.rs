//! Counts of files and rows as cells of a table, the same in every command.

use cxmill_engine::Totals;

use super::units;

/// Names of the columns; numbers are aligned to the right.
pub(crate) const COLUMNS: [&str; 6] = [">files", ">bytes", ">read", ">accepted", ">quarantined", ">duplicate"];

/// One cell a column.
pub(crate) fn cells(totals: &Totals) -> [String; 6] {
    [
        units::count(totals.files),
        units::bytes(totals.bytes),
        units::count(totals.read),
        units::count(totals.accepted),
        units::count(totals.quarantined),
        units::count(totals.duplicate),
    ]
}
