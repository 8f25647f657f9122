//! A text as clauses of words.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

use super::lexicon::Lexicon;

/// A word in its forms.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// In lower case.
    pub(super) written: String,
    /// In lower case and without accents.
    pub(super) plain: String,
    /// What its inflected forms share, without accents.
    pub(super) stem: String,
}

/// The words of each clause. Punctuation and words such as `but` begin a new one.
pub(super) fn clauses(text: &str, lexicon: &Lexicon) -> Vec<Vec<Word>> {
    let text = lower(text);
    let mut clauses = Vec::new();
    for part in text.split(ends_a_clause) {
        let mut clause: Vec<Word> = Vec::new();
        for word in split(part, lexicon.tongue.keeps_apostrophes()) {
            let word = lexicon.word(word);
            if lexicon.contrasts(&word) {
                clauses.push(std::mem::take(&mut clause));
            }
            clause.push(word);
        }
        clauses.push(clause);
    }
    clauses.retain(|clause| !clause.is_empty());
    clauses
}

/// In lower case, each letter with its mark as one character, with straight apostrophes.
pub(super) fn lower(text: &str) -> String {
    // Lower case first: it may part a letter from its mark.
    let lower = text.to_lowercase();
    let composed: Cow<'_, str> = ComposingNormalizerBorrowed::new_nfc().normalize(&lower);
    composed.replace('\u{2019}', "'")
}

/// The words of a text in lower case.
pub(super) fn split(text: &str, keeps_apostrophes: bool) -> impl Iterator<Item = &str> {
    text.split(move |letter: char| !(letter.is_alphanumeric() || keeps_apostrophes && letter == '\''))
        .map(|word| word.trim_matches('\''))
        .filter(|word| !word.is_empty())
}

fn ends_a_clause(letter: char) -> bool {
    matches!(letter, '.' | ',' | ';' | ':' | '!' | '?' | '…' | '(' | ')' | '\n' | '\r' | '¡' | '¿' | '–' | '—')
}

/// Without the marks of Latin letters.
pub(super) fn without_marks(word: &str) -> String {
    let bare = |letter: char| match letter {
        'à'..='å' => 'a',
        'ç' => 'c',
        'è'..='ë' => 'e',
        'ì'..='ï' => 'i',
        'ñ' => 'n',
        'ò'..='ö' => 'o',
        'ù'..='ü' => 'u',
        'ý' | 'ÿ' => 'y',
        other => other,
    };
    word.chars().map(bare).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tongue::Tongue;
    use super::*;

    fn written(text: &str, tongue: Tongue) -> Vec<Vec<String>> {
        let words = |clause: Vec<Word>| clause.into_iter().map(|word| word.written).collect();
        clauses(text, tongue.lexicon()).into_iter().map(words).collect()
    }

    #[test]
    fn punctuation_and_contrasts_part_clauses() {
        assert_eq!(written("Late, but GOOD!", Tongue::English), [vec!["late"], vec!["but", "good"]]);
        assert_eq!(written("bon mais cher", Tongue::French), [vec!["bon"], vec!["mais", "cher"]]);
        assert!(written(" — …", Tongue::Swedish).is_empty());
    }

    #[test]
    fn apostrophes_belong_to_english_words_only() {
        assert_eq!(written("Don’t wait", Tongue::English), [["don't", "wait"]]);
        assert_eq!(written("L'attente 10 min", Tongue::French), [["l", "attente", "10", "min"]]);
    }

    #[test]
    fn a_letter_and_its_mark_are_one_however_they_are_written() {
        assert_eq!(written("FO\u{308}RSENAD", Tongue::Swedish), written("försenad", Tongue::Swedish));
        assert_eq!(written("cafe\u{301}", Tongue::French), [["café"]]);
    }

    #[test]
    fn forms_of_a_word_share_their_stem() {
        for (tongue, forms) in [
            (Tongue::English, ["delivery", "deliveries"]),
            (Tongue::French, ["livraison", "livraisons"]),
            (Tongue::French, ["déçue", "decu"]),
            (Tongue::Spanish, ["entrega", "entregas"]),
            (Tongue::Portuguese, ["entrega", "entregas"]),
            (Tongue::Italian, ["consegna", "consegne"]),
            (Tongue::Swedish, ["vänlig", "vänliga"]),
        ] {
            let [one, other] = forms.map(|form| tongue.lexicon().word(form).stem);
            assert_eq!(one, other, "{tongue:?}");
        }
        let [hair, has] = ["hår", "har"].map(|word| Tongue::Swedish.lexicon().word(word).stem);
        assert_ne!(hair, has, "marks matter in Swedish");
    }
}
