//! How a text sounds, by the weights of its words.
//!
//! The score and the factor of a negation are those of VADER (Hutto & Gilbert 2014); the lexicons are not.

use super::tongue::Tongue;
use super::words::{Word, clauses};

/// So many words before a word may turn it around.
const REACH_OF_NEGATION: usize = 3;

/// So many words before a word may make it stronger or weaker.
const REACH_OF_STRENGTH: usize = 2;

/// What is not good is bad, but less so than what is bad: VADER's factor.
const NEGATED: f64 = -0.74;

/// Keeps the score of few words away from the ends of the scale: VADER's 15 for weights twice as large as ours.
const CALM: f64 = 3.75;

/// s / √(s² + 3.75), where s is the sum of the weights: between −1 and 1, `None` where the lexicon knows no word of the text.
pub(super) fn sentiment(text: &str, tongue: Tongue) -> Option<f64> {
    let lexicon = tongue.lexicon();
    let clauses = clauses(text, lexicon);
    let weights = clauses.iter().flat_map(|clause| {
        clause
            .iter()
            .enumerate()
            .filter_map(|(place, word)| Some(lexicon.weight(word)? * factor(clause, place, tongue)))
    });
    let (words, sum) = weights.fold((0_usize, 0.0), |(words, sum), weight| (words + 1, sum + weight));
    (words > 0).then(|| sum / f64::sqrt(sum * sum + CALM))
}

/// What the words around a word make of it.
fn factor(clause: &[Word], place: usize, tongue: Tongue) -> f64 {
    let lexicon = tongue.lexicon();
    let before = |reach: usize| clause.get(place.saturating_sub(reach)..place).unwrap_or_default();
    let strength: f64 = before(REACH_OF_STRENGTH).iter().map(|word| lexicon.strength(word)).product();
    let is_negated = before(REACH_OF_NEGATION).iter().any(|word| lexicon.negates(word))
        || clause.get(place + 1).is_some_and(|word| lexicon.negates_what_was_before(word));
    if is_negated { NEGATED * strength } else { strength }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(sum: f64) -> Option<f64> {
        Some(sum / (sum * sum + 3.75_f64).sqrt())
    }

    #[test]
    fn weights_add_up_and_what_stands_before_a_word_changes_them() {
        for (text, sum) in [
            ("good", 1.0),
            ("excellent", 2.0),
            ("very good", 1.5),
            ("slightly damaged", -0.5),
            ("not good", -0.74),
            ("It wasn't very good", -0.74 * 1.5),
            ("friendly and fast", 2.0),
            ("good, late", 0.0),
            ("not late, good", 0.74 + 1.0),
            ("not cheap but good", -0.74 * -1.0 + 1.0),
        ] {
            assert_eq!(sentiment(text, Tongue::English), score(sum), "{text}");
        }
        assert_eq!(sentiment("It is a lamp", Tongue::English), None);
        assert_eq!(sentiment("", Tongue::English), None);
    }

    #[test]
    fn every_language_knows_good_from_bad() {
        for (tongue, good, bad) in [
            (Tongue::Spanish, "Muy buena calidad, estoy contento", "Llegó tarde y roto"),
            (Tongue::Spanish, "No está mal", "No estoy contento"),
            (Tongue::French, "Personnel aimable et de bons conseils", "Trop cher, je suis déçue"),
            (Tongue::French, "Pas cher", "Le personnel n'est pas très aimable"),
            (Tongue::French, "TRES AGREABLE", "tres decu"),
            (Tongue::Italian, "Ottimo prodotto, veloce", "Arrivato in ritardo, che delusione"),
            (Tongue::Italian, "Non è caro", "Non funziona"),
            (Tongue::Portuguese, "Ótimo produto, recomendo", "Não gostei, veio quebrado"),
            (Tongue::Portuguese, "Sem problemas", "Nao recomendo"),
            (Tongue::Swedish, "Snabbt och bra, jag är nöjd", "Trasig och försenad, jag är besviken"),
            (Tongue::Swedish, "Inte dyrt", "Den fungerar inte"),
        ] {
            assert!(sentiment(good, tongue) > Some(0.2), "{good}: {:?}", sentiment(good, tongue));
            assert!(sentiment(bad, tongue).is_some_and(|score| score < -0.2), "{bad}: {:?}", sentiment(bad, tongue));
        }
    }
}
