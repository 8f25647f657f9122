//! Rows as a page shows them.

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing is known.
    Missing,
    /// Text.
    Text(String),
    /// A number with so many digits after the point, exactly.
    Exact {
        /// The number times ten to the digits.
        unscaled: i128,
        /// Digits after the point.
        digits: u8,
    },
    /// A number.
    Number(f64),
    /// True or false.
    Truth(bool),
    /// A day, counted from 1970-01-01.
    Date(i32),
    /// A moment in UTC, in microseconds from 1970-01-01.
    Time(i64),
}

impl Cell {
    /// A whole number.
    #[must_use]
    pub fn whole(value: impl Into<i128>) -> Self {
        Self::Exact { unscaled: value.into(), digits: 0 }
    }

    /// Its size, where it is a number that can be drawn.
    pub(crate) fn number(&self) -> Option<f64> {
        let value = match self {
            Self::Number(value) => *value,
            Self::Exact { unscaled, digits } => *unscaled as f64 / 10_f64.powi(i32::from(*digits)),
            _ => return None,
        };
        value.is_finite().then_some(value)
    }

    /// Where it lies on an axis: numbers as they are, days and moments in days.
    pub(crate) fn position(&self) -> Option<f64> {
        match self {
            Self::Date(day) => Some(f64::from(*day)),
            Self::Time(micros) => Some(*micros as f64 / 86_400_000_000.0),
            other => other.number(),
        }
    }

    /// Whether it is a day or a moment.
    pub(crate) fn is_time(&self) -> bool {
        matches!(self, Self::Date(_) | Self::Time(_))
    }

    /// Whether it is written flush right.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Number(_) | Self::Exact { .. })
    }
}

/// A small table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows, each with a cell a column.
    pub rows: Vec<Vec<Cell>>,
    /// Whether there are more rows than these.
    pub more: bool,
}

impl Rows {
    /// The cell of a row; nothing where there is none.
    pub(crate) fn cell(&self, row: usize, column: usize) -> &Cell {
        self.rows.get(row).and_then(|row| row.get(column)).unwrap_or(&Cell::Missing)
    }

    /// The cells of a column from the first row to the last.
    pub(crate) fn column(&self, column: usize) -> impl Iterator<Item = &Cell> {
        self.rows.iter().map(move |row| row.get(column).unwrap_or(&Cell::Missing))
    }
}
