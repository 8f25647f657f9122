//! The maths of BG/NBD and of its modified form MBG/NBD, which differ in one thing.
//!
//! While alive, a customer buys at a rate λ ~ Gamma(r, α), and leaves after a purchase with a probability p ~ Beta(a, b). In
//! BG/NBD (Fader, Hardie & Lee 2005, doi:10.1287/mksc.1040.0098) that holds for repeat purchases; in MBG/NBD (Batislam,
//! Denizel & Filiztekin 2007, doi:10.1016/j.ijresmar.2006.12.005) for the first purchase too, so a customer without a repeat
//! purchase may be gone. With `n` the purchases after which the customer could have left and did not, or did at the last,
//! both have the likelihood
//!
//! ```text
//! Γ(r+x) αʳ   Γ(b+n) Γ(a+b)    ⎡                      a                   ⎤
//! ───────── · ────────────── · ⎢ (α+T)^−(r+x) + ───────── · (α+t_x)^−(r+x) ⎥
//!   Γ(r)      Γ(b) Γ(a+b+n)    ⎣                  b+n−1                   ⎦
//! ```
//! where n = x for BG/NBD (without the second term at n = 0) and n = x + 1 for MBG/NBD.

use crate::value::discount::Node;
use crate::value::opportunities::{expected_at, expected_purchases};
use crate::value::optimise::Bounds;
use crate::value::population::{Population, Purchases};
use crate::value::special::{digamma_rising, ln_rising, logistic, softplus};

/// Which purchases a customer may leave after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Leaves {
    /// BG/NBD.
    AfterRepeats,
    /// MBG/NBD.
    AfterAny,
}

impl Leaves {
    fn chances(self, x: f64) -> f64 {
        match self {
            Self::AfterRepeats => x,
            Self::AfterAny => x + 1.0,
        }
    }
}

/// The model with its parameters, all above 0; `alpha` in units of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BetaGeometric {
    pub(crate) leaves: Leaves,
    pub(crate) r: f64,
    pub(crate) alpha: f64,
    pub(crate) a: f64,
    pub(crate) b: f64,
}

impl BetaGeometric {
    /// The probability that the customer has not left.
    pub(crate) fn alive(&self, customer: Purchases) -> f64 {
        let n = self.leaves.chances(customer.x);
        if n == 0.0 {
            return 1.0;
        }
        // The age without a purchase as a share of all; ln(1 + …) keeps the digits where it is small.
        let silence = ((customer.age - customer.t_x) / (self.alpha + customer.t_x)).ln_1p();
        let ln_odds = (self.a / (self.b + n - 1.0)).ln() + (self.r + customer.x) * silence;
        logistic(-ln_odds)
    }

    /// Expected purchases in the next `horizon` of a customer who is alive at `age` after `x` repeat purchases.
    pub(crate) fn purchases_if_alive(&self, x: f64, age: f64, horizon: f64) -> f64 {
        let n = self.leaves.chances(x);
        expected_purchases(self.r + x, horizon / (self.alpha + age), self.a, self.b + n)
    }

    /// Σ weight · expected purchases up to each node, of nodes in rising order.
    pub(crate) fn weighted(&self, x: f64, age: f64, nodes: &[Node]) -> f64 {
        const AT_ONCE: usize = 6;
        let n = self.leaves.chances(x);
        let at = |t: f64| t / (self.alpha + age);
        let of = |some: &[Node]| -> f64 {
            // Places that are left over repeat the last one, at a weight of 0.
            let last = some.last().map_or(0.0, |node| at(node.t));
            let scales: [f64; AT_ONCE] = std::array::from_fn(|i| some.get(i).map_or(last, |node| at(node.t)));
            let expected = expected_at(self.r + x, scales, self.a, self.b + n);
            some.iter().zip(expected).map(|(node, expected)| node.weight * expected).sum()
        };
        nodes.chunks(AT_ONCE).map(of).sum()
    }
}

