//! `themes(text, language, rules)`: what a text is about.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err, plan_err};

use super::rules::Rules;
use super::scalar::{Definition, Texts, udf};
use crate::doc::{Doc, FunctionKind};
use crate::scalar::Shared;

pub(crate) static THEMES: Shared = Shared::new(udf::<Themes>);

pub(crate) static THEMES_DOC: Doc = Doc {
    name: "themes",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "themes(text, language, rules) → list<text>",
    description: "The themes whose words are in a text, each once, in the order of the rules. A rule is a line 'theme language: \
                  word, some words, …'; several lines may add to one theme. Words are compared by their stems and without accents \
                  (but in Swedish), so that delivery finds deliveries; some words must follow each other within a clause. An \
                  empty list if no theme is found; NULL if text or language is NULL, or for any other language than those of \
                  language().",
    arguments: &[
        ("text", "what somebody wrote"),
        ("language", "en, es, fr, it, pt or sv, for example language(text)"),
        ("rules", "a constant, such as $themes: one rule a line; empty lines and lines that begin with # say nothing"),
    ],
    errors: "An argument that is not text, a constant language that is none of these, rules that are NULL or not constant, or a \
             line that is not a rule, is an error.",
    example: "SELECT themes(comment, 'en', 'delivery en: late, courier\n\
              \x20                            price en: expensive, price') AS themes\n\
              FROM (VALUES ('The courier came late'), ('Late, and the prices are high'), ('Thanks')) AS answers(comment)\n\
              -- [delivery]\n\
              -- [delivery, price]\n\
              -- []",
    source: "Definition of cxmill; stems by the crate rust-stemmers (Snowball; Porter 2001).",
};

#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Themes;

impl Definition for Themes {
    fn doc(&self) -> &'static Doc {
        &THEMES_DOC
    }

    fn returns(&self) -> DataType {
        DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
    }

    fn check_rules(&self, rules: &str) -> Result<()> {
        match Rules::parse(rules) {
            Ok(_) => Ok(()),
            Err(what) => plan_err!("{}", refusal(&what)),
        }
    }

    fn values(&self, texts: &Texts) -> Result<ArrayRef> {
        let rules = match texts.rules() {
            Some(Some(rules)) => Rules::parse(rules),
            Some(None) => Err("rules is NULL".to_owned()),
            None => Err("rules is not a constant, the same for all rows".to_owned()),
        };
        let rules = match rules {
            Ok(rules) => rules,
            Err(what) => return exec_err!("{}", refusal(&what)),
        };
        let mut found = ListBuilder::new(StringBuilder::new());
        for text in texts.in_their_languages() {
            if let Some((text, tongue)) = text {
                rules.themes(text, tongue).for_each(|theme| found.values().append_value(theme));
            }
            found.append(text.is_some());
        }
        Ok(Arc::new(found.finish()))
    }
}

fn refusal(what: &str) -> String {
    format!("{}: {what}; expected lines 'theme language: word, some words, …'", THEMES_DOC.name)
}
