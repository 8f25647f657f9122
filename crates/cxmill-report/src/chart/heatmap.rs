//! A grid of cells: the darker and the fuller, the more. Where nothing is known the cell is hatched, and a cell that has no
//! row is left blank.

use maud::{Markup, html};

use crate::canvas::{Anchor, Picture, TEXT, place, rect, room, text};
use crate::figure::{Figure, Role};
use crate::format::Format;
use crate::scale::{Scale, extent};
use crate::text::width as text_width;

/// Columns from which the grid needs a row of the page for itself.
const MANY: usize = 10;

pub(super) fn is_wide(figure: &Figure) -> bool {
    keys(figure, Role::X).len() > MANY
}

pub(super) fn draw(figure: &Figure, width: f64) -> Option<Picture> {
    let (columns, rows) = (keys(figure, Role::X), keys(figure, Role::Y));
    if columns.is_empty() {
        return None;
    }
    let format = figure.format(&[Role::Value]);
    let known = extent(figure.all().filter_map(|row| figure.number(row, Role::Value)));
    let shade = Scale::new(known.map_or((0.0, 1.0), |(low, high)| (low.min(0.0), high)), (0.0, 1.0));
    let labels = || rows.iter().map(|(_, label)| label.as_str());
    let left = room(labels(), width * 0.25) + 10.0;
    let cell = ((width - left) / columns.len() as f64).min(96.0);
    let high = if cell >= 44.0 { 28.0 } else { cell.clamp(9.0, 22.0) };
    let top = 24.0;
    let every = if high < 13.0 { 2 } else { 1 };
    let y_of = |index: usize| top + index as f64 * high;
    let widest = room(columns.iter().map(|(_, label)| label.as_str()), 200.0) + 8.0;
    let step = (widest / cell).ceil().max(1.0) as usize;
    let unknown = figure.all().filter(|row| figure.number(*row, Role::Value).is_none()).count();
    let number = |row: usize| figure.number(row, Role::Value).map(|value| format.number(value));
    let fits = figure.all().filter_map(number).all(|text| text_width(&text, TEXT) < cell - 6.0) && high >= 16.0;
    let body = html! {
        @for (index, (_, label)) in columns.iter().enumerate().step_by(step) {
            (text(left + (index as f64 + 0.5) * cell, top - 9.0, Anchor::Middle, "tick", label, widest))
        }
        @for (index, (_, label)) in rows.iter().enumerate().step_by(every) {
            (text(left - 10.0, y_of(index) + high / 2.0 + 4.0, Anchor::End, "tick", label, width * 0.25))
        }
        @for row in figure.all() {
            @let spot = spot(figure, row, &columns, &rows);
            @if let Some((column, line)) = spot {
                (square(figure, row, &format, (left + column as f64 * cell, y_of(line)), (cell, high), &shade, fits))
            }
        }
        (key(known, unknown > 0, &format, (left, y_of(rows.len()) + 22.0)))
    };
    let range =
        known.map_or_else(|| "No value is known".to_owned(), |ends| format!("Values from {}", format.range(ends)));
    let description =
        format!("A grid of {} rows and {} columns. {range}; {unknown} cells are not known.", rows.len(), columns.len());
    Some(Picture { body, height: y_of(rows.len()) + 34.0, description })
}

/// Keys of an axis with their labels: places in order, names as they come.
fn keys(figure: &Figure, role: Role) -> Vec<(Option<f64>, String)> {
    let mut keys: Vec<(Option<f64>, String)> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for row in figure.all() {
        let label = figure.label(row, role);
        if seen.insert(label.clone()) {
            keys.push((figure.position(row, role), label));
        }
    }
    if keys.iter().all(|(place, _)| place.is_some()) {
        keys.sort_by(|a, b| a.0.unwrap_or_default().total_cmp(&b.0.unwrap_or_default()));
    }
    keys
}

fn spot(
    figure: &Figure,
    row: usize,
    columns: &[(Option<f64>, String)],
    rows: &[(Option<f64>, String)],
) -> Option<(usize, usize)> {
    let index = |keys: &[(Option<f64>, String)], role| {
        let label = figure.label(row, role);
        keys.iter().position(|(_, key)| *key == label)
    };
    Some((index(columns, Role::X)?, index(rows, Role::Y)?))
}

fn square(
    figure: &Figure,
    row: usize,
    format: &Format,
    (x, y): (f64, f64),
    (w, h): (f64, f64),
    shade: &Scale,
    fits: bool,
) -> Markup {
    let (across, down) = (figure.label(row, Role::X), figure.label(row, Role::Y));
    let Some(value) = figure.number(row, Role::Value) else {
        return rect(
            "missing",
            Some("url(#missing)"),
            (x + 1.0, y + 1.0),
            (w - 2.0, h - 2.0),
            &format!("{down}, {across}: not known"),
        );
    };
    let share = shade.at(value).clamp(0.0, 1.0);
    let title = format!("{down}, {across}: {}", format.number(value));
    // With no room for the number, the size of the square says what its shade says.
    let side = if fits { 1.0 } else { 0.35 + 0.65 * share };
    let (inner_w, inner_h) = ((w - 2.0) * side, (h - 2.0) * side);
    // Written in what stands out most from each shade.
    let ink = match share {
        dark if dark > 0.85 => "on",
        middle if middle > 0.55 => "mid",
        _ => "in",
    };
    html! {
        rect class="cell" fill-opacity=(place((share * 10.0).round() / 10.0 * 0.9 + 0.06))
            x=(place(x + (w - inner_w) / 2.0)) y=(place(y + (h - inner_h) / 2.0)) width=(place(inner_w)) height=(place(inner_h)) {
            title { (title) }
        }
        @if fits {
            (text(x + w / 2.0, y + h / 2.0 + 4.0, Anchor::Middle, ink, &format.number(value), w))
        }
    }
}

/// What light and dark mean.
fn key(known: Option<(f64, f64)>, some_unknown: bool, format: &Format, (x, y): (f64, f64)) -> Markup {
    let Some((low, high)) = known else { return html! {} };
    let low = format.number(low.min(0.0));
    let from = x + text_width(&low, TEXT) + 6.0;
    html! {
        (text(x, y + 4.0, Anchor::Start, "tick", &low, 120.0))
        @for step in 0..5_u32 {
            @let share = f64::from(step) / 4.0;
            rect class="cell" fill-opacity=(place(share * 0.9 + 0.06)) x=(place(from + f64::from(step) * 18.0)) y=(place(y - 6.0)) width="18" height="12" {}
        }
        (text(from + 96.0, y + 4.0, Anchor::Start, "tick", &format.number(high), 120.0))
        @if some_unknown {
            (rect("missing", Some("url(#missing)"), (from + 170.0, y - 6.0), (18.0, 12.0), ""))
            (text(from + 194.0, y + 4.0, Anchor::Start, "tick", "not known yet", 120.0))
        }
    }
}
