//! How many reach each step, and what share of those before.

use maud::html;

use super::listed;
use crate::canvas::{Anchor, Picture, bold_room, rect, room, text};
use crate::figure::{Figure, Role};
use crate::format::decimal;
use crate::scale::Scale;

const ROW: f64 = 46.0;

struct Step {
    name: String,
    count: Option<f64>,
    before: Option<f64>,
}

pub(super) fn draw(figure: &Figure, width: f64) -> Option<Picture> {
    let format = figure.format(&[Role::Y]);
    let mut before = None;
    let steps: Vec<Step> = figure
        .all()
        .map(|row| {
            let count = figure.number(row, Role::Y).filter(|count| *count >= 0.0);
            Step { name: figure.label(row, Role::X), count, before: std::mem::replace(&mut before, count) }
        })
        .collect();
    let most = steps.iter().filter_map(|step| step.count).reduce(f64::max)?;
    let first = steps.iter().find_map(|step| step.count)?;
    let labels: Vec<String> = steps
        .iter()
        .map(|step| match step.count {
            None => "unknown".to_owned(),
            Some(count) => format!("{} · {}", format.number(count), share(count, first)),
        })
        .collect();
    let left = room(steps.iter().map(|step| step.name.as_str()), width * 0.28) + 14.0;
    let right = bold_room(labels.iter().map(String::as_str), 190.0) + 14.0;
    let x = Scale::new((0.0, most), (left, width - right));
    let body = html! {
        @for (index, (step, label)) in steps.iter().zip(&labels).enumerate() {
            @let top = index as f64 * ROW + 4.0;
            (text(left - 14.0, top + 17.0, Anchor::End, "", &step.name, width * 0.28))
            @let reached = x.at(step.count.unwrap_or_default());
            @if let Some(before) = step.before {
                (rect("lost", Some("url(#missing)"), (reached, top), (x.at(before) - reached, 26.0), ""))
            }
            (rect("bar c0", None, (left, top), (reached - left, 26.0), &format!("{}: {label}", step.name)))
            (text(width, top + 17.0, Anchor::End, "value", label, right))
            @if let (Some(count), Some(before)) = (step.count, step.before) {
                (text(left, top - 5.0, Anchor::Start, "tick", &format!("↓ {} go on", share(count, before)), 160.0))
            }
        }
    };
    let told: Vec<String> = steps.iter().zip(&labels).map(|(step, label)| format!("{}: {label}", step.name)).collect();
    let description = format!("A funnel of {} steps, with the share of the first one. {}.", steps.len(), listed(&told));
    Some(Picture { body, height: steps.len() as f64 * ROW - 8.0, description })
}

fn share(part: f64, whole: f64) -> String {
    if whole > 0.0 {
        format!("{}\u{202f}%", decimal(part / whole * 100.0, 1))
    } else {
        crate::format::MISSING.to_owned()
    }
}
