//! What the compiler of projects promises, seen from outside.
#![expect(clippy::string_slice, reason = "a slice at a wrong byte must fail the test")]

// With the configuration spelled out, the lints take helpers for the test code that they are.
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod never_panics;
#[cfg(test)]
mod places;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod support;
#[cfg(test)]
mod template;
#[cfg(test)]
mod valid;
