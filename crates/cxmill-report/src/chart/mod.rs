//! One file a kind of chart.

mod bars;
mod calibration;
mod curves;
mod effects;
mod flow;
mod funnel;
mod heatmap;
mod histogram;
mod numbers;
mod percentiles;

use maud::{Markup, html};

use crate::canvas::{Anchor, Picture, svg, text};
use crate::figure::{Chart, Figure};
use crate::table;

/// Width of a figure that shares its row with another one.
pub(crate) const HALF: f64 = 600.0;
/// Width of a figure that has a row for itself.
pub(crate) const WIDE: f64 = 1262.0;

/// Whether a figure needs a row for itself.
pub(crate) fn is_wide(figure: &Figure) -> bool {
    match figure.chart {
        Chart::Numbers | Chart::Flow => true,
        Chart::Line | Chart::Steps => curves::is_wide(figure),
        Chart::Heatmap => heatmap::is_wide(figure),
        Chart::Table => figure.rows.columns.len() > 5,
        _ => false,
    }
}

/// Draws the chart of a figure. Charts that are tables have no drawing.
pub(crate) fn draw(figure: &Figure, id: &str, width: f64) -> Markup {
    let picture = match figure.chart {
        Chart::Numbers => return numbers::tiles(figure),
        Chart::Table => return table::whole(figure),
        Chart::Line => curves::draw(figure, width, false),
        Chart::Steps => curves::draw(figure, width, true),
        Chart::Bars => bars::draw(figure, width),
        Chart::Effects => effects::draw(figure, width),
        Chart::Heatmap => heatmap::draw(figure, width),
        Chart::Histogram => histogram::draw(figure, width),
        Chart::Calibration => calibration::draw(figure, width),
        Chart::Funnel => funnel::draw(figure, width),
        Chart::Flow => flow::draw(figure, width),
        Chart::Percentiles => percentiles::draw(figure, width),
    };
    let picture = picture.unwrap_or_else(|| nothing(width));
    html! {
        div.chart tabindex="0" role="group" aria-label="Chart" { (svg(id, &figure.title, width, &picture)) }
    }
}

/// What stands where there is nothing to draw.
fn nothing(width: f64) -> Picture {
    let body = text(width / 2.0, 46.0, Anchor::Middle, "empty", "No rows yet", width);
    Picture { body, height: 80.0, description: "There are no rows to draw yet.".to_owned() }
}

/// Names with what is said of each, as a sentence; long lists are cut off.
fn listed(items: &[String]) -> String {
    const MOST: usize = 12;
    let more = items.len().saturating_sub(MOST);
    let mut text = items.iter().take(MOST).cloned().collect::<Vec<_>>().join("; ");
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    text
}
