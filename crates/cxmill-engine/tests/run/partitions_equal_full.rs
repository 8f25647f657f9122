//! Random queries whose rows belong to dates, over random rows of two sources in random zones, files and runs: after every run
//! the model of which single partitions are computed has published what the same query has that is computed in full, file by
//! file and row by row.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::Shop;

/// Zones of event dates and of local days: behind and ahead of UTC, with and without changing clocks.
const ZONES: [&str; 5] = ["UTC", "Europe/Rome", "America/New_York", "Asia/Tokyo", "Pacific/Kiritimati"];

/// A query whose column `day` follows from event dates; `DAY(x)` stands for the local day of an instant.
#[derive(Debug, Clone, Copy)]
struct Query {
    sql: &'static str,
    /// Further keys of the model.
    keys: &'static str,
}

const fn query(sql: &'static str) -> Query {
    Query { sql, keys: "" }
}

const QUERIES: [Query; 15] = [
    query(
        "SELECT a.day, a.customer, count(*) AS n, sum(v.id) AS ids
         FROM (SELECT DAY(at) AS day, customer, id FROM answers) a
         JOIN (SELECT DAY(at) AS day, customer, id FROM visits) v ON v.day = a.day AND v.customer = a.customer
         GROUP BY 1, 2",
    ),
    query(
        "WITH a AS (SELECT DAY(at) AS day, count(*) AS answers FROM answers GROUP BY 1),
              v AS (SELECT DAY(at) AS day, count(*) AS visits, max(id) AS newest FROM visits GROUP BY 1)
         SELECT coalesce(a.day, v.day) AS day, answers, visits, newest FROM a FULL JOIN v ON a.day = v.day",
    ),
    query(
        "SELECT DAY(at) AS day, id, customer,
                row_number() OVER (PARTITION BY DAY(at), customer ORDER BY at, id) AS number,
                lag(id) OVER (PARTITION BY DAY(at) ORDER BY at, id) AS before
         FROM answers",
    ),
    query(
        "WITH daily AS (SELECT DAY(at) AS day, count(*) AS answers, sum(score) AS scores FROM answers GROUP BY 1)
         SELECT day, answers,
                sum(answers) OVER (ORDER BY day RANGE BETWEEN INTERVAL '2 days' PRECEDING AND CURRENT ROW) AS three,
                max(scores) OVER (ORDER BY day RANGE BETWEEN INTERVAL '1 day' PRECEDING AND INTERVAL '1 day' FOLLOWING) AS most
         FROM daily",
    ),
    query(
        "SELECT DAY(at) AS day, id,
                count(*) OVER (PARTITION BY customer ORDER BY at RANGE BETWEEN INTERVAL '36 hours' PRECEDING AND CURRENT ROW) AS lately
         FROM answers",
    ),
    query(
        "SELECT DAY(a.at) AS day, a.id, count(v.id) AS visits, max(v.at) AS newest
         FROM answers a LEFT JOIN visits v
           ON v.customer = a.customer AND v.at > a.at AND v.at <= a.at + INTERVAL '2 days'
         GROUP BY 1, 2",
    ),
    query(
        "SELECT DAY(a.at) AS day, a.id, v.id AS visit FROM answers a, visits v
         WHERE v.customer = a.customer AND CAST(v.at AS DATE) BETWEEN DAY(a.at) - INTERVAL '1 day' AND DAY(a.at)",
    ),
    query(
        "WITH both AS (SELECT at, customer, id FROM answers UNION ALL SELECT at, customer, id + 1000 FROM visits)
         SELECT DAY(at) AS day, customer, median(id) AS middle,
                rank() OVER (PARTITION BY DAY(at) ORDER BY count(*), customer) AS place
         FROM both GROUP BY 1, 2",
    ),
    query("SELECT DISTINCT DAY(at) AS day, customer FROM (SELECT at, customer FROM answers UNION SELECT at, customer FROM visits)"),
    query(
        "SELECT day, customer FROM (SELECT DAY(at) AS day, customer FROM answers) a
         LEFT ANTI JOIN (SELECT DAY(at) AS other, customer AS visitor FROM visits) v ON v.other = a.day AND v.visitor = a.customer",
    ),
    query("SELECT CAST(date_trunc('month', DAY(at)) AS DATE) AS day, median(score) AS middle, count(*) AS n FROM answers GROUP BY 1"),
    query(
        "WITH months AS (SELECT CAST(date_trunc('month', at) AS DATE) AS day, customer, count(*) AS n FROM answers GROUP BY 1, 2)
         SELECT day, customer, n, sum(n) OVER (PARTITION BY day) AS total FROM months",
    ),
    query("SELECT CAST(DAY(at) + INTERVAL '20 days' AS DATE) AS day, id, count(*) OVER (PARTITION BY DAY(at)) AS n FROM answers"),
    // Any visit touches every partition.
    query("SELECT DAY(at) AS day, id FROM answers WHERE customer IN (SELECT customer FROM visits WHERE id % 3 = 0)"),
    Query {
        sql: "WITH stays AS (
                SELECT customer, at, id, session_id(at, INTERVAL '90 minutes') OVER (PARTITION BY customer ORDER BY at) AS session
                FROM answers
              )
              SELECT customer, DAY(min(at)) AS day, min(at) AS started, max(at) AS ended, count(*) AS answers
              FROM stays GROUP BY customer, session",
        keys: "    window: {before: 1d, after: 1d}\n",
    },
];

