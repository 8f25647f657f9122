//! The maths of Pareto/NBD (Schmittlein, Morrison & Colombo 1987, doi:10.1287/mnsc.33.1.1).
//!
//! While alive, a customer buys at a rate λ ~ Gamma(r, α); a lifetime is exponential with a rate μ ~ Gamma(s, β). The
//! likelihood of (x, t_x, T) is
//!
//! ```text
//! (r)ₓ αʳ βˢ ⎡ (α+T)^−(r+x) (β+T)^−s + ∫ s (α+u)^−(r+x) (β+u)^−(s+1) du from t_x to T ⎤
//! ```
//! The first part is a customer who is alive, the second one who left at u. Fader & Hardie write the integral as a difference
//! of two ₂F₁; that difference loses its digits for many purchases or long silence. Here the integral itself is taken, by
//! Gauss and Legendre in ln(min(α, β) + u), in logarithms: all terms are positive, and the same terms give the gradient.

use std::sync::LazyLock;

use crate::value::optimise::Bounds;
use crate::value::population::{Population, Purchases};
use crate::value::special::{digamma_rising, ln_rising, logistic, saturating};

/// The model with its parameters, all above 0; `alpha` and `beta` in units of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pareto {
    pub(crate) r: f64,
    pub(crate) alpha: f64,
    pub(crate) s: f64,
    pub(crate) beta: f64,
}

/// A moment at which a customer may have left: u, ln(α + u), ln(β + u) and the logarithm of what it adds to the integral.
#[derive(Debug, Clone, Copy)]
struct Moment {
    u: f64,
    ln_alpha: f64,
    ln_beta: f64,
    ln_weight: f64,
}

impl Pareto {
    /// The probability that the customer has not left.
    pub(crate) fn alive(&self, customer: Purchases) -> f64 {
        let mut moments = Vec::with_capacity(2 * NODES);
        self.moments(customer, &mut moments);
        let ln_alive =
            -(self.r + customer.x) * (self.alpha + customer.age).ln() - self.s * (self.beta + customer.age).ln();
        let most = moments.iter().fold(f64::NEG_INFINITY, |most, moment| most.max(moment.ln_weight));
        if most == f64::NEG_INFINITY {
            return 1.0;
        }
        let gone: f64 = moments.iter().map(|moment| (moment.ln_weight - most).exp()).sum();
        logistic(ln_alive - most - gone.ln())
    }

    /// Expected purchases in the next `horizon` of a customer who is alive at `age` after `x` repeat purchases.
    pub(crate) fn purchases_if_alive(&self, x: f64, age: f64, horizon: f64) -> f64 {
        let rate = (self.r + x) / (self.alpha + age);
        let scale = self.beta + age;
        rate * scale * saturating(self.s - 1.0, (horizon / scale).ln_1p())
    }

    /// The nodes of the integral, none for a customer who bought just now.
    fn moments(&self, customer: Purchases, moments: &mut Vec<Moment>) {
        moments.clear();
        let Purchases { x, t_x, age } = customer;
        if age <= t_x {
            return;
        }
        let shape = self.r + x;
        let least = self.alpha.min(self.beta);
        let (of_alpha, of_beta) = (1.0 / (self.alpha + t_x), 1.0 / (self.beta + t_x));
        // How far the logarithm of the integrand falls between t_x and u, which only rises with u.
        let falls = |u: f64| shape * ((u - t_x) * of_alpha).ln_1p() + self.s * ((u - t_x) * of_beta).ln_1p();
        let ln_first = (least + t_x).ln();
        let mut width = ((age - t_x) / (least + t_x)).ln_1p();
        let mut fall = falls(age);
        if fall > DEEPEST {
            // What lies deeper adds nothing that a double could hold: the end is moved to there by halving.
            let (mut near, mut far) = (0.0, width);
            for _ in 0..24 {
                let middle = 0.5 * (near + far);
                if falls(t_x + (least + t_x) * middle.exp_m1()) > DEEPEST { far = middle } else { near = middle }
            }
            width = far;
            fall = falls(t_x + (least + t_x) * far.exp_m1());
        }
        let panels = (width / 1.2).max(fall / 12.0).ceil().max(1.0);
        let half = 0.5 * width / panels;
        let ln_scale = (self.s * half).ln();
        for panel in 0..panels as u64 {
            let middle = half * (2.0 * panel as f64 + 1.0);
            for &(node, ln_node_weight) in GAUSS.iter() {
                let w = middle + half * node;
                let u = t_x + (least + t_x) * w.exp_m1();
                let ln_least = ln_first + w;
                let (ln_alpha, ln_beta) = if self.alpha <= self.beta {
                    (ln_least, (self.beta + u).ln())
                } else {
                    ((self.alpha + u).ln(), ln_least)
                };
                let ln_weight = ln_node_weight + ln_scale + ln_least - shape * ln_alpha - (self.s + 1.0) * ln_beta;
                moments.push(Moment { u, ln_alpha, ln_beta, ln_weight });
            }
        }
    }
}

