//! Durations, sizes and shares as people write them.

use std::time::Duration;

use crate::source::ErrorBudget;

#[cfg(test)]
mod tests;

/// A duration such as `90s`, `15m`, `12h`, `30d` or `2w`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

/// A duration as people write it, in its largest whole unit.
#[must_use]
pub fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    match units.iter().find(|(size, _)| seconds.is_multiple_of(*size)) {
        Some((size, unit)) => format!("{}{unit}", seconds / size),
        None => format!("{seconds}s"),
    }
}

/// A size such as `512MB`, `1GB` or `2GiB`, in bytes.
pub(crate) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let bytes: u64 = match unit {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(bytes)
}

/// A budget of bad rows: `1%`, `20 rows` or `20`.
pub(crate) fn error_budget(text: &str) -> Option<ErrorBudget> {
    let (number, unit) = match split(text) {
        Some(parts) => parts,
        None => (text.trim(), "rows"),
    };
    match unit {
        "%" => {
            let percent: f64 = number.parse().ok()?;
            (0.0..=100.0).contains(&percent).then_some(ErrorBudget::Share(percent / 100.0))
        }
        "rows" | "row" => number.parse().ok().map(ErrorBudget::Rows),
        _ => None,
    }
}

/// A number and the unit after it.
fn split(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let at = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(at);
    (!number.is_empty()).then_some((number, unit.trim()))
}
