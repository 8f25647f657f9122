//! Level bars from zero, with the interval of each as a whisker.

use maud::html;

use super::listed;
use crate::canvas::{Anchor, Picture, bold_room, level, line, rect, room, text};
use crate::figure::{Figure, Role};
use crate::scale::Scale;
use crate::ticks;

const ROW: f64 = 32.0;

pub(super) fn draw(figure: &Figure, width: f64) -> Option<Picture> {
    let format = figure.format(&[Role::Y, Role::Low, Role::High]);
    let known = figure.reach()?;
    let labels: Vec<String> = figure.all().map(|row| figure.label(row, Role::X)).collect();
    let values: Vec<String> = figure
        .all()
        .map(|row| figure.number(row, Role::Y).map_or_else(|| "unknown".to_owned(), |value| format.number(value)))
        .collect();
    let left = room(labels.iter().map(String::as_str), width * 0.32) + 12.0;
    let right = bold_room(values.iter().map(String::as_str), 130.0) + 14.0;
    let axis = ticks::with_zero(known, 5.0, &format);
    let x = Scale::new((axis.low, axis.high), (left, width - right));
    let bottom = labels.len() as f64 * ROW + 4.0;
    let told: Vec<String> = figure
        .all()
        .zip(&labels)
        .zip(&values)
        .map(|((row, label), value)| format!("{label}: {value}{}", format.in_brackets(figure.interval(row))))
        .collect();
    let body = html! {
        (level(&x, &axis.all, bottom, Some(0.0)))
        @for (((row, label), value), told) in figure.all().zip(&labels).zip(&values).zip(&told) {
            @let middle = row as f64 * ROW + ROW / 2.0 + 2.0;
            (text(left - 12.0, middle + 4.0, Anchor::End, "", label, width * 0.32))
            @if let Some(y) = figure.number(row, Role::Y) {
                @let (from, to) = (x.at(y.min(0.0)), x.at(y.max(0.0)));
                (rect(if figure.interval(row).is_some() { "bar soft c0" } else { "bar c0" }, None, (from, middle - 8.0), (to - from, 16.0), told))
            } @else {
                (rect("missing", Some("url(#missing)"), (x.at(0.0), middle - 8.0), (24.0, 16.0), &format!("{label}: unknown")))
            }
            @if let Some((low, high)) = figure.interval(row) {
                (line("whisker", (x.at(low), middle), (x.at(high), middle)))
                @for end in [low, high] { (line("whisker", (x.at(end), middle - 4.0), (x.at(end), middle + 4.0))) }
            }
            (text(width, middle + 4.0, Anchor::End, "value", value, right))
        }
    };
    let description = format!("{} bars. {}.", labels.len(), listed(&told));
    Some(Picture { body, height: bottom + 26.0, description })
}
