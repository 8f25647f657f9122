//! The header of a CSV object.

/// Names of the cells of an object's records, in order, without the blanks around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvHeader {
    /// The names.
    pub names: Vec<String>,
    /// Line number of the header, from 1.
    pub line: u64,
}
