//! Time zones and how far they are from UTC, at the speed of a column.

use std::str::FromStr;

use chrono::{DateTime, FixedOffset, Offset, TimeZone};
use chrono_tz::Tz;
use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::common::{Result, exec_err};

pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// A named zone with its history of offsets, or one offset for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Seconds east of UTC.
    Fixed(i32),
    Named(Tz),
}

impl Zone {
    /// Reads `Europe/Rome` or `+05:30`.
    pub(crate) fn parse(function: &str, text: &str) -> Result<Self> {
        if let Ok(offset) = FixedOffset::from_str(text) {
            return Ok(Self::Fixed(offset.local_minus_utc()));
        }
        match Tz::from_str(text) {
            Ok(Tz::UTC) => Ok(Self::Fixed(0)),
            Ok(zone) => Ok(Self::Named(zone)),
            Err(_) => {
                let hint = nearest(text).map(|name| format!("; did you mean '{name}'?")).unwrap_or_default();
                exec_err!(
                    "{function}: time zone '{text}' is unknown; expected an IANA name such as 'Europe/Rome', or an offset \
                     such as '+05:30'{hint}"
                )
            }
        }
    }

    /// Seconds east of UTC at an instant given in seconds since 1970; `None` beyond the years that chrono knows.
    fn offset_at(self, seconds: i64) -> Option<i32> {
        match self {
            Self::Fixed(offset) => Some(offset),
            Self::Named(zone) => {
                let instant = DateTime::from_timestamp(seconds, 0)?.naive_utc();
                Some(zone.offset_from_utc_datetime(&instant).fix().local_minus_utc())
            }
        }
    }
}

fn nearest(text: &str) -> Option<&'static str> {
    let wanted = text.to_lowercase();
    let (distance, name) = chrono_tz::TZ_VARIANTS
        .iter()
        .map(|zone| (levenshtein(&zone.name().to_lowercase(), &wanted), zone.name()))
        .min()?;
    (distance <= 3).then_some(name)
}

/// Offsets of one zone, remembered by UTC day.
///
/// Looking a zone's history up is a binary search; a batch holds many instants of few days. Zone data has no two changes
/// within one UTC day that cancel out, so a day whose first and last second have the same offset has it throughout. Days
/// with a change are looked up instant by instant.
#[derive(Debug)]
pub(crate) struct Offsets {
    zone: Zone,
    /// Direct-mapped by day.
    days: Vec<Day>,
}

#[derive(Debug, Clone, Copy)]
struct Day {
    day: i64,
    /// `None`: the offset changes on this day.
    offset: Option<i32>,
}

const SLOTS: i64 = 512;
const NO_DAY: Day = Day { day: i64::MIN, offset: None };

impl Offsets {
    pub(crate) fn new(zone: Zone) -> Self {
        let slots = match zone {
            Zone::Fixed(_) => 0,
            Zone::Named(_) => SLOTS as usize,
        };
        Self { zone, days: vec![NO_DAY; slots] }
    }

    /// Seconds east of UTC at an instant in seconds since 1970; `None` beyond the years that chrono knows.
    #[inline]
    pub(crate) fn at(&mut self, seconds: i64) -> Option<i32> {
        if let Zone::Fixed(offset) = self.zone {
            return Some(offset);
        }
        let day = seconds.div_euclid(SECONDS_PER_DAY);
        let slot = day.rem_euclid(SLOTS) as usize;
        let mut known = self.days[slot];
        if known.day != day {
            known = self.look_up(day)?;
            self.days[slot] = known;
        }
        known.offset.or_else(|| self.zone.offset_at(seconds))
    }

    #[cold]
    fn look_up(&self, day: i64) -> Option<Day> {
        let first_second = day.checked_mul(SECONDS_PER_DAY)?;
        let first = self.zone.offset_at(first_second)?;
        let last = self.zone.offset_at(first_second.checked_add(SECONDS_PER_DAY - 1)?)?;
        Some(Day { day, offset: (first == last).then_some(first) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembered_offsets_equal_the_zone_database() {
        // Some zones, an instant every 31 h 40 min of 1969 to 2037: all hours of the day come in turn.
        for zone in chrono_tz::TZ_VARIANTS.iter().step_by(13) {
            let zone = Zone::Named(*zone);
            let mut offsets = Offsets::new(zone);
            for seconds in (-31_536_000..2_145_916_800_i64).step_by(114_000) {
                assert_eq!(offsets.at(seconds), zone.offset_at(seconds), "{zone:?} at {seconds}");
            }
        }
    }

    #[test]
    fn around_each_change_of_rome_every_minute_is_right() {
        let zone = Zone::Named(Tz::Europe__Rome);
        let mut offsets = Offsets::new(zone);
        // 2026-03-29 01:00 UTC and 2026-10-25 01:00 UTC.
        for change in [1_774_746_000_i64, 1_792_890_000] {
            for minute in -2_000..2_000 {
                let seconds = change + 60 * minute;
                assert_eq!(offsets.at(seconds), zone.offset_at(seconds));
            }
            assert_ne!(offsets.at(change - 1), offsets.at(change));
        }
    }

    #[test]
    fn names_and_offsets_are_read() {
        assert_eq!(Zone::parse("f", "UTC").unwrap(), Zone::Fixed(0));
        assert_eq!(Zone::parse("f", "+05:30").unwrap(), Zone::Fixed(19_800));
        assert_eq!(Zone::parse("f", "-03:00").unwrap(), Zone::Fixed(-10_800));
        assert_eq!(Zone::parse("f", "Asia/Kathmandu").unwrap(), Zone::Named(Tz::Asia__Kathmandu));
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest_one() {
        let error = Zone::parse("local_day", "europe/Rom").unwrap_err().to_string();
        assert!(error.contains("local_day: time zone 'europe/Rom' is unknown"), "{error}");
        assert!(error.contains("did you mean 'Europe/Rome'?"), "{error}");
        assert!(!Zone::parse("local_day", "nowhere at all").unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn instants_beyond_the_calendar_have_no_offset() {
        let mut offsets = Offsets::new(Zone::Named(Tz::Europe__Rome));
        assert_eq!(offsets.at(i64::MAX), None);
        assert_eq!(offsets.at(i64::MIN), None);
    }
}
