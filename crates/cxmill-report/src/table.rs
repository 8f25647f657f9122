//! Rows as tables.

use maud::{Markup, html};

use crate::figure::Figure;
use crate::format::Format;
use crate::rows::{Cell, Rows};

/// The chart that is a table.
pub(crate) fn whole(figure: &Figure) -> Markup {
    html! { div.scroll tabindex="0" role="group" aria-label="Table" { (rows(&figure.title, &figure.rows)) } }
}

/// The numbers behind a chart, to be opened.
pub(crate) fn numbers(figure: &Figure) -> Markup {
    html! {
        details {
            summary { "Numbers" }
            div.scroll tabindex="0" role="group" aria-label="Numbers" { (rows(&figure.title, &figure.rows)) }
        }
    }
}

fn rows(title: &str, rows: &Rows) -> Markup {
    let formats: Vec<Format> = (0..rows.columns.len()).map(|column| Format::of(rows.column(column))).collect();
    let flush: Vec<bool> = (0..rows.columns.len()).map(|column| rows.column(column).any(Cell::is_number)).collect();
    let is_flush = |column: usize| flush.get(column).copied().unwrap_or_default();
    let class = |column: usize, cell: &Cell| {
        let time = cell.is_time().then_some("t");
        if is_flush(column) { Some("n") } else { time }
    };
    html! {
        table {
            caption { (title) @if rows.rows.is_empty() { ": no rows yet" } }
            thead { tr {
                @for (column, name) in rows.columns.iter().enumerate() {
                    th class=[is_flush(column).then_some("n")] scope="col" { (name.replace('_', " ")) }
                }
            } }
            tbody {
                @for cells in &rows.rows {
                    tr {
                        @for (column, (cell, format)) in cells.iter().zip(&formats).enumerate() {
                            td class=[class(column, cell)] { @if let Cell::Text(text) = cell { bdi { (text) } } @else { (format.cell(cell)) } }
                        }
                    }
                }
            }
        }
        @if rows.more { p.note { "There are more rows: these are the first " (rows.rows.len()) "." } }
    }
}
