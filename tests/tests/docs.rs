//! `cxmill docs`: the page of a project as a person opens it, before and after there is anything published.

#![expect(clippy::panic, reason = "a failed expectation fails the test")]

use std::collections::{BTreeMap, BTreeSet};

use cxmill_tests::{Ran, TestProject, answers, body, tree};

const KEY: &str = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";

/// All text in an element.
fn text(node: roxmltree::Node<'_, '_>) -> String {
    node.descendants().filter_map(|node| node.text().filter(|_| node.is_text())).collect()
}

/// The cells of a table by its caption, the first row being its head.
fn table(document: &roxmltree::Document<'_>, caption: &str) -> Option<Vec<Vec<String>>> {
    let named = |node: &roxmltree::Node<'_, '_>| node.has_tag_name("caption") && node.text() == Some(caption);
    let table = document.descendants().find(named)?.parent()?;
    let rows = table.descendants().filter(|node| node.has_tag_name("tr"));
    let cells = |row: roxmltree::Node<'_, '_>| row.children().filter(|cell| cell.is_element()).map(text).collect();
    Some(rows.map(cells).collect())
}

/// The first cells of a table, without its head.
fn names(document: &roxmltree::Document<'_>, caption: &str) -> BTreeSet<String> {
    let rows = table(document, caption).unwrap_or_else(|| panic!("no table is called {caption}"));
    rows.into_iter().skip(1).filter_map(|row| row.into_iter().next()).collect()
}

/// The article of a model or source.
fn article(document: &roxmltree::Document<'_>, name: &str) -> String {
    let id = format!("table-{name}");
    let found = document.descendants().find(|node| node.attribute("id") == Some(id.as_str()));
    text(found.unwrap_or_else(|| panic!("{name} is not on the page")))
}

/// What stands below a key of the shipped files at a depth, by the blanks before it.
fn declared(project: &TestProject, key: &str, depth: usize) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (name, content) in tree(&project.path().join("pipelines")) {
        let content = String::from_utf8(content).unwrap_or_else(|_| panic!("{name} is UTF-8"));
        let inside = content.lines().skip_while(|line| *line != key).skip(1);
        let inside = inside.take_while(|line| line.is_empty() || line.starts_with(' '));
        let entry = |line: &str| {
            let deep = line.len() - line.trim_start().len() == depth;
            let (name, _) = line.trim_start().split_once(':')?;
            (deep && !name.starts_with(['-', '#'])).then(|| name.to_owned())
        };
        all.extend(inside.filter_map(entry));
    }
    all
}

