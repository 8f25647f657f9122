//! Expected purchases of a customer who leaves after a purchase with a probability p ~ Beta(a, b).
//!
//! Purchases that a customer would make in the horizon if he stayed are negative binomial: P(n) = wₙ = (A)ₙ/n! zⁿ (1 − z)^A,
//! with A the shape of the customer's rate, y the horizon over its scale and z = y / (1 + y). With q = 1 − p the j-th of them
//! still happens with probability E[q^(j−1)], so
//!
//! ```text
//! E[purchases] = Σₙ wₙ Σ_{j<n} E[qʲ],   E[qʲ] = (b)ⱼ / (a + b)ⱼ
//! ```
//! This equals the closed forms with ₂F₁ of the papers, but all terms are positive: nothing cancels, and a = 1 is no
//! exception. Where it would take many terms, the integral over p is taken by the trapezoidal rule in ln(p / q), which
//! converges exponentially for such integrands (Trefethen & Weideman 2014, doi:10.1137/130932132).

use statrs::function::gamma::ln_gamma;

use crate::value::special::{ln_rising, softplus};

/// The series takes at most about this many terms.
const MOST_TERMS: f64 = 4_000.0;

/// The expected number for a rate of shape `shape` > 0 and scale `y` ≥ 0, and Beta(a, b) with `a`, `b` > 0.
pub(crate) fn expected_purchases(shape: f64, y: f64, a: f64, b: f64) -> f64 {
    expected_at(shape, [y], a, b)[0]
}

/// The expected numbers for several scales, of which the last is the largest.
pub(crate) fn expected_at<const L: usize>(shape: f64, scales: [f64; L], a: f64, b: f64) -> [f64; L] {
    let y = scales.last().copied().unwrap_or_default();
    let mean = shape * y;
    if mean == 0.0 {
        return [0.0; L];
    }
    let terms = mean + 8.0 * (mean * (1.0 + y)).sqrt() + 36.0 * (1.0 + y);
    // Below e^-700 the first weight would lose its digits.
    if terms > MOST_TERMS || shape * y.ln_1p() > 700.0 {
        scales.map(|y| integral(shape, y, a, b))
    } else {
        series(shape, scales, a, b)
    }
}

/// The sums over n, one a scale; that of the largest scale, the last, has the longest tail.
fn series<const L: usize>(shape: f64, scales: [f64; L], a: f64, b: f64) -> [f64; L] {
    const PRECISION: f64 = 1e-12;
    /// Terms between two looks at what is left.
    const STRIDE: usize = 4;
    let z = scales.map(|y| y / (1.0 + y));
    let mut weights = scales.map(|y| (-shape * y.ln_1p()).exp());
    let mut sums = [0.0; L];
    // E[qⁿ], and the sum of those before it.
    let (mut stays, mut bought) = (1.0, 0.0);
    let mut n = 0.0;
    loop {
        for _ in 0..STRIDE {
            // wₙ₊₁ / wₙ is this times z.
            let ratio = (shape + n) / (n + 1.0);
            bought += stays;
            stays *= (b + n) / (a + b + n);
            n += 1.0;
            for ((sum, weight), z) in sums.iter_mut().zip(&mut weights).zip(z) {
                *weight *= ratio * z;
                *sum += *weight * bought;
            }
        }
        // From here on weights fall faster than by this factor, and the inner sums rise slower than n.
        let factor = (shape + n) * z[L - 1] / (n + 1.0);
        let rest = 1.0 - factor;
        if rest > 0.0
            && weights[L - 1] * bought * factor * (n * rest + 1.0) <= PRECISION * sums[L - 1] * n * rest * rest
        {
            return sums;
        }
        if n > 4.0 * MOST_TERMS {
            // Not reached by the estimate of terms above; the integral does not depend on it.
            return scales.map(|y| integral(shape, y, a, b));
        }
    }
}

