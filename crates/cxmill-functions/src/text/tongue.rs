//! The languages that texts are understood in, and the words that are known of each.

use std::sync::LazyLock;

use rust_stemmers::Algorithm;
use whichlang::Lang;

use super::lexicon::Lexicon;

/// A language with a stemmer and a lexicon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Tongue {
    English,
    Spanish,
    French,
    Italian,
    Portuguese,
    Swedish,
}

/// Codes of all languages, as messages list them.
pub(super) const CODES: &str = "en, es, fr, it, pt or sv";

/// In the order of `Tongue`.
static LEXICONS: [LazyLock<Lexicon>; 6] = [
    LazyLock::new(|| Lexicon::new(Tongue::English)),
    LazyLock::new(|| Lexicon::new(Tongue::Spanish)),
    LazyLock::new(|| Lexicon::new(Tongue::French)),
    LazyLock::new(|| Lexicon::new(Tongue::Italian)),
    LazyLock::new(|| Lexicon::new(Tongue::Portuguese)),
    LazyLock::new(|| Lexicon::new(Tongue::Swedish)),
];

impl Tongue {
    pub(super) const ALL: [Self; 6] =
        [Self::English, Self::Spanish, Self::French, Self::Italian, Self::Portuguese, Self::Swedish];

    /// Its code of ISO 639-1.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
            Self::French => "fr",
            Self::Italian => "it",
            Self::Portuguese => "pt",
            Self::Swedish => "sv",
        }
    }

    /// The language of a code in lower case.
    pub(super) fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tongue| tongue.code() == code)
    }

    /// What whichlang calls it.
    pub(super) const fn detected(self) -> Lang {
        match self {
            Self::English => Lang::Eng,
            Self::Spanish => Lang::Spa,
            Self::French => Lang::Fra,
            Self::Italian => Lang::Ita,
            Self::Portuguese => Lang::Por,
            Self::Swedish => Lang::Swe,
        }
    }

    /// What cuts its words down to their stems.
    pub(super) const fn algorithm(self) -> Algorithm {
        match self {
            Self::English => Algorithm::English,
            Self::Spanish => Algorithm::Spanish,
            Self::French => Algorithm::French,
            Self::Italian => Algorithm::Italian,
            Self::Portuguese => Algorithm::Portuguese,
            Self::Swedish => Algorithm::Swedish,
        }
    }

    /// Its words, one list a line: what they are, a colon, the words.
    pub(super) const fn lists(self) -> &'static str {
        match self {
            Self::English => include_str!("tongues/en.txt"),
            Self::Spanish => include_str!("tongues/es.txt"),
            Self::French => include_str!("tongues/fr.txt"),
            Self::Italian => include_str!("tongues/it.txt"),
            Self::Portuguese => include_str!("tongues/pt.txt"),
            Self::Swedish => include_str!("tongues/sv.txt"),
        }
    }

    /// What is known of its words, read when first asked for.
    pub(super) fn lexicon(self) -> &'static Lexicon {
        match self {
            Self::English => &LEXICONS[0],
            Self::Spanish => &LEXICONS[1],
            Self::French => &LEXICONS[2],
            Self::Italian => &LEXICONS[3],
            Self::Portuguese => &LEXICONS[4],
            Self::Swedish => &LEXICONS[5],
        }
    }

    /// Letters with marks are letters of their own in Swedish; elsewhere many leave the marks out.
    pub(super) const fn has_marks_that_matter(self) -> bool {
        matches!(self, Self::Swedish)
    }

    /// An apostrophe is part of an English word (`don't`) and parts the words of the other languages (`l'attente`).
    pub(super) const fn keeps_apostrophes(self) -> bool {
        matches!(self, Self::English)
    }
}