/// e^−40 is below the precision of a double.
const DEEPEST: f64 = 40.0;
const NODES: usize = 16;

/// Nodes in (−1, 1) and logarithms of weights of the Gauss–Legendre rule, by Newton's method on the Legendre polynomial.
static GAUSS: LazyLock<[(f64, f64); NODES]> = LazyLock::new(|| {
    std::array::from_fn(|i| {
        let n = NODES as f64;
        let mut z = (std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..20 {
            let (mut last, mut now) = (1.0, z);
            for k in 2..=NODES {
                let k = k as f64;
                (last, now) = (now, ((2.0 * k - 1.0) * z * now - (k - 1.0) * last) / k);
            }
            slope = n * (z * now - last) / (z * z - 1.0);
            z -= now / slope;
        }
        (z, (2.0 / ((1.0 - z * z) * slope * slope)).ln())
    })
});

/// The mean over customers of −ln likelihood, and its gradient in (ln r, ln α, ln s, ln β).
pub(crate) fn cost(population: &Population, logs: &[f64; 4]) -> (f64, [f64; 4]) {
    let [r, alpha, s, beta] = logs.map(f64::exp);
    let model = Pareto { r, alpha, s, beta };
    let times: Vec<(f64, f64)> = population.times.iter().map(|t| ((alpha + t).ln(), (beta + t).ln())).collect();

    let (mut sum, mut of_r, mut of_alpha, mut of_s, mut of_beta) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (&x, &customers) in population.x.iter().zip(&population.customers_of_x) {
        sum += customers * (ln_rising(r, x) + r * logs[1] + s * logs[3]);
        of_r += customers * (digamma_rising(r, x) + logs[1]);
    }
    of_alpha += population.customers * r / alpha;
    of_s += population.customers * logs[3];
    of_beta += population.customers * s / beta;
    let mut moments = Vec::new();
    for row in &population.rows {
        let age = population.times[row.age as usize];
        let customer = Purchases { x: population.x[row.x as usize], t_x: population.times[row.t_x as usize], age };
        model.moments(customer, &mut moments);
        let shape = r + customer.x;
        let (ln_alpha, ln_beta) = times[row.age as usize];
        let ln_alive = -shape * ln_alpha - s * ln_beta;
        let most = moments.iter().fold(ln_alive, |most, moment| most.max(moment.ln_weight));
        let alive = (ln_alive - most).exp();
        // Sums over the moments, the last of them being alive now, of: weight, ln(α + u), 1 / (α + u), ln(β + u), 1 / (β + u).
        let mut gone = [0.0; 5];
        for moment in &moments {
            let weight = (moment.ln_weight - most).exp();
            gone[0] += weight;
            gone[1] += weight * moment.ln_alpha;
            gone[2] += weight / (alpha + moment.u);
            gone[3] += weight * moment.ln_beta;
            gone[4] += weight / (beta + moment.u);
        }
        let all = alive + gone[0];
        let customers = row.customers / all;
        sum += row.customers * (most + all.ln());
        of_r -= customers * (alive * ln_alpha + gone[1]);
        of_alpha -= customers * shape * (alive / (alpha + age) + gone[2]);
        of_s += customers * (gone[0] / s - alive * ln_beta - gone[3]);
        of_beta -= customers * (s * alive / (beta + age) + (s + 1.0) * gone[4]);
    }
    let mean = -1.0 / population.customers;
    (mean * sum, [mean * r * of_r, mean * alpha * of_alpha, mean * s * of_s, mean * beta * of_beta])
}

/// Where (ln r, ln α, ln s, ln β) are searched, for customers that buy at `rate` on average and whose mean age is `age`.
pub(crate) fn bounds(rate: f64, age: f64) -> Bounds<4> {
    let low = [1e-4, 1e-5 / rate, 1e-4, 1e-5 * age];
    let high = [1e5, 1e6 / rate, 1e5, 1e6 * age];
    Bounds { low: low.map(f64::ln), high: high.map(f64::ln) }
}

/// Points to start from: few or many different rates, short or long lives.
pub(crate) fn starts(rate: f64, age: f64) -> [[f64; 4]; 4] {
    let starts = [[0.6, 0.5, 0.6, 0.5], [2.0, 1.5, 0.5, 2.0], [0.3, 0.2, 1.5, 1.0], [5.0, 4.0, 3.0, 8.0]];
    starts.map(|[r, alpha, s, beta]| [r, alpha / rate, s, beta * age].map(f64::ln))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ln likelihood of one customer without the factor (r)ₓ, and the probability alive.
    fn one(model: Pareto, customer: Purchases) -> (f64, f64) {
        let population = Population::new(&[(customer, 1)]);
        let logs = [model.r, model.alpha, model.s, model.beta].map(f64::ln);
        (-cost(&population, &logs).0 - ln_rising(model.r, customer.x), model.alive(customer))
    }

    #[test]
    fn values_of_arbitrary_precision_come_out() {
        // The likelihood of Fader & Hardie's note with its ₂F₁, 80 digits, mpmath 1.3.0.
        let cases = [
            (0.5532, 10.578, 0.6062, 11.669, 0.0, 0.0, 38.86, -0.5211459242994881, 0.29513844314775495),
            (0.5532, 10.578, 0.6062, 11.669, 2.0, 30.43, 38.86, -9.402627539946698, 0.8691254204602187),
            (0.5532, 10.578, 0.6062, 11.669, 26.0, 10.5, 39.0, -83.87433403228896, 3.898823062289819e-09),
            (2.0, 3.0, 0.8, 40.0, 7.0, 100.0, 365.0, -43.28394415213863, 7.165957302575726e-05),
            (1.5, 400.0, 0.3, 0.5, 0.0, 0.0, 3650.0, -0.1979508179117482, 0.002623382973636363),
            (0.7, 0.05, 3.0, 900.0, 120.0, 60.5, 3650.0, -504.03343703997695, 8.080643263844454e-215),
            (3.0, 20.0, 1.2, 15.0, 5000.0, 3000.0, 3650.0, -40094.81041225443, 0.0),
            (0.9, 5.0, 50.0, 2000.0, 1.0, 0.14, 0.29, -1.7199567037973558, 0.9961540979066953),
        ];
        for (r, alpha, s, beta, x, t_x, age, ln_likelihood, alive) in cases {
            let found = one(Pareto { r, alpha, s, beta }, Purchases { x, t_x, age });
            assert!(
                (found.0 - ln_likelihood).abs() <= 1e-11 * f64::abs(ln_likelihood).max(1.0),
                "{found:?} {ln_likelihood}"
            );
            assert!((found.1 - alive).abs() <= 1e-10 * alive, "{found:?} {alive}");
        }
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_cost() {
        let customer = |x, t_x, age| Purchases { x, t_x, age };
        let population = Population::new(&[
            (customer(0.0, 0.0, 0.0), 2),
            (customer(0.0, 0.0, 38.86), 7),
            (customer(2.0, 30.43, 38.86), 1),
            (customer(9.0, 12.0, 400.0), 1),
            (customer(5000.0, 3600.0, 3650.0), 1),
        ]);
        for logs in [[-0.6, 2.36, -0.5, 2.46], [2.0, 1.0, 3.0, 8.0], [-3.0, 6.0, -6.0, -5.0]] {
            let (_, gradient) = cost(&population, &logs);
            for i in 0..4 {
                let beside = |step: f64| {
                    let mut moved = logs;
                    moved[i] += step;
                    cost(&population, &moved).0
                };
                let slope = (beside(1e-5) - beside(-1e-5)) / 2e-5;
                assert!(
                    (gradient[i] - slope).abs() < 1e-6 * slope.abs().max(1.0),
                    "{logs:?} {i} {} {slope}",
                    gradient[i]
                );
            }
        }
    }

    #[test]
    fn a_lifetime_of_shape_one_is_no_exception() {
        let at = |s| Pareto { r: 1.0, alpha: 5.0, s, beta: 10.0 }.purchases_if_alive(3.0, 7.0, 52.0);
        assert!((at(1.0) - at(1.0 + 1e-9)).abs() < 1e-7);
        assert!((at(1.0) - 4.0 / 12.0 * 17.0 * (69.0_f64 / 17.0).ln()).abs() < 1e-12);
    }
}
