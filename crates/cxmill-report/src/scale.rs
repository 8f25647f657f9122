//! Values to places.

/// A straight scale from values to places on the page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Least value.
    pub(crate) low: f64,
    /// Greatest value; above the least.
    pub(crate) high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// The scale that puts `low` at `from` and `high` at `to`.
    pub(crate) fn new((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        let (low, high) = apart(low, high);
        Self { low, high, from, to }
    }

    /// The place of a value.
    pub(crate) fn at(&self, value: f64) -> f64 {
        // In halves, so that the distance of the largest numbers is a number too.
        let span = self.high / 2.0 - self.low / 2.0;
        let share = (value / 2.0 - self.low / 2.0) / span;
        self.from + share.clamp(-0.1, 1.1) * (self.to - self.from)
    }
}

/// The least and the greatest of values; none where there are no values.
pub(crate) fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |extent, value| match extent {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

/// The ends of a scale, drawn apart where they (nearly) coincide.
fn apart(low: f64, high: f64) -> (f64, f64) {
    let size = low.abs().max(high.abs());
    let span = high / 2.0 - low / 2.0;
    if span > size * 1e-12 {
        return (low, high);
    }
    let margin = if size > 0.0 { (size * 0.1).max(f64::MIN_POSITIVE) } else { 1.0 };
    ((low - margin).max(f64::MIN), (high + margin).min(f64::MAX))
}
