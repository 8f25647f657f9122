//! Dates and instants from text.
//!
//! Instants are microseconds since 1970-01-01 UTC. A finer fraction is cut off. A time without offset is a local time of
//! the source's zone: one that the clocks skipped is refused, one that they showed twice is the earlier instant.

use chrono::format::{Item, Parsed, parse};
use chrono::{LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone};
use chrono_tz::Tz;

use super::number::{NumberFault, parse_decimal};

const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;

/// Why a text is not the instant that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeFault {
    /// Not written as asked.
    Syntax,
    /// A local time that the clocks of the zone skipped.
    Skipped,
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
#[inline]
pub(crate) fn parse_date(text: &[u8]) -> Option<i32> {
    let text: &[u8; 10] = text.try_into().ok()?;
    days(text)
}

#[inline]
fn days(text: &[u8; 10]) -> Option<i32> {
    let digit = |i: usize| text[i].wrapping_sub(b'0');
    let bad = [0, 1, 2, 3, 5, 6, 8, 9].into_iter().any(|i| digit(i) > 9);
    if bad || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let number = |i: usize| i32::from(digit(i)) * 10 + i32::from(digit(i + 1));
    let (year, month, day) = (number(0) * 100 + number(2), number(5), number(8));
    if !(1..=12).contains(&month) || day < 1 || day > month_length(year, month) {
        return None;
    }
    // Days of the civil calendar, counted from 1 March so that the leap day ends the year.
    let (year, shifted) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[inline]
fn month_length(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// An instant in ISO 8601: `YYYY-MM-DD`, `T` or a blank, `hh:mm[:ss[.fraction]]`, then `Z`, `±hh[[:]mm]` or nothing (the zone
/// of `zone`).
#[inline]
pub(crate) fn parse_iso(text: &[u8], zone: &mut ZoneCache) -> Result<i64, TimeFault> {
    let (local, rest) = local_time(text).ok_or(TimeFault::Syntax)?;
    match rest {
        b"Z" | b"z" => Ok(local),
        b"" => zone.instant(local),
        _ => offset(rest).map(|seconds| local - seconds * SECOND).ok_or(TimeFault::Syntax),
    }
}

/// The local time as if it were UTC, and what follows it.
#[inline]
fn local_time(text: &[u8]) -> Option<(i64, &[u8])> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    let date = i64::from(days(date)?);
    let (clock, rest) = rest.split_first_chunk::<6>()?;
    if !matches!(clock[0], b'T' | b't' | b' ') || clock[3] != b':' {
        return None;
    }
    let (hour, minute) = (two(clock[1], clock[2])?, two(clock[4], clock[5])?);
    let (mut second, mut micros, mut rest) = (0, 0, rest);
    if let [b':', tens, ones, after @ ..] = rest {
        second = two(*tens, *ones)?;
        rest = after;
        if let [b'.' | b',', after @ ..] = rest {
            (micros, rest) = fraction(after)?;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some((date * DAY + (hour * 3600 + minute * 60 + second) * SECOND + micros, rest))
}

#[inline]
fn two(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| i64::from(tens) * 10 + i64::from(ones))
}

/// Microseconds of one to nine digits after the point, and what follows them.
#[inline]
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&digits) {
        return None;
    }
    let (digits, rest) = text.split_at(digits);
    let micros = (0..6).fold(0, |value, i| value * 10 + i64::from(digits.get(i).map_or(0, |byte| byte - b'0')));
    Some((micros, rest))
}

/// Seconds east of UTC of `±hh`, `±hhmm` or `±hh:mm`, after at most one blank.
fn offset(text: &[u8]) -> Option<i64> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let (sign, hours, minutes) = match text {
        b"Z" | b"z" => return Some(0),
        [sign, a, b] => (sign, two(*a, *b)?, 0),
        [sign, a, b, c, d] | [sign, a, b, b':', c, d] => (sign, two(*a, *b)?, two(*c, *d)?),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    match sign {
        b'+' => Some(hours * 3600 + minutes * 60),
        b'-' => Some(-(hours * 3600 + minutes * 60)),
        _ => None,
    }
}

/// An instant written as a number of units since 1970-01-01 UTC, where a unit is `10^(6 − digits)` microseconds: 6 digits of
/// fraction for seconds, 3 for milliseconds, none for microseconds.
pub(crate) fn parse_epoch(text: &[u8], digits: i32) -> Result<i64, NumberFault> {
    let value = match parse_decimal(text, digits) {
        // Finer than a microsecond: cut off towards the past, as a fraction of an ISO time is.
        Err(NumberFault::Fraction) => parse_decimal(text, digits + 3).map(|nanos| nanos.div_euclid(1000))?,
        other => other?,
    };
    let micros = i64::try_from(value).map_err(|_| NumberFault::Range)?;
    if (YEAR_0..YEAR_10000).contains(&micros) { Ok(micros) } else { Err(NumberFault::Range) }
}

/// Instants lie in the years 0 to 9999, which every reader of the published files can show.
const YEAR_0: i64 = -719_528 * DAY;
const YEAR_10000: i64 = 2_932_897 * DAY;

