//! What a figure is made of.

use crate::format::{Format, label};
use crate::rows::Rows;
use crate::scale::extent;

/// How rows are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chart {
    /// Key numbers in large type: `x` names each, `y` is its value.
    Numbers,
    /// A line of `y` over `x` with the band between `low` and `high`, one for each `series`.
    Line,
    /// A bar of length `y` for each `x`, with a whisker from `low` to `high`.
    Bars,
    /// The effect `y` of each `x` with its interval, beside the line of no effect.
    Effects,
    /// `value` in the cell of column `x` and row `y`.
    Heatmap,
    /// Like a line that falls in steps: survival curves.
    Steps,
    /// How many (`y`) lie between `low` and `high`.
    Histogram,
    /// What came (`y`) against what was expected (`expected`), for each `x`.
    Calibration,
    /// How many (`y`) reach each step (`x`), in order.
    Funnel,
    /// How many (`y`) go from `from` to `to`.
    Flow,
    /// Several percentiles (`ys`) of each `x` on one scale.
    Percentiles,
    /// The rows themselves.
    Table,
}

/// Which column of the rows is what, by index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Place or name.
    pub x: Option<usize>,
    /// Value, or the rows of a heat map; several for percentiles.
    pub y: Vec<usize>,
    /// Lower end of an interval.
    pub low: Option<usize>,
    /// Upper end of an interval.
    pub high: Option<usize>,
    /// What tells lines or groups apart.
    pub series: Option<usize>,
    /// Value of a cell.
    pub value: Option<usize>,
    /// What a model expected.
    pub expected: Option<usize>,
    /// Where a flow comes from.
    pub from: Option<usize>,
    /// Where a flow goes to.
    pub to: Option<usize>,
    /// A remark below a key number.
    pub note: Option<usize>,
}

/// One figure of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Figures with the same section stand together.
    pub section: Option<String>,
    /// Title.
    pub title: String,
    /// What it answers, in a sentence or two.
    pub question: Option<String>,
    /// How it is drawn.
    pub chart: Chart,
    /// What is drawn.
    pub columns: Columns,
    /// What numbers are counted in, as in `%` or `EUR`.
    pub unit: Option<String>,
    /// The rows.
    pub rows: Rows,
    /// The query that gave them.
    pub sql: String,
    /// Where the query stands.
    pub place: String,
}

/// What a column is for, as charts ask for it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    X,
    Y,
    Low,
    High,
    Series,
    Value,
    Expected,
    From,
    To,
    Note,
}

impl Figure {
    /// The column in a role.
    pub(crate) fn column(&self, role: Role) -> Option<usize> {
        let columns = &self.columns;
        match role {
            Role::X => columns.x,
            Role::Y => columns.y.first().copied(),
            Role::Low => columns.low,
            Role::High => columns.high,
            Role::Series => columns.series,
            Role::Value => columns.value,
            Role::Expected => columns.expected,
            Role::From => columns.from,
            Role::To => columns.to,
            Role::Note => columns.note,
        }
    }

    /// The number that a row has in a role.
    pub(crate) fn number(&self, row: usize, role: Role) -> Option<f64> {
        self.rows.cell(row, self.column(role)?).number()
    }

    /// Where a row lies on the axis of a role.
    pub(crate) fn position(&self, row: usize, role: Role) -> Option<f64> {
        self.rows.cell(row, self.column(role)?).position()
    }

    /// What a row is called in a role.
    pub(crate) fn label(&self, row: usize, role: Role) -> String {
        self.column(role).map_or_else(String::new, |column| label(self.rows.cell(row, column)))
    }

    /// Whether a role's column holds days or moments.
    pub(crate) fn is_time(&self, role: Role) -> bool {
        self.column(role).is_some_and(|column| self.rows.column(column).any(crate::rows::Cell::is_time))
    }

    /// How numbers of some roles are written, with the figure's unit.
    pub(crate) fn format(&self, roles: &[Role]) -> Format {
        let columns = roles.iter().filter_map(|role| self.column(*role));
        let cells = columns.flat_map(|column| self.rows.column(column));
        Format::of(cells).with_unit(self.unit.as_deref())
    }

    /// All rows by index.
    pub(crate) fn all(&self) -> std::ops::Range<usize> {
        0..self.rows.rows.len()
    }

    /// From the least to the greatest of all values and ends of intervals.
    pub(crate) fn reach(&self) -> Option<(f64, f64)> {
        let ends = self.all().filter_map(|row| self.interval(row)).flat_map(|(low, high)| [low, high]);
        extent(self.all().filter_map(|row| self.number(row, Role::Y)).chain(ends))
    }

    /// The interval of a row, where both ends are known.
    pub(crate) fn interval(&self, row: usize) -> Option<(f64, f64)> {
        let (low, high) = (self.number(row, Role::Low)?, self.number(row, Role::High)?);
        Some((low.min(high), low.max(high)))
    }
}
