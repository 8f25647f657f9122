//! Distances between days, and how far from a day a query reads.

use std::collections::BTreeMap;

/// A range of days, counted from some other day; both ends are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days {
    /// The first of them.
    pub(crate) from: i32,
    /// The last of them.
    pub(crate) to: i32,
}

impl Days {
    /// The day itself.
    pub(crate) const SAME: Self = Self { from: 0, to: 0 };

    pub(crate) fn new(from: i32, to: i32) -> Self {
        Self { from, to }
    }

    /// As far before as after.
    pub(super) fn around(days: i32) -> Self {
        Self { from: -days, to: days }
    }

    /// From a day to a third one: by way of the second.
    pub(crate) fn plus(self, next: Self) -> Self {
        Self { from: self.from.saturating_add(next.from), to: self.to.saturating_add(next.to) }
    }

    /// From a day to a third one, where both are counted from the second.
    pub(super) fn minus(self, other: Self) -> Self {
        self.plus(other.back())
    }

    /// The same range, counted from the other end.
    pub(super) fn back(self) -> Self {
        Self { from: self.to.saturating_neg(), to: self.from.saturating_neg() }
    }

    /// How many days apart two of them can be.
    pub(super) fn width(self) -> i32 {
        self.to.saturating_sub(self.from)
    }

    pub(super) fn hull(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }

    /// The days that are in both. Where both are true of the same thing there are some.
    pub(super) fn meet(self, other: Self) -> Self {
        let both = Self { from: self.from.max(other.from), to: self.to.min(other.to) };
        if both.from > both.to { self } else { both }
    }
}

/// Which landed rows of a source a query needs for the rows of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those of the event dates in this range, counted from the day.
    Within(Days),
    /// All of them.
    All,
}

impl Reach {
    fn shifted(self, days: Days) -> Self {
        match self {
            Self::Within(range) => Self::Within(days.plus(range)),
            Self::All => Self::All,
        }
    }

    fn hull(self, other: Self) -> Self {
        match (self, other) {
            (Self::Within(one), Self::Within(other)) => Self::Within(one.hull(other)),
            _ => Self::All,
        }
    }

    fn meet(self, other: Self) -> Self {
        match (self, other) {
            (Self::Within(one), Self::Within(other)) => Self::Within(one.meet(other)),
            (Self::All, known) | (known, Self::All) => known,
        }
    }
}

/// What the rows of one day need of each source that is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Needs(pub(super) BTreeMap<String, Reach>);

impl Needs {
    /// What is needed of a source, on top of what is.
    pub(super) fn add(&mut self, source: &str, reach: Reach) {
        let known = self.0.entry(source.to_owned()).or_insert(reach);
        *known = known.hull(reach);
    }

    /// What the rows of all these days need.
    pub(super) fn shifted(&self, days: Days) -> Self {
        Self(self.0.iter().map(|(source, reach)| (source.clone(), reach.shifted(days))).collect())
    }

    /// What two kinds of rows need together.
    pub(super) fn hull(mut self, other: &Self) -> Self {
        for (source, reach) in &other.0 {
            self.add(source, *reach);
        }
        self
    }

    /// What is needed where each of the two is enough.
    pub(super) fn meet(mut self, other: &Self) -> Self {
        for (source, reach) in &mut self.0 {
            if let Some(other) = other.0.get(source) {
                *reach = reach.meet(*other);
            }
        }
        self
    }
}

/// The days that a value can be: the first ones of a period, or any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Snap {
    /// Any day.
    #[default]
    Day,
    /// Mondays.
    Week,
    /// First days of a month.
    Month,
    /// First days of a quarter.
    Quarter,
    /// First days of a year.
    Year,
}

impl Snap {
    /// Where the days of a period are, counted from its first day.
    pub(super) fn days(self) -> Days {
        Days::new(
            0,
            match self {
                Self::Day => 0,
                Self::Week => 6,
                Self::Month => 30,
                Self::Quarter => 91,
                Self::Year => 365,
            },
        )
    }
}
