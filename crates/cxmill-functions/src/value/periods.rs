//! Sums of amounts by calendar period: what `rfm` keeps of one customer.

use chrono::{Datelike, NaiveDate};

use crate::keyed::{Counted, Entry};
use crate::sum::Sum;

/// Within one of these, purchases are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Day,
    /// From Monday, as in ISO 8601.
    Week,
    Month,
}

impl Unit {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "day" => Some(Self::Day),
            "week" => Some(Self::Week),
            "month" => Some(Self::Month),
            _ => None,
        }
    }

    /// The number of the period that holds a day, given in days since 1970-01-01; consecutive periods have consecutive numbers.
    /// `None` beyond the years that chrono knows.
    pub(crate) fn number(self, day: i64) -> Option<i64> {
        let date = NaiveDate::from_epoch_days(i32::try_from(day).ok()?)?;
        Some(match self {
            Self::Day => day,
            // 1970-01-01 was a Thursday, three days after a Monday.
            Self::Week => (day + 3).div_euclid(7),
            Self::Month => i64::from(date.year()) * 12 + i64::from(date.month0()),
        })
    }
}

/// What was bought in one period.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bought {
    pub(crate) purchases: i64,
    pub(crate) amount: Sum,
}

impl Counted for Bought {
    /// The amount of a purchase.
    type Row = f64;

    fn of(amount: f64) -> Self {
        Self { purchases: 1, amount: Sum { high: amount, low: 0.0 } }
    }

    fn merge(&mut self, other: Self) {
        self.purchases = self.purchases.saturating_add(other.purchases);
        self.amount.merge(other.amount);
    }

    fn remove(&mut self, amount: f64) {
        self.purchases -= 1;
        self.amount.remove(amount);
    }

    fn is_gone(&self) -> bool {
        self.purchases == 0
    }
}

/// What was seen of a customer up to some period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// Periods with a purchase after the first one.
    pub(crate) repeats: i64,
    /// Their mean amount.
    pub(crate) mean_of_repeats: Option<f64>,
}

impl Seen {
    /// What was seen in periods up to `last`, of periods in rising order; `None` if nothing was.
    pub(crate) fn up_to(last: i64, periods: &[Entry<i64, Bought>]) -> Option<Self> {
        let seen = &periods[..periods.partition_point(|period| period.key <= last)];
        let [first, repeats @ ..] = seen else { return None };
        let mut total = Sum::default();
        repeats.iter().for_each(|period| total.merge(period.counted.amount));
        Some(Self {
            first: first.key,
            last: repeats.last().unwrap_or(first).key,
            repeats: repeats.len() as i64,
            mean_of_repeats: (!repeats.is_empty()).then(|| total.value() / repeats.len() as f64),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_follow_the_calendar() {
        let day = |text: &str| {
            let date: NaiveDate = text.parse().unwrap();
            i64::from(date.to_epoch_days())
        };
        assert_eq!(Unit::Week.number(day("1970-01-04")), Some(0));
        assert_eq!(Unit::Week.number(day("1970-01-05")), Some(1));
        assert_eq!(Unit::Week.number(day("1969-12-28")), Some(-1));
        assert_eq!(Unit::Month.number(day("1970-03-01")), Some(1970 * 12 + 2));
        let months =
            |from: &str, to: &str| Unit::Month.number(day(to)).unwrap() - Unit::Month.number(day(from)).unwrap();
        assert_eq!(months("2025-12-31", "2026-01-01"), 1);
        assert_eq!(Unit::Day.number(i64::from(i32::MAX)), None);
    }

    #[test]
    fn only_what_came_up_to_the_period_is_seen() {
        let periods: Vec<Entry<i64, Bought>> = [(3, vec![1.0]), (4, vec![3.0]), (7, vec![5.0, 2.0]), (9, vec![100.0])]
            .into_iter()
            .map(|(number, amounts)| {
                let mut bought = Bought::of(amounts[0]);
                amounts[1..].iter().for_each(|amount| bought.merge(Bought::of(*amount)));
                Entry::new(0, number, bought).unwrap()
            })
            .collect();
        let seen = Seen { first: 3, last: 7, repeats: 2, mean_of_repeats: Some(5.0) };
        assert_eq!(Seen::up_to(8, &periods), Some(seen));
        assert_eq!(Seen::up_to(3, &periods), Some(Seen { first: 3, last: 3, repeats: 0, mean_of_repeats: None }));
        assert_eq!(Seen::up_to(2, &periods), None);
    }
}
