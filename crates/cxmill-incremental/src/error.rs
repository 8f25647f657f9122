//! What can be wrong with a state: typed, so that a caller can tell "build it again" from "this cannot be done".
//!
//! Inside a query these travel as [`DataFusionError::External`]; [`StateError::of`] finds them again.

use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;

/// Why a state cannot be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The column is not a state of this crate.
    #[error("{column} is not the state of an aggregate: it does not name the function it belongs to")]
    NotAState {
        /// Name of the column.
        column: String,
    },
    /// A state of one function was given to another.
    #[error("the state belongs to {found}, not to {wanted}")]
    OtherFunction {
        /// Function that the state names.
        found: String,
        /// Function it was given to.
        wanted: String,
    },
    /// The state was built by another version of its function: it must be built again.
    #[error("the state of {function} has version {found}, this build keeps version {wanted}: build it again")]
    OtherVersion {
        /// Name of the function.
        function: String,
        /// Version that the state names.
        found: String,
        /// Version of this build.
        wanted: u32,
    },
    /// The state was built by a call with other argument types, parameters or order: it must be built again.
    #[error("the state of {function} was built as {found}, not as {wanted}: build it again")]
    OtherCall {
        /// Name of the function.
        function: String,
        /// The call that the state names.
        found: String,
        /// The call it was given to.
        wanted: String,
    },
    /// UNION brings states of two calls into one column.
    #[error(
        "column {column} would hold states of {one} and of {other}, which UNION would take for states of the first: give each a column of its own, with NULL in the other query"
    )]
    MixedStates {
        /// Name of the column.
        column: String,
        /// The call of the first states.
        one: String,
        /// The call of the others.
        other: String,
    },
    /// A column is missing in a table of states.
    #[error("the table of states has no column {column}: build it again")]
    MissingColumn {
        /// Name of the column.
        column: String,
    },
    /// A column has another type than it had when the plan was split.
    #[error("column {column} is {found} where {wanted} is expected")]
    OtherType {
        /// Name of the column.
        column: String,
        /// Type that is there.
        found: DataType,
        /// Type that is expected.
        wanted: DataType,
    },
    /// Values of this type cannot be kept in Parquet without loss.
    #[error(
        "values of type {data_type} cannot be kept: no Parquet reader gives them back as they were; cast {what} first"
    )]
    UnsupportedType {
        /// What has the type.
        what: String,
        /// The type.
        data_type: DataType,
    },
    /// The function has no state that could be kept.
    #[error("{function} {why}")]
    NoState {
        /// Name of the function.
        function: String,
        /// Why, and what to do instead; reads on after the name.
        why: String,
    },
    /// A kept list of rows would not fit the 32-bit offsets of an Arrow array.
    #[error(
        "the state of {function} holds more than {limit} bytes in one batch of groups: lower memory_limit or the number of groups"
    )]
    TooLarge {
        /// Name of the function.
        function: String,
        /// The limit in bytes.
        limit: usize,
    },
}

impl StateError {
    /// The state error that a query failed with, if it was one.
    #[must_use]
    pub fn of(error: &DataFusionError) -> Option<&StateError> {
        match error.find_root() {
            DataFusionError::External(inner) => inner.downcast_ref(),
            _ => None,
        }
    }
}

impl From<StateError> for DataFusionError {
    fn from(error: StateError) -> Self {
        DataFusionError::External(Box::new(error))
    }
}
