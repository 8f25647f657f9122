//! The shifted-beta-geometric model of renewals, over plain numbers.
//!
//! Fader & Hardie 2007, "How to Project Customer Retention", Journal of Interactive Marketing 21(1), 76–90,
//! doi:10.1002/dir.20074: each customer leaves at the end of a period with a chance of its own, and these chances are beta
//! distributed with `alpha` and `beta`. So the share that leaves in period `t` of those who are left is
//! α / (α + β + t − 1): it falls, because those with a high chance go first.
//!
//! The discounted expected residual lifetime is that of Fader & Hardie 2010, "Customer-Base Valuation in a Contractual
//! Setting: The Perils of Ignoring Heterogeneity", Marketing Science 29(1), 85–93, doi:10.1287/mksc.1080.0482.

use crate::survival::durations::Ended;

/// The most periods that a customer can have. A fit walks through all of them, and nobody pays for longer.
pub(crate) const MOST_PERIODS: f64 = 100_000.0;

/// Parameters outside of this range stand for a limit of the model that no finite parameters reach: customers who are all
/// alike (both infinite), or who leave at once or never (both 0).
const SMALLEST: f64 = 1e-6;
const LARGEST: f64 = 1e6;

/// The parameters of the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sbg {
    pub(crate) alpha: f64,
    pub(crate) beta: f64,
}

impl Sbg {
    /// The share of those who are there in period `period`, from 1, that renews at its end.
    pub(crate) fn retention(self, period: f64) -> f64 {
        let stay = self.beta + (period - 1.0);
        stay / (self.alpha + stay)
    }

    /// The expected number of renewals to come, the next one included and at full value, each later one discounted by
    /// `discount_rate` a period, of a customer who has renewed `renewals` times.
    pub(crate) fn derl(self, discount_rate: f64, renewals: f64) -> f64 {
        let (b, c) = (self.beta + renewals + 1.0, self.alpha + self.beta + renewals + 1.0);
        self.retention(renewals + 1.0) * hypergeometric_1(b, c, 1.0 / (1.0 + discount_rate))
    }
}

/// ₂F₁(1, b; c; z) for 0 < b < c and 0 ≤ z < 1, by Gauss's continued fraction (Abramowitz & Stegun 1964, 15.2; DLMF 15.7.1),
/// evaluated by Lentz's method as Thompson & Barnett 1986 modified it, doi:10.1016/0021-9991(86)90046-X.
fn hypergeometric_1(b: f64, c: f64, z: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let (mut fraction, mut upper, mut lower) = (1.0_f64, 1.0_f64, 0.0_f64);
    for i in 1..200_000_u32 {
        let k = f64::from(i / 2);
        // For the odd ones (b + k)(c − 1 + k), for the even ones k(c − b − 1 + k), by neighbours of c + 2k.
        let partial = if i == 1 {
            b / c
        } else if i % 2 == 1 {
            (b + k) / (c - 1.0 + 2.0 * k) * ((c - 1.0 + k) / (c + 2.0 * k))
        } else {
            k / (c - 2.0 + 2.0 * k) * ((c - b - 1.0 + k) / (c - 1.0 + 2.0 * k))
        };
        let step = -partial * z;
        lower = 1.0 + step * lower;
        lower = if lower == 0.0 { 1.0 / TINY } else { 1.0 / lower };
        upper = 1.0 + step / upper;
        if upper == 0.0 {
            upper = TINY;
        }
        let change = upper * lower;
        fraction *= change;
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    1.0 / fraction
}

/// What became of customers, period by period.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Renewals {
    /// How many left at the end of period `i + 1`.
    left: Vec<f64>,
    /// How many stayed beyond it.
    stayed: Vec<f64>,
}

impl Renewals {
    /// From tenures in whole periods: the period at whose end a customer left, or how often one who is still there renewed.
    pub(crate) fn of(tenures: &[Ended]) -> Self {
        let periods = tenures.iter().map(|ended| ended.duration as usize).max().unwrap_or(0);
        let (mut left, mut seen_last) = (vec![0.0; periods], vec![0.0; periods + 1]);
        for ended in tenures {
            let tenure = ended.duration as usize;
            if tenure > 0 {
                left[tenure - 1] += ended.events as f64;
                seen_last[tenure - 1] += ended.events as f64;
            }
            seen_last[tenure] += ended.censored as f64;
        }
        // Beyond period i + 1 are all who were last seen after it.
        let mut beyond = 0.0;
        let mut stayed = vec![0.0; periods];
        for period in (0..periods).rev() {
            beyond += seen_last[period + 1];
            stayed[period] = beyond;
        }
        Self { left, stayed }
    }

