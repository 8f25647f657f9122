//! Key numbers: one tile a row.

use maud::{Markup, html};

use crate::figure::{Figure, Role};
use crate::format::{Format, MISSING};
use crate::rows::Cell;

pub(super) fn tiles(figure: &Figure) -> Markup {
    html! {
        @if figure.rows.rows.is_empty() { p.empty { "No rows yet" } }
        dl.numbers {
            @for row in figure.all() {
                div {
                    dt { (figure.label(row, Role::X)) }
                    dd { (value(figure, row)) }
                    @if let Some(text) = interval(figure, row) { dd.small { (text) } }
                    @if let Some(column) = figure.column(Role::Note).filter(|column| *figure.rows.cell(row, *column) != Cell::Missing) {
                        dd.small { bdi { (crate::format::label(figure.rows.cell(row, column))) } }
                    }
                }
            }
        }
    }
}

/// Key numbers are of different kinds: each is written by itself, not like the others of its column.
fn format(figure: &Figure, row: usize) -> Format {
    let cells = figure.column(Role::Y).into_iter().map(|column| figure.rows.cell(row, column));
    Format::of(cells).with_unit(figure.unit.as_deref())
}

fn value(figure: &Figure, row: usize) -> String {
    let format = format(figure, row);
    figure.number(row, Role::Y).map_or_else(|| MISSING.to_owned(), |value| format.number(value))
}

fn interval(figure: &Figure, row: usize) -> Option<String> {
    Some(format(figure, row).range(figure.interval(row)?))
}
