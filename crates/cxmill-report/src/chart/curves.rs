//! Lines over a level axis: straight from point to point, or in steps.
//!
//! One line or lines without intervals share a plot, with their names at their ends. Several lines with intervals get a panel
//! each, where the others are drawn faintly for comparison: bands on top of one another cannot be read.

use maud::{Markup, html};

use super::listed;
use crate::canvas::{Anchor, Picture, bold_room, level, overhang, place, room, spread, text, upright};
use crate::figure::{Figure, Role};
use crate::format::Format;
use crate::ink::Ink;
use crate::scale::{Scale, extent};
use crate::ticks::{self, Ticks};

/// Points up to which each gets a marker.
const MARKED: usize = 45;

/// A point; without `y` nothing is known there.
struct Point {
    x: f64,
    y: Option<f64>,
    interval: Option<(f64, f64)>,
    label: String,
}

struct Series {
    name: String,
    ink: Ink,
    points: Vec<Point>,
}

impl Series {
    fn last(&self) -> Option<(&Point, f64)> {
        self.points.iter().rev().find_map(|point| Some((point, point.y?)))
    }

    /// Runs of points that are known, so that a missing one leaves a gap.
    fn runs(&self) -> impl Iterator<Item = &[Point]> {
        self.points.split(|point| point.y.is_none()).filter(|run| !run.is_empty())
    }
}

struct Plot<'a> {
    format: &'a Format,
    stepped: bool,
    x: Scale,
    y: Scale,
    x_ticks: Vec<(f64, String)>,
    y_ticks: Ticks,
}

/// Whether the lines get panels of their own that fill a row.
pub(super) fn is_wide(figure: &Figure) -> bool {
    let all = series(figure);
    in_panels(&all) && all.len() > 2
}

fn in_panels(all: &[Series]) -> bool {
    all.len() > 1 && all.iter().any(|series| series.points.iter().any(|point| point.interval.is_some()))
}

pub(super) fn draw(figure: &Figure, width: f64, stepped: bool) -> Option<Picture> {
    let all = series(figure);
    let format = figure.format(&[Role::Y, Role::Low, Role::High]);
    let points = || all.iter().flat_map(|series| &series.points);
    let xs = extent(points().map(|point| point.x))?;
    let ends = points().flat_map(|point| point.interval.into_iter().flat_map(|(low, high)| [low, high]));
    let (low, high) = extent(points().filter_map(|point| point.y).chain(ends))?;
    // Zero belongs to the picture unless it would squeeze all else.
    let low = if low > 0.0 && (stepped || low < high * 0.4) { 0.0 } else { low };
    let y_ticks = ticks::numbers((low, high), 4.0, &format);
    let plain = Scale::new(xs, (0.0, 1.0));
    let x_ticks = x_ticks(figure, points(), (plain.low, plain.high));
    let description = describe(figure, &all, &format);
    let left = room(y_ticks.all.iter().map(|(_, label)| label.as_str()), 120.0) + 12.0;
    let left = left.max(overhang(x_ticks.first()));
    let plot = |xs: (f64, f64), ys: (f64, f64)| Plot {
        format: &format,
        stepped,
        x: Scale::new((plain.low, plain.high), xs),
        y: Scale::new((y_ticks.low, y_ticks.high), ys),
        x_ticks: x_ticks.clone(),
        y_ticks: y_ticks.clone(),
    };
    if !in_panels(&all) {
        let names = all.iter().map(|series| end_label(series, &format)).collect::<Vec<_>>();
        let right = bold_room(names.iter().map(String::as_str), 170.0) + 14.0;
        let height = 280.0;
        let plot = plot((left, width - right), (height - 28.0, 12.0));
        return Some(Picture { body: together(&plot, &all, &names), height, description });
    }
    let columns = all.len().min(if width > 1000.0 { 3 } else { 2 });
    let panel = (width - (columns - 1) as f64 * 24.0) / columns as f64;
    let high = 176.0;
    let right = overhang(x_ticks.last()).max(8.0);
    let rows = all.len().div_ceil(columns);
    let body = html! {
        @for (index, series) in all.iter().enumerate() {
            @let (x, y) = ((index % columns) as f64 * (panel + 24.0), (index / columns) as f64 * (high + 14.0));
            g transform={"translate(" (place(x)) " " (place(y)) ")"} {
                (alone(&plot((left, panel - right), (high - 26.0, 30.0)), &all, series, panel))
            }
        }
    };
    Some(Picture { body, height: rows as f64 * (high + 14.0) - 14.0, description })
}