    /// The log-likelihood: each customer in each period either leaves or stays.
    fn log_likelihood(&self, at: Sbg) -> f64 {
        let periods = self.left.iter().zip(&self.stayed).enumerate();
        periods
            .map(|(i, (left, stayed))| {
                let stay = at.beta + i as f64;
                let all = (at.alpha + stay).ln();
                left * (at.alpha.ln() - all) + if *stayed > 0.0 { stayed * (stay.ln() - all) } else { 0.0 }
            })
            .sum()
    }

    /// Gradient and Hessian of the log-likelihood in (ln α, ln β).
    fn slope(&self, Sbg { alpha, beta }: Sbg) -> Slope {
        let (mut left_all, mut stays, mut stays_squared, mut all, mut all_squared) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (i, (left, stayed)) in self.left.iter().zip(&self.stayed).enumerate() {
            let stay = beta + i as f64;
            let both = alpha + stay;
            left_all += left;
            stays += stayed * (beta / stay);
            stays_squared += stayed * (beta / stay) * (beta / stay);
            all += (left + stayed) / both;
            all_squared += (left + stayed) / both / both;
        }
        let (by_alpha, by_beta) = (left_all - alpha * all, stays - beta * all);
        Slope {
            gradient: [by_alpha, by_beta],
            hessian: [
                -left_all + alpha * alpha * all_squared + by_alpha,
                alpha * beta * all_squared,
                -stays_squared + beta * beta * all_squared + by_beta,
            ],
        }
    }

    /// Maximum likelihood and its log-likelihood; `None` if the data have none at finite parameters.
    pub(crate) fn fit(&self) -> Option<(Sbg, f64)> {
        // Without a period in which some left and some stayed there is nothing to tell; with a single one, only the share that
        // left is known, and it takes two parameters.
        let observed = self.left.iter().zip(&self.stayed).filter(|(left, stayed)| *left + *stayed > 0.0).count();
        if observed < 2 || self.left.iter().all(|left| *left == 0.0) {
            return None;
        }
        let starts = [(1.0, 1.0), (0.5, 5.0), (5.0, 0.5), (10.0, 100.0), (0.05, 0.05)];
        let tops = starts.into_iter().filter_map(|(alpha, beta)| self.climb(Sbg { alpha, beta }));
        tops.reduce(|best, other| if other.1 > best.1 { other } else { best })
    }

    /// Newton's method in the logarithms, damped where the surface does not bend down, with steps halved until they go up.
    fn climb(&self, from: Sbg) -> Option<(Sbg, f64)> {
        let (mut at, mut height) = (from, self.log_likelihood(from));
        for _ in 0..500 {
            let slope = self.slope(at);
            let [by_alpha, by_beta] = slope.step();
            // As far as the parameters change by a factor of e² at most.
            let mut length = (2.0 / by_alpha.abs().max(by_beta.abs())).min(1.0);
            let is_at_the_top = slope.bends_down() && by_alpha.abs().max(by_beta.abs()) < 1e-9;
            if is_at_the_top {
                return Some((at, height));
            }
            let (next, next_height) = loop {
                let next =
                    Sbg { alpha: at.alpha * (length * by_alpha).exp(), beta: at.beta * (length * by_beta).exp() };
                let next_height = self.log_likelihood(next);
                if next_height > height {
                    break (next, next_height);
                }
                length /= 2.0;
                if length < 1e-12 {
                    // Rounding hides whether the last small step goes up: a top if the step had become small there.
                    let is_flat = slope.bends_down() && by_alpha.abs().max(by_beta.abs()) < 1e-5;
                    return is_flat.then_some((at, height));
                }
            };
            let is_inside = |value: f64| (SMALLEST..=LARGEST).contains(&value);
            if !(is_inside(next.alpha) && is_inside(next.beta)) {
                return None;
            }
            (at, height) = (next, next_height);
        }
        None
    }
}

/// First and second derivatives in (ln α, ln β).
#[derive(Debug, Clone, Copy)]
struct Slope {
    gradient: [f64; 2],
    /// By α twice, by both, by β twice.
    hessian: [f64; 3],
}

impl Slope {
    fn bends_down(&self) -> bool {
        let [aa, ab, bb] = self.hessian;
        // The margin tells a top from a ridge, along which rounding alone makes the surface bend.
        aa < 0.0 && bb < 0.0 && aa * bb - ab * ab > 1e-12 * aa * bb
    }

    /// The step to the top of the parabola, of which a part is added to the diagonal until it has one.
    fn step(&self) -> [f64; 2] {
        let [aa, ab, bb] = self.hessian;
        let [a, b] = self.gradient;
        let (middle, spread) = ((aa + bb) / 2.0, ((aa - bb) / 2.0).hypot(ab));
        let highest = middle + spread;
        let size = spread + middle.abs();
        let damping = if highest < -1e-12 * size { 0.0 } else { highest + 1e-3 * size + f64::MIN_POSITIVE };
        let (aa, bb) = (aa - damping, bb - damping);
        let determinant = aa * bb - ab * ab;
        let step = [(ab * b - bb * a) / determinant, (ab * a - aa * b) / determinant];
        if step.iter().all(|part| part.is_finite()) { step } else { [0.0, 0.0] }
    }
}

