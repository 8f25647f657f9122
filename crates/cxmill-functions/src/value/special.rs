//! Differences of special functions that keep their digits where the functions themselves are huge.
//!
//! A likelihood holds many terms like ln Γ(c + n) − ln Γ(c). Taken one by one they lose all digits for large `c`; taken as one
//! they do not. The argument is shifted up by the recurrence Γ(z + 1) = z Γ(z), then the Stirling series of both ends are
//! subtracted term by term (Abramowitz & Stegun 1964, 6.1.15, 6.1.40 and 6.3.18).

/// From here on six terms of the Stirling series reach the precision of a double.
const LARGE: f64 = 12.0;

/// ln Γ(c + n) − ln Γ(c), the logarithm of the rising factorial, for `c` > 0 and `n` ≥ 0.
pub(crate) fn ln_rising(c: f64, n: f64) -> f64 {
    if n == 0.0 {
        return 0.0;
    }
    let (mut low, mut ratio) = (c, 1.0);
    while low < LARGE {
        ratio *= low / (low + n);
        low += 1.0;
    }
    let high = low + n;
    (low - 0.5) * (n / low).ln_1p() + n * (high.ln() - 1.0) + (stirling(high) - stirling(low)) + ratio.ln()
}

/// ψ(c + n) − ψ(c), the slope of [`ln_rising`] in `c`, for `c` > 0 and `n` ≥ 0.
pub(crate) fn digamma_rising(c: f64, n: f64) -> f64 {
    let (mut low, mut sum) = (c, 0.0);
    while low < LARGE {
        sum += n / (low * (low + n));
        low += 1.0;
    }
    let high = low + n;
    sum + (n / low).ln_1p() + n / (2.0 * low * high) + (digamma_rest(low) - digamma_rest(high))
}

/// ln Γ(z) − (z − ½) ln z + z − ½ ln 2π.
fn stirling(z: f64) -> f64 {
    let q = 1.0 / (z * z);
    (1.0 / 12.0
        - q * (1.0 / 360.0 - q * (1.0 / 1260.0 - q * (1.0 / 1680.0 - q * (1.0 / 1188.0 - q * 691.0 / 360_360.0)))))
        / z
}

/// ln z − 1 / 2z − ψ(z).
fn digamma_rest(z: f64) -> f64 {
    let q = 1.0 / (z * z);
    q * (1.0 / 12.0
        - q * (1.0 / 120.0 - q * (1.0 / 252.0 - q * (1.0 / 240.0 - q * (1.0 / 132.0 - q * 691.0 / 32_760.0)))))
}

/// ln(1 + eᶻ) and its slope 1 / (1 + e⁻ᶻ), without overflow.
#[inline]
pub(crate) fn softplus(z: f64) -> (f64, f64) {
    let small = (-z.abs()).exp();
    let slope = if z > 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
    (z.max(0.0) + small.ln_1p(), slope)
}

/// 1 / (1 + e⁻ᶻ), without overflow.
#[inline]
pub(crate) fn logistic(z: f64) -> f64 {
    let small = (-z.abs()).exp();
    if z > 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
}

/// (1 − e^(−power · length)) / power, which is `length` at a power of 0.
#[inline]
pub(crate) fn saturating(power: f64, length: f64) -> f64 {
    let z = power * length;
    if z.abs() < 1e-300 { length } else { -(-z).exp_m1() / z * length }
}

#[cfg(test)]
mod tests {
    use statrs::function::gamma::{digamma, ln_gamma};

    use super::*;

    #[test]
    fn differences_equal_the_functions_where_those_are_exact() {
        for c in [1e-5, 0.2426, 0.5, 1.0, 3.7, 11.99, 12.0, 40.0, 300.0] {
            for n in [0.0, 0.3, 1.0, 2.0, 7.0, 19.5, 250.0] {
                let ln = ln_gamma(c + n) - ln_gamma(c);
                assert!((ln_rising(c, n) - ln).abs() <= 1e-13 * ln_gamma(c + n).abs().max(20.0), "ln ({c})_{n}");
                let slope = digamma(c + n) - digamma(c);
                assert!((digamma_rising(c, n) - slope).abs() <= 1e-12 * slope.abs().max(1.0), "slope ({c})_{n}");
            }
        }
    }

    #[test]
    fn rising_factorials_of_whole_steps_are_products() {
        // ln (c)(c + 1)(c + 2), to the last digits even for a c whose ln Γ has lost them all.
        for c in [1e-6, 0.7, 13.0, 1e6, 1e12] {
            let product = f64::ln(c) + (c + 1.0).ln() + (c + 2.0).ln();
            assert!((ln_rising(c, 3.0) - product).abs() <= 4e-15 * product.abs().max(10.0), "{c}");
            let slope = 1.0 / c + 1.0 / (c + 1.0) + 1.0 / (c + 2.0);
            assert!((digamma_rising(c, 3.0) / slope - 1.0).abs() <= 1e-13, "{c}");
        }
    }

    #[test]
    fn softplus_has_no_edge() {
        assert_eq!(softplus(1000.0), (1000.0, 1.0));
        assert_eq!(softplus(-1000.0), (0.0, 0.0));
        for z in [-700.0, -3.0, -0.0, 1e-9, 2.0, 40.0] {
            assert_eq!(softplus(z).1, logistic(z));
        }
        let (value, slope) = softplus(0.0);
        assert!((value - std::f64::consts::LN_2).abs() < 1e-16 && slope == 0.5);
    }

    #[test]
    fn saturating_is_smooth_at_zero() {
        assert_eq!(saturating(0.0, 3.0), 3.0);
        assert!((saturating(1e-9, 3.0) - (3.0 - 4.5e-9)).abs() < 1e-15);
        assert!((saturating(-0.5, 3.0) - 2.0 * (1.5_f64.exp() - 1.0)).abs() < 1e-14);
        assert_eq!(saturating(f64::MIN_POSITIVE / 4.0, 5.0), 5.0);
    }
}
