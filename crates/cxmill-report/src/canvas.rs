//! The parts that charts are drawn with.

use maud::{Markup, html};

use crate::scale::Scale;
use crate::text::{clip, width};
use crate::ticks::Ticks;

/// Size of the text in charts.
pub(crate) const TEXT: f64 = 12.0;

/// A drawn chart before it gets its frame.
#[derive(Debug)]
pub(crate) struct Picture {
    /// What is drawn.
    pub(crate) body: Markup,
    /// Height of the drawing; the width is given.
    pub(crate) height: f64,
    /// What a person who cannot see it must know.
    pub(crate) description: String,
}

/// Where a text begins, lies or ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Start => None,
            Self::Middle => Some("middle"),
            Self::End => Some("end"),
        }
    }
}

/// A place in the drawing, to a tenth of a point.
pub(crate) fn place(value: f64) -> String {
    let tenths = (value * 10.0).round();
    if !tenths.is_finite() {
        return "0".to_owned();
    }
    // Not "-0".
    format!("{}", (tenths + 0.0) / 10.0)
}

/// The frame of a drawing with its title and description for those who do not see it.
pub(crate) fn svg(id: &str, title: &str, width: f64, picture: &Picture) -> Markup {
    html! {
        svg role="img" aria-labelledby={(id) "-t " (id) "-d"} viewBox={"0 0 " (place(width)) " " (place(picture.height))} {
            title id={(id) "-t"} { (title) }
            desc id={(id) "-d"} { (picture.description) }
            (picture.body)
        }
    }
}

/// A text at a place, with its whole as a title where it is cut off.
pub(crate) fn text(x: f64, y: f64, anchor: Anchor, class: &str, full: &str, most: f64) -> Markup {
    let shown = clip(full, most, TEXT);
    html! {
        text class=[(!class.is_empty()).then_some(class)] x=(place(x)) y=(place(y)) text-anchor=[anchor.word()] {
            (shown)
            @if shown != full { title { (full) } }
        }
    }
}

/// A straight line.
pub(crate) fn line(class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> Markup {
    html! { path class=(class) d={"M" (place(x1)) " " (place(y1)) "L" (place(x2)) " " (place(y2))} {} }
}

/// A box that says what it is when pointed at.
pub(crate) fn rect(class: &str, fill: Option<&str>, (x, y): (f64, f64), (w, h): (f64, f64), title: &str) -> Markup {
    html! {
        rect class=(class) fill=[fill] x=(place(x)) y=(place(y)) width=(place(w.max(0.0))) height=(place(h.max(0.0))) {
            @if !title.is_empty() { title { (title) } }
        }
    }
}

/// Lines across at the ticks of an upright axis, with labels to their left; zero stands out.
pub(crate) fn upright(scale: &Scale, ticks: &Ticks, from: f64, to: f64) -> Markup {
    html! {
        @for (value, label) in &ticks.all {
            @let y = scale.at(*value);
            (line(if *value == 0.0 { "zero" } else { "grid" }, (from, y), (to, y)))
            (text(from - 8.0, y + 4.0, Anchor::End, "tick", label, 200.0))
        }
    }
}

/// Labels below a level axis; with `grid`, lines up from them. A label that would touch the one before it is left out.
pub(crate) fn level(scale: &Scale, ticks: &[(f64, String)], y: f64, grid: Option<f64>) -> Markup {
    let mut free = f64::NEG_INFINITY;
    let mut kept = |x: f64, label: &str| {
        let half = width(label, TEXT) / 2.0;
        let fits = x - half > free;
        if fits {
            free = x + half + 8.0;
        }
        fits
    };
    html! {
        @for (value, label) in ticks {
            @let x = scale.at(*value);
            @if let Some(top) = grid { (line(if *value == 0.0 { "zero" } else { "grid" }, (x, top), (x, y))) }
            @else { (line("grid", (x, y), (x, y + 4.0))) }
            @if kept(x, label) { (text(x, y + 19.0, Anchor::Middle, "tick", label, 200.0)) }
        }
    }
}

/// Room that labels need, up to a bound.
pub(crate) fn room<'a>(labels: impl Iterator<Item = &'a str>, most: f64) -> f64 {
    labels.map(|label| width(label, TEXT)).fold(0.0, f64::max).min(most)
}

/// The same where the text is bold.
pub(crate) fn bold_room<'a>(labels: impl Iterator<Item = &'a str>, most: f64) -> f64 {
    1.1 * room(labels, most)
}

/// Room beyond an end of a level axis for half of the label of the tick there.
pub(crate) fn overhang(tick: Option<&(f64, String)>) -> f64 {
    tick.map_or(0.0, |(_, label)| width(label, TEXT) / 2.0 + 2.0)
}

/// Places for labels at about these heights, so that none lies on another; in the order given.
pub(crate) fn spread(wanted: &[f64], gap: f64, (top, bottom): (f64, f64)) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    let at = |index: usize| wanted.get(index).copied().unwrap_or(top);
    order.sort_by(|a, b| at(*a).total_cmp(&at(*b)).then(a.cmp(b)));
    let mut places = wanted.to_vec();
    let mut free = top;
    for index in &order {
        let y = at(*index).max(free);
        free = y + gap;
        if let Some(place) = places.get_mut(*index) {
            *place = y;
        }
    }
    let mut free = bottom;
    for index in order.iter().rev() {
        if let Some(place) = places.get_mut(*index) {
            *place = place.min(free);
            free = *place - gap;
        }
    }
    places
}
