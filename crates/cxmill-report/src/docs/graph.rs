//! What reads what, as a drawing and as a table.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::parts::{Book, counted, grid, table_id};
use super::{TableDoc, TableKind};
use crate::canvas::{Anchor, Picture, TEXT, place, svg, text};
use crate::layers::{BOX, Layout, Line, Spot, layout};
use crate::text::width;

/// Space left and right of a name in its box.
const PAD: f64 = 8.0;
/// Longest name that is not cut off.
const LONGEST: f64 = 260.0;

/// The figure of what reads what.
pub(super) fn figure(book: &Book<'_>) -> Markup {
    let tables = &book.docs.tables;
    let reads = reads(tables);
    let widths: Vec<f64> = tables.iter().map(|table| width(&table.name, TEXT).min(LONGEST) + 2.0 * PAD).collect();
    let layout = layout(&widths, &reads);
    let picture = draw(book, &layout);
    html! {
        figure.wide id="lineage-figure" aria-labelledby="lineage-figure-h" {
            figcaption {
                h3 id="lineage-figure-h" { "What reads what" }
                p { "Each table stands right of all that it reads. Sources have a dashed outline, views a dotted one; a name leads to its table." }
            }
            div.chart tabindex="0" role="group" aria-label="Chart" style={"--least:" (place(layout.width)) "px"} {
                (svg("lineage-figure", "What reads what", layout.width, &picture))
            }
            div.behind { details { summary { "As a table" } (table(book)) } }
        }
    }
}

/// Who reads whom, by index.
fn reads(tables: &[TableDoc]) -> Vec<Vec<usize>> {
    let index: BTreeMap<&str, usize> = tables.iter().enumerate().map(|(at, table)| (table.name.as_str(), at)).collect();
    let of = |table: &TableDoc| {
        let names = table.query.iter().flat_map(|query| &query.reads);
        names.filter_map(|name| index.get(name.as_str()).copied()).collect()
    };
    tables.iter().map(of).collect()
}

fn draw(book: &Book<'_>, layout: &Layout) -> Picture {
    let tables = &book.docs.tables;
    let count = |kind: TableKind| tables.iter().filter(|table| table.kind == kind).count();
    let description = format!(
        "{}, {} and {} in {}, with {} from what is read to what reads it. The table below says the same.",
        counted(count(TableKind::Source), "source"),
        counted(count(TableKind::View), "view"),
        counted(count(TableKind::Model), "published model"),
        counted(layout.layers, "layer"),
        counted(layout.edges.len(), "line"),
    );
    let lines = |from: usize| layout.lines.iter().filter(move |line| line.from == from);
    let body = html! {
        @for (index, table) in tables.iter().enumerate() {
            @if lines(index).next().is_some() {
                path class="edge" d=(lines(index).map(curve).collect::<String>()) { title { (table.name) } }
            }
        }
        @for (table, spot) in tables.iter().zip(&layout.boxes) { (boxed(table, *spot)) }
    };
    Picture { body, height: layout.height, description }
}

/// Links are for the pointer only: an image is one thing to those who do not see it, and the table has the same links.
fn boxed(table: &TableDoc, spot: Spot) -> Markup {
    let class = match table.kind {
        TableKind::Source => "box source",
        TableKind::View => "box view",
        TableKind::Model => "box",
    };
    html! {
        a href={"#" (table_id(&table.name))} tabindex="-1" {
            rect class=(class) x=(place(spot.x)) y=(place(spot.y)) width=(place(spot.width)) height=(place(BOX)) rx="3" {}
            (text(spot.x + PAD, spot.y + BOX / 2.0 + 4.0, Anchor::Start, "", &table.name, LONGEST))
        }
    }
}

fn curve(line: &Line) -> String {
    let ((x1, y1), (x2, y2)) = (line.start, line.end);
    if place(y1) == place(y2) {
        return format!("M{} {}H{}", place(x1), place(y1), place(x2));
    }
    let middle = place((x1 + x2) / 2.0);
    let (x1, y1, x2, y2) = (place(x1), place(y1), place(x2), place(y2));
    format!("M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}")
}

fn table(book: &Book<'_>) -> Markup {
    let rows = book.docs.tables.iter().map(|table| {
        let reads = table.query.iter().flat_map(|query| &query.reads).map(String::as_str);
        vec![
            book.table(&table.name),
            html! { (kind(table.kind)) },
            book.tables(reads),
            book.tables(book.readers(&table.name)),
        ]
    });
    grid("What reads what", &["table", "kind", "reads", "is read by"], rows)
}

/// What a table is called by its kind.
pub(super) fn kind(kind: TableKind) -> &'static str {
    match kind {
        TableKind::Source => "source",
        TableKind::Model => "model",
        TableKind::View => "view",
    }
}
