//! What a reader of the output sees, read with the Parquet library alone.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};

/// Rows of each published object as text, in the order they stand in it, by name below the output root.
pub type Tables = BTreeMap<String, Vec<String>>;

/// Reads every Parquet object below a folder.
///
/// # Panics
/// Where an object is not whole.
#[must_use]
pub fn tables(output: &Path) -> Tables {
    let mut tables = Tables::new();
    for (name, _) in crate::tree(output) {
        if name.ends_with(".parquet") {
            let file = File::open(output.join(&name)).expect("a published object");
            let reader = SerializedFileReader::new(file).unwrap_or_else(|error| panic!("{name}: {error}"));
            let rows = reader.get_row_iter(None).unwrap_or_else(|error| panic!("{name}: {error}"));
            let rows = rows.map(|row| row.unwrap_or_else(|error| panic!("{name}: {error}")).to_string()).collect();
            tables.insert(name, rows);
        }
    }
    tables
}
