//! What holds of every page, and how each chart looks.

mod format;
mod gallery;
mod laws;
mod looks;