const LAYOUTS: [&str; 4] = ["[day]", "{day: day}", "{month: day}", "{year: day}"];

#[derive(Debug, Clone)]
struct Project {
    query: Query,
    layout: &'static str,
    zones: [&'static str; 3],
    max_batch_bytes: u64,
    /// How a published model is partitioned through which the query reads the answers, where it does not read them itself.
    through: Option<&'static str>,
}

impl Project {
    /// The query twice: by partitions, and computed in full.
    fn pipeline(&self) -> String {
        let [answers, visits, local] = self.zones;
        let mut text = "sources:\n".to_owned();
        let name = if self.through.is_some() { "asked" } else { "answers" };
        for (name, source, zone) in [(name, "answers", answers), ("visits", "visits", visits)] {
            write!(
                text,
                "
  {name}:
    location: ${{raw}}/{source}/
    format: ndjson
    columns:
      id: {{type: int32, required: true}}
      at: {{type: timestamp, required: true}}
      customer: {{type: string, required: true}}
      score: {{type: int8, between: [0, 10]}}
    event_time: at
    time_zone: {zone}
    unique_key: [id]
    error_budget: 100%
"
            )
            .unwrap();
        }
        text.push_str("models:\n");
        if let Some(layout) = self.through {
            let sql = days("SELECT id, customer, score, at, DAY(at) AS asked_on FROM asked", local);
            let layout = layout.replace("day]", "asked_on]").replace("day}", "asked_on}");
            writeln!(
                text,
                "  answers:\n    strategy: partition\n    sql: {sql}\n    output: {{partition_by: {layout}}}"
            )
            .unwrap();
        }
        let sql = days(self.query.sql, local);
        for (name, strategy, keys) in [("parts", "partition", self.query.keys), ("anew", "full", "")] {
            let (layout, lines) = (self.layout, sql.replace('\n', "\n      "));
            writeln!(text, "  {name}:\n    strategy: {strategy}\n{keys}    sql: |\n      {lines}\n    output: {{partition_by: {layout}}}")
                .unwrap();
        }
        text
    }
}

/// The query with `DAY(x)` spelt out.
fn days(sql: &str, zone: &str) -> String {
    let mut out = String::new();
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once("DAY(") {
        let mut depth = 1;
        let end = after.find(|character| {
            depth += i32::from(character == '(') - i32::from(character == ')');
            depth == 0
        });
        let (inside, behind) = after.split_at(end.unwrap());
        write!(out, "{before}local_day({}, '{zone}')", days(inside, zone)).unwrap();
        rest = behind.strip_prefix(')').unwrap();
    }
    out + rest
}

fn project() -> impl Strategy<Value = Project> {
    let zones = [select(&ZONES[..]), select(&ZONES[..]), select(&ZONES[..])];
    let bytes = prop_oneof![Just(1_u64), Just(8_000), Just(1 << 30)];
    let through = proptest::option::of(select(&LAYOUTS[..]));
    (select(&QUERIES[..]), select(&LAYOUTS[..]), zones, bytes, through).prop_map(
        |(query, layout, zones, max_batch_bytes, through)| Project { query, layout, zones, max_batch_bytes, through },
    )
}

/// Runs, of files of either source, of rows by their number; the same number is the same row.
fn runs() -> impl Strategy<Value = Vec<Vec<(bool, Vec<u32>)>>> {
    let rows = proptest::collection::vec(0..80_u32, 0..10);
    let files = proptest::collection::vec((any::<bool>(), rows), 0..4);
    proptest::collection::vec(files, 2..5)
}

/// What row number `id` says: some hours around midnight of days on which clocks change, months begin, and years do.
fn row(id: u32, source: u32) -> String {
    const DAYS: [&str; 8] = [
        "2025-12-31",
        "2026-01-01",
        "2026-01-31",
        "2026-02-01",
        "2026-03-28",
        "2026-03-29",
        "2026-03-30",
        "2026-10-25",
    ];
    const HOURS: [u32; 8] = [0, 1, 3, 4, 10, 13, 22, 23];
    let mixed = (id + 100 * source).wrapping_mul(2_654_435_761) >> 8;
    let day = DAYS[(mixed % 8) as usize];
    let hour = HOURS[(mixed / 8 % 8) as usize];
    let score = if mixed.is_multiple_of(5) { "null".to_owned() } else { (mixed / 11 % 11).to_string() };
    format!(
        r#"{{"id": {id}, "at": "{day}T{hour:02}:{:02}:00Z", "customer": "c{}", "score": {score}}}"#,
        mixed / 64 % 60,
        mixed / 17 % 3
    )
}

async fn equal(project: &Project, runs: &[Vec<(bool, Vec<u32>)>]) -> Result<(), TestCaseError> {
    let mut shop = Shop::new();
    shop.pipeline = project.pipeline();
    shop.max_batch_bytes = Some(project.max_batch_bytes);
    shop.raw_of("visits", "0.ndjson", &[]);
    for (number, files) in runs.iter().enumerate() {
        for (file, (visits, rows)) in files.iter().enumerate() {
            let source = if *visits { "visits" } else { "answers" };
            let lines: Vec<String> = rows.iter().map(|id| row(*id, u32::from(*visits))).collect();
            shop.raw_of(
                source,
                &format!("{number}-{file}.ndjson"),
                &lines.iter().map(String::as_str).collect::<Vec<_>>(),
            );
        }
        let report = Box::pin(shop.run()).await;
        prop_assert!(!report.failed(), "{:?}", report.models);
        let (parts, anew) = (shop.published_files("parts"), shop.published_files("anew"));
        prop_assert_eq!(parts, anew, "after run {}: {}", number, project.pipeline());
    }
    Ok(())
}

#[test]
fn partitions_give_what_the_whole_query_gives() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cases = std::env::var_os("PROPTEST_CASES").map_or(24, |_| Config::default().cases);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let outcome =
        runner.run(&(project(), runs()), |(project, runs)| runtime.block_on(Box::pin(equal(&project, &runs))));
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// DataFusion 55 refused its own plan where a group of partitions is a single day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_its_own_may_be_without_rows_of_one_source() {
    let query = QUERIES.into_iter().find(|query| query.sql.contains("v.id AS visit")).unwrap();
    let project =
        Project { query, layout: "{day: day}", zones: ["America/New_York"; 3], max_batch_bytes: 1, through: None };
    let runs = [
        vec![
            (false, vec![52, 56]),
            (false, vec![14, 63, 43, 17, 66, 33, 0, 28]),
            (false, vec![34, 19, 31, 68, 11, 3, 53]),
        ],
        vec![(false, vec![30, 61, 14, 50, 52, 41]), (true, vec![]), (true, vec![49, 47, 60, 79, 2, 33, 76])],
        vec![(false, vec![71]), (true, vec![3, 33]), (false, vec![34, 14, 63, 15, 19, 5, 3, 18, 22])],
        vec![],
    ];
    Box::pin(equal(&project, &runs)).await.unwrap();
}
