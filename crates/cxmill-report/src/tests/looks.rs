//! How each chart looks, and what is in a page.

use std::collections::BTreeSet;

use insta::assert_snapshot;

use super::gallery;
use crate::{Cell, Chart, Columns, Fact, Figure, Page, Rows, html};

fn page(figures: Vec<Figure>) -> String {
    let facts = vec![Fact { name: "As of".to_owned(), value: "2026-03-31T23:52:25Z".to_owned() }];
    html(&Page { title: "Customer report".to_owned(), facts, figures })
}

/// One element a line, so that a change of a chart can be read.
fn drawing(figure: Figure) -> String {
    let page = page(vec![figure]);
    let figure = page.split("<main").nth(1).and_then(|rest| rest.split("</main>").next()).expect("a main part");
    let figure = figure.split("<div class=\"behind\">").next().expect("a chart");
    figure.replace("><", ">\n<")
}

#[test]
fn every_chart_looks_as_it_did() {
    let charts = gallery::all();
    for figure in charts {
        let name = figure.title.to_lowercase().replace([' ', ','], "_");
        assert_snapshot!(name, drawing(figure));
    }
}

#[test]
fn the_whole_page_of_all_charts() {
    assert_snapshot!("whole_page", page(gallery::all()));
}

#[test]
fn sections_stand_in_the_order_in_which_they_are_first_named() {
    let named = |mut figure: Figure, section: Option<&str>| {
        figure.section = section.map(str::to_owned);
        figure
    };
    let page = page(vec![
        named(gallery::bars(), Some("Feeling")),
        named(gallery::funnel(), Some("Journey")),
        named(gallery::line(), Some("Feeling")),
    ]);
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is not there"));
    assert!(place("NPS by channel</h3>") < place("NPS by week</h3>"));
    assert!(place("NPS by week</h3>") < place("From visit to delivery</h3>"));
    assert!(page.contains(r##"<a href="#s2">Journey</a>"##));
}

#[test]
fn a_figure_without_a_neighbour_has_the_row_for_itself() {
    let wide = |figures: Vec<Figure>| page(figures).matches("<figure class=\"wide\"").count();
    assert_eq!(wide(vec![gallery::bars()]), 1);
    assert_eq!(wide(vec![gallery::bars(), gallery::line()]), 0);
    assert_eq!(wide(vec![gallery::bars(), gallery::flow(), gallery::line()]), 3);
}

#[test]
fn what_is_missing_is_shown_as_missing_and_not_as_nothing() {
    let page = page(vec![gallery::heatmap()]);
    assert_eq!(page.matches(": not known</title>").count(), 3);
    let bars = self::page(vec![gallery::bars()]);
    assert!(bars.contains("letters: unknown"));
}

#[test]
fn a_missing_point_leaves_a_gap_in_its_line() {
    let mut figure = gallery::line();
    let whole = page(vec![figure.clone()]).matches("<path class=\"line c0\"").count();
    if let Some(cell) = figure.rows.rows.get_mut(5).and_then(|row| row.get_mut(1)) {
        *cell = Cell::Missing;
    }
    let broken = page(vec![figure]).matches("<path class=\"line c0\"").count();
    assert_eq!((whole, broken), (1, 2));
}

#[test]
fn a_figure_without_rows_says_so() {
    for mut figure in gallery::all() {
        figure.rows.rows.clear();
        let page = page(vec![figure.clone()]);
        assert!(page.to_lowercase().contains("no rows yet"), "{:?}", figure.chart);
    }
}

#[test]
fn rows_that_are_cut_off_are_told() {
    let mut figure = gallery::table();
    figure.rows.more = true;
    assert!(page(vec![figure]).contains("There are more rows: these are the first 3."));
}

#[test]
fn thousands_of_names_and_points_stay_within_the_page() {
    let names = (0..3_000).map(|index| vec![Cell::Text(format!("name {index}")), Cell::whole(index)]).collect();
    let rows = Rows { columns: vec!["name".to_owned(), "count".to_owned()], rows: names, more: false };
    let columns = Columns { x: Some(0), y: vec![1], from: Some(0), to: Some(0), ..Columns::default() };
    for chart in [Chart::Bars, Chart::Funnel, Chart::Line, Chart::Flow] {
        let figure = Figure { chart, columns: columns.clone(), rows: rows.clone(), ..gallery::bars() };
        let size = page(vec![figure]).len();
        assert!(size < 3_000 * 1_000, "{chart:?}: {size} bytes");
    }
}

#[test]
fn on_paper_every_pattern_is_a_tint_of_its_own_with_an_outline_of_its_own() {
    let page = page(gallery::all());
    let print = page.split("@media print{").nth(1).expect("a style for paper");
    let patterns: Vec<&str> = page.split("<pattern id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(patterns.len(), 7, "{patterns:?}");
    let mut looks = BTreeSet::new();
    for pattern in patterns {
        let rule = print.split(&format!("[fill=\"url(#{pattern})\"]{{")).nth(1);
        let rule =
            rule.and_then(|rest| rest.split('}').next()).unwrap_or_else(|| panic!("{pattern} is printed as it is"));
        let part = |key: &str| {
            let found = rule.split(';').filter_map(|part| part.split_once(':')).find(|(name, _)| *name == key);
            found.map(|(_, value)| value.to_owned())
        };
        let tint = part("fill").expect("a fill");
        assert!(!tint.contains("url("), "{pattern}: {tint}");
        let lightness = tint.split('%').next().and_then(|head| head.rsplit(' ').next()).map(str::to_owned);
        assert!(part("stroke").is_some(), "{pattern} has no outline");
        assert!(looks.insert((lightness, part("stroke-dasharray"))), "{pattern} looks like another one");
    }
}

#[test]
fn the_page_without_its_data_is_small() {
    let without = |mut figure: Figure| {
        figure.rows.rows.clear();
        figure
    };
    let size = page(gallery::all().into_iter().map(without).collect()).len();
    assert!(size < 40_000, "{size} bytes");
}
