//! `sentiment(text, language)`: how a text sounds.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::feeling::sentiment;
use super::scalar::{Definition, Texts, udf};
use crate::doc::{Doc, FunctionKind};
use crate::scalar::Shared;

pub(crate) static SENTIMENT: Shared = Shared::new(udf::<Sentiment>);

pub(crate) static SENTIMENT_DOC: Doc = Doc {
    name: "sentiment",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "sentiment(text, language) → double",
    description: "How a text sounds, above -1 (bad) and below 1 (good): s / √(s² + 3.75), where s is the sum of the weights, from \
                  -2 to 2, of the words that the lexicon of the language knows, compared by their stems and without accents \
                  (but in Swedish). A word such as 'very' in the two words before makes a word count 1.5 times, one such as \
                  'slightly' half, and a negation in the three words before -0.74 times, all within the clause. NULL if the \
                  lexicon knows no word of the text, if an argument is NULL, or for any other language. It counts words and \
                  does not understand them: read it over many texts, not of one.",
    arguments: &[("text", "what somebody wrote"), ("language", "en, es, fr, it, pt or sv, for example language(text)")],
    errors: "An argument that is not text, or a constant language that is none of these, is an error.",
    example: "SELECT round(sentiment(comment, 'en'), 2) AS sentiment\n\
              FROM (VALUES ('Good'), ('Very friendly and fast'), ('Good, but late'), ('It was not good'), ('A lamp'))\n\
              \x20 AS answers(comment)\n\
              -- 0.46\n\
              -- 0.79\n\
              -- 0.0\n\
              -- -0.36\n\
              -- NULL",
    source: "Lexicons of cxmill, some 200 words a language that customers use; the score and the factor of a negation are those of \
             Hutto & Gilbert 2014, VADER, ICWSM 8(1); stems by the crate rust-stemmers (Snowball; Porter 2001).",
};

#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Sentiment;

impl Definition for Sentiment {
    fn doc(&self) -> &'static Doc {
        &SENTIMENT_DOC
    }

    fn returns(&self) -> DataType {
        DataType::Float64
    }

    fn values(&self, texts: &Texts) -> Result<ArrayRef> {
        let scores: Float64Array =
            texts.in_their_languages().map(|text| text.and_then(|(text, tongue)| sentiment(text, tongue))).collect();
        Ok(Arc::new(scores))
    }
}