fn series(figure: &Figure) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for row in figure.all() {
        let Some(x) = figure.position(row, Role::X) else { continue };
        let name = figure.label(row, Role::Series);
        let point = Point {
            x,
            y: figure.number(row, Role::Y),
            interval: figure.interval(row),
            label: figure.label(row, Role::X),
        };
        match all.iter_mut().find(|series| series.name == name) {
            Some(series) => series.points.push(point),
            None => all.push(Series { name, ink: Ink::of(all.len()), points: vec![point] }),
        }
    }
    all.iter_mut().for_each(|series| series.points.sort_by(|a, b| a.x.total_cmp(&b.x)));
    all
}

fn x_ticks<'a>(figure: &Figure, points: impl Iterator<Item = &'a Point>, ends: (f64, f64)) -> Vec<(f64, String)> {
    let mut places: Vec<(f64, &str)> = points.map(|point| (point.x, point.label.as_str())).collect();
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    places.dedup_by(|a, b| a.0 == b.0);
    match (figure.is_time(Role::X), places.len() <= 7) {
        (true, true) => ticks::at_days(&places.iter().map(|(x, _)| *x).collect::<Vec<_>>()),
        (true, false) => ticks::days(ends, 9).all,
        (false, true) => places.into_iter().map(|(x, label)| (x, label.to_owned())).collect(),
        (false, false) => {
            let format = Format::of(figure.column(Role::X).into_iter().flat_map(|column| figure.rows.column(column)));
            let inside = |(value, _): &(f64, String)| (ends.0..=ends.1).contains(value);
            ticks::numbers(ends, 7.0, &format).all.into_iter().filter(inside).collect()
        }
    }
}

fn end_label(series: &Series, format: &Format) -> String {
    let value = series.last().map(|(_, y)| format.number(y)).unwrap_or_default();
    if series.name.is_empty() { value } else { format!("{} {value}", series.name) }
}

/// All lines in one plot.
fn together(plot: &Plot<'_>, all: &[Series], names: &[String]) -> Markup {
    let bottom = plot.y.at(plot.y.low);
    let ends: Vec<(f64, f64)> = all
        .iter()
        .map(|series| series.last().map_or((0.0, bottom), |(point, y)| (plot.x.at(point.x), plot.y.at(y))))
        .collect();
    let heights: Vec<f64> = ends.iter().map(|(_, y)| *y).collect();
    let heights = spread(&heights, 15.0, (plot.y.at(plot.y.high), bottom));
    let right = plot.x.at(plot.x.high);
    html! {
        (axes(plot))
        @for series in all { (band(plot, series)) (curve(plot, series)) }
        @for (((series, name), (x, _)), y) in all.iter().zip(names).zip(&ends).zip(&heights) {
            (text(if all.len() > 1 { right } else { *x } + 9.0, y + 4.0, Anchor::Start, &format!("end {}", series.ink.class()), name, 170.0))
        }
    }
}

/// One line in a panel, the others faintly behind it.
fn alone(plot: &Plot<'_>, all: &[Series], own: &Series, width: f64) -> Markup {
    let value = own.last().map(|(_, y)| plot.format.number(y)).unwrap_or_default();
    html! {
        (axes(plot))
        @for other in all.iter().filter(|other| other.name != own.name) {
            @for run in other.runs() { path class="faint" d=(path(plot, run)) {} }
        }
        (band(plot, own))
        (curve(plot, own))
        (text(0.0, 13.0, Anchor::Start, "name", &own.name, width - 80.0))
        (text(width - 8.0, 13.0, Anchor::End, &format!("end {}", own.ink.class()), &value, 80.0))
    }
}

fn axes(plot: &Plot<'_>) -> Markup {
    let (left, right) = (plot.x.at(plot.x.low), plot.x.at(plot.x.high));
    html! {
        (upright(&plot.y, &plot.y_ticks, left, right))
        (level(&plot.x, &plot.x_ticks, plot.y.at(plot.y.low), None))
    }
}

