//! Themes of a text, by lists of words for each theme and language.
//!
//! One line a theme and language: `delivery en: late, courier, delivery time`. A word stands for all words with its stem, some
//! words for these stems one after the other. Empty lines, and lines that begin with `#`, say nothing.

use std::collections::HashMap;

use super::tongue::{CODES, Tongue};
use super::words::{Word, clauses};

/// The lists of all themes.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// In the order in which they are first named.
    themes: Vec<String>,
    /// The phrases of a language, by the stem they begin with.
    phrases: HashMap<Tongue, HashMap<String, Vec<Phrase>>>,
}

#[derive(Debug)]
struct Phrase {
    /// The place of its theme in [`Rules::themes`].
    theme: usize,
    /// The stems after the first.
    rest: Vec<String>,
}

impl Rules {
    /// Reads the rules, or says in words which line is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                rules.add(line).map_err(|what| format!("line {number} of rules is '{line}': {what}"))?;
            }
        }
        Ok(rules)
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let (head, list) = line.split_once(':').ok_or("a colon is missing after theme and language")?;
        let (theme, code) =
            head.trim().rsplit_once(char::is_whitespace).ok_or("a theme and a language must stand before the colon")?;
        let tongue = Tongue::of(code).ok_or_else(|| format!("'{code}' is none of {CODES}"))?;
        let theme = self.place(theme.trim());
        let phrases = self.phrases.entry(tongue).or_default();
        for phrase in list.split(',') {
            let mut stems = clauses(phrase, tongue.lexicon()).into_iter().flatten().map(|word| word.stem);
            let first = stems.next().ok_or("a word is missing between commas")?;
            phrases.entry(first).or_default().push(Phrase { theme, rest: stems.collect() });
        }
        Ok(())
    }

    fn place(&mut self, theme: &str) -> usize {
        self.themes.iter().position(|known| known == theme).unwrap_or_else(|| {
            self.themes.push(theme.to_owned());
            self.themes.len() - 1
        })
    }

    /// The themes whose words are in the text, each once, in the order of the rules.
    pub(super) fn themes(&self, text: &str, tongue: Tongue) -> impl Iterator<Item = &str> {
        let mut found = vec![false; self.themes.len()];
        if let Some(phrases) = self.phrases.get(&tongue) {
            for clause in clauses(text, tongue.lexicon()) {
                mark(&clause, phrases, &mut found);
            }
        }
        self.themes.iter().zip(found).filter(|(_, found)| *found).map(|(theme, _)| theme.as_str())
    }
}

fn mark(mut clause: &[Word], phrases: &HashMap<String, Vec<Phrase>>, found: &mut [bool]) {
    while let Some((first, after)) = clause.split_first() {
        for phrase in phrases.get(&first.stem).into_iter().flatten() {
            let follows = after
                .get(..phrase.rest.len())
                .is_some_and(|after| after.iter().zip(&phrase.rest).all(|(word, stem)| word.stem == *stem));
            if let Some(found) = found.get_mut(phrase.theme) {
                *found |= follows;
            }
        }
        clause = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "
        # what customers speak of
        delivery en: late, courier, delivery
        delivery fr: livraison, retard
        customer service en: customer service, call centre
        price en: expensive, price
    ";

    #[test]
    fn words_are_found_by_their_stems_and_phrases_word_by_word() {
        let rules = Rules::parse(RULES).unwrap();
        let themes = |text, tongue| rules.themes(text, tongue).collect::<Vec<_>>();
        assert_eq!(themes("Two deliveries, both late, and the prices!", Tongue::English), ["delivery", "price"]);
        assert_eq!(themes("Customer SERVICE was kind.", Tongue::English), ["customer service"]);
        assert_eq!(themes("A customer. Service was late", Tongue::English), ["delivery"]);
        assert_eq!(themes("customer", Tongue::English), [""; 0]);
        assert_eq!(themes("Livraisons en retard", Tongue::French), ["delivery"]);
        assert_eq!(themes("late", Tongue::Swedish), [""; 0], "there is no list for it");
        assert_eq!(themes("", Tongue::English), [""; 0]);
    }

    #[test]
    fn a_bad_rule_is_named_with_its_line() {
        for (rules, expected) in [
            (
                "\ndelivery en late",
                "line 2 of rules is 'delivery en late': a colon is missing after theme and language",
            ),
            ("en: late", "line 1 of rules is 'en: late': a theme and a language must stand before the colon"),
            ("a tlh: late", "line 1 of rules is 'a tlh: late': 'tlh' is none of en, es, fr, it, pt or sv"),
            ("a en: late,, on", "line 1 of rules is 'a en: late,, on': a word is missing between commas"),
        ] {
            assert_eq!(Rules::parse(rules).unwrap_err(), expected);
        }
    }
}
