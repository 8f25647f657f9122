//! Event dates: the calendar day of an instant in the source's time zone.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::error::IngestError;

pub(crate) const DAY: i64 = 86_400_000_000;

/// Event times of a column as whole numbers that sort as the times do.
#[derive(Debug)]
pub(crate) enum Times<'a> {
    /// Days since 1970-01-01.
    Days(&'a [i32]),
    /// Microseconds since 1970-01-01 UTC.
    Micros(&'a [i64]),
}

impl<'a> Times<'a> {
    /// The event times of a column that has no NULL.
    pub(crate) fn of(column: &'a ArrayRef) -> Result<Self, IngestError> {
        if column.null_count() > 0 {
            return Err(IngestError::Bug("an accepted row has no event time".to_owned()));
        }
        match column.data_type() {
            DataType::Date32 => Ok(Self::Days(column.as_primitive::<Date32Type>().values())),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Ok(Self::Micros(column.as_primitive::<TimestampMicrosecondType>().values()))
            }
            other => Err(IngestError::Bug(format!("an event time cannot be of type {other}"))),
        }
    }

    /// The time of a row.
    pub(crate) fn get(&self, row: usize) -> i64 {
        match self {
            Self::Days(days) => i64::from(days[row]),
            Self::Micros(micros) => micros[row],
        }
    }
}

/// Event date of each row, in days since 1970-01-01.
pub(crate) fn event_dates(times: &Times<'_>, zone: Tz) -> Result<Vec<i32>, IngestError> {
    match times {
        Times::Days(days) => Ok(days.to_vec()),
        Times::Micros(micros) => {
            let mut calendar = Calendar { zone, offsets: HashMap::new(), last: (i64::MIN, None) };
            micros.iter().map(|micros| calendar.date(*micros)).collect()
        }
    }
}

/// Days of a time zone. Most days have one offset from UTC: it is looked up once.
struct Calendar {
    zone: Tz,
    /// Offset in microseconds by UTC day; `None` on a day on which it changes.
    offsets: HashMap<i64, Option<i64>>,
    /// The day that was asked for last: the next row is mostly of the same one.
    last: (i64, Option<i64>),
}

impl Calendar {
    fn date(&mut self, micros: i64) -> Result<i32, IngestError> {
        let day = micros.div_euclid(DAY);
        if self.last.0 != day {
            self.last = (day, self.offset_of_day(day)?);
        }
        let offset = match self.last.1 {
            Some(offset) => offset,
            None => self.offset(micros)?,
        };
        i32::try_from((micros + offset).div_euclid(DAY)).map_err(|_| out_of_range())
    }

    /// The offset of a whole UTC day, where it has one.
    fn offset_of_day(&mut self, day: i64) -> Result<Option<i64>, IngestError> {
        if let Some(offset) = self.offsets.get(&day) {
            return Ok(*offset);
        }
        let (start, end) = (self.offset(day * DAY)?, self.offset(day * DAY + DAY - 1)?);
        let offset = (start == end).then_some(start);
        self.offsets.insert(day, offset);
        Ok(offset)
    }

    fn offset(&self, micros: i64) -> Result<i64, IngestError> {
        let instant = DateTime::from_timestamp_micros(micros).ok_or_else(out_of_range)?;
        let offset = self.zone.offset_from_utc_datetime(&instant.naive_utc());
        Ok(i64::from(offset.fix().local_minus_utc()) * 1_000_000)
    }
}

fn out_of_range() -> IngestError {
    IngestError::Bug("an accepted row has an event time beyond the calendar".to_owned())
}

/// The calendar day with this number.
pub(crate) fn date_of(days: i32) -> Result<NaiveDate, IngestError> {
    NaiveDate::default().checked_add_signed(TimeDelta::days(i64::from(days))).ok_or_else(out_of_range)
}

