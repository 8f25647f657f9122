//! The population behaves as its parameters say.

use super::{sample, small};
use crate::Options;
use crate::calendar::DAY;
use crate::customer::Population;
use crate::parameters::{BgNbd, PARAMETERS};

/// Gauss' hypergeometric series, for |z| < 1.
fn hypergeometric(a: f64, b: f64, c: f64, z: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 0..10_000 {
        let k = f64::from(k);
        term *= (a + k) * (b + k) / ((c + k) * (k + 1.0)) * z;
        sum += term;
        if term.abs() < 1e-12 * sum {
            break;
        }
    }
    sum
}

/// Expected repeat purchases of a customer in its first `t` weeks (Fader, Hardie & Lee 2005, equation 9).
fn expected(model: BgNbd, t: f64) -> f64 {
    let BgNbd { r, alpha, a, b } = model;
    let shrink = (alpha / (alpha + t)).powf(r) * hypergeometric(r, b, a + b - 1.0, t / (alpha + t));
    (a + b - 1.0) / (a - 1.0) * (1.0 - shrink)
}

#[test]
fn purchases_follow_bg_nbd() {
    let options = Options { days: 90, ..small() };
    let population = Population::new(&options).unwrap();
    let (mut bought, mut awaited) = (0.0, 0.0);
    for number in 1..=20_000 {
        let (customer, _) = population.draw(number).unwrap();
        let age = f64::from(options.days) - f64::from(customer.purchases[0]) / f64::from(DAY);
        bought += (customer.purchases.len() - 1) as f64;
        awaited += expected(PARAMETERS.bg_nbd, age / 7.0);
        assert!(customer.purchases.is_sorted());
    }
    assert!((bought / awaited - 1.0).abs() < 0.03, "{bought} purchases, {awaited} expected");
}

#[test]
fn amounts_follow_gamma_gamma() {
    let population = Population::new(&small()).unwrap();
    let (mut sum, count) = (0.0, 20_000);
    for number in 1..=count {
        let (customer, mut rng) = population.draw(number).unwrap();
        sum += f64::from(customer.amount(&mut rng)) / 100.0;
    }
    let model = PARAMETERS.gamma_gamma;
    let (found, awaited) = (sum / f64::from(count), model.p * model.v / (model.q - 1.0));
    assert!((found / awaited - 1.0).abs() < 0.03, "{found} instead of {awaited}");
}

#[test]
fn the_default_sample_is_plausible() {
    let sample = sample(&Options::default());
    let truth = &sample.truth;
    let nps = truth["nps"]["all"]["nps"].as_f64().unwrap();
    assert!((20.0..50.0).contains(&nps), "{nps}");
    assert!((60_000..150_000).contains(&sample.summary.rows), "{}", sample.summary.rows);
    let orders = truth["spend"]["all"]["orders"].as_u64().unwrap();
    assert!((2_500..8_000).contains(&orders), "{orders}");
    let inactive = truth["customers"]["inactive"].as_u64().unwrap();
    assert!((50..400).contains(&inactive), "{inactive}");
    let of = |channel: &str| truth["nps"]["by_channel"][channel]["nps"].as_f64().unwrap();
    assert!(of("store") > of("web") && of("web") > of("phone"), "what happened shows in the scores");
}
