//! Discounted sums of a smooth function that rises step by step.
//!
//! A horizon of years in days is thousands of steps, and the expectation at each costs a series. It is as smooth as 1 / (reach +
//! t), so on a block no longer than its distance from −reach it is its polynomial through some Chebyshev points, to all digits
//! that matter (Berrut & Trefethen 2004, doi:10.1137/S0036144502417715). Blocks double in length, so a horizon of any length
//! takes few evaluations.

/// Chebyshev points of the second kind of a block, both ends included. At blocks as long as their distance from the singularity
/// each point gains a factor of 5.8.
const POINTS: usize = 15;

/// Σ over unit steps up to `horizon` of (E(end of step) − E(its begin)) / (1 + rate)^step, the last step as long as is left.
///
/// `expected` is E, which never falls; `reach` > 0 is the distance from 0 back to where it stops being smooth.
pub(crate) fn discounted(expected: impl Fn(f64) -> f64, reach: f64, horizon: f64, rate: f64) -> f64 {
    if rate == 0.0 {
        return expected(horizon);
    }
    let per_step = 1.0 / (1.0 + rate);
    let (mut sum, mut factor) = (0.0, 1.0);
    let (mut start, mut before) = (0.0, expected(0.0));
    let whole = horizon.floor();
    while start < whole {
        let length = (start + reach).floor().max(1.0).min(whole - start);
        let block = (length > 2.0 * POINTS as f64).then(|| Block::new(&expected, start, length));
        for step in 1..=length as u32 {
            let end = start + f64::from(step);
            let upto = block.as_ref().map_or_else(|| expected(end), |block| block.at(end));
            factor *= per_step;
            // The difference of two expectations may fall a rounding error below 0.
            sum += factor * (upto - before).max(0.0);
            before = upto;
        }
        start += length;
        // What is left counts less than the last digit of a double.
        if factor * (expected(horizon) - before) <= 1e-17 * sum {
            return sum;
        }
    }
    if horizon > whole {
        sum += factor * per_step * (expected(horizon) - before).max(0.0);
    }
    sum
}

/// The polynomial through the values at the points of a block, in its second barycentric form.
struct Block {
    points: [f64; POINTS],
    values: [f64; POINTS],
}

impl Block {
    fn new(expected: impl Fn(f64) -> f64, start: f64, length: f64) -> Self {
        let points = std::array::from_fn(|k| {
            let angle = std::f64::consts::PI * k as f64 / (POINTS - 1) as f64;
            // From 0 at the first point to 1 at the last, without rounding at either end.
            start + length * (0.5 * angle).sin().powi(2)
        });
        Self { points, values: points.map(expected) }
    }

    fn at(&self, t: f64) -> f64 {
        let (mut above, mut below) = (0.0, 0.0);
        let mut sign = 1.0;
        for (k, (point, value)) in self.points.iter().zip(&self.values).enumerate() {
            let distance = t - point;
            if distance == 0.0 {
                return *value;
            }
            let weight = if k == 0 || k == POINTS - 1 { 0.5 * sign } else { sign } / distance;
            above += weight * value;
            below += weight;
            sign = -sign;
        }
        above / below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_give_the_sum_over_steps() {
        for reach in [0.01, 3.0, 40.0, 5_000.0] {
            let expected = |t: f64| (t / reach).ln_1p() * 2.5;
            for (horizon, rate) in
                [(0.0, 0.1), (0.4, 0.1), (12.0, 0.01), (52.5, 0.002), (365.0, 3e-5), (3_650.25, 1e-4), (36_525.0, 1e-6)]
            {
                let (mut sum, mut before) = (0.0, 0.0);
                for step in 1..=f64::ceil(horizon) as i32 {
                    let upto = expected(f64::from(step).min(horizon));
                    sum += (upto - before) / f64::powi(1.0 + rate, step);
                    before = upto;
                }
                let found = discounted(expected, reach, horizon, rate);
                assert!((found - sum).abs() <= 1e-10 * sum, "{reach} {horizon} {rate}: {found} is not {sum}");
            }
        }
    }

    #[test]
    fn few_evaluations_are_enough() {
        let count = std::cell::Cell::new(0);
        let expected = |t: f64| {
            count.set(count.get() + 1);
            (t / 10.0).ln_1p()
        };
        assert!(discounted(expected, 10.0, 3_650.0, 1e-4) > 0.0);
        assert!(count.get() < 250, "{}", count.get());
    }
}
