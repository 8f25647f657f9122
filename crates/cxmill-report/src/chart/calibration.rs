//! What a model expected against what came: on the line, both are the same.

use maud::html;

use super::listed;
use crate::canvas::{Anchor, Picture, level, line, room, spread, text, upright};
use crate::figure::{Figure, Role};
use crate::ink::Ink;
use crate::scale::{Scale, extent};
use crate::ticks;

struct Spot {
    name: String,
    came: f64,
    expected: f64,
}

pub(super) fn draw(figure: &Figure, width: f64) -> Option<Picture> {
    let format = figure.format(&[Role::Y, Role::Expected]);
    let spots: Vec<Spot> = figure
        .all()
        .filter_map(|row| {
            let (came, expected) = (figure.number(row, Role::Y)?, figure.number(row, Role::Expected)?);
            Some(Spot { name: figure.label(row, Role::X), came, expected })
        })
        .collect();
    let known = extent(spots.iter().flat_map(|spot| [spot.came, spot.expected]))?;
    let axis = ticks::with_zero(known, 5.0, &format);
    let left = room(axis.all.iter().map(|(_, label)| label.as_str()), 120.0) + 12.0;
    let height = 290.0;
    let x = Scale::new((axis.low, axis.high), (left, width - 96.0));
    let y = Scale::new((axis.low, axis.high), (height - 48.0, 24.0));
    let wanted: Vec<f64> = spots.iter().map(|spot| y.at(spot.came)).collect();
    let heights = spread(&wanted, 14.0, (14.0, height - 50.0));
    let body = html! {
        (upright(&y, &axis, left, width - 96.0))
        (level(&x, &axis.all, y.at(y.low), None))
        (line("diagonal", (x.at(x.low), y.at(y.low)), (x.at(x.high), y.at(y.high))))
        (text(x.at(x.high) + 8.0, y.at(y.high) + 4.0, Anchor::Start, "tick", "as expected", 90.0))
        (text(left - 8.0, 12.0, Anchor::Start, "tick", "↑ came", 100.0))
        (text(width - 96.0, height - 10.0, Anchor::End, "tick", "expected →", 100.0))
        @for (spot, at) in spots.iter().zip(&heights) {
            path class="mark c0" d=(Ink::of(0).marker(x.at(spot.expected), y.at(spot.came), 5.0)) {
                title { (told(spot, &format)) }
            }
            // A label that had to give way is led to its mark.
            @if (at - y.at(spot.came)).abs() > 1.0 {
                (line("lead", (x.at(spot.expected), y.at(spot.came)), (x.at(spot.expected) + 9.0, *at)))
            }
            (text(x.at(spot.expected) + 10.0, at + 4.0, Anchor::Start, "", &spot.name, 90.0))
        }
    };
    let all: Vec<String> = spots.iter().map(|spot| told(spot, &format)).collect();
    let description = format!("{} points, expected against what came. {}.", spots.len(), listed(&all));
    Some(Picture { body, height, description })
}

fn told(spot: &Spot, format: &crate::format::Format) -> String {
    format!("{}: {} came, {} expected", spot.name, format.number(spot.came), format.number(spot.expected))
}
