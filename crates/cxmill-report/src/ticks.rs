//! Round values along an axis.

use crate::format::{Format, civil, first_of_month, iso, month_name};

/// Places with labels along an axis.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ticks {
    /// Value and label of each.
    pub(crate) all: Vec<(f64, String)>,
    /// The axis with its ends moved out to round values.
    pub(crate) low: f64,
    /// See `low`.
    pub(crate) high: f64,
}

/// About `count` round numbers that enclose a range.
pub(crate) fn numbers((low, high): (f64, f64), count: f64, format: &Format) -> Ticks {
    let rough = (high / count - low / count).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].iter().map(|factor| factor * power);
    // What is counted has no halves.
    let mut steps = steps.filter(|step| !format.is_whole() || *step < 1.0 || step.fract() == 0.0);
    let step = steps.find(|step| *step >= rough * 0.999);
    let step = step.filter(|step| step.is_finite()).unwrap_or(rough);
    let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
    let values = (0..=20).map(|index| first + f64::from(index)).take_while(|index| *index <= last);
    let ticks: Vec<f64> = values.map(|index| index * step).filter(|value| value.is_finite()).collect();
    let (low, high) =
        (ticks.first().map_or(low, |tick| tick.min(low)), ticks.last().map_or(high, |tick| tick.max(high)));
    Ticks { all: ticks.iter().map(|tick| (*tick, format.tick(*tick, step))).collect(), low, high }
}

/// The same for a range and zero.
pub(crate) fn with_zero((low, high): (f64, f64), count: f64, format: &Format) -> Ticks {
    numbers((low.min(0.0), high.max(0.0)), count, format)
}

/// Days, months or years within a range of days.
pub(crate) fn days((low, high): (f64, f64), most: usize) -> Ticks {
    let (first, last) = (bounded(low).ceil() as i64, bounded(high).floor() as i64);
    let step = |days: i64| (last - first) / days < most as i64;
    let all = if let Some(days) = [1, 2].into_iter().find(|days| step(*days)) {
        every(first, last, days, 0).map(|day| (day as f64, short(day))).collect()
    } else if let Some(weeks) = [1, 2].into_iter().find(|weeks| step(weeks * 7)) {
        // 1970-01-05 was a Monday.
        every(first, last, weeks * 7, 4).map(|day| (day as f64, short(day))).collect()
    } else {
        let months = [1, 3, 6, 12, 24, 60, 120, 240, 600, 1200].into_iter().find(|months| step(months * 30));
        months_from(first, last, months.unwrap_or(12_000))
    };
    Ticks { all, low, high }
}

/// A day of the years 1 to 9999: what lies beyond has no calendar here.
fn bounded(day: f64) -> f64 {
    day.clamp(-719_162.0, 2_932_896.0)
}

fn every(first: i64, last: i64, step: i64, origin: i64) -> impl Iterator<Item = i64> {
    let start = first + (origin - first).rem_euclid(step);
    (0..64).map(move |index| start + index * step).take_while(move |day| *day <= last)
}

fn months_from(first: i64, last: i64, step: i64) -> Vec<(f64, String)> {
    let (year, month, day) = civil(first);
    let number = year * 12 + month as i64 - 1 + i64::from(day > 1);
    let starts = every(number, i64::MAX, step, 0).map(|number| {
        let (year, month) = (number.div_euclid(12), number.rem_euclid(12) as usize + 1);
        (year, month, first_of_month(year, month))
    });
    let mut all = Vec::new();
    for (year, month, day) in starts.take_while(|(.., day)| *day <= last) {
        let label = match (all.is_empty() || month == 1, step >= 12) {
            (_, true) => year.to_string(),
            (true, false) => format!("{} {year}", month_name(month)),
            (false, false) => month_name(month).to_owned(),
        };
        all.push((day as f64, label));
    }
    all
}

/// A day without its year.
fn short(day: i64) -> String {
    let (_, month, day) = civil(day);
    format!("{day} {}", month_name(month))
}

/// The places of a few days, labelled as what they are: months where all of them begin one.
pub(crate) fn at_days(places: &[f64]) -> Vec<(f64, String)> {
    let all_months = places.iter().all(|day| day.fract() == 0.0 && civil(bounded(*day) as i64).2 == 1);
    let mut year_before = None;
    let mut label = |day: f64| {
        let day = bounded(day);
        let (year, month, _) = civil(day as i64);
        let new_year = year_before.replace(year) != Some(year);
        match (all_months, new_year, day.fract() == 0.0) {
            (true, true, _) => format!("{} {year}", month_name(month)),
            (true, false, _) => month_name(month).to_owned(),
            (false, true, true) => iso(day as i64),
            (false, _, true) => short(day as i64),
            (false, _, false) => {
                let minutes = (day.rem_euclid(1.0) * 1440.0).round() as i64;
                format!("{} {:02}:{:02}", short(day.floor() as i64), minutes / 60, minutes % 60)
            }
        }
    };
    places.iter().map(|day| (*day, label(*day))).collect()
}
