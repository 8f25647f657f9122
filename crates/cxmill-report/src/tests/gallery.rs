//! A figure of every kind.

use crate::{Cell, Chart, Columns, Figure, Rows};

/// Days since 1970 of Monday, 5 January 2026.
const MONDAY: i32 = 20_458;

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn rows<const N: usize>(columns: [&str; N], rows: Vec<[Cell; N]>) -> Rows {
    Rows { columns: columns.map(str::to_owned).to_vec(), rows: rows.into_iter().map(Vec::from).collect(), more: false }
}

fn figure(title: &str, chart: Chart, columns: Columns, rows: Rows) -> Figure {
    Figure {
        section: None,
        title: title.to_owned(),
        question: Some("What is to be seen here, and why does it matter?".to_owned()),
        chart,
        columns,
        unit: None,
        rows,
        sql: "SELECT *\nFROM somewhere\nWHERE a < b".to_owned(),
        place: "pipelines/report.yaml:3:5".to_owned(),
    }
}

pub(super) fn numbers() -> Figure {
    let data = rows(
        ["name", "value", "low", "high", "note"],
        vec![
            [text("NPS"), Cell::Number(38.4), Cell::Number(34.1), Cell::Number(42.7), text("of 1,519 answers")],
            [text("Customers"), Cell::whole(850_i64), Cell::Missing, Cell::Missing, Cell::Missing],
            [
                text("Revenue"),
                Cell::Exact { unscaled: 19_604_978, digits: 2 },
                Cell::Missing,
                Cell::Missing,
                text("EUR"),
            ],
        ],
    );
    let columns = Columns { x: Some(0), y: vec![1], low: Some(2), high: Some(3), note: Some(4), ..Columns::default() };
    figure("Where we stand", Chart::Numbers, columns, data)
}

pub(super) fn line() -> Figure {
    let week = |index: i32| {
        let value = 34.0 + f64::from(index) * 1.1 + f64::from(index * 7 % 5);
        [Cell::Date(MONDAY + 7 * index), Cell::Number(value), Cell::Number(value - 6.5), Cell::Number(value + 6.0)]
    };
    let data = rows(["week", "nps", "low", "high"], (0..12).map(week).collect());
    let columns = Columns { x: Some(0), y: vec![1], low: Some(2), high: Some(3), ..Columns::default() };
    figure("NPS by week", Chart::Line, columns, data)
}

pub(super) fn lines() -> Figure {
    let month = |name: &str, month: i32, value: f64| [Cell::Date(month), text(name), Cell::Number(value)];
    let data = rows(
        ["month", "channel", "nps"],
        vec![
            month("web", 20_454, 41.0),
            month("web", 20_485, 44.5),
            month("web", 20_513, 47.0),
            month("phone", 20_454, 4.0),
            month("phone", 20_485, -3.0),
            month("phone", 20_513, 1.0),
            month("app", 20_454, 40.0),
            month("app", 20_485, 45.5),
            month("app", 20_513, 46.5),
        ],
    );
    let columns = Columns { x: Some(0), y: vec![2], series: Some(1), ..Columns::default() };
    figure("NPS by channel and month", Chart::Line, columns, data)
}

pub(super) fn bars() -> Figure {
    let bar = |name: &str, value: f64, margin: f64| {
        [text(name), Cell::Number(value), Cell::Number(value - margin), Cell::Number(value + margin)]
    };
    let unknown = [text("letters"), Cell::Missing, Cell::Missing, Cell::Missing];
    let bars =
        vec![bar("store", 57.1, 9.8), bar("app", 54.7, 7.0), bar("web", 50.0, 6.3), bar("phone", -4.4, 19.5), unknown];
    let columns = Columns { x: Some(0), y: vec![1], low: Some(2), high: Some(3), ..Columns::default() };
    figure("NPS by channel", Chart::Bars, columns, rows(["channel", "nps", "low", "high"], bars))
}

pub(super) fn effects() -> Figure {
    let effect = |group: &str, name: &str, value: f64, margin: f64| {
        [text(group), text(name), Cell::Number(value), Cell::Number(value - margin), Cell::Number(value + margin)]
    };
    let data = vec![
        effect("NPS", "late delivery", -2.76, 0.38),
        effect("NPS", "unresolved contact", -2.71, 0.46),
        effect("NPS", "amount", 0.07, 0.29),
        effect("CSAT", "late delivery", -0.81, 0.22),
    ];
    let columns =
        Columns { x: Some(1), y: vec![2], low: Some(3), high: Some(4), series: Some(0), ..Columns::default() };
    figure("What moves the score", Chart::Effects, columns, rows(["survey", "driver", "points", "low", "high"], data))
}

