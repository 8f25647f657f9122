//! How values are spread: a bar over each range of values, as high as there are many.

use maud::html;

use super::listed;
use crate::canvas::{Picture, level, overhang, rect, room, upright};
use crate::figure::{Figure, Role};
use crate::format::Format;
use crate::scale::{Scale, extent};
use crate::ticks;

pub(super) fn draw(figure: &Figure, width: f64) -> Option<Picture> {
    let bounds = figure.format(&[Role::Low, Role::High]);
    let cells = figure.column(Role::Y).into_iter().flat_map(|column| figure.rows.column(column));
    let counts = Format::of(cells);
    let bins: Vec<((f64, f64), Option<f64>)> =
        figure.all().filter_map(|row| Some((figure.interval(row)?, figure.number(row, Role::Y)))).collect();
    let across = extent(bins.iter().flat_map(|((low, high), _)| [*low, *high]))?;
    let most = extent(bins.iter().filter_map(|(_, count)| *count)).unwrap_or((0.0, 1.0));
    let y_axis = ticks::with_zero(most, 4.0, &counts);
    let x_axis = ticks::numbers(across, 8.0, &bounds);
    let left = room(y_axis.all.iter().map(|(_, label)| label.as_str()), 120.0) + 12.0;
    let right = width - overhang(x_axis.all.last()).max(16.0);
    let height = 280.0;
    let x = Scale::new((x_axis.low, x_axis.high), (left, right));
    let y = Scale::new((y_axis.low, y_axis.high), (height - 28.0, 12.0));
    let told = |(ends, count): &((f64, f64), Option<f64>)| {
        format!("{}: {}", bounds.range(*ends), count.map_or_else(|| "unknown".to_owned(), |count| counts.number(count)))
    };
    let body = html! {
        (upright(&y, &y_axis, left, right))
        (level(&x, &x_axis.all, y.at(y.low), None))
        @for bin in &bins {
            @let (from, to) = (x.at(bin.0.0), x.at(bin.0.1));
            @if let Some(count) = bin.1 {
                @let (top, foot) = (y.at(count.max(0.0)), y.at(count.min(0.0)));
                (rect("bar c0", None, (from + 1.0, top), ((to - from - 2.0).max(1.0), foot - top), &told(bin)))
            } @else {
                (rect("missing", Some("url(#missing)"), (from + 1.0, y.at(0.0) - 24.0), ((to - from - 2.0).max(1.0), 24.0), &told(bin)))
            }
        }
    };
    let description =
        format!("A histogram of {} ranges. {}.", bins.len(), listed(&bins.iter().map(told).collect::<Vec<_>>()));
    Some(Picture { body, height, description })
}
