//! What holds of every page, and how each chart looks.

mod docs;
mod format;
mod gallery;
mod laws;
mod layers;
mod looks;
