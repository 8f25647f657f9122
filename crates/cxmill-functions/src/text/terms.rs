//! `terms(text, language)`: the words of a text that mean something on their own.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListArray, StringArray, StructArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::Result;

use super::scalar::{Definition, Texts, udf};
use super::tongue::Tongue;
use super::words::{Word, clauses};
use crate::doc::{Doc, FunctionKind};
use crate::scalar::Shared;

pub(crate) static TERMS: Shared = Shared::new(udf::<Terms>);

pub(crate) static TERMS_DOC: Doc = Doc {
    name: "terms",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "terms(text, language) → list<struct{stem, word: text}>",
    description: "The words of a text that mean something on their own, each stem once with the word it first stands in, in lower \
                  case: without articles, pronouns, auxiliary verbs and the like, and without numbers. Count texts by stem, and \
                  show one of its words. An empty list if there is none; NULL if an argument is NULL, or for any other language.",
    arguments: &[("text", "what somebody wrote"), ("language", "en, es, fr, it, pt or sv, for example language(text)")],
    errors: "An argument that is not text, or a constant language that is none of these, is an error.",
    example: "SELECT term['stem'] AS stem, min(term['word']) AS word, count(*) AS texts\n\
              FROM (SELECT unnest(terms(comment, 'en')) AS term\n\
              \x20     FROM (VALUES ('The deliveries are late'), ('My delivery was late, and late again')) AS answers(comment))\n\
              GROUP BY 1 ORDER BY 1\n\
              -- deliveri, deliveries, 2\n\
              -- late, late, 2",
    source: "Word lists of cxmill; stems by the crate rust-stemmers (Snowball; Porter 2001).",
};

#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Terms;

impl Definition for Terms {
    fn doc(&self) -> &'static Doc {
        &TERMS_DOC
    }

    fn returns(&self) -> DataType {
        DataType::List(Arc::new(element()))
    }

    fn values(&self, texts: &Texts) -> Result<ArrayRef> {
        let rows: Vec<Option<Vec<Word>>> =
            texts.in_their_languages().map(|text| text.map(|(text, tongue)| terms(text, tongue))).collect();
        let nulls = NullBuffer::from_iter(rows.iter().map(Option::is_some));
        let offsets = OffsetBuffer::from_lengths(rows.iter().map(|row| row.as_ref().map_or(0, Vec::len)));
        let (stems, words): (Vec<String>, Vec<String>) =
            rows.into_iter().flatten().flatten().map(|word| (word.stem, word.written)).unzip();
        let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(stems)), Arc::new(StringArray::from(words))];
        let values = StructArray::try_new(fields(), columns, None)?;
        Ok(Arc::new(ListArray::try_new(Arc::new(element()), offsets, Arc::new(values), Some(nulls))?))
    }
}

fn fields() -> Fields {
    ["stem", "word"].map(|name| Field::new(name, DataType::Utf8, true)).into_iter().collect()
}

fn element() -> Field {
    Field::new_list_field(DataType::Struct(fields()), true)
}

fn terms(text: &str, tongue: Tongue) -> Vec<Word> {
    let lexicon = tongue.lexicon();
    let mut seen = HashSet::new();
    let words = clauses(text, lexicon).into_iter().flatten().filter(|word| lexicon.is_term(word));
    words.filter(|word| seen.insert(word.stem.clone())).collect()
}
