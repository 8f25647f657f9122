//! Where the fields of a row go: one description of a row, three encodings.

use crate::calendar::Calendar;
use crate::damage::Damage;

/// A name such as `c000123` or `o000123-7`: a letter, the customer's number, and the row's number among the customer's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id {
    pub(crate) letter: char,
    pub(crate) customer: u32,
    pub(crate) number: Option<u32>,
}

impl Id {
    /// The id of a customer.
    pub(crate) fn customer(customer: u32) -> Self {
        Self { letter: 'c', customer, number: None }
    }

    /// The id of the n-th row of a customer.
    pub(crate) fn row(letter: char, customer: u32, number: u32) -> Self {
        Self { letter, customer, number: Some(number) }
    }

    /// Appends the text of the id.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let mut utf8 = [0; 4];
        out.extend_from_slice(self.letter.encode_utf8(&mut utf8).as_bytes());
        digits(out, u64::from(self.customer), 6);
        if let Some(number) = self.number {
            out.push(b'-');
            digits(out, u64::from(number), 1);
        }
    }
}

/// Appends a number with at least `width` digits.
pub(crate) fn digits(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut text = [b'0'; 20];
    let mut left = value;
    let mut used = 0;
    for slot in text.iter_mut().rev() {
        if left == 0 && used >= width.max(1) {
            break;
        }
        *slot = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        used += 1;
    }
    out.extend_from_slice(text.get(text.len() - used..).unwrap_or_default());
}

/// Appends a number with its sign.
pub(crate) fn signed(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    digits(out, value.unsigned_abs(), 1);
}

/// Appends an amount with two digits after the point.
pub(crate) fn money(out: &mut Vec<u8>, cents: i64) {
    if cents < 0 {
        out.push(b'-');
    }
    digits(out, cents.unsigned_abs() / 100, 1);
    out.push(b'.');
    digits(out, cents.unsigned_abs() % 100, 2);
}

/// How a text format writes an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    /// `2026-01-31T10:11:12Z`
    Iso,
    /// `2026-01-31 10:11:12`, in UTC
    Plain,
    /// `31.01.2026 10:11:12`, in UTC
    Dotted,
    /// Seconds since 1970
    Epoch,
}

/// Takes the fields of one row after another, always in the same order.
pub(crate) trait Sink {
    /// Starts a row, which `damage` spoils.
    fn begin(&mut self, damage: Option<&'static Damage>);
    /// Ends the row.
    fn end(&mut self);
    /// Starts a nested object.
    fn open(&mut self, name: &'static str);
    /// Ends it.
    fn close(&mut self);
    fn id(&mut self, name: &'static str, id: Id);
    fn text(&mut self, name: &'static str, value: &str);
    fn int(&mut self, name: &'static str, value: i64);
    fn money(&mut self, name: &'static str, cents: i64);
    fn flag(&mut self, name: &'static str, value: bool);
    /// `at` in seconds since the first day.
    fn time(&mut self, name: &'static str, at: u32);
    fn null(&mut self, name: &'static str);
}

/// Appends an instant.
pub(crate) fn time(out: &mut Vec<u8>, calendar: &Calendar, format: TimeFormat, at: u32) {
    let (day, clock) = (at / 86_400, at % 86_400);
    if format == TimeFormat::Epoch {
        return digits(out, u64::try_from(calendar.epoch_seconds(at)).unwrap_or(0), 1);
    }
    out.extend_from_slice(match format {
        TimeFormat::Dotted => calendar.dotted(day),
        _ => calendar.iso(day),
    });
    out.push(if format == TimeFormat::Iso { b'T' } else { b' ' });
    digits(out, u64::from(clock / 3_600), 2);
    out.push(b':');
    digits(out, u64::from(clock / 60 % 60), 2);
    out.push(b':');
    digits(out, u64::from(clock % 60), 2);
    if format == TimeFormat::Iso {
        out.push(b'Z');
    }
}
