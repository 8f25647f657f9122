//! The shipped pipelines over the sample, held against its truth and read back with other readers.
#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::collections::BTreeMap;
use std::path::Path;

use cxmill_tests::{TestProject, number, peers, root, tree};
use serde_json::Value;

fn sample(customers: &str, days: &str) -> (TestProject, Value) {
    let project = TestProject::shipped();
    drop(project.cxmill(["sample", "data/sample", "--customers", customers, "--days", days]).exits(0));
    let truth = std::fs::read(project.path().join("data/sample/_truth.json")).expect("the truth");
    (project, serde_json::from_slice(&truth).expect("the truth is JSON"))
}

#[track_caller]
fn close(found: &Value, expected: &Value) {
    let (found, expected) = (found.as_f64().expect("a number"), expected.as_f64().expect("a number"));
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found} is not {expected}");
}

/// Late, bad and resent rows are in the sample; what comes out is what is true of its clean rows.
#[test]
fn report_and_tables_equal_the_truth() {
    let (project, truth) = sample("300", "60");
    let report = project.cxmill(["--format", "json", "run"]).exits(0).json();
    let sources = report["sources"].as_array().expect("sources");
    assert_eq!(sources.len(), truth["sources"].as_object().expect("sources").len());
    for source in sources {
        let name = source["name"].as_str().expect("a name");
        let expected = &truth["sources"][name];
        for (key, true_key) in [
            ("files", "files"),
            ("read", "rows"),
            ("accepted", "clean"),
            ("quarantined", "bad"),
            ("duplicate", "duplicates"),
        ] {
            assert_eq!(source[key], expected[true_key], "{key} of {name}");
        }
    }
    assert!(sources.iter().any(|source| source["quarantined"] != 0), "the sample has bad rows");
    assert!(report["checks"].as_array().expect("checks").len() > 10);

    for row in project.rows("nps_by_channel") {
        let channel = row["channel"].as_str().expect("a channel");
        let expected = &truth["nps"]["by_channel"][channel];
        assert_eq!(row["answers"], expected["answers"], "{channel}");
        close(&row["nps"], &expected["nps"]);
    }
    let customers = project.rows("clv_customers");
    let total: f64 = customers
        .iter()
        .map(|row| {
            row["total_spend"]
                .as_str()
                .map_or_else(|| row["total_spend"].as_f64(), |text| text.parse().ok())
                .expect("an amount")
        })
        .sum();
    let orders: u64 = customers.iter().map(|row| row["orders"].as_u64().expect("a count")).sum();
    let expected = &truth["spend"]["all"];
    assert_eq!(
        (customers.len() as u64, orders),
        (expected["customers"].as_u64().expect("a count"), expected["orders"].as_u64().expect("a count"))
    );
    let spend: f64 = expected["total"].as_str().expect("an amount").parse().expect("a number");
    assert!((total - spend).abs() < 0.005, "{total} is not {spend}");
}

/// Same input, same output: files that come in two runs, read with another number of threads and in small batches.
#[test]
fn published_rows_do_not_depend_on_how_files_were_batched() {
    let Some(peers) = peers() else { return };
    let (whole, _) = sample("150", "40");
    drop(whole.cxmill(["run"]).exits(0));

    let parts = TestProject::shipped();
    let files = tree(&whole.path().join("data/sample"));
    for name in files.keys() {
        // A source may have its first file in the second half.
        let folder = parts.path().join("data/sample").join(name).parent().and_then(Path::parent).map(Path::to_owned);
        std::fs::create_dir_all(folder.expect("a folder")).expect("folders");
    }
    for half in 0..2 {
        for (name, bytes) in &files {
            let early = name.split("date=").nth(1).is_some_and(|date| date < "2026-01-20");
            if early == (half == 0) {
                parts.write(&format!("data/sample/{name}"), bytes);
            }
        }
        drop(parts.cxmill(["--set", "threads=1", "--set", "max_batch_bytes=200kB", "run"]).exits(0));
    }
    for model in published_models(&whole) {
        let glob = |project: &TestProject| {
            format!(
                "read_parquet('{}/data/output/{model}/**/*.parquet', hive_partitioning = false)",
                project.path().display()
            )
        };
        // Doubles may differ in their last bits: a sum depends on the order of its parts.
        let rounded = |from: String| {
            format!(
                "SELECT md5(string_agg(row_text, '|' ORDER BY row_text)) AS hash, count(*) AS rows FROM (SELECT regexp_replace(CAST(t AS VARCHAR), '(\\d+\\.\\d{{6}})\\d+(e-?\\d+)?', '\\1', 'g') AS row_text FROM {from} t)"
            )
        };
        assert_eq!(peers.duckdb(&rounded(glob(&whole))), peers.duckdb(&rounded(glob(&parts))), "{model}");
    }
}

