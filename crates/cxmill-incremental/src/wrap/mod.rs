//! The three wrappers of a call: [`StateFunction`] as *state of f* and *combine states of f*, [`FinishFunction`] as *finish a
//! state of f*; and a fourth that combines and finishes at once.

mod aggregate;
mod finish;
mod groups;
mod one_group;

pub(crate) use self::aggregate::{StateFunction, result_field, row_accumulator, state_column};
pub(crate) use self::finish::{FinishFunction, finish};
pub(crate) use self::groups::StateGroups;
pub(crate) use self::one_group::OneGroup;

/// What goes into an aggregate and what comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// State of f.
    RowsToState,
    /// Combine states of f.
    StatesToState,
    /// Combine states of f, then finish.
    StatesToValue,
}

impl Shape {
    pub(crate) fn reads_states(self) -> bool {
        self != Shape::RowsToState
    }

    pub(crate) fn gives_states(self) -> bool {
        self != Shape::StatesToValue
    }

    /// The last word of the aggregate's name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Shape::RowsToState => "state",
            Shape::StatesToState => "combine",
            Shape::StatesToValue => "merge",
        }
    }
}
