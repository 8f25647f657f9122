//! What tells series apart: a colour, and with it a dash, a marker and a pattern, so that no colour is needed.

use maud::{Markup, html};

use crate::canvas::place as p;

/// Series that can be told apart; further ones begin again.
pub(crate) const INKS: usize = 6;

const DASHES: [&str; INKS] = ["", "7 3", "2 3", "9 3 2 3", "4 2", "12 4"];

/// The look of one series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ink(usize);

impl Ink {
    /// The look of the series with this number.
    pub(crate) fn of(index: usize) -> Self {
        Self(index % INKS)
    }

    /// Its class, which sets the colour.
    pub(crate) fn class(self) -> String {
        format!("c{}", self.0)
    }

    /// The dash of its lines.
    pub(crate) fn dash(self) -> Option<&'static str> {
        DASHES.get(self.0).copied().filter(|dash| !dash.is_empty())
    }

    /// Reference to its pattern.
    pub(crate) fn pattern(self) -> String {
        format!("url(#p{})", self.0)
    }

    /// Path of its marker around a place.
    pub(crate) fn marker(self, x: f64, y: f64, r: f64) -> String {
        match self.0 {
            1 => format!("M{} {}h{d}v{d}h-{d}z", p(x - r * 0.9), p(y - r * 0.9), d = p(r * 1.8)),
            2 => format!("M{} {}l{r2} {r2}l-{r2} {r2}l-{r2} -{r2}z", p(x), p(y - r * 1.25), r2 = p(r * 1.25)),
            3 => {
                format!("M{} {}l{w} {h}h-{w2}z", p(x), p(y - r * 1.2), w = p(r * 1.15), h = p(r * 2.1), w2 = p(r * 2.3))
            }
            4 => format!(
                "M{} {}l{w} -{h}h-{w2}z",
                p(x),
                p(y + r * 1.2),
                w = p(r * 1.15),
                h = p(r * 2.1),
                w2 = p(r * 2.3)
            ),
            5 => {
                let d = p(r * 0.7);
                format!("M{} {}h{d}v-{d}h{d}v{d}h{d}v{d}h-{d}v{d}h-{d}v-{d}h-{d}z", p(x - r), p(y - r * 0.33))
            }
            _ => format!("M{} {}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0z", p(x - r), p(y), r = p(r), d = p(r * 2.0)),
        }
    }
}

/// The patterns of all series, and the hatching of what is missing, once a page. Printers of pages make a picture of each shape
/// that is filled with one, which is some hundred kB large, so that on paper the style puts a tint with an outline in its place:
/// of another lightness and dash for each.
pub(crate) fn patterns() -> Markup {
    let marks = [
        "M0 0h8v8h-8z",
        "M-2 10L10 -2M-2 2L2 -2M6 10L10 6",
        "M4 0v8",
        "M0 4h8",
        "M-2 -2L10 10M-2 6L2 10M6 -2L10 2",
        "M4 2v4M2 4h4",
    ];
    html! {
        svg.defs aria-hidden="true" width="0" height="0" focusable="false" {
            defs {
                @for (index, mark) in marks.iter().enumerate() {
                    pattern id={"p" (index)} class={"c" (index)} width="8" height="8" patternUnits="userSpaceOnUse" {
                        rect class="tint" width="8" height="8" {}
                        @if index > 0 { path class="weave" d=(mark) {} }
                    }
                }
                pattern id="missing" width="6" height="6" patternUnits="userSpaceOnUse" {
                    path class="hatch" d="M-1 7L7 -1M-1 1L1 -1M5 7L7 5" {}
                }
            }
        }
    }
}
