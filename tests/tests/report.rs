//! `cxmill report`: the page as a person opens it, and what is told when there is none to write.

use std::collections::BTreeSet;

use cxmill_tests::{TestProject, body, tree};
use insta::assert_snapshot;

const KEY: &str = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";

/// Nothing is loaded, nothing runs.
fn assert_stands_alone(page: &str) {
    for forbidden in ["http://", "https://", "<script", "<link", "<img", "@import", "src=", "javascript:"] {
        assert!(!page.contains(forbidden), "the page holds {forbidden}");
    }
}

#[test]
fn the_shipped_report_has_every_figure_with_title_description_numbers_and_sql() {
    let project = TestProject::shipped();
    let _made = project.cxmill(["sample", "data/sample", "--customers", "400", "--days", "75"]).exits(0);
    let _ran = project.cxmill(["run"]).exits(0);
    let before = tree(&project.path().join("data"));
    let ran = project.cxmill(["report"]).exits(0);
    assert!(ran.stdout.starts_with("wrote report.html: "), "{}", ran.stdout);
    assert!(!ran.stdout.contains("no rows yet"), "{}", ran.stdout);
    let page = std::fs::read_to_string(project.path().join("report.html")).expect("a page");

    assert_stands_alone(&page);
    // With all its data; the page around it is held below 40 kB by the tests of its crate.
    assert!(page.len() < 450_000, "{} bytes", page.len());
    let declared = std::fs::read_to_string(project.path().join("pipelines/report.yaml")).expect("the report");
    let titles: BTreeSet<&str> = declared.lines().filter_map(|line| line.trim().strip_prefix("title: ")).collect();
    let document = roxmltree::Document::parse(body(&page)).expect("well-formed");
    let mut shown = BTreeSet::new();
    for figure in document.descendants().filter(|node| node.has_tag_name("figure")) {
        let inside = |tag: &str| figure.descendants().find(|node| node.has_tag_name(tag));
        let title = inside("h3").and_then(|node| node.text()).expect("a title");
        shown.insert(title);
        assert!(
            inside("table").is_some_and(|table| table.descendants().any(|node| node.has_tag_name("td"))),
            "{title}"
        );
        assert!(inside("code").and_then(|code| code.text()).is_some_and(|sql| sql.contains("FROM")), "{title}");
        if let Some(svg) = inside("svg") {
            let text = |tag: &str| svg.children().find(|node| node.has_tag_name(tag)).and_then(|node| node.text());
            assert_eq!(text("title"), Some(title));
            assert!(text("desc").is_some_and(|text| text.len() > 20), "{title}");
            let marks = svg.descendants().filter(|node| node.has_tag_name("path") || node.has_tag_name("rect")).count();
            assert!(marks > 3, "{title} has {marks} marks");
        }
    }
    assert_eq!(shown, titles);

    let again = project.cxmill(["report", "--output", "-"]).exits(0);
    assert!(again.stdout.trim_end() == page.trim_end(), "the same data give the same page");
    assert!(tree(&project.path().join("data")) == before, "a report changes nothing");
}

