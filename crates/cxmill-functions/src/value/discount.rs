//! Discounted sums of a smooth function that rises step by step.
//!
//! Summed by parts, Σᵢ dⁱ (E(i) − E(i−1)) is Σᵢ ωᵢ E(i) with weights ωᵢ = dⁱ − dⁱ⁺¹, the last one dⁿ: all of them positive, and
//! the same for all customers. So the rule of Gauss for these weights takes the sum at a few nodes instead of all steps.
//!
//! An expectation E of purchases is a mixture of 1 − (1 + p t / reach)^−shape over p from 0 to 1. In v = ln(1 + t / scale), with a
//! scale of at most reach / max(1, shape), it has no singularity within π/2 of the real line and is there at most a small multiple
//! of what it is on it: for every such p, |1 + p t / reach| is at least 1 − 1 / shape where t < 0, and at least 1 where Re t ≥ 0.
//! Hence the error of m nodes falls as ρ^−2m, with ρ the sum of the half axes of the largest ellipse around the steps that fits
//! (Trefethen 2008, doi:10.1137/060659831, theorem 4.5), and the number of nodes is known beforehand.

use std::collections::BTreeMap;

use crate::value::gauss::gauss;

/// How a function of the horizon bends: as (1 + t / reach)^−shape, with both above 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bend {
    pub(crate) reach: f64,
    pub(crate) shape: f64,
}

/// Where a function of the horizon is to be known, and what it counts there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Node {
    pub(crate) t: f64,
    pub(crate) weight: f64,
}

/// What is left out of a sum is below this part of it.
const PRECISION: f64 = 1e-13;
/// −ln of the error of a rule relative to the sum, with the constants of its bound: those are below 60, so it is below 1e-9.
const DIGITS: f64 = 25.0;

/// Unit steps up to a horizon, discounted by a rate, the last step as long as is left.
#[derive(Debug)]
pub(crate) struct Discount {
    /// Σ weight · E(t) is the discounted sum of any E.
    steps: Vec<Node>,
    /// By the binary logarithm of their scale.
    rules: BTreeMap<i32, Vec<Node>>,
}

impl Discount {
    pub(crate) fn new(horizon: f64, rate: f64) -> Self {
        let all = steps(horizon, rate);
        let mut steps = Vec::new();
        // Beyond some steps an octave of them is a rule of its own, with a scale that is small enough for any E.
        for octave in all.chunk_by(|a, b| a.t >= 64.0 && a.t.log2().floor() == b.t.log2().floor()) {
            steps.extend(rule(octave, 1e-3));
        }
        Self { steps, rules: BTreeMap::new() }
    }

    /// Nodes with which the sum of a function that bends so is its discounted sum, in rising order.
    pub(crate) fn rule(&mut self, bend: Bend) -> &[Node] {
        let scale = (bend.reach / bend.shape.max(1.0)).log2().floor().clamp(-20.0, 20.0) as i32;
        self.rules.entry(scale).or_insert_with(|| rule(&self.steps, f64::from(scale).exp2()))
    }
}

fn steps(horizon: f64, rate: f64) -> Vec<Node> {
    if horizon == 0.0 {
        return Vec::new();
    }
    if rate == 0.0 {
        return vec![Node { t: horizon, weight: 1.0 }];
    }
    let per_step = 1.0 / (1.0 + rate);
    let mut steps = Vec::new();
    let (mut t, mut factor) = (1.0, per_step);
    // E is at most t times what it is after one step, so this bounds what is left out.
    while t < horizon && factor * horizon > PRECISION * per_step {
        steps.push(Node { t, weight: factor * (rate / (1.0 + rate)) });
        t += 1.0;
        factor *= per_step;
    }
    steps.push(Node { t: t.min(horizon), weight: factor });
    steps
}