#[test]
fn the_shipped_project_is_on_its_page_as_a_whole() {
    let project = TestProject::shipped();
    let ran = project.cxmill(["docs"]).exits(0);
    assert!(
        ran.stdout.starts_with("wrote docs.html: ") && ran.stdout.contains("nothing is published yet"),
        "{}",
        ran.stdout
    );
    let page = std::fs::read_to_string(project.path().join("docs.html")).expect("a page");
    for forbidden in ["http://", "https://", "<script", "<link", "<img", "@import", "src=", "javascript:"] {
        assert!(!page.contains(forbidden), "the page holds {forbidden}");
    }
    assert!(page.len() < 1_200_000, "{} bytes", page.len());
    let document = roxmltree::Document::parse(body(&page)).expect("well-formed");

    assert!(!project.path().join("data").exists(), "the page of a project makes nothing but itself");
    let _made = project.cxmill(["sample", "data/sample", "--customers", "20", "--days", "5"]).exits(0);
    let plan = project.cxmill(["--format", "json", "plan"]).exits(0).json();
    let of = |what: &str| plan[what].as_array().expect("a list").clone();
    let sources: BTreeSet<String> =
        of("sources").iter().map(|source| source["name"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(names(&document, "All sources"), sources);
    let models: BTreeMap<String, _> =
        of("models").into_iter().map(|model| (model["name"].as_str().expect("a name").to_owned(), model)).collect();
    assert_eq!(names(&document, "All models"), models.keys().cloned().collect());
    assert_eq!(names(&document, "What reads what"), sources.iter().chain(models.keys()).cloned().collect());
    for (name, model) in &models {
        let article = article(&document, name);
        for what in ["strategy", "strategy_why"] {
            let told = model[what].as_str().expect("words");
            assert!(article.contains(told), "{name} does not say {told}");
        }
        assert!(article.contains("SELECT"), "{name} has no SQL");
        for read in model["reads"].as_array().expect("a list") {
            assert!(article.contains(read.as_str().expect("a name")), "{name} does not say that it reads {read}");
        }
    }
    let vars = declared(&project, "vars:", 2);
    assert!(!vars.is_empty());
    assert_eq!(names(&document, "Variables"), vars);

    let inside = |id: &str, tag: &str| -> Vec<String> {
        let section = document.descendants().find(|node| node.attribute("id") == Some(id)).expect("a section");
        section.descendants().filter(|node| node.has_tag_name(tag)).map(text).collect()
    };
    let report = std::fs::read_to_string(project.path().join("pipelines/report.yaml")).expect("the report");
    let figures = inside("figures", "h3");
    for title in report.lines().filter_map(|line| line.trim().strip_prefix("title: ")) {
        assert!(figures.iter().any(|figure| figure == title), "{title} is not on the page");
    }
    let functions = inside("functions", "h3");
    for function in ["nps", "nps_interval", "local_day", "bgnbd_fit", "sentiment"] {
        assert!(functions.iter().any(|known| known == function), "{function} is not on the page");
    }
    let scenarios = project.cxmill(["--format", "json", "test", "customers who"]).exits(0).json();
    let tests = names(&document, "Scenario tests");
    assert!(tests.len() > 30, "{} tests", tests.len());
    let known: Vec<&str> =
        scenarios["tests"].as_array().expect("tests").iter().filter_map(|test| test["name"].as_str()).collect();
    assert!(!known.is_empty() && known.iter().all(|test| tests.contains(*test)), "{known:?}");
    // Where values come from, through a view.
    let columns = table(&document, "Columns of nps_answers").expect("columns");
    assert!(columns.contains(&["score", "int8", "survey_answers.score"].map(str::to_owned).to_vec()), "{columns:?}");
    let columns = table(&document, "Columns of nps_daily").expect("columns");
    assert!(columns.contains(&["nps", "double", "nps_answers.score"].map(str::to_owned).to_vec()), "{columns:?}");

    let again = project.cxmill(["docs", "-"]).exits(0);
    assert!(again.stdout.trim_end() == page.trim_end(), "the same project gives the same page");
}

#[test]
fn checks_say_how_they_ended_last() {
    let project = TestProject::fixture("small");
    let pipeline = std::fs::read_to_string(project.path().join("pipelines/nps.yaml")).expect("the pipeline");
    let with = |total: &str| {
        let checks = format!(
            "\n    checks:\n      - sql: SELECT * FROM nps_total WHERE answers > {total}\n      - {{row_count: {{max: 0}}, severity: warn}}\n      - {{row_count: {{min: 1}}, severity: warn}}\n"
        );
        project.write("pipelines/nps.yaml", pipeline.trim_end().to_owned() + &checks);
    };
    let results = |model: &str| -> Vec<String> {
        let page = project.cxmill(["docs", "-"]).exits(0).stdout;
        let document = roxmltree::Document::parse(body(&page)).expect("well-formed");
        let rows = table(&document, &format!("Checks of {model}")).expect("checks");
        rows.into_iter().skip(1).filter_map(|row| row.into_iter().last()).collect()
    };
    with("100");
    assert_eq!(results("nps_total"), ["not judged yet"; 3]);
    project.write("raw/answers/2026-01-01.ndjson", answers("2026-01-01", 0, 30));
    let _ran = project.cxmill(["run"]).exits(0);
    assert_eq!(results("nps_daily"), ["holds"; 3], "not_null and unique of the grain, and between");
    assert_eq!(results("nps_total"), ["holds", "does not hold", "holds"]);
    with("10");
    assert_eq!(results("nps_total"), ["not judged since it was changed"; 3]);
    let _failed = project.cxmill(["run"]).exits(3);
    let failed = results("nps_total");
    assert!(failed.first().is_some_and(|first| first.starts_with("failed as of 2026-01-01T")), "{failed:?}");
    let page = project.cxmill(["docs", "-"]).exits(0).stdout;
    let document = roxmltree::Document::parse(body(&page)).expect("well-formed");
    assert!(article(&document, "nps_total").contains("withheld: check sql("), "{}", article(&document, "nps_total"));
    assert!(article(&document, "answers").contains("30 read from 1 files: 30 accepted, 0 quarantined, 0 duplicate"));
}

#[test]
fn private_columns_are_named_and_their_values_are_not_shown() {
    let project = TestProject::fixture("figures");
    let pipeline = std::fs::read_to_string(project.path().join("pipelines/shop.yaml")).expect("the pipeline");
    let allowed = pipeline.replace(
        "customer:   {type: string, required: true, private: true}",
        "customer:   {type: string, required: true, private: true, one_of: [ada@example.com, bob@example.com], description: Who ordered.}",
    );
    assert_ne!(allowed, pipeline);
    project.write("pipelines/shop.yaml", allowed);
    project.write(
        "data/raw/orders/a.ndjson",
        r#"{"order_id":"1","customer":"ada@example.com","product":"pen","ordered_at":"2026-01-01T10:00:00Z","amount":10.5}"#,
    );
    let command = |arguments: &[&str]| Ran::of(project.command(arguments).env("CXMILL_PRIVATE_KEY", KEY)).exits(0);
    let _ran = command(&["run"]);
    let hash = project.rows("customers")[0]["customer"].as_str().expect("a hash").to_owned();
    let page = command(&["docs", "-"]).stdout;
    for secret in [hash.as_str(), "ada@", "bob@", KEY] {
        assert!(!page.contains(secret), "the page shows {secret}");
    }
    let document = roxmltree::Document::parse(body(&page)).expect("well-formed");
    let row = |table_name: &str| {
        let rows = table(&document, &format!("Columns of {table_name}")).expect("columns");
        rows.into_iter().find(|row| row.first().is_some_and(|name| name == "customer")).expect("the column")
    };
    assert_eq!(row("orders"), ["customer", "string", "required, one of 2 values, private: hashed", "Who ordered."]);
    assert_eq!(row("customers"), ["customer", "string", "orders.customer, private: hashed"]);
    assert!(!article(&document, "products").contains("hashed"), "what is counted of private values is not private");
}

#[test]
fn mistakes_are_told_as_validate_tells_them() {
    let project = TestProject::fixture("mistakes");
    let ran = project.cxmill(["docs"]).exits(2);
    assert_eq!(ran.stderr, project.cxmill(["validate"]).exits(2).stderr);
    assert!(ran.stdout.is_empty() && !project.path().join("docs.html").exists());
}

#[test]
fn the_page_goes_where_it_is_asked_to() {
    let project = TestProject::fixture("small");
    let written =
        project.cxmill(["--format", "json", "docs", "page.html", "--title", "Answers & scores"]).exits(0).json();
    assert_eq!(
        (written["written"].as_str(), written["sources"].as_u64(), written["models"].as_u64()),
        (Some("page.html"), Some(1), Some(3))
    );
    let page = std::fs::read_to_string(project.path().join("page.html")).expect("the page");
    assert!(page.contains("<h1>Answers &amp; scores</h1>"));
    assert_eq!(written["bytes"].as_u64(), Some(page.len() as u64));
    let ran = project.cxmill(["docs", "nowhere/docs.html"]).exits(5);
    assert!(ran.stderr.contains("nowhere/docs.html"), "{}", ran.stderr);
    let ran = project.cxmill(["--format", "json", "docs", "-"]).exits(2);
    assert!(ran.stderr.contains("docs -"), "{}", ran.stderr);
}
