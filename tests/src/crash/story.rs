//! What happens to the project `tests/projects/crash`, step by step: a first load, late rows, damage, rows sent again, a
//! changed model. A step puts raw files, and may edit the pipeline; then the project is brought up to date.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// One step.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// Raw files by name below the project's folder.
    pub files: Vec<(String, Vec<u8>)>,
    /// Texts of `pipelines/shop.yaml` and what takes their place.
    pub edits: Vec<(&'static str, &'static str)>,
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
        },
        Step {
            name: "a day like any other",
            files: vec![
                file("answers/9.ndjson", answers(500, 5, "2026-04-02")),
                file("orders/6.csv", orders(500, 5, "2026-04-02")),
            ],
            ..Step::default()
        },
    ]
}

/// Lines that break the contract, are no JSON, or end too early.
const BAD: &str = "{\"answer_id\":\"x1\",\"customer_id\":\"c1\",\"answered_at\":\"2026-03-03T01:00:00Z\",\"channel\":\"fax\"}\n\
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

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).expect("memory takes every byte");
    gzip.finish().expect("memory takes every byte")
}