#[test]
fn private_columns_are_hashed_and_even_so_not_shown() {
    let project = TestProject::fixture("figures");
    project.write(
        "data/raw/orders/a.ndjson",
        concat!(
            r#"{"order_id":"1","customer":"ada@example.com","product":"<script>alert(1)</script>","ordered_at":"2026-01-01T10:00:00Z","amount":10.5}"#,
            "\n",
            r#"{"order_id":"2","customer":"bob@example.com","product":"ספר & \"pen\"","ordered_at":"2026-01-02T10:00:00Z","amount":-3}"#,
            "\n"
        ),
    );
    let command = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        command.env("CXMILL_PRIVATE_KEY", KEY);
        cxmill_tests::Ran::of(&mut command)
    };
    let _ran = command(&["run"]).exits(0);
    let hashes: Vec<String> =
        project.rows("customers").iter().map(|row| row["customer"].as_str().expect("a hash").to_owned()).collect();
    assert_eq!(hashes.len(), 2);
    let page = command(&["report", "--output", "-"]).exits(0).stdout;
    assert_stands_alone(&page);
    for secret in hashes.iter().map(String::as_str).chain(["ada@", "bob@"]) {
        assert!(!page.contains(secret), "the page shows {secret}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("ספר &amp; &quot;pen&quot;"));

    let pipeline = std::fs::read_to_string(project.path().join("pipelines/shop.yaml")).expect("the pipeline");
    project.write(
        "pipelines/shop.yaml",
        pipeline
            + r"
  - title: Best customers
    chart: bars
    x: who
    y: spend
    sql: |
      WITH best AS (SELECT upper(customer) AS who, spend FROM customers)
      SELECT who, spend FROM best ORDER BY spend DESC
",
    );
    let refused = command(&["report", "--output", "-"]).exits(2);
    assert!(!refused.stdout.contains("<html"), "{}", refused.stdout);
    assert_snapshot!("report_private", refused.snapshot(project.path()));
}

#[test]
fn mistakes_of_figures_are_told_at_once_with_their_places() {
    let project = TestProject::fixture("figures");
    project.write(
        "pipelines/wrong.yaml",
        r"report:
  - title: An unknown chart
    chart: pie
    sql: SELECT product FROM products
  - title: Columns that are not there
    chart: line
    x: product
    y: spent
    low: spend
    sql: SELECT product, spend FROM products
  - title: Keys of another chart
    chart: table
    x: product
    sql: SELECT product FROM products
  - title: A key that is missing
    chart: bars
    x: product
    sql: SELECT product, spend FROM products
  - title: Tables that are not published
    chart: table
    sql: SELECT product FROM orders
  - title: A query with a mistake
    chart: table
    sql: SELECT produkt FROM products
  - chart: heatmap
    x: product
    y: [product, orders]
    value: product
    sql: |
      SELECT product, orders, customers FROM products
  - title: Values in values
    chart: table
    sql: SELECT array_agg(product) AS all_products FROM products
",
    );
    assert_snapshot!("report_mistakes", project.cxmill(["validate"]).exits(2).snapshot(project.path()));
}

#[test]
fn without_figures_or_tables_the_error_says_what_to_do() {
    let project = TestProject::fixture("figures");
    assert_snapshot!("report_unpublished", project.cxmill(["report"]).exits(2).snapshot(project.path()));
    let project = TestProject::fixture("small");
    assert_snapshot!("report_without_figures", project.cxmill(["report"]).exits(2).snapshot(project.path()));
}

#[test]
fn a_page_that_cannot_be_written_leaves_the_old_one() {
    let project = TestProject::fixture("figures");
    project.write(
        "data/raw/orders/a.ndjson",
        r#"{"order_id":"1","customer":"a","product":"pen","ordered_at":"2026-01-01T10:00:00Z","amount":1}"#,
    );
    let mut run = project.command(["run"]);
    let _ran = cxmill_tests::Ran::of(run.env("CXMILL_PRIVATE_KEY", KEY)).exits(0);
    let ran = project.cxmill(["report", "--output", "nowhere/report.html"]).exits(5);
    assert!(ran.stderr.contains("nowhere/report.html"), "{}", ran.stderr);
    let ran = project.cxmill(["report", "--output", "data"]).exits(2);
    assert!(ran.stderr.contains("data is no name of a file"), "{}", ran.stderr);
    let written = project.cxmill(["--format", "json", "report", "--output", "page.html"]).exits(0).json();
    assert_eq!((written["written"].as_str(), written["figures"].as_u64()), (Some("page.html"), Some(2)));
    let names: BTreeSet<String> = tree(project.path()).into_keys().filter(|name| !name.starts_with("data/")).collect();
    assert_eq!(names, BTreeSet::from(["page.html".to_owned(), "pipelines/shop.yaml".to_owned()]));
    let ran = project.cxmill(["--format", "json", "report", "--output", "-"]).exits(2);
    assert!(ran.stderr.contains("--output -"), "{}", ran.stderr);
}