#[cfg(test)]
mod tests {
    use super::{Renewals, Sbg, hypergeometric_1};
    use crate::survival::durations::Ended;

    fn tenures(left: &[i64], still_there: i64) -> Vec<Ended> {
        let mut tenures: Vec<Ended> = left
            .iter()
            .enumerate()
            .map(|(i, left)| Ended { duration: (i + 1) as f64, events: *left, censored: 0 })
            .collect();
        tenures.push(Ended { duration: left.len() as f64, events: 0, censored: still_there });
        tenures
    }

    #[test]
    fn hypergeometric_values_equal_mpmath() {
        // mpmath 1.4.1, 50 digits: hyp2f1(1, b, c, z). Near z = 1 the value itself moves with the last bit of z.
        let cases = [
            (4.806, 5.474, 0.9090909090909091, 6.365_230_152_502_746, 1e-13),
            (1.5, 2.0, 0.5, 1.656_854_249_492_380_2, 1e-13),
            (2.182, 2.886, 0.9900990099009901, 13.567_308_262_616_956, 1e-13),
            (1.001, 1.001001, 0.9, 9.999_976_987_175_19, 1e-13),
            (1000.0, 1000.001, 0.99, 99.990_928_256_685_37, 1e-12),
            (2.0, 1000.0, 0.999, 1.002_004_005_999_951_8, 1e-13),
            (1000.5, 1001.2, 0.9999000099990001, 2_996.557_432_826_474_8, 1e-12),
            (1.000001, 1.000002, 0.9999990000010001, 999_987.184_634_492_4, 1e-9),
            (1.5, 2.5, 0.9999990000010001, 19.802_739_332_788_426, 1e-10),
            (3.0, 4.0, 1e-9, 1.000_000_000_75, 1e-13),
            (100001.0, 100001.5, 0.99, 99.950_574_065_758_67, 1e-12),
            (100001.0, 200001.0, 0.9999990000010001, 2.000_018_000_124, 1e-13),
        ];
        for (b, c, z, expected, tolerance) in cases {
            let value = hypergeometric_1(b, c, z);
            assert!((value - expected).abs() <= tolerance * expected, "{b} {c} {z}: {value} is not {expected}");
        }
    }

    #[test]
    fn derl_is_the_discounted_sum_of_survival() {
        let sbg = Sbg { alpha: 0.668, beta: 3.806 };
        for renewals in [0.0, 1.0, 4.0, 50.0] {
            for rate in [0.05, 0.1, 1.0] {
                let (mut sum, mut share) = (0.0, 1.0);
                for k in 0..5_000 {
                    share *= sbg.retention(renewals + 1.0 + f64::from(k));
                    sum += share / (1.0_f64 + rate).powi(k);
                }
                assert!((sbg.derl(rate, renewals) - sum).abs() < 1e-10 * sum);
            }
        }
    }

    #[test]
    fn the_slope_is_that_of_the_log_likelihood() {
        let renewals = Renewals::of(&tenures(&[131, 126, 90, 60, 42, 34, 26], 491));
        let height = |u: f64, v: f64| renewals.log_likelihood(Sbg { alpha: u.exp(), beta: v.exp() });
        let (u, v, h) = (0.3_f64, -0.4_f64, 1e-4);
        let slope = renewals.slope(Sbg { alpha: u.exp(), beta: v.exp() });
        let numeric = [
            (height(u + h, v) - height(u - h, v)) / (2.0 * h),
            (height(u, v + h) - height(u, v - h)) / (2.0 * h),
            (height(u + h, v) - 2.0 * height(u, v) + height(u - h, v)) / (h * h),
            (height(u + h, v + h) - height(u + h, v - h) - height(u - h, v + h) + height(u - h, v - h)) / (4.0 * h * h),
            (height(u, v + h) - 2.0 * height(u, v) + height(u, v - h)) / (h * h),
        ];
        let exact = slope.gradient.into_iter().chain(slope.hessian);
        for (exact, numeric) in exact.zip(numeric) {
            assert!((exact - numeric).abs() < 1e-3, "{exact} {numeric}");
        }
    }

    #[test]
    fn limits_that_no_parameters_reach_are_no_fit() {
        let cases: [(&[i64], i64); 6] = [
            // Nobody left, all left at once, one period only, nobody left after the first period.
            (&[0, 0, 0], 100),
            (&[100], 0),
            (&[40], 60),
            (&[40, 0, 0, 0], 60),
            // The same share leaves in each period, or more and more: nothing for heterogeneity to explain.
            (&[500, 250, 125, 60], 60),
            (&[10, 20, 40, 80], 10),
        ];
        for (left, still_there) in cases {
            assert_eq!(Renewals::of(&tenures(left, still_there)).fit(), None, "{left:?} {still_there}");
        }
    }
}