/// The instant of an event time. A date counts as its local midnight (or the first instant after it that the zone has).
pub(crate) fn instant(times: &Times<'_>, row: usize, zone: Tz) -> Result<DateTime<Utc>, IngestError> {
    match times {
        Times::Micros(micros) => DateTime::from_timestamp_micros(micros[row]).ok_or_else(out_of_range),
        Times::Days(days) => midnight(date_of(days[row])?, zone),
    }
}

fn midnight(date: NaiveDate, zone: Tz) -> Result<DateTime<Utc>, IngestError> {
    let midnight = date.and_time(NaiveTime::MIN);
    // Zones skip at most some hours of a day, and one skipped a whole day: then its midnight is that of the day after.
    (0..=48)
        .filter_map(|half_hours| midnight.checked_add_signed(TimeDelta::minutes(30 * half_hours)))
        .find_map(|local| zone.from_local_datetime(&local).earliest())
        .map(|instant| instant.with_timezone(&Utc))
        .ok_or_else(out_of_range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local_date(instant: &str, zone: Tz) -> String {
        let instant: DateTime<Utc> = instant.parse().unwrap();
        let dates = event_dates(&Times::Micros(&[instant.timestamp_micros()]), zone).unwrap();
        date_of(dates[0]).unwrap().to_string()
    }

    #[test]
    fn a_date_is_the_local_one() {
        assert_eq!(local_date("2026-01-01T23:30:00Z", chrono_tz::UTC), "2026-01-01");
        assert_eq!(local_date("2026-01-01T23:30:00Z", chrono_tz::Europe::Stockholm), "2026-01-02");
        assert_eq!(local_date("2026-01-01T02:00:00Z", chrono_tz::America::New_York), "2025-12-31");
        assert_eq!(local_date("1969-12-31T23:59:59.999999Z", chrono_tz::UTC), "1969-12-31");
    }

    #[test]
    fn a_date_is_right_on_days_on_which_clocks_change() {
        // Stockholm went from +1 to +2 at 01:00 UTC: the day before ended at 23:00 UTC, this one ends at 22:00 UTC.
        assert_eq!(local_date("2026-03-28T23:00:00Z", chrono_tz::Europe::Stockholm), "2026-03-29");
        assert_eq!(local_date("2026-03-29T21:59:59Z", chrono_tz::Europe::Stockholm), "2026-03-29");
        assert_eq!(local_date("2026-03-29T22:00:00Z", chrono_tz::Europe::Stockholm), "2026-03-30");
        // Until 2011 Newfoundland changed its clocks one minute after midnight, back into the day before.
        assert_eq!(local_date("2010-11-07T02:30:30Z", chrono_tz::America::St_Johns), "2010-11-07");
        assert_eq!(local_date("2010-11-07T02:31:30Z", chrono_tz::America::St_Johns), "2010-11-06");
    }

    #[test]
    fn every_hour_of_a_year_has_the_date_that_chrono_gives() {
        for zone in [chrono_tz::Europe::Madrid, chrono_tz::Pacific::Apia, chrono_tz::Asia::Kathmandu] {
            let start = DateTime::parse_from_rfc3339("2011-01-01T00:00:00Z").unwrap().timestamp_micros();
            let micros: Vec<i64> = (0..366 * 24).map(|hour| start + hour * 3_600_000_000).collect();
            let dates = event_dates(&Times::Micros(&micros), zone).unwrap();
            for (micros, days) in micros.iter().zip(dates) {
                let expected = DateTime::from_timestamp_micros(*micros).unwrap().with_timezone(&zone).date_naive();
                assert_eq!(date_of(days).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_date_counts_as_its_first_instant() {
        let at = |date: &str, zone| midnight(date.parse().unwrap(), zone).unwrap().to_rfc3339();
        assert_eq!(at("2026-01-02", chrono_tz::Europe::Stockholm), "2026-01-01T23:00:00+00:00");
        // Sao Paulo's clocks went from 00:00 to 01:00 on this day.
        assert_eq!(at("2018-11-04", chrono_tz::America::Sao_Paulo), "2018-11-04T03:00:00+00:00");
    }
}
