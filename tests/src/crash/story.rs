//! What happens to the project `tests/projects/crash`, step by step: a first load, late rows, damage, rows sent again, changed
//! models, a restated file, a snapshot delivered anew, repaired rows, what is removed. A step puts raw files, and may edit the
//! pipeline; then a command takes it up.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// Raw files by name below the project's folder.
    pub files: Vec<(String, Vec<u8>)>,
    /// Texts of `pipelines/shop.yaml` and what takes their place.
    pub edits: Vec<(&'static str, &'static str)>,
    /// The command that takes it up.
    pub command: &'static [&'static str],
}

impl Default for Step {
    fn default() -> Self {
        Self { name: "", files: Vec::new(), edits: Vec::new(), command: &["run"] }
    }
}

impl Step {
    /// Whether its command leaves something to be done, and has to be given until there is nothing.
    #[must_use]
    pub fn in_pieces(&self) -> bool {
        self.command.contains(&"--rebuild-batches")
    }
}

/// The whole story.
#[must_use]
pub fn story() -> Vec<Step> {
    let cut = gzip(&answers(300, 30, "2026-02-08"));
    let cut = cut[..cut.len() * 2 / 3].to_vec();
    vec![
        Step {
            name: "first load",
            files: vec![
                file("answers/1.ndjson", answers(0, 30, "2026-01-05")),
                file("answers/2.ndjson", answers(30, 30, "2026-01-30")),
                file("answers/3.ndjson", answers(60, 30, "2026-02-01")),
                file("orders/1.csv", orders(0, 40, "2026-01-07")),
                file("orders/2.csv", orders(40, 40, "2026-02-03")),
                file("customers/2026-01.csv", customers(3)),
            ],
            ..Step::default()
        },
        Step {
            name: "late rows",
            files: vec![
                file("answers/4.ndjson", answers(100, 10, "2026-01-05") + &answers(110, 10, "2026-03-02")),
                file("orders/3.csv", orders(100, 10, "2026-01-31")),
            ],
            ..Step::default()
        },
        Step {
            name: "damaged files",
            files: vec![
                file("answers/5.ndjson", answers(200, 10, "2026-03-03") + BAD),
                ("raw/answers/6.ndjson.gz".to_owned(), cut),
                file("orders/4.csv", orders(200, 10, "2026-03-04") + "o9,c9,2026-03-04T10:00:00Z,-1\n"),
            ],
            ..Step::default()
        },
        Step {
            name: "rows sent again",
            files: vec![
                file("answers/7.ndjson", answers(0, 30, "2026-01-05") + &answers(110, 12, "2026-03-02") + CONFLICT),
                file("orders/5.csv", orders(0, 40, "2026-01-07")),
            ],
            ..Step::default()
        },
        Step {
            name: "a changed model beside new rows",
            files: vec![file("answers/8.ndjson", answers(400, 5, "2026-04-01"))],
            edits: vec![("nps(score) AS nps\n", "nps(score) AS nps, max(score) AS best\n")],
            ..Step::default()
        },
        Step {
            name: "a day like any other",
            files: vec![
                file("answers/9.ndjson", answers(500, 5, "2026-04-02")),
                file("orders/6.csv", orders(500, 5, "2026-04-02")),
            ],
            ..Step::default()
        },
        Step {
            name: "a file that changed is restated",
            // Rows of it go, and a row that contradicted one of them, in a file with many copies, comes.
            files: vec![file("answers/2.ndjson", answers(40, 25, "2026-01-30") + &answers(600, 5, "2026-02-28"))],
            ..Step::default()
        },
        Step {
            name: "a snapshot is delivered anew",
            files: vec![file("customers/2026-02.csv", customers(2))],
            ..Step::default()
        },
        Step {
            name: "a contract is fixed and rejected rows are fed back",
            edits: vec![("one_of: [web, app, store]", "one_of: [web, app, store, fax]")],
            command: &["quarantine", "replay"],
            ..Step::default()
        },
        Step { name: "what was fed back comes into the tables", ..Step::default() },
        Step {
            name: "a changed model is built anew, some batches a run",
            files: vec![file("answers/a.ndjson", answers(700, 5, "2026-04-03"))],
            edits: vec![("max(score) AS best\n", "max(score) AS best, min(score) AS worst\n")],
            command: &["run", "--rebuild-batches", "4"],
        },
        Step {
            name: "a source is removed and a model retired",
            files: vec![file("orders/7.csv", orders(600, 5, "2026-04-03"))],
            edits: vec![(CUSTOMERS, ""), (BY_SEGMENT, "")],
            ..Step::default()
        },
    ]
}

/// The source that is removed.
const CUSTOMERS: &str = "  customers:
    kind: snapshot
    location: ${raw}/customers/
    format: csv
    columns:
      customer_id: {type: string, required: true}
      segment:     {type: string, required: true}
    unique_key: [customer_id]
";

/// The model that is retired.
const BY_SEGMENT: &str = "
  # Computed in full from a source and a snapshot.
  by_segment:
    strategy: full
    sql: |
      SELECT segment, count(*) AS orders, CAST(sum(amount) AS DECIMAL(18, 2)) AS spend
      FROM orders JOIN customers ON customers.customer_id = orders.customer_id
      GROUP BY segment
    grain: [segment]
";

/// Lines that break the contract, are no JSON, or end too early.
const BAD: &str = "{\"answer_id\":\"x1\",\"customer_id\":\"c1\",\"answered_at\":\"2026-03-03T01:00:00Z\",\"channel\":\"fax\",\"score\":9}\n\
                   no json\n{\"answer_id\":\"x2\"";

/// A row that was read before, and now says something else.
const CONFLICT: &str = "{\"answer_id\":\"a30\",\"customer_id\":\"c1\",\"answered_at\":\"2026-01-30T00:00:00Z\",\"channel\":\"web\",\"score\":0}\n";

fn file(name: &str, text: String) -> (String, Vec<u8>) {
    (format!("raw/{name}"), text.into_bytes())
}

/// NDJSON of answers of one day; every value follows from the id.
fn answers(first: u64, count: u64, day: &str) -> String {
    let mut text = String::new();
    for id in first..first + count {
        let channel = ["web", "app", "store"][usize::try_from(id % 3).expect("a small number")];
        let (customer, hour, score) = (id % 7, id % 24, id * 7 % 11);
        writeln!(
            text,
            r#"{{"answer_id":"a{id}","customer_id":"c{customer}","answered_at":"{day}T{hour:02}:00:00Z","channel":"{channel}","score":{score}}}"#
        )
        .expect("a line");
    }
    text
}

/// CSV of orders of one day; every value follows from the id.
fn orders(first: u64, count: u64, day: &str) -> String {
    let mut text = "order_id,customer_id,ordered_at,amount\n".to_owned();
    for id in first..first + count {
        let (customer, hour, cents) = (id % 7, id % 24, 100 + id * 37 % 9_000);
        writeln!(text, "o{id},c{customer},{day}T{hour:02}:30:00Z,{}.{:02}", cents / 100, cents % 100).expect("a line");
    }
    text
}

/// CSV of all customers, in so many segments.
fn customers(segments: u64) -> String {
    let rows: String = (0..7).map(|id| format!("c{id},s{}\n", id % segments)).collect();
    format!("customer_id,segment\n{rows}")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).expect("memory takes every byte");
    gzip.finish().expect("memory takes every byte")
}
