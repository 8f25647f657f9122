//! Tests of the protocol as a whole. `world` makes stores and runs; the others are named for what they hold.

mod collecting;
mod decisions;
mod faults;
mod logs;
mod protocol;
mod publishing;
mod races;
mod random;
mod world;