pub(super) fn heatmap() -> Figure {
    let mut cells = Vec::new();
    for cohort in 0..4_i32 {
        for week in 0..5_i32 {
            let share = 100.0 / f64::from(1 + week) + f64::from(cohort);
            let value = if cohort + week > 5 { Cell::Missing } else { Cell::Number(share.min(100.0)) };
            cells.push([Cell::Date(MONDAY + 7 * cohort), Cell::whole(week), value]);
        }
    }
    let columns = Columns { x: Some(1), y: vec![0], value: Some(2), ..Columns::default() };
    let mut figure = figure("Who comes back", Chart::Heatmap, columns, rows(["cohort", "week", "share"], cells));
    figure.unit = Some("%".to_owned());
    figure
}

pub(super) fn steps() -> Figure {
    let mut points = Vec::new();
    for (name, pace) in [("business", 6.0), ("student", 11.0)] {
        for step in 0..6_i32 {
            let share = 100.0 - pace * f64::from(step);
            points.push([
                text(name),
                Cell::whole(step * 15),
                Cell::Number(share),
                Cell::Number(share - 2.0 * f64::from(step)),
                Cell::Number((share + 2.0 * f64::from(step)).min(100.0)),
            ]);
        }
    }
    let columns =
        Columns { x: Some(1), y: vec![2], low: Some(3), high: Some(4), series: Some(0), ..Columns::default() };
    figure(
        "How long subscriptions live",
        Chart::Steps,
        columns,
        rows(["segment", "days", "alive", "low", "high"], points),
    )
}

pub(super) fn histogram() -> Figure {
    let counts = [12, 85, 140, 96, 51, 30, 14, 6, 0, 2];
    let bins = counts.iter().zip(0..).map(|(count, index): (&i32, i32)| {
        [Cell::whole(index * 50), Cell::whole(index * 50 + 50), Cell::whole(*count)]
    });
    let columns = Columns { low: Some(0), high: Some(1), y: vec![2], ..Columns::default() };
    let mut figure =
        figure("Value of customers", Chart::Histogram, columns, rows(["from", "to", "customers"], bins.collect()));
    figure.unit = Some("EUR".to_owned());
    figure
}

pub(super) fn calibration() -> Figure {
    let spot = |name: &str, came: i64, expected: f64| [text(name), Cell::whole(came), Cell::Number(expected)];
    let data =
        vec![spot("none", 64, 58.3), spot("one", 91, 96.7), spot("two", 120, 117.2), spot("5 or more", 243, 251.9)];
    let columns = Columns { x: Some(0), y: vec![1], expected: Some(2), ..Columns::default() };
    figure("Orders, expected and come", Chart::Calibration, columns, rows(["known", "came", "expected"], data))
}

pub(super) fn funnel() -> Figure {
    let step = |name: &str, count: i64| [text(name), Cell::whole(count)];
    let data = vec![step("visit", 12_400), step("basket", 5_210), step("order", 2_980), step("delivered", 2_955)];
    let columns = Columns { x: Some(0), y: vec![1], ..Columns::default() };
    figure("From visit to delivery", Chart::Funnel, columns, rows(["step", "sessions"], data))
}

pub(super) fn flow() -> Figure {
    let flow = |from: &str, to: &str, count: i64| [text(from), text(to), Cell::whole(count)];
    let data = vec![
        flow("home", "search", 900),
        flow("home", "exit", 410),
        flow("search", "product", 700),
        flow("search", "exit", 160),
        flow("product", "basket", 340),
    ];
    let columns = Columns { from: Some(0), to: Some(1), y: vec![2], ..Columns::default() };
    figure("Where sessions go", Chart::Flow, columns, rows(["from", "to", "sessions"], data))
}

pub(super) fn percentiles() -> Figure {
    let row = |name: &str, values: [f64; 3]| {
        let [a, b, c] = values.map(Cell::Number);
        [text(name), a, b, c]
    };
    let data = vec![row("phone", [2.1, 6.4, 11.0]), row("chat", [0.4, 1.2, 3.3]), row("email", [26.0, 71.5, 96.2])];
    let columns = Columns { x: Some(0), y: vec![1, 2, 3], ..Columns::default() };
    figure("Time to an answer", Chart::Percentiles, columns, rows(["channel", "median", "p90", "p95"], data))
}

pub(super) fn table() -> Figure {
    let row = |id: &str, reason: &str, value: i128, moment: i64| {
        [text(id), text(reason), Cell::Exact { unscaled: value, digits: 2 }, Cell::Time(moment), Cell::Truth(value > 0)]
    };
    let data = vec![
        row("c000017", "silent for 41 days", 123_456, 1_774_000_000_000_000),
        row("c000240", "شكوى مفتوحة", -4_210, 1_774_100_000_000_000),
        row("<script>alert(1)</script>", "R&D \"quoted\"", 0, 0),
    ];
    figure(
        "At risk",
        Chart::Table,
        Columns::default(),
        rows(["customer", "reason", "value", "last_seen", "known"], data),
    )
}

/// All of them.
pub(super) fn all() -> Vec<Figure> {
    vec![
        numbers(),
        line(),
        lines(),
        bars(),
        effects(),
        heatmap(),
        steps(),
        histogram(),
        calibration(),
        funnel(),
        percentiles(),
        flow(),
        table(),
    ]
}
