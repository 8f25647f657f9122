//! What holds of every page, whatever is in it.

use proptest::prelude::*;

use crate::{Cell, Chart, Columns, Fact, Figure, Page, Rows, html};

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "\\PC{0,8}",
        Just("<script>alert('x')</script>".to_owned()),
        Just("</title></svg><img src=x onerror=alert(1)>".to_owned()),
        Just("\" onload=\"alert(1)".to_owned()),
        Just("]]>--><!--".to_owned()),
        Just("שלום עולם \u{202e}abc".to_owned()),
        Just("\0\u{1}\u{fffe}".to_owned()),
        Just("a very long label ".repeat(40)),
        Just(String::new()),
    ]
}

fn cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        Just(Cell::Missing),
        text().prop_map(Cell::Text),
        any::<f64>().prop_map(Cell::Number),
        (-50.0..150.0).prop_map(Cell::Number),
        (any::<i128>(), 0..38_u8).prop_map(|(unscaled, digits)| Cell::Exact { unscaled, digits }),
        (-3_i64..9).prop_map(Cell::whole),
        any::<bool>().prop_map(Cell::Truth),
        any::<i32>().prop_map(Cell::Date),
        (20_000..20_800).prop_map(Cell::Date),
        any::<i64>().prop_map(Cell::Time),
    ]
}

const CHARTS: [Chart; 12] = [
    Chart::Numbers,
    Chart::Line,
    Chart::Bars,
    Chart::Effects,
    Chart::Heatmap,
    Chart::Steps,
    Chart::Histogram,
    Chart::Calibration,
    Chart::Funnel,
    Chart::Flow,
    Chart::Percentiles,
    Chart::Table,
];

const WIDTH: usize = 5;

fn columns() -> impl Strategy<Value = Columns> {
    let some = || prop::option::weighted(0.9, 0..WIDTH);
    let ends = (some(), some(), some(), some(), prop::collection::vec(0..WIDTH, 0..4));
    let rest = (some(), some(), some(), some(), some());
    (ends, rest).prop_map(|((x, low, high, series, y), (value, expected, from, to, note))| Columns {
        x,
        y,
        low,
        high,
        series,
        value,
        expected,
        from,
        to,
        note,
    })
}

fn rows() -> impl Strategy<Value = Rows> {
    let names = prop::collection::vec(text(), WIDTH..=WIDTH);
    // Rows may even be too short.
    let rows = prop::collection::vec(prop::collection::vec(cell(), 0..=WIDTH), 0..12);
    (names, rows, any::<bool>()).prop_map(|(columns, rows, more)| Rows { columns, rows, more })
}

fn figure() -> impl Strategy<Value = Figure> {
    let words = (prop::option::of(text()), text(), prop::option::of(text()), prop::option::of(text()), text(), text());
    (words, prop::sample::select(&CHARTS[..]), columns(), rows()).prop_map(
        |((section, title, question, unit, sql, place), chart, columns, rows)| Figure {
            section,
            title,
            question,
            chart,
            columns,
            unit,
            rows,
            sql,
            place,
        },
    )
}

fn page() -> impl Strategy<Value = Page> {
    let fact = (text(), text()).prop_map(|(name, value)| Fact { name, value });
    let figures = prop::collection::vec(figure(), 1..5);
    (text(), prop::collection::vec(fact, 0..2), figures).prop_map(|(title, facts, figures)| Page {
        title,
        facts,
        figures,
    })
}

/// The body of a page, which is XML as well.
pub(super) fn body(page: &str) -> &str {
    let start = page.find("<body>").expect("a body");
    let end = page.rfind("</body>").expect("its end") + "</body>".len();
    page.get(start..end).expect("a body")
}

/// Nothing of a page runs or is loaded, and its ids are told apart.
pub(super) fn assert_harmless(document: &roxmltree::Document<'_>) -> Result<(), TestCaseError> {
    let mut ids = std::collections::HashSet::new();
    for node in document.descendants().filter(|node| node.is_element()) {
        prop_assert!(!["script", "img", "iframe", "object", "link", "use", "image"].contains(&node.tag_name().name()));
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            prop_assert!(!name.starts_with("on"), "{} on {}", name, node.tag_name().name());
            let drawn = ["d", "x", "y", "width", "height", "viewBox", "transform", "fill-opacity"].contains(&name);
            prop_assert!(!drawn || !(value.contains("NaN") || value.contains("inf")), "{}={}", name, value);
            prop_assert!(name != "href" || value.starts_with('#'));
            prop_assert!(name != "id" || ids.insert(value.to_owned()), "{} is there twice", value);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_page_is_well_formed_harmless_and_whole(page in page()) {
        let written = html(&page);
        prop_assert_eq!(&written, &html(&page));
        let document = roxmltree::Document::parse(body(&written));
        prop_assert!(document.is_ok(), "{}\n{}", document.err().map(|e| e.to_string()).unwrap_or_default(), body(&written));
        let document = document.expect("checked");

        assert_harmless(&document)?;
        let figures: Vec<_> = document.descendants().filter(|node| node.has_tag_name("figure")).collect();
        prop_assert_eq!(figures.len(), page.figures.len());
        for figure in figures {
            let count = |tag: &str| figure.descendants().filter(|node| node.has_tag_name(tag)).count();
            prop_assert_eq!(count("figcaption"), 1);
            prop_assert_eq!(count("h3"), 1);
            prop_assert_eq!(count("table"), 1);
            prop_assert_eq!(count("pre"), 1);
            for svg in figure.descendants().filter(|node| node.has_tag_name("svg")) {
                prop_assert_eq!(svg.attribute("role"), Some("img"));
                let child = |tag: &str| svg.children().find(|node| node.has_tag_name(tag)).and_then(|node| node.text());
                prop_assert!(child("desc").is_some_and(|text| !text.is_empty()));
                prop_assert!(svg.children().any(|node| node.has_tag_name("title")));
            }
        }
    }
}