/// Whether an instant lies in the years 0 to 9999.
pub(crate) fn in_range(micros: i64) -> bool {
    (YEAR_0..YEAR_10000).contains(&micros)
}

/// An instant written in a strptime format. A format without a time of day means midnight.
pub(crate) fn parse_format(text: &str, items: &[Item<'static>], zone: &mut ZoneCache) -> Result<i64, TimeFault> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, text, items.iter()).map_err(|_| TimeFault::Syntax)?;
    let in_range = |micros: i64| if in_range(micros) { Ok(micros) } else { Err(TimeFault::Syntax) };
    if parsed.offset().is_some() || parsed.timestamp().is_some() {
        let offset = i64::from(parsed.offset().unwrap_or(0));
        let local = naive(&parsed, parsed.offset().unwrap_or(0))?;
        return in_range(local.and_utc().timestamp_micros() - offset * SECOND);
    }
    let local = naive(&parsed, 0)?;
    in_range(zone.instant(local.and_utc().timestamp_micros())?)
}

/// A day written in a strptime format, in days since 1970-01-01. What the format has beside the day must be there, and is not looked at.
pub(crate) fn parse_date_format(text: &str, items: &[Item<'static>]) -> Option<i32> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, text, items.iter()).ok()?;
    let date =
        parsed.to_naive_date().ok().or_else(|| Some(naive(&parsed, parsed.offset().unwrap_or(0)).ok()?.date()))?;
    in_range(i64::from(date.to_epoch_days()) * DAY).then(|| date.to_epoch_days())
}

fn naive(parsed: &Parsed, offset: i32) -> Result<NaiveDateTime, TimeFault> {
    parsed
        .to_naive_datetime_with_offset(offset)
        .or_else(|error| match parsed.hour_mod_12().is_none() && parsed.minute().is_none() {
            true => parsed.to_naive_date().map(|date| date.and_time(NaiveTime::MIN)),
            false => Err(error),
        })
        .map_err(|_| TimeFault::Syntax)
}

/// Offsets of a zone, kept by local day: almost every day has one offset, and asking for it costs more than all the rest
/// of reading a timestamp.
#[derive(Debug)]
pub(crate) struct ZoneCache {
    zone: Tz,
    utc: bool,
    /// Local day, and the one offset of that day in microseconds where it has one.
    days: Vec<(i64, Option<i64>)>,
}

const SLOTS: usize = 64;

impl ZoneCache {
    pub(crate) fn new(zone: Tz) -> Self {
        Self { zone, utc: matches!(zone, Tz::UTC | Tz::Etc__UTC), days: vec![(i64::MIN, None); SLOTS] }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.zone.name()
    }

    /// The instant of a local time, both in microseconds.
    #[inline]
    pub(crate) fn instant(&mut self, local: i64) -> Result<i64, TimeFault> {
        if self.utc {
            return Ok(local);
        }
        let day = local.div_euclid(DAY);
        let slot = usize::try_from(day.rem_euclid(SLOTS as i64)).unwrap_or(0);
        let cached = match self.days.get(slot) {
            Some((cached, offset)) if *cached == day => *offset,
            _ => {
                let offset = self.offset_of_day(day);
                if let Some(entry) = self.days.get_mut(slot) {
                    *entry = (day, offset);
                }
                offset
            }
        };
        match cached {
            Some(offset) => Ok(local - offset),
            None => self.offset_at(local).map(|offset| local - offset),
        }
    }

    /// The offset of a whole local day, where every full hour of it has the same one.
    fn offset_of_day(&self, day: i64) -> Option<i64> {
        let mut hours = (0..=24).map(|hour| match self.local(day * DAY + hour * 3600 * SECOND)? {
            LocalResult::Single(offset) => Some(offset),
            LocalResult::Ambiguous(..) | LocalResult::None => None,
        });
        let first = hours.next()??;
        hours.all(|offset| offset == Some(first)).then_some(first)
    }

    fn offset_at(&self, local: i64) -> Result<i64, TimeFault> {
        match self.local(local).ok_or(TimeFault::Syntax)? {
            LocalResult::Single(offset) => Ok(offset),
            // The larger offset is the earlier instant.
            LocalResult::Ambiguous(one, other) => Ok(one.max(other)),
            LocalResult::None => Err(TimeFault::Skipped),
        }
    }

    /// Offsets of a local time, in microseconds.
    fn local(&self, local: i64) -> Option<LocalResult<i64>> {
        let naive = chrono::DateTime::from_timestamp_micros(local)?.naive_utc();
        Some(
            self.zone
                .offset_from_local_datetime(&naive)
                .map(|offset| i64::from(offset.fix().local_minus_utc()) * SECOND),
        )
    }
}

/// A day as people write it.
pub(crate) fn show_date(days: i64) -> String {
    i32::try_from(days)
        .ok()
        .and_then(|days| {
            NaiveDate::from_ymd_opt(1970, 1, 1)?.checked_add_signed(chrono::TimeDelta::try_days(days.into())?)
        })
        .map_or_else(|| days.to_string(), |date| date.to_string())
}

/// An instant as people write it.
pub(crate) fn show_timestamp(micros: i64) -> String {
    chrono::DateTime::from_timestamp_micros(micros)
        .map_or_else(|| micros.to_string(), |instant| instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}
