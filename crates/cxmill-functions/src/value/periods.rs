//! Sums of amounts by calendar period: what `rfm` keeps of one customer.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array};
use datafusion::common::cast::{as_float64_array, as_int64_array, as_list_array};
use datafusion::common::{Result, internal_err};

use crate::sum::Sum;
use crate::value::collection::{Collection, for_each_entry, lists_of};

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

/// Purchases by period, in rising order of period.
#[derive(Debug, Clone, Default)]
pub(crate) struct PeriodSums(Vec<Period>);

#[derive(Debug, Clone, Copy)]
struct Period {
    number: i64,
    purchases: i64,
    amount: Sum,
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

impl PeriodSums {
    /// What was seen in periods up to `last`; `None` if nothing was.
    pub(crate) fn up_to(&self, last: i64) -> Option<Seen> {
        let seen = &self.0[..self.0.partition_point(|period| period.number <= last)];
        let [first, repeats @ ..] = seen else { return None };
        let mut total = Sum::default();
        repeats.iter().for_each(|period| total.merge(period.amount));
        Some(Seen {
            first: first.number,
            last: repeats.last().unwrap_or(first).number,
            repeats: repeats.len() as i64,
            mean_of_repeats: (!repeats.is_empty()).then(|| total.value() / repeats.len() as f64),
        })
    }

    fn merge_period(&mut self, period: Period) {
        // Purchases mostly come in the order of time.
        let place = match self.0.last() {
            Some(last) if last.number >= period.number => self.0.partition_point(|own| own.number < period.number),
            _ => self.0.len(),
        };
        match self.0.get_mut(place) {
            Some(own) if own.number == period.number => {
                own.purchases = own.purchases.saturating_add(period.purchases);
                own.amount.merge(period.amount);
            }
            _ => self.0.insert(place, period),
        }
    }
}

impl Collection for PeriodSums {
    /// The period of a purchase and its amount.
    type Row = (i64, f64);

    fn add(&mut self, (number, amount): (i64, f64)) {
        self.merge_period(Period { number, purchases: 1, amount: Sum { high: amount, low: 0.0 } });
    }

    fn remove(&mut self, (number, amount): (i64, f64)) {
        if let Ok(place) = self.0.binary_search_by_key(&number, |period| period.number) {
            let own = &mut self.0[place];
            own.purchases -= 1;
            own.amount.remove(amount);
            if own.purchases <= 0 {
                self.0.remove(place);
            }
        }
    }

    fn columns(customers: &[Self]) -> Result<Vec<ArrayRef>> {
        let lengths: Vec<usize> = customers.iter().map(|customer| customer.0.len()).collect();
        let periods = || customers.iter().flat_map(|customer| &customer.0);
        let values: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(periods().map(|period| period.number))),
            Arc::new(Int64Array::from_iter_values(periods().map(|period| period.purchases))),
            Arc::new(Float64Array::from_iter_values(periods().map(|period| period.amount.high))),
            Arc::new(Float64Array::from_iter_values(periods().map(|period| period.amount.low))),
        ];
        lists_of(&lengths, values)
    }

    fn merge(columns: &[ArrayRef], groups: &mut [Self], group_of: impl Fn(usize) -> usize) -> Result<()> {
        let lists = columns.iter().map(|column| as_list_array(column)).collect::<Result<Vec<_>>>()?;
        let [numbers, purchases, highs, lows] = &lists[..] else {
            return internal_err!("a state of {} columns where 4 are due", columns.len());
        };
        let (numbers, purchases) = (as_int64_array(numbers.values())?, as_int64_array(purchases.values())?);
        let (highs, lows) = (as_float64_array(highs.values())?, as_float64_array(lows.values())?);
        for_each_entry(&lists, |i, at| {
            groups[group_of(i)].merge_period(Period {
                number: numbers.value(at[0]),
                purchases: purchases.value(at[1]),
                amount: Sum { high: highs.value(at[2]), low: lows.value(at[3]) },
            });
        })
    }

    fn size(&self) -> usize {
        self.0.capacity() * size_of::<Period>()
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
        let mut customer = PeriodSums::default();
        [(7, 5.0), (3, 1.0), (9, 100.0), (7, 2.0), (4, 3.0)].into_iter().for_each(|row| customer.add(row));
        let seen = Seen { first: 3, last: 7, repeats: 2, mean_of_repeats: Some(5.0) };
        assert_eq!(customer.up_to(8), Some(seen));
        assert_eq!(customer.up_to(3), Some(Seen { first: 3, last: 3, repeats: 0, mean_of_repeats: None }));
        assert_eq!(customer.up_to(2), None);
        customer.remove((3, 1.0));
        assert_eq!(customer.up_to(8).unwrap().first, 4);
    }
}
