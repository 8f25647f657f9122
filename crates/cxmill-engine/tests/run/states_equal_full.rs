//! Random projects over random rows in random files and runs: late rows, resent ones, ones that say something else under a known
//! key, and bad ones; models that change on the way, that are built anew batch by batch, with runs that end between two batches.
//! After every run that ends with nothing due, the models that keep states have published what the same queries have that are
//! computed in full, file by file and row by row; after the last one, what one run over all files publishes.
//!
//! `PROPTEST_CASES=1000 cargo test --workspace --test run states_equal_full` tries more projects than the 12 of every day.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cxmill_engine::RunOptions;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::{Rows, Shop, published_files, same_tables};

const SOURCES: &str = r"
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
  visits:
    location: ${raw}/visits/
    format: ndjson
    columns:
      id: {type: int32, required: true}
      at: {type: timestamp, required: true}
      channel: {type: string, required: true}
      customer: {type: string, required: true}
      score: {type: int8, between: [0, 10]}
      amount: {type: double}
    event_time: at
    error_budget: 100%
models:
  dated_answers:
    strategy: view
    sql: SELECT *, local_day(at) AS day FROM answers
  dated_visits:
    strategy: view
    sql: SELECT *, local_day(at) AS day FROM visits
";

/// The sources; only the first one has a unique key.
const NAMES: [&str; 2] = ["answers", "visits"];

const KEYS: [&str; 4] = ["day", "channel", "customer", "score"];

