//! What customers write, through SQL.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, StringArray, StringViewArray};
use datafusion::arrow::datatypes::{Float64Type, Int32Type};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::runtime::Runtime;

use crate::{context, query, refusal, rows};

const SENTENCES: &str = "(VALUES ('The delivery was late and the box was damaged'), \
                         ('La livraison est arrivée en retard et le carton était abîmé'), \
                         ('Entrega rápida, ótimo produto, recomendo'), ('10/10'), (NULL)) AS answers(text)";

#[tokio::test]
async fn language_feeds_sentiment_themes_and_terms() {
    let ctx = context();
    let rules = "delivery en: late\ndelivery fr: retard\ndelivery pt: entrega\nproduct pt: produto";
    let sql = format!(
        "SELECT language(text), round(sentiment(text, language(text)), 3), themes(text, language(text), '{rules}'), \
                terms(text, language(text))[1]['stem']
         FROM {SENTENCES}"
    );
    assert_eq!(
        rows(&ctx, &sql).await,
        [
            "en, -0.718, [delivery], deliveri",
            "fr, -0.718, [delivery], livraison",
            "pt, 0.9, [delivery, product], entreg",
            "NULL, NULL, NULL, NULL",
            "NULL, NULL, NULL, NULL"
        ]
    );
}

#[tokio::test]
async fn a_constant_gives_what_a_column_gives() {
    let ctx = context();
    for text in ["Great service, friendly people", "It was not good", "A lamp", ""] {
        let call = |text: &str, language: &str| {
            format!(
                "SELECT language({text}), sentiment({text}, {language}), themes({text}, {language}, 'staff en: people'), \
                 terms({text}, {language})"
            )
        };
        let constant = call(&format!("'{text}'"), "'en'");
        let column = format!("{} FROM (VALUES ('{text}', 'en')) AS x(t, l)", call("t", "l"));
        assert_eq!(rows(&ctx, &constant).await, rows(&ctx, &column).await, "{text}");
    }
}

#[tokio::test]
async fn case_and_accents_do_not_change_how_a_text_sounds() {
    let ctx = context();
    let sql = "SELECT count(*) FROM (VALUES ('Très déçue, c''est abîmé'), ('Personnel agréable')) AS answers(text)
               WHERE sentiment(text, 'fr') <> sentiment(upper(text), 'fr')
                  OR sentiment(text, 'fr') <> sentiment(translate(text, 'èéçî', 'eeci'), 'fr')";
    assert_eq!(rows(&ctx, sql).await, ["0"]);
}

#[tokio::test]
async fn what_is_in_another_language_is_unknown() {
    let ctx = context();
    let sql = "SELECT sentiment('gut', l), themes('gut', l, 'a en: b'), terms('gut', l)
               FROM (VALUES ('de'), ('EN'), (NULL)) AS languages(l)";
    assert_eq!(rows(&ctx, sql).await, ["NULL, NULL, NULL"; 3]);
    let sql = "SELECT sentiment(NULL, 'en'), terms(NULL, 'en'), language(NULL), themes('good', 'en', '# nothing')";
    assert_eq!(rows(&ctx, sql).await, ["NULL, NULL, NULL, []"]);
}

#[tokio::test]
async fn bad_rules_languages_and_types_are_refused_in_words() {
    let ctx = context();
    for (sql, expected) in [
        (
            "SELECT themes('x', 'en', 'late')",
            "themes: line 1 of rules is 'late': a colon is missing after theme and language; expected lines 'theme language: word",
        ),
        ("SELECT themes('x', 'en', NULL)", "themes: rules is NULL; expected lines"),
        (
            "SELECT themes('x', 'en', r) FROM (VALUES ('a en: b'), ('c en: d')) AS t(r)",
            "themes: rules is not a constant",
        ),
        ("SELECT themes('x', 'en')", "themes: 2 arguments; expected themes(text, language, rules)"),
        ("SELECT language(1)", "language: text is Int64; expected text"),
        ("SELECT sentiment('x', 1)", "sentiment: language is Int64; expected text"),
        (
            "SELECT sentiment(x, 'english') FROM (VALUES ('a')) AS t(x)",
            "sentiment: language is 'english'; expected en, es,",
        ),
        ("SELECT terms('x', 'de')", "terms: language is 'de'; expected en, es, fr, it, pt or sv"),
    ] {
        let message = refusal(&ctx, sql).await;
        assert!(message.contains(expected), "{sql}: {message}");
    }
}

#[tokio::test]
async fn texts_of_any_layout_give_the_same() {
    let texts = [Some("Very good"), None, Some("Trop cher"), Some("Very good")];
    let layouts: [ArrayRef; 3] = [
        Arc::new(StringArray::from_iter(texts)),
        Arc::new(StringViewArray::from_iter(texts)),
        Arc::new(DictionaryArray::<Int32Type>::from_iter(texts)),
    ];
    for layout in layouts {
        let ctx = context();
        ctx.register_batch("answers", RecordBatch::try_from_iter([("text", layout)]).unwrap()).unwrap();
        let sql = "SELECT language(text), round(sentiment(text, language(text)), 3) FROM answers";
        assert_eq!(rows(&ctx, sql).await, ["en, 0.612", "NULL, NULL", "fr, -0.612", "en, 0.612"]);
    }
}

/// Whatever somebody writes: no panic, a sentiment within its bounds, terms that are words of the text, themes of the rules.
#[test]
fn any_text_gives_a_result() {
    let runtime = Runtime::new().unwrap();
    let letters = "[a-zàâäéèêëîïôöùûüçñåøæœßİ'’ \u{301}\u{308}.,!A-ZÅÄÖ]{0,60}";
    let text = prop_oneof![any::<String>(), "\\PC{0,40}", letters];
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) };
    let outcome = TestRunner::new(config).run(&prop::collection::vec(text, 1..40), |texts| {
        let ctx = context();
        let column: ArrayRef = Arc::new(StringArray::from(texts));
        ctx.register_batch("answers", RecordBatch::try_from_iter([("text", column)]).unwrap()).unwrap();
        for language in ["en", "es", "fr", "it", "pt", "sv"] {
            let sql = format!(
                "SELECT language(text), sentiment(text, '{language}'), themes(text, '{language}', 'a {language}: non, été'), \
                        terms(text, '{language}')
                 FROM answers"
            );
            let found = runtime.block_on(query(&ctx, &sql));
            for score in found.column(1).as_primitive::<Float64Type>().iter().flatten() {
                prop_assert!(score > -1.0 && score < 1.0, "{score}");
            }
            prop_assert_eq!(found.column(2).null_count() + found.column(3).null_count(), 0);
            let terms = found.column(3).as_list::<i32>().values().as_struct();
            for (stem, word) in terms.column(0).as_string::<i32>().iter().zip(terms.column(1).as_string::<i32>()) {
                prop_assert!(stem.is_some_and(|stem| !stem.is_empty()) && word.is_some_and(|word| word.len() > 1));
            }
        }
        Ok(())
    });
    outcome.unwrap();
}
