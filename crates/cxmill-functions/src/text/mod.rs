//! What customers write: in which language, how it sounds, what it is about, in which words.

mod detect;
mod feeling;
mod lexicon;
mod rules;
mod scalar;
mod tongue;
mod words;

pub(crate) mod language;
pub(crate) mod sentiment;
pub(crate) mod terms;
pub(crate) mod themes;
