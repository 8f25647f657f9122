//! Values as people read them.

use crate::rows::Cell;

/// What stands for a missing value.
pub(crate) const MISSING: &str = "–";

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How the numbers of a column are written: alike, so that they can be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Format {
    digits: usize,
    unit: Option<String>,
}

impl Format {
    /// So that all of these can be told apart at a glance.
    pub(crate) fn of<'a>(cells: impl Iterator<Item = &'a Cell>) -> Self {
        let (mut exact, mut largest, mut whole) = (0_u8, 0_f64, true);
        for cell in cells {
            match cell {
                Cell::Exact { digits, .. } => exact = exact.max(*digits),
                Cell::Number(value) if value.is_finite() => {
                    largest = largest.max(value.abs());
                    whole &= value.fract() == 0.0;
                }
                _ => {}
            }
        }
        let digits = match largest {
            _ if whole => 0,
            large if large >= 1000.0 => 0,
            middle if middle >= 10.0 => 1,
            small if small >= 1.0 => 2,
            _ => 3,
        };
        Self { digits: digits.max(usize::from(exact)), unit: None }
    }

    /// The same with a unit after every number.
    pub(crate) fn with_unit(mut self, unit: Option<&str>) -> Self {
        self.unit = unit.map(str::to_owned);
        self
    }

    /// Whether no number is written with a fraction.
    pub(crate) fn is_whole(&self) -> bool {
        self.digits == 0
    }

    /// A number with its unit.
    pub(crate) fn number(&self, value: f64) -> String {
        self.unit(decimal(value, self.digits))
    }

    /// A number with a sign before it, and its unit.
    pub(crate) fn signed(&self, value: f64) -> String {
        let text = self.number(value);
        if value > 0.0 { format!("+{text}") } else { text }
    }

    /// The ends of an interval.
    pub(crate) fn range(&self, (low, high): (f64, f64)) -> String {
        format!("{} to {}", decimal(low, self.digits), self.number(high))
    }

    /// The ends of an interval after a value; nothing where there is none.
    pub(crate) fn in_brackets(&self, interval: Option<(f64, f64)>) -> String {
        interval.map(|ends| format!(" ({})", self.range(ends))).unwrap_or_default()
    }

    /// A tick of an axis, whose steps decide how many digits are needed.
    pub(crate) fn tick(&self, value: f64, step: f64) -> String {
        let is_whole = |scaled: f64| (scaled - scaled.round()).abs() <= 1e-6 * scaled;
        let digits = (0..9).find(|digits| is_whole(step * 10_f64.powi(*digits))).unwrap_or(9) as usize;
        match self.unit.as_deref() {
            Some("%") => self.unit(decimal(value, digits)),
            _ => decimal(value, digits),
        }
    }

    /// A cell of a table.
    pub(crate) fn cell(&self, cell: &Cell) -> String {
        match cell {
            Cell::Number(value) if value.is_finite() => decimal(*value, self.digits),
            Cell::Number(value) if value.is_nan() => "not a number".to_owned(),
            Cell::Number(value) => if *value > 0.0 { "∞" } else { "−∞" }.to_owned(),
            Cell::Exact { unscaled, digits } => exact(*unscaled, *digits),
            other => label(other),
        }
    }

    fn unit(&self, number: String) -> String {
        match self.unit.as_deref() {
            None => number,
            Some("%") => format!("{number}\u{202f}%"),
            Some(unit) => format!("{number}\u{a0}{unit}"),
        }
    }
}

/// A value on its own: a name, a place on an axis.
pub(crate) fn label(cell: &Cell) -> String {
    match cell {
        Cell::Missing => MISSING.to_owned(),
        Cell::Text(text) => text.clone(),
        Cell::Truth(value) => if *value { "yes" } else { "no" }.to_owned(),
        Cell::Date(day) => iso(i64::from(*day)),
        Cell::Time(micros) => moment(*micros),
        number => Format::of(std::iter::once(number)).cell(number),
    }
}

/// A number with so many digits after the point and its thousands set apart; very large and very small ones with a power of ten.
pub(crate) fn decimal(value: f64, digits: usize) -> String {
    let size = value.abs();
    if size >= 1e15 || (size > 0.0 && size < 0.000_5) {
        let text = format!("{value:.2e}").replace("e-", "e−");
        return text.replacen('-', "−", 1);
    }
    let text = format!("{value:.digits$}");
    let (sign, text) = match text.strip_prefix('-') {
        // What rounds to nothing has no sign.
        Some(rest) if rest.bytes().any(|digit| digit.is_ascii_digit() && digit != b'0') => ("−", rest),
        Some(rest) => ("", rest),
        None => ("", text.as_str()),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}", thousands(whole))
}

fn exact(unscaled: i128, digits: u8) -> String {
    let sign = if unscaled < 0 { "−" } else { "" };
    let width = usize::from(digits) + 1;
    let text = format!("{:0width$}", unscaled.unsigned_abs());
    let (whole, fraction) = text.split_at_checked(text.len() - usize::from(digits)).unwrap_or((&text, ""));
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}", thousands(whole))
}

fn thousands(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Year, month and day of a day counted from 1970-01-01 (Gregorian calendar, H. Hinnant's days algorithm).
pub(crate) fn civil(day: i64) -> (i64, usize, u32) {
    let days = day + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as usize, day as u32)
}

/// The day, counted from 1970-01-01, on which a month begins.
pub(crate) fn first_of_month(year: i64, month: usize) -> i64 {
    let (shifted_year, shifted) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = shifted_year.div_euclid(400);
    let of_era = shifted_year.rem_euclid(400);
    let of_year = (153 * shifted as i64 + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The English abbreviation of a month from 1 to 12.
pub(crate) fn month_name(month: usize) -> &'static str {
    MONTHS.get(month.wrapping_sub(1)).copied().unwrap_or(MISSING)
}

/// A day as ISO 8601 has it.
pub(crate) fn iso(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

fn moment(micros: i64) -> String {
    let seconds = micros.div_euclid(1_000_000);
    let (day, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    format!("{} {:02}:{:02}:{:02}", iso(day), of_day / 3600, of_day / 60 % 60, of_day % 60)
}
