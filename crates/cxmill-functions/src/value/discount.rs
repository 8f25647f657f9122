//! Discounted sums of a smooth function that rises step by step.
//!
//! A horizon of years in days is thousands of steps, and the expectation at each costs a series. It is as smooth as (1 + t /
//! reach)^−shape, so on a block that is short enough for that it is its polynomial through some Chebyshev points, to all digits
//! that matter (Berrut & Trefethen 2004, doi:10.1137/S0036144502417715). Blocks grow as they go, so a horizon of any length takes
//! few evaluations.

/// Chebyshev points of the second kind of a block, both ends included.
const POINTS: usize = 13;
/// Fewer steps than this are taken one by one.
const SHORTEST: f64 = 16.0;
/// What is left of the sum at its end is below this part of it.
const PRECISION: f64 = 1e-13;

/// How a function of the horizon bends: as (1 + t / reach)^−shape, with both above 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bend {
    pub(crate) reach: f64,
    pub(crate) shape: f64,
}

/// Σ over unit steps up to `horizon` of (E(end of step) − E(its begin)) / (1 + rate)^step, the last step as long as is left.
///
/// `expected` is E, which never falls.
pub(crate) fn discounted(expected: impl Fn(f64) -> f64, bend: Bend, horizon: f64, rate: f64) -> f64 {
    let all = expected(horizon);
    if rate == 0.0 {
        return all;
    }
    let per_step = 1.0 / (1.0 + rate);
    let (mut sum, mut factor) = (0.0, 1.0);
    let (mut start, mut before) = (0.0, 0.0);
    let whole = horizon.floor();
    while start < whole {
        // Each point gains a factor of 5.8 while the block is no longer than its distance from −reach, and more than that as long
        // as the function falls by less than e⁶ in it.
        let smooth = ((start + bend.reach) * (6.0 / bend.shape).min(1.0)).floor();
        let length = smooth.max(SHORTEST).min(whole - start);
        let block = (length > SHORTEST).then(|| Block::new(&expected, start, length));
        for step in 1..=length as u32 {
            let end = start + f64::from(step);
            let upto = block.as_ref().map_or_else(|| expected(end), |block| block.at(end));
            factor *= per_step;
            // The difference of two expectations may fall a rounding error below 0.
            sum += factor * (upto - before).max(0.0);
            before = upto;
            if block.is_none() && factor * (all - before) <= PRECISION * sum {
                return sum;
            }
        }
        start += length;
        if factor * (all - before) <= PRECISION * sum {
            return sum;
        }
    }
    if horizon > whole {
        sum += factor * per_step * (all - before).max(0.0);
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
    use crate::value::beta_geometric::{BetaGeometric, Leaves};

    #[test]
    fn blocks_give_the_sum_over_steps() {
        for reach in [0.01, 3.0, 40.0, 5_000.0] {
            for shape in [0.2, 1.0, 8.0, 70.0, 1e5] {
                let bend = Bend { reach, shape };
                let expected = |t: f64| -(-shape * (t / reach).ln_1p()).exp_m1() * 2.5;
                for (horizon, rate) in [
                    (0.0, 0.1),
                    (0.4, 0.1),
                    (12.0, 0.01),
                    (52.5, 0.002),
                    (365.0, 3e-5),
                    (3_650.25, 1e-4),
                    (36_525.0, 1e-6),
                ] {
                    let (mut sum, mut before) = (0.0, 0.0);
                    for step in 1..=f64::ceil(horizon) as i32 {
                        let upto = expected(f64::from(step).min(horizon));
                        sum += (upto - before) / f64::powi(1.0 + rate, step);
                        before = upto;
                    }
                    let found = discounted(expected, bend, horizon, rate);
                    assert!((found - sum).abs() <= 1e-9 * sum, "{bend:?} {horizon} {rate}: {found} is not {sum}");
                }
            }
        }
    }

    #[test]
    fn blocks_give_the_sum_over_steps_of_customers() {
        for (alpha, a, b) in [(0.1, 0.8, 2.4), (4.4, 0.8, 2.4), (4.4, 0.05, 9.0), (60.0, 30.0, 200.0)] {
            let model = BetaGeometric { leaves: Leaves::AfterAny, r: 0.3, alpha, a, b };
            for (x, age) in [(0.0, 0.0), (0.0, 390.0), (3.0, 39.0), (40.0, 400.0), (300.0, 500.0)] {
                let expected = |t: f64| model.purchases_if_alive(x, age, t);
                let (mut sum, mut before) = (0.0, 0.0);
                for step in 1..=730 {
                    let upto = expected(f64::from(step));
                    sum += (upto - before) / f64::powi(1.0003, step);
                    before = upto;
                }
                let found = discounted(expected, Bend { reach: alpha + age, shape: model.r + x }, 730.0, 0.0003);
                assert!((found - sum).abs() <= 1e-9 * sum, "{model:?} {x} {age}: {found} is not {sum}");
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
        assert!(discounted(expected, Bend { reach: 10.0, shape: 1.0 }, 3_650.0, 1e-4) > 0.0);
        assert!(count.get() < 250, "{}", count.get());
    }
}
