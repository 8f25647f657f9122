//! Sums of doubles that do not depend on the order in which rows arrive.
//!
//! A plain double sum changes in its last bits with the order of the rows, so two runs over the same rows could publish
//! different numbers. Here a sum is the unevaluated pair `high + low` with some 106 bits between them. It is exact, and so
//! the same in any order and any split, while the values stay within 2^(53 − log2 n) of each other in size; beyond that
//! the error is below one part in 2^100.
//!
//! Error-free addition: Knuth, The Art of Computer Programming 2, 4.2.2; pairs, their products and quotients: Dekker 1971,
//! doi:10.1007/BF01397083.

/// `high + low`, with `low` at most half a unit in the last place of `high`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) high: f64,
    pub(crate) low: f64,
}

impl Sum {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.merge(value.into());
    }

    #[inline]
    pub(crate) fn remove(&mut self, value: f64) {
        self.add(-value);
    }

    #[inline]
    pub(crate) fn merge(&mut self, other: Self) {
        let (high, rest) = two_sum(self.high, other.high);
        let (low, rest_of_low) = two_sum(self.low, other.low);
        let (high, rest) = quick_two_sum(high, rest + low);
        let (high, low) = quick_two_sum(high, rest + rest_of_low);
        *self = Self { high, low };
    }

    /// The double nearest to the sum.
    #[inline]
    pub(crate) fn value(self) -> f64 {
        self.high + self.low
    }

    /// `a · b` with its rounding error, which one fused multiplication and addition gives.
    #[inline]
    pub(crate) fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        Self { high, low: a.mul_add(b, -high) }
    }

    /// `−self`.
    #[inline]
    pub(crate) fn negative(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }

    /// `self − other`.
    #[inline]
    pub(crate) fn less(mut self, other: Self) -> Self {
        self.merge(other.negative());
        self
    }

    /// `self · other`.
    #[inline]
    pub(crate) fn times(self, other: Self) -> Self {
        let Self { high, low } = Self::product(self.high, other.high);
        let (high, low) = quick_two_sum(high, low + (self.high * other.low + self.low * other.high));
        Self { high, low }
    }

    /// `self / other`.
    #[inline]
    pub(crate) fn over(self, other: Self) -> Self {
        let first = self.high / other.high;
        let rest = self.less(other.times(first.into()));
        let (high, low) = quick_two_sum(first, rest.high / other.high);
        Self { high, low }
    }
}

impl From<f64> for Sum {
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

/// `a + b` as the rounded sum and the exact rounding error.
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let from_b = sum - a;
    (sum, (a - (sum - from_b)) + (b - from_b))
}

/// The same where `|a| ≥ |b|`, or `a` is 0.
#[inline]
fn quick_two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, b - (sum - a))
}

#[cfg(test)]
mod tests {
    use super::Sum;

    fn sum(values: impl IntoIterator<Item = f64>) -> Sum {
        let mut sum = Sum::default();
        values.into_iter().for_each(|value| sum.add(value));
        sum
    }

    #[test]
    fn tenths_add_up_the_same_in_any_order_and_split() {
        let values: Vec<f64> = (0..100_000).map(|i| f64::from(i % 97) / 10.0).collect();
        let forward = sum(values.iter().copied());
        assert_eq!(forward, sum(values.iter().rev().copied()));
        let mut split = sum(values[..333].iter().copied());
        split.merge(sum(values[333..].iter().copied()));
        assert_eq!(forward, split);
    }

    #[test]
    fn what_is_added_and_removed_leaves_nothing() {
        let mut total = sum([0.1, 0.2, 1e15, 0.3]);
        [1e15, 0.3, 0.1, 0.2].into_iter().for_each(|value| total.remove(value));
        assert_eq!(total, Sum::default());
    }

    #[test]
    fn quotients_and_products_undo_each_other() {
        for (a, b) in [(1.0, 3.0), (0.1, 7e10), (-2.5, 1e-9)] {
            let back = Sum::from(a).over(Sum::from(b)).times(Sum::from(b)).less(Sum::from(a));
            assert!(back.value().abs() <= 1e-30 * f64::abs(a), "{a} / {b}: {back:?}");
        }
        assert_eq!(Sum::product(0.1, 0.1).less(Sum::from(0.1 * 0.1)).value(), -8.326_672_684_688_674e-19);
    }

    #[test]
    fn a_small_value_survives_a_large_one() {
        assert_eq!(sum([1e16, 1.0, -1e16]).value(), 1.0);
    }
}
