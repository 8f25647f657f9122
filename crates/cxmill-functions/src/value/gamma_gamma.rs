//! The maths of the Gamma-Gamma model of spend (Fader & Hardie 2013, "The Gamma-Gamma Model of Monetary Value").
//!
//! The amounts of one customer are Gamma(p, ν), his ν is Gamma(q, v) over customers, independent of how often he buys. The mean
//! amount `m` of `x` purchases then has the density
//!
//! ```text
//! Γ(px+q) / (Γ(px) Γ(q)) · v^q · m^(px−1) · x^(px) / (v + x m)^(px+q)
//! ```

use statrs::function::gamma::ln_gamma;

use crate::value::optimise::Bounds;
use crate::value::special::{digamma_rising, ln_rising};

/// The model with its parameters: `p` > 0, `q` > 1, `v` > 0 in units of money.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GammaGamma {
    pub(crate) p: f64,
    pub(crate) q: f64,
    pub(crate) v: f64,
}

/// What is known of one customer's spend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spend {
    /// Repeat purchases, a whole number above 0.
    pub(crate) x: f64,
    /// Their mean amount, above 0.
    pub(crate) mean: f64,
}

impl GammaGamma {
    /// The expected mean amount of all purchases to come, given the mean of the `x` seen; without any, that of a new customer.
    pub(crate) fn mean_amount(&self, x: f64, mean: f64) -> f64 {
        // (v + x m) p / (p x + q − 1), with the quotient taken first so that no product can overflow.
        let per_money = self.p / (self.p * x + self.q - 1.0);
        let seen = if x > 0.0 { mean * (x * per_money) } else { 0.0 };
        self.v * per_money + seen
    }
}

/// All customers of a fit, in rising order of (x, mean).
#[derive(Debug, Clone)]
pub(crate) struct Spenders {
    x: Vec<f64>,
    customers_of_x: Vec<f64>,
    /// Place in `x`, total spend x · mean, customers.
    rows: Vec<(u32, f64, f64)>,
    customers: f64,
    /// Σ customers · ln mean, and Σ customers · x · (ln mean + ln x).
    ln_mean: f64,
    x_ln_total: f64,
    /// The mean over customers of their mean amount.
    mean: f64,
}

impl Spenders {
    pub(crate) fn new(distinct: &[(Spend, i64)]) -> Self {
        let mut x: Vec<f64> = distinct.iter().map(|(spend, _)| spend.x).collect();
        x.dedup();
        let mut all = Self {
            customers_of_x: vec![0.0; x.len()],
            x,
            rows: Vec::with_capacity(distinct.len()),
            customers: 0.0,
            ln_mean: 0.0,
            x_ln_total: 0.0,
            mean: 0.0,
        };
        let mut at = 0;
        for (spend, count) in distinct {
            while all.x[at] < spend.x {
                at += 1;
            }
            let customers = *count as f64;
            all.rows.push((at as u32, spend.x * spend.mean, customers));
            all.customers_of_x[at] += customers;
            all.customers += customers;
            all.ln_mean += customers * spend.mean.ln();
            all.x_ln_total += customers * spend.x * (spend.mean.ln() + spend.x.ln());
        }
        all.mean = distinct.iter().map(|(spend, count)| spend.mean * (*count as f64 / all.customers)).sum();
        all
    }

    pub(crate) fn customers(&self) -> f64 {
        self.customers
    }

    /// True if customers can tell parameters apart.
    pub(crate) fn tells(&self) -> bool {
        self.rows.len() > 1
    }

    /// The mean over customers of −ln likelihood, and its gradient in (ln p, ln q, ln v).
    pub(crate) fn cost(&self, logs: &[f64; 3]) -> (f64, [f64; 3]) {
        let [p, q, v] = logs.map(f64::exp);
        let of_q_alone = q * logs[2] - ln_gamma(q);
        let mut sum = p * self.x_ln_total - self.ln_mean;
        let (mut of_p, mut of_q, mut of_v) = (self.x_ln_total, self.customers * logs[2], self.customers * q / v);
        for (&x, &customers) in self.x.iter().zip(&self.customers_of_x) {
            let shape = p * x;
            sum += customers * (ln_rising(shape, q) + of_q_alone);
            of_p += customers * x * digamma_rising(shape, q);
            of_q += customers * digamma_rising(q, shape);
        }
        for &(x, total, customers) in &self.rows {
            let x = self.x[x as usize];
            let ln = (v + total).ln();
            sum -= customers * (p * x + q) * ln;
            of_p -= customers * x * ln;
            of_q -= customers * ln;
            of_v -= customers * (p * x + q) / (v + total);
        }
        let mean = -1.0 / self.customers;
        (mean * sum, [mean * p * of_p, mean * q * of_q, mean * v * of_v])
    }

    /// Where (ln p, ln q, ln v) are searched. A `q` of 1 or less is within: only so can it be told that the mean does not exist.
    pub(crate) fn bounds(&self) -> Bounds<3> {
        let low = [1e-4, 1e-2, 1e-6 * self.mean];
        let high = [1e5, 1e5, 1e6 * self.mean];
        Bounds { low: low.map(f64::ln), high: high.map(f64::ln) }
    }

    /// Points to start from whose expected mean amount is that of the customers: like or unlike amounts, like or unlike customers.
    pub(crate) fn starts(&self) -> [[f64; 3]; 4] {
        [[2.0, 3.0], [6.0, 4.0], [0.7, 2.0], [20.0, 10.0]]
            .map(|[p, q]: [f64; 2]| [p, q, (q - 1.0) / p * self.mean].map(f64::ln))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_slope_of_the_cost() {
        let spend = |x, mean| Spend { x, mean };
        let spenders = Spenders::new(&[
            (spend(1.0, 1e-6), 1),
            (spend(1.0, 11.77), 3),
            (spend(2.0, 22.35), 2),
            (spend(29.0, 50.0), 1),
            (spend(50.0, 1e9), 1),
        ]);
        for logs in [[1.8, 1.3, 2.7], [-3.0, 4.0, 9.0], [6.0, -2.0, -4.0]] {
            let (_, gradient) = spenders.cost(&logs);
            for i in 0..3 {
                let beside = |step: f64| {
                    let mut moved = logs;
                    moved[i] += step;
                    spenders.cost(&moved).0
                };
                let slope = (beside(1e-5) - beside(-1e-5)) / 2e-5;
                assert!((gradient[i] - slope).abs() < 1e-6 * slope.abs().max(1.0), "{logs:?} {i}");
            }
        }
    }

    #[test]
    fn expectations_lie_between_what_was_seen_and_what_is_expected_of_anyone() {
        let model = GammaGamma { p: 6.25, q: 3.74, v: 15.44 };
        let anyone = 15.44 * 6.25 / 2.74;
        assert!((model.mean_amount(0.0, 0.0) - anyone).abs() < 1e-12);
        assert!((model.mean_amount(2.0, 22.35) - (15.44 + 2.0 * 22.35) * 6.25 / (12.5 + 2.74)).abs() < 1e-12);
        assert!((model.mean_amount(1e6, 1e9) / 1e9 - 1.0).abs() < 1e-6);
        assert!(GammaGamma { p: 1e5, q: 1.0 + 1e-12, v: 1e300 }.mean_amount(3.0, 1e300).is_finite());
    }
}
