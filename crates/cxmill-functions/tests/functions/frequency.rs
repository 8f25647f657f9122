//! The most frequent value.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{context, rows};

#[tokio::test]
async fn of_values_that_are_as_frequent_the_smallest_is_taken() {
    let values = "(VALUES (3, 'web', TRUE, 1.50, DATE '2026-01-03', TIMESTAMP '2026-01-03T10:00:00.5'), \
                  (-20, 'app', FALSE, -7.25, DATE '1969-12-31', TIMESTAMP '1969-12-31T23:59:59.5'), \
                  (3, 'web', TRUE, 1.50, DATE '2026-01-03', TIMESTAMP '2026-01-03T10:00:00.5'), \
                  (-20, 'app', FALSE, -7.25, DATE '1969-12-31', TIMESTAMP '1969-12-31T23:59:59.5'), \
                  (1, 'Zoo', NULL, 9.00, DATE '2026-02-01', TIMESTAMP '2026-02-01T00:00:00'), \
                  (NULL, NULL, NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL, NULL, NULL)) \
                  AS v(whole, text, flag, money, day, at)";
    let sql = format!(
        "SELECT mode(whole), mode(text), mode(flag), mode(CAST(money AS DECIMAL(9, 2))), mode(day), mode(at), \
         mode(arrow_cast(text, 'Dictionary(Int32, Utf8)')), mode(arrow_cast(text, 'Utf8View')), mode(NULL), \
         mode(whole) FILTER (WHERE whole > 0), mode(text) FILTER (WHERE whole > 99) FROM {values}"
    );
    let expected = "-20, app, false, -7.25, 1969-12-31, 1969-12-31T23:59:59.500, app, app, NULL, 3, NULL";
    assert_eq!(rows(&context(), &sql).await, [expected]);
    // What a value is stays: no text is cut off or made of another type.
    let types = format!("SELECT arrow_typeof(mode(whole)), arrow_typeof(mode(at)) FROM {values}");
    assert_eq!(rows(&context(), &types).await, ["Int64, Timestamp(ns)"]);
}

#[tokio::test]
async fn a_value_counts_as_much_as_its_rows_weigh() {
    let sql = "SELECT mode(category, pieces), mode(category) \
               FROM (VALUES ('home', 1), ('home', 1), ('toys', 3), ('garden', 0), ('garden', NULL), (NULL, 99), ('home', 0)) \
               AS lines(category, pieces)";
    assert_eq!(rows(&context(), sql).await, ["toys, home"]);
    let nothing = "SELECT mode(category, pieces) FROM (VALUES ('home', 0), ('home', NULL)) AS lines(category, pieces)";
    assert_eq!(rows(&context(), nothing).await, ["NULL"]);
    // Where bigint ends, more does not turn into less.
    let most =
        "SELECT mode(v, w) FROM (VALUES ('a', 9223372036854775807), ('a', 2), ('b', 9223372036854775806)) AS t(v, w)";
    assert_eq!(rows(&context(), most).await, ["a"]);
}

#[tokio::test]
async fn a_window_that_slides_forgets_what_has_left_it() {
    let sql = "SELECT at, mode(page) OVER (ORDER BY at ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS mode \
               FROM (VALUES (1, 'b'), (2, 'b'), (3, 'a'), (4, 'a'), (5, 'c')) AS views(at, page) ORDER BY at";
    assert_eq!(rows(&context(), sql).await, ["1, b", "2, b", "3, b", "4, a", "5, a"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// What counting each value and taking the first of the most frequent gives.
    #[test]
    fn it_is_the_first_of_the_counts(given in prop::collection::vec((0..4_usize, -3..3_i64, 0..3_i64), 1..60)) {
        let mut counts: BTreeMap<usize, BTreeMap<i64, (i64, i64)>> = BTreeMap::new();
        for (group, value, weight) in &given {
            let (rows, weights) = counts.entry(*group).or_default().entry(*value).or_default();
            *rows += 1;
            *weights += weight;
        }
        let shown = |best: Option<(i64, i64)>| best.map_or("NULL".to_owned(), |(_, value)| (-value).to_string());
        let expected: Vec<String> = counts
            .iter()
            .map(|(group, values)| {
                let frequent = values.iter().map(|(value, (rows, _))| (*rows, -value)).max();
                let heavy = values.iter().map(|(value, (_, weights))| (*weights, -value)).filter(|(weight, _)| *weight > 0).max();
                format!("{group}, {}, {}", shown(frequent), shown(heavy))
            })
            .collect();
        let values: Vec<String> = given.iter().map(|(group, value, weight)| format!("({group}, {value}, {weight})")).collect();
        let sql = format!(
            "SELECT g, mode(v), mode(v, w) FROM (VALUES {}) AS t(g, v, w) GROUP BY g ORDER BY g",
            values.join(", ")
        );
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert_eq!(runtime.block_on(async { rows(&context(), &sql).await }), expected);
    }
}