const VALUES: [&str; 27] = [
    "count(*)",
    "count(score)",
    "sum(score)",
    "avg(score)",
    "sum(amount)",
    "avg(amount)",
    "min(at)",
    "max(amount)",
    "stddev(amount)",
    "var_pop(score)",
    "covar_pop(score, amount)",
    "regr_count(score, amount)",
    "count(DISTINCT customer)",
    "sum(DISTINCT score)",
    "approx_distinct(customer)",
    "bit_xor(id)",
    "nps(score)",
    "csat(score, 8)",
    "nps_interval(score, 0.95)",
    "bool_or(score > 8)",
    "count(*) FILTER (WHERE channel = 'web')",
    "first_value(customer ORDER BY at, id)",
    "median(score)",
    "string_agg(customer, ',' ORDER BY customer)",
    "array_agg(id ORDER BY id)",
    "100 * count(score) / nullif(count(*), 0)",
    "CASE WHEN count(*) > 3 THEN max(score) - min(score) END",
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
    fn sql(&self, source: &str) -> String {
        let keys = self.keys.iter().map(|key| (*key).to_owned());
        let values = self.values.iter().enumerate().map(|(place, value)| format!("{value} AS value_{place}"));
        let derived = self.derived().then(|| "CAST(day + INTERVAL '20 days' AS DATE) AS due".to_owned());
        let columns: Vec<String> = keys.chain(derived).chain(values).collect();
        let group = if self.keys.is_empty() { String::new() } else { format!("GROUP BY {}", self.keys.join(", ")) };
        format!("SELECT {} FROM dated_{source} {} {group} {}", columns.join(", "), self.filter, self.having)
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

/// A query over each source.
type Project = [Query; 2];

/// Each query twice: with states, and computed in full.
fn pipeline(project: &Project) -> String {
    let mut text = SOURCES.to_owned();
    for (source, query) in NAMES.iter().zip(project) {
        for (name, strategy) in [("kept", "state"), ("anew", "full")] {
            let (sql, layout) = (query.sql(source), query.layout());
            writeln!(text, "  {name}_{source}:\n    strategy: {strategy}\n    sql: |\n      {sql}\n{layout}").unwrap();
        }
    }
    text
}

/// One run: what arrives before it, and how it is run.
#[derive(Debug, Clone)]
struct Step {
    /// Files of rows for each source. A row is its number, and whether it says something else than others of that number.
    files: [Vec<Vec<(u32, bool)>>; 2],
    /// The models from now on.
    change: Option<Project>,
    full_refresh: bool,
    max_batch_bytes: Option<u64>,
    /// The run ends after so many batches.
    ends_after: Option<u64>,
}

fn step() -> impl Strategy<Value = Step> {
    let row = (0..60_u32, prop::bool::weighted(0.1));
    let files = proptest::collection::vec(proptest::collection::vec(row, 0..12), 0..3);
    let change = prop::option::weighted(0.3, [query(), query()]);
    let batch = prop_oneof![1 => Just(None::<u64>), 2 => Just(Some(1)), 1 => Just(Some(5_000))];
    let ends_after = prop::option::weighted(0.4, 0..4_u64);
    let way = (prop::bool::weighted(0.15), batch, ends_after);
    ([files.clone(), files], change, way).prop_map(|(files, change, (full_refresh, max_batch_bytes, ends_after))| {
        Step { files, change, full_refresh, max_batch_bytes, ends_after }
    })
}

/// What row number `id` says. Days are spread over months; some scores and amounts are not there, and some scores are bad.
fn row(id: u32, other: bool) -> String {
    let mixed = id.wrapping_mul(2_654_435_761) >> 8;
    let (month, day, hour) = (1 + mixed % 3, 1 + (mixed / 3) % 4, mixed % 24);
    let channel = ["web", "app", "a/b c"][(mixed / 7 % 3) as usize];
    let score = match mixed {
        _ if other => "7".to_owned(),
        mixed if mixed.is_multiple_of(5) => "null".to_owned(),
        mixed => (mixed / 11 % 12).to_string(),
    };
    let amount =
        if mixed.is_multiple_of(7) { "null".to_owned() } else { format!("{}.{:02}", mixed % 90, mixed / 13 % 100) };
    format!(
        r#"{{"id": {id}, "at": "2026-{month:02}-{day:02}T{hour:02}:00:00Z", "channel": "{channel}", "customer": "c{}", "score": {score}, "amount": {amount}}}"#,
        mixed / 17 % 5
    )
}

/// Published files of a model by name.
fn published(shop: &Shop, model: &str, source: &str) -> BTreeMap<String, Rows> {
    published_files(shop, &format!("{model}_{source}"))
}

async fn equal(first: &Project, steps: &[Step]) -> Result<(), TestCaseError> {
    let (mut shop, mut whole) = (Shop::new(), Shop::new());
    // One model at a time, in little memory.
    shop.settings.insert("memory_limit", "256MB".to_owned());
    let mut project = first.clone();
    for shop in [&shop, &whole] {
        NAMES.iter().for_each(|source| std::fs::create_dir_all(shop.path("data/raw").join(source)).unwrap());
    }
    let last =
        Step { files: [vec![], vec![]], change: None, full_refresh: false, max_batch_bytes: Some(1), ends_after: None };
    for (number, step) in steps.iter().chain([&last]).enumerate() {
        for (source, files) in NAMES.iter().zip(&step.files) {
            for (file, rows) in files.iter().enumerate() {
                let lines: Vec<String> = rows.iter().map(|(id, other)| row(*id, *other)).collect();
                let name = format!("data/raw/{source}/{number}-{file}.ndjson");
                [&shop, &whole].iter().for_each(|shop| std::fs::write(shop.path(&name), lines.join("\n")).unwrap());
            }
        }
        project = step.change.clone().unwrap_or(project);
        shop.pipeline = pipeline(&project);
        shop.max_batch_bytes = step.max_batch_bytes;
        let before = NAMES.map(|source| published(&shop, "kept", source));
        let (full_refresh, rebuild_batches) = (step.full_refresh, step.ends_after);
        let options = RunOptions { full_refresh, rebuild_batches, ..RunOptions::default() };
        let report = shop.try_run(&options).await.unwrap();
        prop_assert!(!report.failed(), "{:?}", report.models);
        for ((source, query), before) in NAMES.iter().zip(&project).zip(before) {
            let what = format!("after run {number}: {}", query.sql(source));
            let kept = published(&shop, "kept", source);
            let name = format!("kept_{source}");
            let action = &report.models.iter().find(|model| model.name == name).unwrap().action;
            match action.as_str() {
                "rebuilding" => prop_assert!(same_tables(&kept, &before), "readers notice nothing {what}"),
                _ => {
                    let anew = published(&shop, "anew", source);
                    prop_assert!(same_tables(&kept, &anew), "{what}\n{kept:#?}\n{anew:#?}");
                }
            }
        }
    }
    whole.pipeline.clone_from(&shop.pipeline);
    whole.run().await;
    for (source, query) in NAMES.iter().zip(&project) {
        let (kept, once) = (published(&shop, "kept", source), published(&whole, "kept", source));
        prop_assert!(same_tables(&kept, &once), "at once: {}\n{kept:#?}\n{once:#?}", query.sql(source));
    }
    Ok(())
}

#[test]
fn states_give_what_the_whole_query_gives() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cases = std::env::var_os("PROPTEST_CASES").map_or(12, |_| Config::default().cases);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let projects = ([query(), query()], proptest::collection::vec(step(), 2..5));
    let outcome = runner.run(&projects, |(project, steps)| runtime.block_on(Box::pin(equal(&project, &steps))));
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
