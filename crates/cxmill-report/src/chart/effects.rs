//! Effects with their intervals beside the line of no effect. A hollow mark is an effect whose interval holds zero: it may be
//! none.

use maud::{Markup, html};

use super::listed;
use crate::canvas::{Anchor, Picture, bold_room, level, line, room, text};
use crate::figure::{Figure, Role};
use crate::format::Format;
use crate::ink::Ink;
use crate::scale::Scale;
use crate::ticks;

const ROW: f64 = 27.0;

/// A line of the chart.
enum Entry {
    /// The name of a group.
    Group(String),
    /// A row of the figure.
    Effect(usize),
}

pub(super) fn draw(figure: &Figure, width: f64) -> Option<Picture> {
    let format = figure.format(&[Role::Y, Role::Low, Role::High]);
    let known = figure.reach()?;
    let labels: Vec<String> = figure.all().map(|row| figure.label(row, Role::X)).collect();
    let left = room(labels.iter().map(String::as_str), width * 0.32) + 16.0;
    let values: Vec<String> = figure.all().map(|row| value(figure, row, &format)).collect();
    let right = bold_room(values.iter().map(String::as_str), 190.0) + 14.0;
    let axis = ticks::with_zero(known, 5.0, &format);
    let x = Scale::new((axis.low, axis.high), (left, width - right));
    let entries = entries(figure);
    let bottom = entries.len() as f64 * ROW + 4.0;
    let body = html! {
        (level(&x, &axis.all, bottom, Some(0.0)))
        @for (index, entry) in entries.iter().enumerate() {
            @let middle = index as f64 * ROW + ROW / 2.0 + 2.0;
            @match entry {
                Entry::Group(name) => (text(0.0, middle + 4.0, Anchor::Start, "name", name, left - 8.0)),
                Entry::Effect(row) => {
                    (text(left - 16.0, middle + 4.0, Anchor::End, "", labels.get(*row).map_or("", String::as_str), width * 0.32))
                    (effect(figure, *row, &x, middle))
                    (text(width, middle + 4.0, Anchor::End, "value", values.get(*row).map_or("", String::as_str), right))
                }
            }
        }
    };
    let told: Vec<String> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Group(_) => None,
            Entry::Effect(row) => Some(format!("{}{}: {}", group(figure, *row), labels.get(*row)?, values.get(*row)?)),
        })
        .collect();
    let description =
        format!("{} effects with their intervals; a hollow mark may be no effect. {}.", labels.len(), listed(&told));
    Some(Picture { body, height: bottom + 26.0, description })
}

fn effect(figure: &Figure, row: usize, x: &Scale, middle: f64) -> Markup {
    let interval = figure.interval(row);
    let open = interval.is_none_or(|(low, high)| low <= 0.0 && high >= 0.0);
    let class = if open { "mark open c0" } else { "mark c0" };
    html! {
        @if let Some((low, high)) = interval { (line("span c0", (x.at(low), middle), (x.at(high), middle))) }
        @if let Some(y) = figure.number(row, Role::Y) { path class=(class) d=(Ink::of(0).marker(x.at(y), middle, 4.5)) {} }
    }
}

/// The rows in order, each group under its name.
fn entries(figure: &Figure) -> Vec<Entry> {
    if figure.columns.series.is_none() {
        return figure.all().map(Entry::Effect).collect();
    }
    let mut names: Vec<String> = Vec::new();
    for row in figure.all() {
        let name = figure.label(row, Role::Series);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut all = Vec::new();
    for name in names {
        let rows = figure.all().filter(|row| figure.label(*row, Role::Series) == name);
        let rows: Vec<Entry> = rows.map(Entry::Effect).collect();
        all.push(Entry::Group(name));
        all.extend(rows);
    }
    all
}

fn group(figure: &Figure, row: usize) -> String {
    figure.columns.series.map_or_else(String::new, |_| format!("{}, ", figure.label(row, Role::Series)))
}

fn value(figure: &Figure, row: usize, format: &Format) -> String {
    let effect = figure.number(row, Role::Y).map_or_else(|| "unknown".to_owned(), |y| format.signed(y));
    effect + &format.in_brackets(figure.interval(row))
}
