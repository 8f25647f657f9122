//! The page around the figures.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::chart::{self, HALF, WIDE};
use crate::figure::{Chart, Figure};
use crate::ink::patterns;
use crate::table;
use crate::text::clean;

const STYLE: &str = include_str!("style.css");

/// Something that holds of the whole page, as in "as of 2026-03-31".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A page of figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Title.
    pub title: String,
    /// What holds of all figures.
    pub facts: Vec<Fact>,
    /// The figures.
    pub figures: Vec<Figure>,
}

/// One HTML page that needs nothing but itself. The same page gives the same bytes.
#[must_use]
pub fn html(page: &Page) -> String {
    let sections = sections(&page.figures);
    let body = html! {
        header {
            h1 { (page.title) }
            (facts(&page.facts))
            @if sections.len() > 1 {
                nav aria-label="Sections" { ul {
                    @for (index, (name, _)) in sections.iter().enumerate() {
                        li { a href={"#s" (index + 1)} { (name.unwrap_or("Figures")) } }
                    }
                } }
            }
        }
        main id="main" {
            @for (index, (name, figures)) in sections.iter().enumerate() {
                section id={"s" (index + 1)} aria-label=[name.is_none().then_some("Figures")] aria-labelledby=[name.map(|_| format!("s{}-h", index + 1))] {
                    @if let Some(name) = name { h2 id={"s" (index + 1) "-h"} { (name) } }
                    div.grid { @for (number, figure, wide) in laid_out(figures) { (show(figure, number, wide)) } }
                }
            }
        }
    };
    document(&page.title, "", &html! { (patterns()) (body) })
}

/// A list of facts.
pub(crate) fn facts(all: &[Fact]) -> Markup {
    html! {
        @if !all.is_empty() {
            dl.facts { @for fact in all { div { dt { (fact.name) } dd { (fact.value) } } } }
        }
    }
}

/// The skeleton of a page, with what it adds to the style that all pages share.
pub(crate) fn document(title: &str, style: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(style)) }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (body)
            }
        }
    };
    // Once for all that is in it: tags have no such characters.
    clean(&page.into_string())
}

type Section<'a> = (Option<&'a str>, Vec<(usize, &'a Figure)>);

/// Figures by section, in the order in which sections are first named; each figure with its number on the page.
fn sections(figures: &[Figure]) -> Vec<Section<'_>> {
    let mut all: Vec<Section<'_>> = Vec::new();
    for figure in figures {
        let name = figure.section.as_deref();
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, list)) => list.push((0, figure)),
            None => all.push((name, vec![(0, figure)])),
        }
    }
    let numbered = all.iter_mut().flat_map(|(_, list)| list.iter_mut());
    numbered.zip(1..).for_each(|((number, _), count)| *number = count);
    all
}

/// Which figures have a row for themselves: those that need it, and one that nobody stands beside.
fn laid_out<'a>(figures: &[(usize, &'a Figure)]) -> Vec<(usize, &'a Figure, bool)> {
    let mut all: Vec<(usize, &Figure, bool)> =
        figures.iter().map(|(number, figure)| (*number, *figure, chart::is_wide(figure))).collect();
    let mut waiting = None;
    for index in 0..=all.len() {
        match (waiting, all.get(index).is_some_and(|(.., wide)| !wide)) {
            (None, true) => waiting = Some(index),
            (Some(_), true) => waiting = None,
            (Some(alone), false) => {
                if let Some((.., wide)) = all.get_mut(alone) {
                    *wide = true;
                }
                waiting = None;
            }
            (None, false) => {}
        }
    }
    all
}

fn show(figure: &Figure, number: usize, wide: bool) -> Markup {
    let id = format!("f{number}");
    html! {
        figure class=[wide.then_some("wide")] id=(id) aria-labelledby={(id) "-h"} {
            figcaption {
                h3 id={(id) "-h"} dir="auto" { (figure.title) }
                @if let Some(question) = &figure.question { p dir="auto" { (question) } }
            }
            (chart::draw(figure, &id, if wide { WIDE } else { HALF }))
            div.behind {
                @if figure.chart != Chart::Table { (table::numbers(figure)) }
                details {
                    summary { "SQL" }
                    p.note { (figure.place) }
                    pre tabindex="0" { code { (figure.sql.trim_end()) } }
                }
            }
        }
    }
}
