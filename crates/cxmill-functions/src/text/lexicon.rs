//! What is known of the words of a language: which carry no meaning, which say how a text sounds, and which turn that around.
//!
//! The lists are cxmill's own, of words that customers use; one list a line.

use std::collections::{HashMap, HashSet};

use rust_stemmers::Stemmer;

use super::tongue::Tongue;
use super::words::{Word, without_marks};

/// How much more a word counts after one such as `very`, and how much less after one such as `slightly`.
const STRONGER: f64 = 1.5;
const WEAKER: f64 = 0.5;

/// The words of a language.
pub(super) struct Lexicon {
    pub(super) tongue: Tongue,
    stemmer: Stemmer,
    /// Words that say nothing on their own.
    stop: HashSet<String>,
    negations: HashSet<String>,
    /// Negations that may also follow what they negate.
    late_negations: HashSet<String>,
    contrasts: HashSet<String>,
    strengths: HashMap<String, f64>,
    /// By stem, from −2 (angry) to 2 (delighted).
    weights: HashMap<String, f64>,
}

impl Lexicon {
    pub(super) fn new(tongue: Tongue) -> Self {
        let mut lexicon = Self {
            tongue,
            stemmer: Stemmer::create(tongue.algorithm()),
            stop: HashSet::new(),
            negations: HashSet::new(),
            late_negations: HashSet::new(),
            contrasts: HashSet::new(),
            strengths: HashMap::new(),
            weights: HashMap::new(),
        };
        for (kind, word) in entries(tongue.lists()) {
            let word = lexicon.word(word);
            match kind {
                "negation" => _ = lexicon.negations.insert(word.plain.clone()),
                "negation after" => _ = lexicon.late_negations.insert(word.plain.clone()),
                "contrast" => _ = lexicon.contrasts.insert(word.plain.clone()),
                "stronger" => _ = lexicon.strengths.insert(word.plain.clone(), STRONGER),
                "weaker" => _ = lexicon.strengths.insert(word.plain.clone(), WEAKER),
                weight => {
                    if let Ok(weight) = weight.parse() {
                        lexicon.weights.insert(word.stem, weight);
                        continue;
                    }
                }
            }
            lexicon.stop.insert(word.plain);
        }
        lexicon
    }

    /// A word in lower case in its forms.
    pub(super) fn word(&self, written: &str) -> Word {
        let plain = |word: &str| match self.tongue.has_marks_that_matter() {
            true => word.to_owned(),
            false => without_marks(word),
        };
        Word { written: written.to_owned(), plain: plain(written), stem: plain(&self.stemmer.stem(written)) }
    }

    /// Whether a word means something on its own.
    pub(super) fn is_term(&self, word: &Word) -> bool {
        word.written.chars().filter(|letter| letter.is_alphabetic()).count() > 1 && !self.stop.contains(&word.plain)
    }

    pub(super) fn contrasts(&self, word: &Word) -> bool {
        self.contrasts.contains(&word.plain)
    }

    pub(super) fn negates(&self, word: &Word) -> bool {
        self.negations.contains(&word.plain)
    }

    pub(super) fn negates_what_was_before(&self, word: &Word) -> bool {
        self.late_negations.contains(&word.plain)
    }

    /// What a word multiplies the weight of the next one with.
    pub(super) fn strength(&self, word: &Word) -> f64 {
        self.strengths.get(&word.plain).copied().unwrap_or(1.0)
    }

    pub(super) fn weight(&self, word: &Word) -> Option<f64> {
        self.weights.get(&word.stem).copied()
    }
}

/// Each word with the name of its list.
pub(super) fn entries(lists: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    lists
        .lines()
        .filter_map(|line| line.split_once(':'))
        .flat_map(|(kind, words)| words.split_whitespace().map(move |word| (kind, word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_of_a_known_kind_and_has_words_in_lower_case() {
        let kinds = ["stop", "negation", "negation after", "contrast", "stronger", "weaker", "2", "1", "-1", "-2"];
        for tongue in Tongue::ALL {
            for line in tongue.lists().lines() {
                let (kind, words) = line.split_once(':').unwrap();
                assert!(kinds.contains(&kind) && !words.is_empty(), "{tongue:?}: {line}");
                assert_eq!(words, words.to_lowercase(), "{tongue:?}");
            }
            for kind in kinds.iter().filter(|kind| **kind != "negation after") {
                assert!(entries(tongue.lists()).any(|(of, _)| of == *kind), "{tongue:?} has no list '{kind}'");
            }
            assert!(tongue.lexicon().weights.len() > 120, "{tongue:?}: {}", tongue.lexicon().weights.len());
        }
    }

    #[test]
    fn no_stem_has_two_weights() {
        let mut twice = Vec::new();
        for tongue in Tongue::ALL {
            let lexicon = tongue.lexicon();
            for (kind, word) in entries(tongue.lists()) {
                let Ok(weight) = kind.parse::<f64>() else { continue };
                let kept = lexicon.weight(&lexicon.word(word));
                if kept != Some(weight) {
                    twice.push(format!("{} {word}: {weight} and {kept:?}", tongue.code()));
                }
            }
        }
        assert!(twice.is_empty(), "{twice:#?}");
    }
}