fn published_models(project: &TestProject) -> Vec<String> {
    let status = project.cxmill(["--format", "json", "status"]).exits(0).json();
    let models = status["models"].as_array().expect("models");
    models
        .iter()
        .filter(|model| model["strategy"] != "view")
        .map(|model| model["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// DuckDB, Polars and pandas read every published table, and see the same number of rows with types they all know.
#[test]
fn every_table_is_read_by_other_readers() {
    let Some(peers) = peers() else { return };
    // Long enough for customers to be lost and to come back.
    let (project, _) = sample("250", "125");
    drop(project.cxmill(["run"]).exits(0));
    let output = project.path().join("data/output");
    let seen = peers.tables(&output);
    let names: Vec<&str> = seen.iter().map(|table| table["name"].as_str().expect("a name")).collect();
    let mut models = published_models(&project);
    models.sort_unstable();
    assert_eq!(names, models);
    let status = project.cxmill(["--format", "json", "status"]).exits(0).json();
    for table in &seen {
        let name = table["name"].as_str().expect("a name");
        let model = status["models"].as_array().expect("models").iter().find(|model| model["name"] == name);
        let rows = &model.expect("a model")["rows"];
        assert!(rows.as_u64().expect("a count") > 0, "{name} has rows");
        for reader in ["duckdb", "polars", "pandas"] {
            assert_eq!(table[reader], *rows, "{name} through {reader}");
        }
        for types in table["types"].as_array().expect("types") {
            let said = types.as_str().expect("a type");
            for word in ["NanoSeconds", "isSigned=0", "UINT", "INT96"] {
                assert!(!said.contains(word), "{name}: {said}");
            }
        }
        assert!(footer(&output.join(name)), "{name} carries cxmill's metadata");
    }
}

fn footer(table: &Path) -> bool {
    let files = tree(table);
    let mut parquet = files.iter().filter(|(name, _)| name.ends_with(".parquet"));
    let holds = |bytes: &[u8], words: &[u8]| bytes.windows(words.len()).any(|window| window == words);
    parquet.all(|(_, bytes)| holds(bytes, b"cxmill.epoch") && holds(bytes, b"cxmill.fingerprint"))
        && files.contains_key("_cxmill.json")
}

/// What a newcomer sees: no sample yet, one command, a readable end.
#[test]
fn first_run_makes_the_sample_and_ends_with_a_summary() {
    let project = TestProject::shipped();
    let ran = project.cxmill(["run"]).exits(0);
    assert!(ran.stderr.contains("made the sample"), "{}", ran.stderr);
    for words in ["NPS by channel", "web", "tables are in", "checks passed"] {
        assert!(ran.stdout.contains(words), "{words} is missing:\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains("withheld"), "{}", ran.stdout);
}

/// States are columns that every reader understands: what cxmill rolls up, a reader can as well.
#[test]
fn published_states_are_rolled_up_here_and_elsewhere() {
    let project = TestProject::fixture("rollup");
    drop(project.cxmill(["test"]).exits(0));
    let answer = |id: u32| {
        let (day, customer, channel, score) =
            (1 + id % 28, id % 13, ["web", "app", "store"][id as usize % 3], id * 7 % 11);
        format!(
            r#"{{"answer_id":"a{id}","customer_id":"c{customer}","answered_at":"2026-0{}-{day:02}T10:00:00Z","channel":"{channel}","score":{score}}}"#,
            1 + id % 2
        )
    };
    project.write("raw/answers/1.ndjson", (0..300).map(answer).collect::<Vec<_>>().join("\n"));
    drop(project.cxmill(["run"]).exits(0));
    let monthly = project.rows("monthly");
    assert_eq!(monthly.len(), 2, "{monthly:?}");
    let Some(peers) = peers() else { return };
    let glob = format!("'{}/daily/**/*.parquet'", project.path().join("output").display());
    let by_month = "GROUP BY 1 ORDER BY 1";
    let mean = "SELECT date_trunc('month', day)::DATE AS month, sum(mean.sum) / sum(mean.count) AS mean";
    let means = peers.duckdb(&format!("{mean} FROM {glob} {by_month}"));
    let customers = "SELECT date_trunc('month', day)::DATE AS month, count(DISTINCT customer.argument_1) AS customers";
    let unnested = format!("{glob} AS daily, unnest(daily.customers.rows) AS rows(customer)");
    let customers = peers.duckdb(&format!("{customers} FROM {unnested} {by_month}"));
    assert_eq!((means.len(), customers.len()), (2, 2), "{means:?} {customers:?}");
    let raw = peers.duckdb(&format!(
        "SELECT date_trunc('month', answered_at)::DATE AS month, avg(score) AS mean,
                100.0 * (count(*) FILTER (score > 8) - count(*) FILTER (score < 7)) / count(*) AS nps,
                count(DISTINCT customer_id) AS customers
         FROM read_json('{}') GROUP BY 1 ORDER BY 1",
        project.path().join("raw/answers/1.ndjson").display()
    ));
    for (((rolled, raw), mean), customers) in monthly.iter().zip(&raw).zip(&means).zip(&customers) {
        for (column, found) in
            [("mean", rolled), ("nps", rolled), ("customers", rolled), ("mean", mean), ("customers", customers)]
        {
            close(&found[column], &raw[column]);
        }
    }
}

/// The sample's reviews say in which language they are written, and their stars how they are meant.
/// The page `docs/strategies.md` from what `cxmill plan` says of the shipped models.
fn strategies(plan: &Value) -> String {
    let mut kept: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut anew: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let models = plan["models"].as_array().expect("models");
    for model in models {
        let text = |key: &str| model[key].as_str().expect("words");
        let name = format!("`{}`", text("name"));
        match text("strategy") {
            "full" => anew.entry(without_places(text("strategy_why"))).or_default().push(name),
            strategy => kept.entry(strategy).or_default().push(name),
        }
    }
    let mut page = String::from(STRATEGIES);
    let listed = |names: &mut Vec<String>| {
        names.sort();
        names.join(", ")
    };
    for (strategy, names) in &mut kept {
        page += &format!("| `{strategy}` | {} | {} |\n", names.len(), listed(names));
    }
    let count: usize = anew.values().map(Vec::len).sum();
    page += &format!("\n## Computed anew\n\n{count} of {} models.\n\n| why | models |\n|---|---|\n", models.len());
    let mut anew: Vec<_> = anew.into_iter().collect();
    anew.sort_by_key(|(why, names)| (std::cmp::Reverse(names.len()), why.clone()));
    for (why, names) in &mut anew {
        page += &format!("| {why} | {} |\n", listed(names));
    }
    page
}

const STRATEGIES: &str = "# Strategies of the shipped models

What [`cxmill plan`](pipelines.md) says of them: which models a day of new rows costs a day, and which are computed anew from all of their history whenever one of their
inputs has new rows, and why. A test holds this page to what `plan` says; renew it with

```sh
CXMILL_TEST_RENEW=1 cargo test --workspace --test pipelines strategies
```

## Brought up to date

| strategy | models | which |
|---|---|---|
";

/// A reason without the places in files, which every edit moves, and without what all of them begin with.
fn without_places(why: &str) -> String {
    let mut parts = why.split(" (pipelines/");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text += part.split_once(')').map_or("", |(_, rest)| rest);
    }
    text.trim_start_matches("computed anew whenever something it reads changes: ").replace('|', "\\|")
}

#[test]
fn the_page_of_strategies_says_what_plan_says() {
    let (project, _) = sample("20", "5");
    let page = strategies(&project.cxmill(["--format", "json", "plan"]).exits(0).json());
    let path = root().join("docs/strategies.md");
    if number("CXMILL_TEST_RENEW", 0) == 1 {
        std::fs::write(&path, &page).expect("the page");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/strategies.md is old: renew it with the command that stands in it; it would say\n{page}"
    );
}

#[test]
fn voice_hears_languages_and_moods() {
    let (project, _) = sample("300", "60");
    drop(project.cxmill(["run"]).exits(0));
    let Some(peers) = peers() else { return };
    let output = project.path().join("data/output");
    let heard = peers.duckdb(&format!(
        "WITH reviews AS (
           SELECT DISTINCT review_id AS text_id, language, rating
           FROM read_json('{0}/data/sample/reviews/**', columns = {{review_id: 'VARCHAR', language: 'VARCHAR', rating: 'VARCHAR'}}, ignore_errors = true)
         )
         SELECT count(*) AS reviews, count(v.language) AS known, count(*) FILTER (v.language <> r.language) AS wrong,
                avg(v.sentiment) FILTER (r.rating IN ('1', '2')) AS bad, avg(v.sentiment) FILTER (r.rating IN ('4', '5')) AS good
         FROM '{1}/voice_texts/**/*.parquet' v JOIN reviews r USING (text_id)",
        project.path().display(),
        output.display()
    ));
    let count = |name: &str| heard[0][name].as_u64().expect("a count");
    assert!(count("reviews") > 50 && count("known") * 10 > count("reviews") * 8 && count("wrong") == 0, "{heard:?}");
    let mean = |name: &str| heard[0][name].as_f64().expect("a mean");
    assert!(mean("bad") + 0.5 < mean("good"), "{heard:?}");

    let themes = project.rows("voice_themes");
    assert!(themes.len() >= 4, "{themes:?}");
    let languages: Vec<Value> = project.rows("voice_languages");
    for language in ["en", "es", "it", "sv", "fr"] {
        assert!(languages.iter().any(|row| row["language"] == language), "{language}: {languages:?}");
    }
}

/// `memory_limit` bounds the process, not only the pools inside.
#[test]
fn memory_stays_within_its_limit() {
    let project = TestProject::shipped();
    drop(project.cxmill(["sample", "data/sample", "--customers", "6000", "--days", "90"]).exits(0));
    let report = project.cxmill(["--set", "memory_limit=512MB", "--format", "json", "run"]).exits(0).json();
    let peak = report["peak_memory_bytes"].as_u64().expect("the system tells");
    assert!(peak <= 512_000_000, "peak memory was {peak} bytes");
    let small = ["--set", "memory_limit=512MB", "--set", "max_batch_bytes=1MB", "--format", "json"];
    let report = project.cxmill(small.into_iter().chain(["run", "--full-refresh"])).exits(0).json();
    let peak = report["peak_memory_bytes"].as_u64().expect("the system tells");
    assert!(peak <= 512_000_000, "peak memory of rebuilds was {peak} bytes");
    let models = report["models"].as_array().expect("models");
    let batches = models.iter().filter_map(|model| model["rebuild"]["batches"].as_u64()).max();
    assert!(batches > Some(1), "models are built anew in batches: {models:?}");
}
