//! Aggregates whose states can be kept, combined and finished later, for DataFusion.
mod call;
mod error;
mod keep;
mod known;
mod named;
mod split;
mod state;
mod stored;
mod wrap;

pub use crate::call::{Argument, Call, Modifiers, OrderKey};
pub use crate::error::StateError;
pub use crate::known::{BuiltIn, KnownFunctions, StateGrowth, built_in};
pub use crate::named::register_state_functions;
pub use crate::split::{Forbids, Key, Reason, Split, State, split};
pub use crate::state::Origin;