/// Nodes that stand for steps, in v = ln(1 + t / scale).
fn rule(steps: &[Node], scale: f64) -> Vec<Node> {
    let v = |t: f64| (t / scale).ln_1p();
    let [first, .., last] = steps else { return steps.to_vec() };
    let (middle, half) = (0.5 * (v(last.t) + v(first.t)), 0.5 * (v(last.t) - v(first.t)));
    let ln_rho = (0.5 * std::f64::consts::PI / half).asinh();
    let nodes = ((DIGITS + last.t.ln()) / (2.0 * ln_rho) + 0.5).ceil() as usize;
    if nodes >= steps.len() {
        return steps.to_vec();
    }
    let points: Vec<(f64, f64)> = steps.iter().map(|step| ((v(step.t) - middle) / half, step.weight)).collect();
    let nodes = gauss(&points, nodes).into_iter().map(|(place, weight)| {
        let t = scale * (middle + half * place).exp_m1();
        Node { t: t.clamp(first.t, last.t), weight }
    });
    nodes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::beta_geometric::{BetaGeometric, Leaves};

    /// The sum as it is defined, whose differences lose digits where they are small against E.
    fn step_by_step(expected: impl Fn(f64) -> f64, horizon: f64, rate: f64) -> f64 {
        let (mut sum, mut before) = (0.0, 0.0);
        for step in 1..=f64::ceil(horizon) as i32 {
            let upto = expected(f64::from(step).min(horizon));
            sum += (upto - before) / f64::powi(1.0 + rate, step);
            before = upto;
        }
        sum
    }

    fn by_rule(expected: impl Fn(f64) -> f64, bend: Bend, horizon: f64, rate: f64) -> f64 {
        Discount::new(horizon, rate).rule(bend).iter().map(|node| node.weight * expected(node.t)).sum()
    }

    const HORIZONS: [(f64, f64); 10] = [
        (0.0, 0.1),
        (0.4, 0.1),
        (12.0, 0.01),
        (52.5, 0.002),
        (52.0, 0.5),
        (365.0, 3e-5),
        (400.0, 0.0),
        (1_000.0, 1e3),
        (3_650.25, 1e-4),
        (36_525.0, 1e-6),
    ];

    #[test]
    fn a_rule_gives_the_sum_over_steps() {
        for reach in [1e-6, 0.01, 3.0, 40.0, 63.9, 5_000.0, 1e9] {
            for shape in [0.01, 0.2, 1.0, 1.9, 8.0, 70.0, 1e5] {
                let bend = Bend { reach, shape };
                // One customer of each p, and many of all.
                for p in [1.0, 0.5, 0.01] {
                    let expected = |t: f64| -(-shape * (p * t / reach).ln_1p()).exp_m1() * 2.5;
                    for (horizon, rate) in HORIZONS {
                        let (sum, found) =
                            (step_by_step(expected, horizon, rate), by_rule(expected, bend, horizon, rate));
                        assert!(
                            (found - sum).abs() <= 1e-9 * sum,
                            "{bend:?} {p} {horizon} {rate}: {found} is not {sum}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_rule_gives_the_sum_over_steps_of_customers() {
        for (alpha, a, b) in [(0.1, 0.8, 2.4), (4.4, 0.8, 2.4), (4.4, 0.05, 9.0), (60.0, 30.0, 200.0)] {
            let model = BetaGeometric { leaves: Leaves::AfterAny, r: 0.3, alpha, a, b };
            for (x, age) in [(0.0, 0.0), (0.0, 390.0), (3.0, 39.0), (40.0, 400.0), (300.0, 500.0), (5_000.0, 3_650.0)] {
                for (horizon, rate) in [(730.0, 0.0003), (52.0, 0.002), (3.0, 0.1)] {
                    let sum = step_by_step(|t| model.purchases_if_alive(x, age, t), horizon, rate);
                    let mut discount = Discount::new(horizon, rate);
                    let found = model.weighted(x, age, discount.rule(Bend { reach: alpha + age, shape: model.r + x }));
                    assert!((found - sum).abs() <= 1e-9 * sum, "{model:?} {x} {age}: {found} is not {sum}");
                }
            }
        }
    }

    #[test]
    fn few_nodes_are_enough() {
        let mut discount = Discount::new(3_650.0, 1e-4);
        assert!(discount.steps.len() < 200, "{}", discount.steps.len());
        for (reach, shape, most) in [(1_000.0, 0.3, 16), (100.0, 3.0, 28), (10.0, 1.0, 36), (1.0, 1e5, 50)] {
            let nodes = discount.rule(Bend { reach, shape }).len();
            assert!(nodes <= most, "{reach} {shape}: {nodes}");
        }
        let nodes = Discount::new(52.0, 0.002).rule(Bend { reach: 40.0, shape: 0.3 }).len();
        assert!(nodes <= 11, "{nodes}");
    }
}