/// The mean over customers of −ln likelihood, and its gradient in (ln r, ln α, ln a, ln b).
pub(crate) fn cost(leaves: Leaves, population: &Population, logs: &[f64; 4]) -> (f64, [f64; 4]) {
    let [r, alpha, a, b] = logs.map(f64::exp);
    // Of each time: ln(α + t) and 1 / (α + t).
    let times: Vec<(f64, f64)> = population.times.iter().map(|t| ((alpha + t).ln(), 1.0 / (alpha + t))).collect();
    let (ln_alpha, ln_a) = (logs[1], logs[2]);

    let (mut sum, mut of_r, mut of_alpha, mut of_a, mut of_b) = (0.0, 0.0, 0.0, 0.0, 0.0);
    // Of each x: n; ln(a / (b + n − 1)) and 1 / (b + n − 1), −∞ and 0 where nobody could have left.
    let mut of_x = Vec::with_capacity(population.x.len());
    for (&x, &customers) in population.x.iter().zip(&population.customers_of_x) {
        let n = leaves.chances(x);
        sum += customers * (ln_rising(r, x) + r * ln_alpha + ln_rising(b, n) - ln_rising(a + b, n));
        of_r += customers * (digamma_rising(r, x) + ln_alpha);
        of_alpha += customers * r / alpha;
        let of_both = digamma_rising(a + b, n);
        of_a -= customers * of_both;
        of_b += customers * (digamma_rising(b, n) - of_both);
        of_x.push(if n > 0.0 {
            (r + x, ln_a - (b + n - 1.0).ln(), 1.0 / (b + n - 1.0))
        } else {
            (r + x, f64::NEG_INFINITY, 0.0)
        });
    }
    let mut gone_in_all = 0.0;
    for row in &population.rows {
        let (shape, ln_left, per_chance) = of_x[row.x as usize];
        let (ln_age, per_age) = times[row.age as usize];
        let (ln_last, per_last) = times[row.t_x as usize];
        // The odds that the customer is gone.
        let (gain, gone) = softplus(ln_left + shape * (ln_age - ln_last));
        sum += row.customers * (gain - shape * ln_age);
        of_r += row.customers * (gone * (ln_age - ln_last) - ln_age);
        of_alpha += row.customers * shape * (gone * (per_age - per_last) - per_age);
        gone_in_all += row.customers * gone;
        of_b -= row.customers * gone * per_chance;
    }
    of_a += gone_in_all / a;
    let mean = -1.0 / population.customers;
    (mean * sum, [mean * r * of_r, mean * alpha * of_alpha, mean * a * of_a, mean * b * of_b])
}

/// Where (ln r, ln α, ln a, ln b) are searched, for customers that buy at `rate` on average.
pub(crate) fn bounds(rate: f64) -> Bounds<4> {
    let low = [1e-4, 1e-5 / rate, 1e-4, 1e-4];
    let high = [1e5, 1e6 / rate, 1e5, 1e5];
    Bounds { low: low.map(f64::ln), high: high.map(f64::ln) }
}

/// Points to start from: few or many different rates, early or late leaving.
pub(crate) fn starts(rate: f64) -> [[f64; 4]; 4] {
    let starts = [[0.5, 0.4, 0.8, 2.5], [2.0, 1.5, 0.5, 4.0], [0.2, 0.1, 2.0, 4.0], [6.0, 4.0, 2.0, 20.0]];
    starts.map(|[r, alpha, a, b]| [r, alpha / rate, a, b].map(f64::ln))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn population() -> Population {
        let customer = |x, t_x, age| Purchases { x, t_x, age };
        Population::new(&[
            (customer(0.0, 0.0, 0.0), 2),
            (customer(0.0, 0.0, 38.86), 7),
            (customer(1.0, 1.71, 38.86), 3),
            (customer(2.0, 30.43, 38.86), 1),
            (customer(9.0, 12.0, 12.0), 1),
            (customer(5000.0, 3600.0, 3650.0), 1),
        ])
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_cost() {
        let population = population();
        for leaves in [Leaves::AfterRepeats, Leaves::AfterAny] {
            for logs in [[-1.4, 1.5, -0.2, 0.9], [3.0, 6.0, -7.0, 8.0], [-6.0, -3.0, 9.0, 9.5]] {
                let (_, gradient) = cost(leaves, &population, &logs);
                for i in 0..4 {
                    let beside = |step: f64| {
                        let mut moved = logs;
                        moved[i] += step;
                        cost(leaves, &population, &moved).0
                    };
                    let slope = (beside(1e-5) - beside(-1e-5)) / 2e-5;
                    assert!((gradient[i] - slope).abs() < 1e-6 * slope.abs().max(1.0), "{leaves:?} {logs:?} {i}");
                }
            }
        }
    }

    #[test]
    fn published_expectations_come_out() {
        // Fader, Hardie & Lee 2005, page 280: customer 0001 of CDNOW, 39 weeks ahead.
        let model = BetaGeometric { leaves: Leaves::AfterRepeats, r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };
        let customer = Purchases { x: 2.0, t_x: 30.43, age: 38.86 };
        let purchases = model.alive(customer) * model.purchases_if_alive(2.0, 38.86, 39.0);
        assert!((purchases - 1.226).abs() < 0.001, "{purchases}");
    }

    #[test]
    fn who_bought_just_now_may_have_left_and_who_never_could_has_not() {
        let model = |leaves| BetaGeometric { leaves, r: 1.0, alpha: 10.0, a: 1.0, b: 3.0 };
        let fresh = Purchases { x: 1.0, t_x: 5.0, age: 5.0 };
        assert_eq!(model(Leaves::AfterRepeats).alive(fresh), 0.75);
        assert_eq!(model(Leaves::AfterAny).alive(fresh), 0.8);
        let once = Purchases { x: 0.0, t_x: 0.0, age: 500.0 };
        assert_eq!(model(Leaves::AfterRepeats).alive(once), 1.0);
        assert!(model(Leaves::AfterAny).alive(once) < 0.06);
    }
}
