//! Random pipelines over random rows in random files and runs: after every run the model that keeps states has published what
//! the same query has that is computed in full, file by file and row by row.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::Shop;

const SOURCE: &str = r"
sources:
  answers:
    location: ${raw}/answers/
    format: ndjson
    columns:
      id: {type: int32, required: true}
      at: {type: timestamp, required: true}
      channel: {type: string, required: true}
      customer: {type: string, required: true}
      score: {type: int8, between: [0, 10]}
      amount: {type: 'decimal(10, 2)'}
    event_time: at
    unique_key: [id]
    error_budget: 100%
models:
  dated:
    strategy: view
    sql: SELECT *, local_day(at) AS day FROM answers
";

const KEYS: [&str; 4] = ["day", "channel", "customer", "score"];

const VALUES: [&str; 18] = [
    "count(*)",
    "count(score)",
    "sum(score)",
    "avg(score)",
    "sum(amount)",
    "avg(amount)",
    "min(at)",
    "max(amount)",
    "count(DISTINCT customer)",
    "sum(DISTINCT score)",
    "nps(score)",
    "csat(score, 8)",
    "bool_or(score > 8)",
    "count(*) FILTER (WHERE channel = 'web')",
    "first_value(customer ORDER BY at, id)",
    "median(score)",
    "array_agg(id ORDER BY id)",
    "100 * count(score) / nullif(count(*), 0)",
];

const FILTERS: [&str; 5] =
    ["", "WHERE score IS NOT NULL", "WHERE channel <> 'web'", "WHERE score > 7", "WHERE score > 10"];

const HAVING: [&str; 4] = ["", "HAVING count(*) > 1", "HAVING avg(score) < 6", "HAVING count(*) > 1000"];

/// How the output is cut; the last one by a value that is not a key as it is.
#[derive(Debug, Clone, Copy)]
enum Cut {
    Whole,
    Month,
    Day,
    Channel,
    Derived,
}

/// One query and how its result is laid out.
#[derive(Debug, Clone)]
struct Query {
    keys: Vec<&'static str>,
    values: Vec<&'static str>,
    filter: &'static str,
    having: &'static str,
    cut: Cut,
}

impl Query {
    fn sql(&self) -> String {
        let keys = self.keys.iter().map(|key| (*key).to_owned());
        let values = self.values.iter().enumerate().map(|(place, value)| format!("{value} AS value_{place}"));
        let derived = self.derived().then(|| "CAST(day + INTERVAL '20 days' AS DATE) AS due".to_owned());
        let columns: Vec<String> = keys.chain(derived).chain(values).collect();
        let group = if self.keys.is_empty() { String::new() } else { format!("GROUP BY {}", self.keys.join(", ")) };
        format!("SELECT {} FROM dated {} {group} {}", columns.join(", "), self.filter, self.having)
    }

    fn derived(&self) -> bool {
        matches!(self.cut, Cut::Derived) && self.keys.contains(&"day")
    }

    fn layout(&self) -> &'static str {
        match self.cut {
            Cut::Month if self.keys.contains(&"day") => "    output: {partition_by: {month: day}}\n",
            Cut::Day if self.keys.contains(&"day") => "    output: {partition_by: {day: day}}\n",
            Cut::Channel if self.keys.contains(&"channel") => "    output: {partition_by: [channel]}\n",
            Cut::Derived if self.derived() => "    output: {partition_by: {month: due}}\n",
            _ => "",
        }
    }

    /// The query twice: with states, and computed in full.
    fn pipeline(&self) -> String {
        let mut text = SOURCE.to_owned();
        for (name, strategy) in [("kept", "state"), ("anew", "full")] {
            let (sql, layout) = (self.sql(), self.layout());
            writeln!(text, "  {name}:\n    strategy: {strategy}\n    sql: |\n      {sql}\n{layout}").unwrap();
        }
        text
    }
}

fn query() -> impl Strategy<Value = Query> {
    let cuts = prop_oneof![Just(Cut::Whole), Just(Cut::Month), Just(Cut::Day), Just(Cut::Channel), Just(Cut::Derived)];
    let keys = subsequence(KEYS.to_vec(), 0..=3);
    let values = subsequence(VALUES.to_vec(), 1..=4);
    let words = (any::<Index>(), any::<Index>());
    (keys, values, words, cuts).prop_map(|(keys, values, (filter, having), cut)| {
        // Most queries keep their rows.
        let filter = if keys.is_empty() { "" } else { FILTERS[filter.index(FILTERS.len())] };
        Query { keys, values, filter, having: HAVING[having.index(HAVING.len())], cut }
    })
}

/// Runs, of files, of rows by their number; the same number is the same row.
fn runs() -> impl Strategy<Value = Vec<Vec<Vec<u32>>>> {
    let rows = proptest::collection::vec(0..60_u32, 0..12);
    let files = proptest::collection::vec(rows, 0..3);
    proptest::collection::vec(files, 2..5)
}

/// What row number `id` says. Days are spread over months; some scores and amounts are not there.
fn row(id: u32) -> String {
    let mixed = id.wrapping_mul(2_654_435_761) >> 8;
    let (month, day, hour) = (1 + mixed % 3, 1 + (mixed / 3) % 4, mixed % 24);
    let channel = ["web", "app", "a/b c"][(mixed / 7 % 3) as usize];
    let score = if mixed.is_multiple_of(5) { "null".to_owned() } else { (mixed / 11 % 11).to_string() };
    let amount =
        if mixed.is_multiple_of(7) { "null".to_owned() } else { format!("\"{}.{:02}\"", mixed % 90, mixed / 13 % 100) };
    format!(
        r#"{{"id": {id}, "at": "2026-{month:02}-{day:02}T{hour:02}:00:00Z", "channel": "{channel}", "customer": "c{}", "score": {score}, "amount": {amount}}}"#,
        mixed / 17 % 5
    )
}

async fn equal(query: &Query, runs: &[Vec<Vec<u32>>]) -> Result<(), TestCaseError> {
    let mut shop = Shop::new();
    shop.pipeline = query.pipeline();
    for (number, files) in runs.iter().enumerate() {
        for (file, rows) in files.iter().enumerate() {
            let lines: Vec<String> = rows.iter().map(|id| row(*id)).collect();
            shop.raw(&format!("{number}-{file}.ndjson"), &lines.iter().map(String::as_str).collect::<Vec<_>>());
        }
        let report = shop.run().await;
        prop_assert!(!report.failed(), "{:?}", report.models);
        let (kept, anew) = (shop.published_files("kept"), shop.published_files("anew"));
        prop_assert_eq!(kept, anew, "after run {}: {}", number, query.sql());
    }
    Ok(())
}

#[test]
fn states_give_what_the_whole_query_gives() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cases = std::env::var_os("PROPTEST_CASES").map_or(24, |_| Config::default().cases);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let outcome = runner.run(&(query(), runs()), |(query, runs)| runtime.block_on(Box::pin(equal(&query, &runs))));
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