fn band(plot: &Plot<'_>, series: &Series) -> Markup {
    let class = format!("band {}", series.ink.class());
    html! {
        @for run in series.points.split(|point| point.interval.is_none()).filter(|run| !run.is_empty()) {
            @if let [only] = run {
                @let (low, high) = only.interval.unwrap_or_default();
                (crate::canvas::line(&format!("whisker {}", series.ink.class()), (plot.x.at(only.x), plot.y.at(low)), (plot.x.at(only.x), plot.y.at(high))))
            } @else {
                path class=(class) d=(area(plot, run)) {}
            }
        }
    }
}

fn curve(plot: &Plot<'_>, series: &Series) -> Markup {
    let class = format!("line {}", series.ink.class());
    let marked = series.points.len() <= MARKED;
    let last = series.last().map(|(point, _)| point.x);
    html! {
        @for run in series.runs() {
            path class=(class) stroke-dasharray=[series.ink.dash()] d=(path(plot, run)) {}
            @for point in run.iter().filter(|point| (marked && !plot.stepped) || Some(point.x) == last || run.len() == 1) {
                @let y = point.y.unwrap_or_default();
                path class={"mark " (series.ink.class())} d=(series.ink.marker(plot.x.at(point.x), plot.y.at(y), 3.2)) {
                    title { (told(series, point, y, plot.format)) }
                }
            }
        }
    }
}

fn told(series: &Series, point: &Point, y: f64, format: &Format) -> String {
    let name = if series.name.is_empty() { String::new() } else { format!("{}, ", series.name) };
    format!("{name}{}: {}{}", point.label, format.number(y), format.in_brackets(point.interval))
}

fn path(plot: &Plot<'_>, run: &[Point]) -> String {
    trace(plot, run.iter().map(|point| (point.x, point.y.unwrap_or_default())), 'M')
}

/// The outline of a band: along its upper end, and back along its lower one.
fn area(plot: &Plot<'_>, run: &[Point]) -> String {
    let ends = |point: &Point| point.interval.unwrap_or_default();
    let upper = trace(plot, run.iter().map(|point| (point.x, ends(point).1)), 'M');
    let lower: Vec<(f64, f64)> = run.iter().map(|point| (point.x, ends(point).0)).collect();
    let mut back = String::new();
    for (index, (x, y)) in lower.iter().enumerate().rev() {
        back.push_str(&format!("L{} {}", place(plot.x.at(*x)), place(plot.y.at(*y))));
        if let Some((_, before)) = index.checked_sub(1).and_then(|before| lower.get(before)).filter(|_| plot.stepped) {
            back.push_str(&format!("V{}", place(plot.y.at(*before))));
        }
    }
    format!("{upper}{back}z")
}

fn trace(plot: &Plot<'_>, points: impl Iterator<Item = (f64, f64)>, first: char) -> String {
    let mut path = String::new();
    for (x, y) in points {
        let (x, y) = (place(plot.x.at(x)), place(plot.y.at(y)));
        match (path.is_empty(), plot.stepped) {
            (true, _) => path.push_str(&format!("{first}{x} {y}")),
            (false, true) => path.push_str(&format!("H{x}V{y}")),
            (false, false) => path.push_str(&format!("L{x} {y}")),
        }
    }
    path
}

fn describe(figure: &Figure, all: &[Series], format: &Format) -> String {
    let lines: Vec<String> = all
        .iter()
        .filter_map(|series| {
            let (last, y) = series.last()?;
            let known = || series.points.iter().filter_map(|point| Some((point, point.y?)));
            let least = known().min_by(|a, b| a.1.total_cmp(&b.1))?;
            let most = known().max_by(|a, b| a.1.total_cmp(&b.1))?;
            Some(format!(
                "{}, lowest {} at {}, highest {} at {}",
                told(series, last, y, format),
                format.number(least.1),
                least.0.label,
                format.number(most.1),
                most.0.label
            ))
        })
        .collect();
    let x = figure.column(Role::X).and_then(|column| figure.rows.columns.get(column)).cloned().unwrap_or_default();
    let what = if all.len() == 1 { "A line".to_owned() } else { format!("{} lines", all.len()) };
    format!("{what} over {x}. Newest values: {}.", listed(&lines))
}
