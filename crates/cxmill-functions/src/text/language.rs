//! `language(text)`: the language that a text is written in.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::detect::tongue;
use super::scalar::{Definition, Texts, udf};
use super::tongue::Tongue;
use crate::doc::{Doc, FunctionKind};
use crate::scalar::Shared;

pub(crate) static LANGUAGE: Shared = Shared::new(udf::<Language>);

pub(crate) static LANGUAGE_DOC: Doc = Doc {
    name: "language",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "language(text) → text",
    description: "The language of a text as a code of ISO 639-1: en, es, fr, it, pt or sv. Each word of the text that a language \
                  knows counts for it, in part where several know it; the language that is ahead is given if it is so by two \
                  words, or if the letters bear it out. NULL where that is not certain: for most texts of one word, for other \
                  languages (frequent words of Catalan, Danish, Dutch, Galician, German, Norwegian and Romanian are known, so \
                  that these are seldom taken for one of the six), and if text is NULL.",
    arguments: &[("text", "what somebody wrote")],
    errors: "An argument that is not text is an error.",
    example: "SELECT language(comment) AS language\n\
              FROM (VALUES ('Too expensive'), ('La livraison est arrivée en retard'), ('Die Lieferung kam zu spät'),\n\
              \x20            ('10/10')) AS answers(comment)\n\
              -- en\n\
              -- fr\n\
              -- NULL\n\
              -- NULL",
    source: "Definition and word lists of cxmill; letters by the crate whichlang, a linear model of their groups.",
};

#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Language;

impl Definition for Language {
    fn doc(&self) -> &'static Doc {
        &LANGUAGE_DOC
    }

    fn returns(&self) -> DataType {
        DataType::Utf8
    }

    fn values(&self, texts: &Texts) -> Result<ArrayRef> {
        let codes: StringArray = texts.texts().map(|text| tongue(text?).map(Tongue::code)).collect();
        Ok(Arc::new(codes))
    }
}