/// E[(1 − (1 + p y)^−A) / p] over p ~ Beta(a, b).
fn integral(shape: f64, y: f64, a: f64, b: f64) -> f64 {
    // −ln B(a, b).
    let scale = ln_rising(b, a) - ln_gamma(a);
    let at = |l: f64| {
        let (ln_p, ln_q) = (-softplus(-l).0, -softplus(l).0);
        let bought = -(-shape * (y * ln_p.exp()).ln_1p()).exp_m1();
        // One p of p^a goes against the p below.
        bought * ((a - 1.0) * ln_p + b * ln_q + scale).exp()
    };
    let width = (1.0 / a + 1.0 / b).sqrt();
    let step = (0.6 * width).min(0.125);
    let middle = (a / b).ln();
    // Beyond these ends the integrand is an exponential to the last bit, and the rest of the sum is geometric.
    let low = (-36.0 - (1.0 + (1.0 + shape) * y + a + b).ln()).min(middle);
    let high = (36.0 + (1.0 + shape + a + b).ln()).max(middle);
    // The integrand has one peak, so from the middle outwards a term that is nothing next to its sum ends it.
    let outwards = |step: f64, end: f64, fall: f64| {
        let (mut sum, mut last) = (0.0, 0.0);
        for i in 1.. {
            let l = middle + step * f64::from(i);
            let term = at(l);
            if (l - end) * step >= 0.0 {
                return sum + term / -(-fall * step.abs()).exp_m1();
            }
            sum += term;
            if term <= last && term <= 1e-18 * sum {
                break;
            }
            last = term;
        }
        sum
    };
    step * (at(middle) + outwards(-step, low, a) + outwards(step, high, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found / expected - 1.0).abs() <= tolerance, "{found} is not {expected}");
    }

    #[test]
    fn values_of_arbitrary_precision_come_out() {
        // (a + b − 1)/(a − 1) · (1 − (1 + y)^−A ₂F₁(A, b; a + b − 1; y/(1 + y))) with 60 digits in mpmath 1.3.0.
        let cases = [
            (2.2426, 0.9012, 0.7929, 4.4259, 1.6871043467397335),
            (0.2426, 0.9012, 0.7929, 2.4259, 0.194778521661171),
            (0.2426, 11.8, 0.7929, 2.4259, 1.4454956003848554),
            (40.5, 0.3, 1.5, 45.0, 10.1524672799518),
            (1.7, 1.3, 1.0000001, 2.0, 1.4690816935819302),
            (5000.25, 0.1, 0.6, 5003.0, 485.7821265940482),
            (0.4, 5000.0, 0.8, 2.5, 26.008160953155876),
            (5000.25, 1.0, 0.6, 5003.0, 3994.3751085446584),
            (0.01, 1000000.0, 0.3, 0.2, 112.82761540736239),
            (25.0, 2.0, 300.5, 900.0, 4.004832986768473),
        ];
        for (shape, y, a, b, expected) in cases {
            close(expected_purchases(shape, y, a, b), expected, 1e-11);
        }
    }

    #[test]
    fn series_and_integral_agree() {
        for shape in [0.01, 0.7, 3.0, 60.0] {
            for y in [1e-6, 0.1, 1.3, 20.0] {
                for (a, b) in [(1e-4, 3.0), (0.8, 2.4), (1.0, 1.0), (30.0, 0.02), (900.0, 4_000.0)] {
                    close(series(shape, [y], a, b)[0], integral(shape, y, a, b), 1e-11);
                }
            }
        }
    }

    #[test]
    fn several_scales_at_once_give_what_each_gives() {
        for shape in [0.01, 0.7, 60.0, 5_000.0] {
            for scales in [[0.0, 1e-9, 0.3, 0.31], [0.01, 1.0, 7.0, 20.0], [1.0, 50.0, 900.0, 1e6]] {
                for (a, b) in [(0.8, 2.4), (1e-4, 3.0), (30.0, 0.02)] {
                    for (found, y) in expected_at(shape, scales, a, b).into_iter().zip(scales) {
                        let alone = expected_purchases(shape, y, a, b);
                        assert!((found - alone).abs() <= 1e-11 * alone, "{shape} {y} {a} {b}: {found} is not {alone}");
                    }
                }
            }
        }
    }

    #[test]
    fn extremes_stay_between_none_and_all_that_could_be() {
        for shape in [1e-4, 1.0, 5_000.0, 1e5] {
            for y in [1e-12, 1.0, 1e4, 1e9] {
                for (a, b) in [(1e-4, 1e5), (1e5, 1e-4), (1e-4, 1e-4), (1e5, 1e5), (1.0, 5_001.0)] {
                    let found = expected_purchases(shape, y, a, b);
                    assert!(found >= 0.0 && found <= shape * y * (1.0 + 1e-9), "{shape} {y} {a} {b}: {found}");
                }
            }
        }
    }
}
