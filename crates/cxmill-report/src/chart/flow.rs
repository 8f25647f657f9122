//! How many go from where to where: bands from names on the left to names on the right, as wide as there are many.

use maud::html;

use super::listed;
use crate::canvas::{Anchor, Picture, place, rect, room, text};
use crate::figure::{Figure, Role};
use crate::format::Format;
use crate::ink::Ink;

const GAP: f64 = 12.0;
const NODE: f64 = 10.0;
/// Least height of a name, so that its label has room.
const LEAST: f64 = 14.0;

struct Node {
    name: String,
    total: f64,
    /// Upper end on the page.
    top: f64,
    height: f64,
    /// How much of it is taken by bands.
    taken: f64,
}

pub(super) fn draw(figure: &Figure, width: f64) -> Option<Picture> {
    let format = figure.format(&[Role::Y]);
    let flows: Vec<(String, String, f64)> = figure
        .all()
        .filter_map(|row| {
            let count = figure.number(row, Role::Y).filter(|count| *count > 0.0)?;
            Some((figure.label(row, Role::From), figure.label(row, Role::To), count))
        })
        .collect();
    let most = flows.iter().map(|(.., count)| *count).reduce(f64::max)?;
    // In shares of the largest band, so that no sum is too large to be a number.
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (from, to, count) in &flows {
        add(&mut left, from, count / most);
        add(&mut right, to, count / most);
    }
    let total: f64 = left.iter().map(|node: &Node| node.total).sum();
    let names = left.len().max(right.len()) as f64;
    let unit = (names * 34.0).max(220.0) / total;
    let height = arrange(&mut left, unit).max(arrange(&mut right, unit));
    let labels = |nodes: &[Node]| nodes.iter().map(|node| label(node, most, &format)).collect::<Vec<_>>();
    let (left_labels, right_labels) = (labels(&left), labels(&right));
    let x1 = room(left_labels.iter().map(String::as_str), width * 0.3) + 10.0;
    let x2 = width - room(right_labels.iter().map(String::as_str), width * 0.3) - 10.0;
    let mut bands = Vec::new();
    for (from, to, count) in &flows {
        let thick = count / most * unit;
        let (Some(a), Some(ink)) = (take(&mut left, from, thick), left.iter().position(|node| node.name == *from))
        else {
            continue;
        };
        let Some(b) = take(&mut right, to, thick) else { continue };
        bands.push((band((x1 + NODE, a), (x2 - NODE, b), thick), Ink::of(ink), told(from, to, *count, &format)));
    }
    let body = html! {
        @for (path, ink, title) in &bands {
            path class="flow" fill=(ink.pattern()) d=(path) { title { (title) } }
        }
        @for (node, label) in left.iter().zip(&left_labels) {
            (rect("node", None, (x1, node.top), (NODE, node.height), label))
            (text(x1 - 8.0, node.top + node.height / 2.0 + 4.0, Anchor::End, "", label, width * 0.3))
        }
        @for (node, label) in right.iter().zip(&right_labels) {
            (rect("node", None, (x2 - NODE, node.top), (NODE, node.height), label))
            (text(x2 + 8.0, node.top + node.height / 2.0 + 4.0, Anchor::Start, "", label, width * 0.3))
        }
    };
    let all: Vec<String> = flows.iter().map(|(from, to, count)| told(from, to, *count, &format)).collect();
    let description = format!("{} flows. {}.", flows.len(), listed(&all));
    Some(Picture { body, height: height + 4.0, description })
}

fn add(nodes: &mut Vec<Node>, name: &str, share: f64) {
    match nodes.iter_mut().find(|node| node.name == name) {
        Some(node) => node.total += share,
        None => nodes.push(Node { name: name.to_owned(), total: share, top: 0.0, height: 0.0, taken: 0.0 }),
    }
}

/// Puts names below one another; gives the height of all.
fn arrange(nodes: &mut [Node], unit: f64) -> f64 {
    let mut top = 2.0;
    for node in nodes {
        node.top = top;
        node.height = (node.total * unit).max(LEAST);
        top += node.height + GAP;
    }
    top - GAP
}

/// The upper end of the next band at a name.
fn take(nodes: &mut [Node], name: &str, thick: f64) -> Option<f64> {
    let node = nodes.iter_mut().find(|node| node.name == name)?;
    let at = node.top + node.taken;
    node.taken += thick;
    Some(at)
}

fn band((x1, y1): (f64, f64), (x2, y2): (f64, f64), thick: f64) -> String {
    let middle = place((x1 + x2) / 2.0);
    let (a, b, c, d) = (place(x1), place(x2), place(y1), place(y2));
    let (e, f) = (place(y1 + thick.max(0.6)), place(y2 + thick.max(0.6)));
    format!("M{a} {c}C{middle} {c} {middle} {d} {b} {d}V{f}C{middle} {f} {middle} {e} {a} {e}z")
}

fn label(node: &Node, most: f64, format: &Format) -> String {
    format!("{} {}", node.name, format.number(node.total * most))
}

fn told(from: &str, to: &str, count: f64, format: &Format) -> String {
    format!("{from} to {to}: {}", format.number(count))
}
