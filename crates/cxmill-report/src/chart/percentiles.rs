//! Percentiles of each name on one scale: the marker says which one, the line how far they lie apart.

use maud::html;

use super::listed;
use crate::canvas::{Anchor, Picture, TEXT, level, line, overhang, room, text};
use crate::figure::{Figure, Role};
use crate::format::Format;
use crate::ink::Ink;
use crate::scale::{Scale, extent};
use crate::text::width as text_width;
use crate::ticks;

const ROW: f64 = 34.0;

pub(super) fn draw(figure: &Figure, width: f64) -> Option<Picture> {
    let columns = &figure.columns.y;
    let names = columns.iter().filter_map(|column| figure.rows.columns.get(*column));
    let names: Vec<String> = names.map(|name| name.replace('_', " ")).collect();
    let cells = columns.iter().flat_map(|column| figure.rows.column(*column));
    let format = Format::of(cells).with_unit(figure.unit.as_deref());
    let values = |row: usize| columns.iter().map(move |column| figure.rows.cell(row, *column).number());
    let known = extent(figure.all().flat_map(values).flatten())?;
    let labels: Vec<String> = figure.all().map(|row| figure.label(row, Role::X)).collect();
    let left = room(labels.iter().map(String::as_str), width * 0.32) + 16.0;
    let axis = ticks::with_zero(known, 5.0, &format);
    let x = Scale::new((axis.low, axis.high), (left, width - overhang(axis.all.last()).max(24.0)));
    let top = 26.0;
    let bottom = top + labels.len() as f64 * ROW;
    let body = html! {
        (level(&x, &axis.all, bottom, Some(top)))
        (key(&names, left))
        @for (row, label) in labels.iter().enumerate() {
            @let middle = top + row as f64 * ROW + ROW / 2.0;
            (text(left - 16.0, middle + 4.0, Anchor::End, "", label, width * 0.32))
            @if let Some((low, high)) = extent(values(row).flatten()) {
                (line("span", (x.at(low), middle), (x.at(high), middle)))
            } @else {
                (text(left + 6.0, middle + 4.0, Anchor::Start, "tick", "unknown", 100.0))
            }
            @for ((index, value), name) in values(row).enumerate().zip(&names) {
                @if let Some(value) = value {
                    path class={"mark " (Ink::of(index).class())} d=(Ink::of(index).marker(x.at(value), middle, 4.5)) {
                        title { (format!("{label}, {name}: {}", format.number(value))) }
                    }
                }
            }
        }
    };
    let told: Vec<String> = labels
        .iter()
        .enumerate()
        .map(|(row, label)| {
            let all =
                values(row).zip(&names).filter_map(|(value, name)| Some(format!("{name} {}", format.number(value?))));
            format!("{label}: {}", all.collect::<Vec<_>>().join(", "))
        })
        .collect();
    let description = format!("{} ranges of {}. {}.", labels.len(), names.join(", "), listed(&told));
    Some(Picture { body, height: bottom + 26.0, description })
}

/// Which marker is which.
fn key(names: &[String], left: f64) -> maud::Markup {
    let mut at = left;
    let places: Vec<f64> = names
        .iter()
        .map(|name| {
            let here = at;
            at += text_width(name, TEXT) + 34.0;
            here
        })
        .collect();
    html! {
        @for (index, (name, x)) in names.iter().zip(places).enumerate() {
            path class={"mark " (Ink::of(index).class())} d=(Ink::of(index).marker(x + 5.0, 9.0, 4.5)) {}
            (text(x + 15.0, 13.0, Anchor::Start, "tick", name, 200.0))
        }
    }
}
