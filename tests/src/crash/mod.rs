//! A project that is killed, stopped and overtaken on its way through a story, and what must stand after each step of it.

mod life;
mod moment;
mod published;
mod story;

pub use life::{Life, Place, Seen};
pub use moment::{Chance, Moment, Watched, signal};
pub use published::{Tables, tables};
pub use story::{Step, story};
