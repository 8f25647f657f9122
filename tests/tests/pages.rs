//! The report and the page of a project as headless Chromium shows them from disk: nothing on the console, nothing from the
//! network, every figure in its place at every width, pictures that show something, and sheets of paper.
#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::path::Path;

use cxmill_tests::{Browser, Picture, Ran, TestProject, browser, root};

const KEY: &str = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";
/// Rows of a picture that are looked at.
const ROWS: usize = 2_000;
/// The least share of a page that has another colour than its ground.
const DRAWN: f64 = 0.02;

/// Everything about a page that has at least so many figures and articles.
fn assert_shows_well(browser: Browser, page: &Path, least: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let name = page.display();
    let text = std::fs::read_to_string(page).expect("a page");
    let expected = text.matches("<figure").count() + text.matches("<article").count();
    assert!(expected >= least, "{name} has {expected} figures");

    let measured = browser.measure(&text, folder.path());
    assert!(measured.wrong.is_empty(), "{name}: {:#?}", measured.wrong);
    assert!(measured.figures.iter().all(|(_, count)| *count == expected), "{name}: {:?}", measured.figures);

    // This opens the page itself, and fails where it writes to the console or asks for something.
    let told = browser.pictures(page, folder.path()).exits(0);
    assert!(told.stdout.contains("pictures are in"), "{}", told.stdout);
    for (width, shape) in [(1400, ""), (400, "-narrow")] {
        let [light, dark] =
            ["light", "dark"].map(|scheme| Picture::of(&folder.path().join(format!("{scheme}{shape}.png")), ROWS));
        for picture in [light, dark] {
            assert_eq!(picture.width, width);
            assert!(picture.drawn > DRAWN, "{name} is blank: {picture:?}");
        }
        assert!(light.light > 200.0 && dark.light < 60.0, "{name}: light {light:?}, dark {dark:?}");
    }
    let paper = std::fs::read(folder.path().join("print.pdf")).expect("a print");
    let sheets = String::from_utf8_lossy(&paper).matches("/Type /Page\n").count();
    assert!(paper.len() < 8_000_000 && sheets >= 5, "{name}: {} bytes on {sheets} sheets", paper.len());
}

#[test]
fn the_pages_of_the_shipped_project_show_well() {
    let Some(browser) = browser() else { return };
    let project = TestProject::shipped();
    let _made = project.cxmill(["sample", "data/sample", "--customers", "100", "--days", "60"]).exits(0);
    let _ran = project.cxmill(["run"]).exits(0);
    let titles = std::fs::read_to_string(root().join("pipelines/report.yaml")).expect("the report");
    let figures = titles.lines().filter(|line| line.trim().starts_with("title: ")).count();
    std::thread::scope(|scope| {
        for (name, least) in [("report", figures), ("docs", 100)] {
            let project = &project;
            scope.spawn(move || {
                let written = project.cxmill([name]).exits(0);
                assert!(!written.stdout.contains("no rows yet"), "{}", written.stdout);
                assert_shows_well(browser, &project.path().join(name).with_extension("html"), least);
            });
        }
    });
}

#[test]
fn what_is_wrong_with_a_page_is_found() {
    let Some(browser) = browser() else { return };
    let project = TestProject::fixture("figures");
    project.write(
        "data/raw/orders/a.ndjson",
        r#"{"order_id":"1","customer":"ada","product":"pen","ordered_at":"2026-01-01T10:00:00Z","amount":10.5}"#,
    );
    for arguments in ["run", "report"] {
        let _ran = Ran::of(project.command([arguments]).env("CXMILL_PRIVATE_KEY", KEY)).exits(0);
    }
    let page = std::fs::read_to_string(project.path().join("report.html")).expect("a page");
    let with = |more: &str| page.replace("</main>", &format!("{more}</main>"));
    let opened = |page: &str, flags: &[&str]| {
        project.write("copy.html", page);
        browser.open(&project.path().join("copy.html"), flags)
    };
    let measured = |page: &str| browser.measure(page, project.path()).wrong;

    assert_eq!(measured(&page), Vec::<String>::new(), "it is the breaking that is found");
    let _whole = opened(&page, &["--dump-dom"]).exits(0);

    let talks = opened(&with("<script>console.error('cannot go on')</script>"), &["--dump-dom"]).exits(1);
    assert!(talks.stderr.contains("cannot go on") && talks.stderr.contains("console"), "{}", talks.stderr);
    let asks = opened(&with("<img src='http://127.0.0.1:9/logo.png' alt=''>"), &["--dump-dom"]).exits(1);
    assert!(asks.stderr.contains("127.0.0.1:9/logo.png") && asks.stderr.contains("network"), "{}", asks.stderr);

    let wrong = measured(&with(
        "<style>#f1 svg text{font-size:60px} #f2{display:none}</style>\
         <figure id='f3' style='margin-top:-90px;height:200px'></figure><div style='width:900px'>wide</div>",
    ));
    for what in [
        "400: f2: has no size",
        "400: f1: lies on f3",
        "400: f3: shows nothing",
        "400: the page: is 9",
        "” lies on “",
        "f1: “pen” is cut off",
    ] {
        assert!(wrong.iter().any(|line| line.contains(what)), "{what} is not among {wrong:#?}");
    }

    let picture = project.path().join("blank.png");
    let screenshot = format!("--screenshot={}", picture.display());
    let _blank =
        opened(&with("<style>body{visibility:hidden}</style>"), &["--window-size=600,800", &screenshot]).exits(0);
    assert!(Picture::of(&picture, ROWS).drawn < DRAWN);
}
