//! A figure of the report: a query over published tables, and how its rows are drawn.

use crate::model::Sql;
use crate::text::Span;

/// A figure of the report.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Figures of one section stand together.
    pub section: Option<String>,
    /// The line above it.
    pub title: String,
    /// What it answers.
    pub question: Option<String>,
    /// How its rows are drawn.
    pub chart: Chart,
    /// Which columns of the rows are drawn as what.
    pub columns: Vec<Drawn>,
    /// What its numbers are counted in.
    pub unit: Option<String>,
    /// The query.
    pub sql: Sql,
    /// Where its chart is named.
    pub span: Span,
}

/// A column of a figure's rows in its role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// What it is drawn as.
    pub role: Role,
    /// Its name.
    pub column: String,
    /// Where it is named.
    pub span: Span,
}

/// A kind of chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chart {
    /// Key numbers in large type.
    Numbers,
    /// A line with its interval, or several.
    Line,
    /// Bars with their intervals.
    Bars,
    /// Effects with their intervals beside the line of no effect.
    Effects,
    /// A grid of cells.
    Heatmap,
    /// Lines that fall in steps.
    Steps,
    /// How values are spread.
    Histogram,
    /// Expected against actual.
    Calibration,
    /// How many reach each step.
    Funnel,
    /// How many go from where to where.
    Flow,
    /// Several percentiles on one scale.
    Percentiles,
    /// The rows themselves.
    Table,
}

/// What a column of a figure is drawn as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Place on the level axis, or the name of a bar, effect or step.
    X,
    /// Value; the rows of a heat map.
    Y,
    /// Lower end.
    Low,
    /// Upper end.
    High,
    /// What tells lines or groups apart.
    Series,
    /// Value of a cell.
    Value,
    /// What was expected.
    Expected,
    /// Where it comes from.
    From,
    /// Where it goes to.
    To,
    /// A remark.
    Note,
}

/// What a role takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A number.
    Number,
    /// A number, a date or a timestamp.
    Place,
    /// Anything that can be written as a name.
    Label,
}

/// A role in a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The role.
    pub role: Role,
    /// What it takes.
    pub takes: Takes,
    /// Whether the chart needs it.
    pub required: bool,
}

const fn needs(role: Role, takes: Takes) -> Part {
    Part { role, takes, required: true }
}

const fn may(role: Role, takes: Takes) -> Part {
    Part { role, takes, required: false }
}

const LOW: Part = may(Role::Low, Takes::Number);
const HIGH: Part = may(Role::High, Takes::Number);

impl Chart {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Numbers,
        Self::Line,
        Self::Bars,
        Self::Effects,
        Self::Heatmap,
        Self::Steps,
        Self::Histogram,
        Self::Calibration,
        Self::Funnel,
        Self::Flow,
        Self::Percentiles,
        Self::Table,
    ];

    /// The word of the YAML.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Line => "line",
            Self::Bars => "bars",
            Self::Effects => "effects",
            Self::Heatmap => "heatmap",
            Self::Steps => "steps",
            Self::Histogram => "histogram",
            Self::Calibration => "calibration",
            Self::Funnel => "funnel",
            Self::Flow => "flow",
            Self::Percentiles => "percentiles",
            Self::Table => "table",
        }
    }

    /// Which columns it draws, and what it takes for each.
    #[must_use]
    pub fn parts(self) -> &'static [Part] {
        use Role::{Expected, From, High, Low, Note, Series, To, Value, X, Y};
        use Takes::{Label, Number, Place};
        match self {
            Self::Numbers => const { &[needs(X, Label), needs(Y, Number), LOW, HIGH, may(Note, Label)] },
            Self::Line | Self::Steps => const { &[needs(X, Place), needs(Y, Number), LOW, HIGH, may(Series, Label)] },
            Self::Bars => const { &[needs(X, Label), needs(Y, Number), LOW, HIGH] },
            Self::Effects => {
                const { &[needs(X, Label), needs(Y, Number), needs(Low, Number), needs(High, Number), may(Series, Label)] }
            }
            Self::Heatmap => const { &[needs(X, Label), needs(Y, Label), needs(Value, Number)] },
            Self::Histogram => const { &[needs(Low, Number), needs(High, Number), needs(Y, Number)] },
            Self::Calibration => const { &[needs(X, Label), needs(Y, Number), needs(Expected, Number)] },
            Self::Funnel | Self::Percentiles => const { &[needs(X, Label), needs(Y, Number)] },
            Self::Flow => const { &[needs(From, Label), needs(To, Label), needs(Y, Number)] },
            Self::Table => &[],
        }
    }

    /// Whether several columns may be drawn as `y`.
    #[must_use]
    pub fn takes_several(self) -> bool {
        self == Self::Percentiles
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 10] = [
        Self::X,
        Self::Y,
        Self::Low,
        Self::High,
        Self::Series,
        Self::Value,
        Self::Expected,
        Self::From,
        Self::To,
        Self::Note,
    ];

    /// The key of the YAML.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X => "x",
            Self::Y => "y",
            Self::Low => "low",
            Self::High => "high",
            Self::Series => "series",
            Self::Value => "value",
            Self::Expected => "expected",
            Self::From => "from",
            Self::To => "to",
            Self::Note => "note",
        }
    }
}
