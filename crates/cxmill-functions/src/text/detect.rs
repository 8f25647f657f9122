//! The language that a text is written in.
//!
//! Two witnesses: how many of its words each language has, and the groups of letters that the words are made of. Words that
//! several languages have count for each in part. A text of which too little is known has no language.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::lexicon::entries;
use super::tongue::Tongue;
use super::words::{lower, split};

/// A word that one language alone has. It can be divided by as many languages as there are.
const WORD: u64 = 420;

/// So far a language has to be ahead of the next where letters do not bear it out.
const CLEAR: u64 = 2 * WORD;

/// The languages of `Tongue::ALL` and, last, all their neighbours.
const COLUMNS: usize = Tongue::ALL.len() + 1;

/// Frequent words of languages that are easily taken for one of ours: Danish, Norwegian, German, Dutch, Catalan, Galician,
/// Romanian.
const NEIGHBOURS: &str = include_str!("tongues/others.txt");

/// Which languages have a word: a bit a column.
static VOCABULARY: LazyLock<HashMap<&'static str, u8>> = LazyLock::new(|| {
    let mut vocabulary = HashMap::new();
    let lists = Tongue::ALL.into_iter().map(Tongue::lists).chain([NEIGHBOURS]);
    for (column, lists) in lists.enumerate() {
        for (_, word) in entries(lists) {
            *vocabulary.entry(word).or_insert(0) |= 1_u8 << column;
        }
    }
    vocabulary
});

/// The language of a text, where its words leave little doubt.
pub(super) fn tongue(text: &str) -> Option<Tongue> {
    let mut evidence = [0_u64; COLUMNS];
    for word in split(&lower(text), true) {
        match VOCABULARY.get(word) {
            Some(languages) => count(*languages, &mut evidence),
            None => split(word, false)
                .filter(|part| part.len() < word.len())
                .filter_map(|part| VOCABULARY.get(part))
                .for_each(|languages| count(*languages, &mut evidence)),
        }
    }
    let (first, most) = (0..).zip(evidence).max_by_key(|(_, found)| *found)?;
    let next = (0..).zip(evidence).filter(|(column, _)| *column != first).map(|(_, found)| found).max()?;
    let tongue = *Tongue::ALL.get(first)?;
    let lead = most - next;
    (lead >= CLEAR || lead > 0 && whichlang::detect_language(text) == tongue.detected()).then_some(tongue)
}

fn count(languages: u8, evidence: &mut [u64; COLUMNS]) {
    let share = WORD / u64::from(languages.count_ones().max(1));
    for (column, found) in evidence.iter_mut().enumerate() {
        if languages >> column & 1 == 1 {
            *found += share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_of_short_sentences_are_told_apart() {
        for (text, language) in [
            ("The delivery came two days after it was promised", Tongue::English),
            ("Too expensive", Tongue::English),
            ("La entrega llegó dos días después de lo prometido", Tongue::Spanish),
            ("Muy caro", Tongue::Spanish),
            ("La livraison est arrivée deux jours après la date promise", Tongue::French),
            ("PERSONNEL TRÈS AIMABLE", Tongue::French),
            ("La consegna è arrivata due giorni dopo la data promessa", Tongue::Italian),
            ("Troppo caro", Tongue::Italian),
            ("A entrega chegou dois dias depois do que foi prometido", Tongue::Portuguese),
            ("Entrega rápida, ótimo produto, recomendo", Tongue::Portuguese),
            ("Leveransen kom två dagar efter det utlovade datumet", Tongue::Swedish),
            ("Mycket bra service", Tongue::Swedish),
        ] {
            assert_eq!(tongue(text), Some(language), "{text}");
        }
    }

    #[test]
    fn what_is_not_certain_has_no_language() {
        for text in ["", "  ", "10/10", "👍👍", "ok", "RAS", "no", "la", "iPhone 12 Pro Max", "DHL", "配送が遅い"]
        {
            assert_eq!(tongue(text), None, "{text}");
        }
    }

    #[test]
    fn other_languages_are_not_taken_for_one_of_these() {
        for text in [
            "Die Lieferung kam zwei Tage zu spät",
            "De levering was twee dagen te laat",
            "Jeg er meget tilfreds med produktet",
            "Jeg er veldig fornøyd med varen",
            "El lliurament va arribar dos dies més tard",
            "A entrega chegou dous días despois do prometido",
            "Livrarea a venit cu două zile mai târziu",
            "Dostawa przyszła dwa dni później",
            "Toimitus tuli kaksi päivää myöhässä",
        ] {
            assert_eq!(tongue(text), None, "{text}");
        }
    }
}
