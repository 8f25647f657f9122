//! The rule of Gauss for weights at points: the nodes with which sums of polynomials of the highest degree are exact.

/// The rule of `nodes` nodes for points with positive weights, all within [−1, 1]; in rising order. There must be more points than
/// nodes.
pub(crate) fn gauss(points: &[(f64, f64)], nodes: usize) -> Vec<(f64, f64)> {
    let (diagonal, beside) = recurrence(points, nodes);
    let total = beside.first().copied().unwrap_or_default();
    let beside = beside.iter().skip(1).map(|square| square.sqrt()).chain([0.0]).collect();
    let mut rule: Vec<(f64, f64)> =
        eigen(diagonal, beside).into_iter().map(|(place, first)| (place, total * first * first)).collect();
    rule.sort_by(|a, b| a.0.total_cmp(&b.0));
    rule
}

/// The coefficients of the recurrence of the orthogonal polynomials: the algorithm of Gragg & Harwood 1984 for a discrete measure
/// (doi:10.1007/BF01389980), as in Gautschi 2004, Orthogonal Polynomials, section 2.2.3.2. The first of the second coefficients is
/// the total weight.
fn recurrence(points: &[(f64, f64)], nodes: usize) -> (Vec<f64>, Vec<f64>) {
    let mut p0: Vec<f64> = points.iter().take(nodes).map(|(place, _)| *place).collect();
    let mut p1 = vec![0.0; p0.len()];
    for (n, &(place, weight)) in points.iter().enumerate() {
        let (mut pn, mut gamma, mut sigma, mut t) = (weight, 1.0, 0.0, 0.0);
        for k in 0..nodes.min(n + 1) {
            let rho = p1[k] + pn;
            let (last_gamma, last_sigma) = (gamma, sigma);
            (gamma, sigma) = if rho > 0.0 { (p1[k] / rho, pn / rho) } else { (1.0, 0.0) };
            let next = sigma * (p0[k] - place) - gamma * t;
            p0[k] -= next - t;
            t = next;
            pn = if sigma > 0.0 { t * t / sigma } else { last_sigma * p1[k] };
            p1[k] = last_gamma * rho;
        }
    }
    (p0, p1)
}

/// The eigenvalues of a symmetric tridiagonal matrix, each with the first element of its eigenvector: implicit QL, Golub & Welsch
/// 1969, doi:10.1090/S0025-5718-69-99647-1.
fn eigen(mut diagonal: Vec<f64>, mut beside: Vec<f64>) -> Vec<(f64, f64)> {
    let size = diagonal.len();
    let mut first = vec![0.0; size];
    first.iter_mut().take(1).for_each(|first| *first = 1.0);
    for low in 0..size {
        // Two or three steps are usual.
        for _ in 0..60 {
            let is_nothing =
                |i: &usize| beside[*i].abs() <= f64::EPSILON * (diagonal[*i].abs() + diagonal[*i + 1].abs());
            let high = (low..size - 1).find(is_nothing).unwrap_or(size - 1);
            if high == low {
                break;
            }
            let g = (diagonal[low + 1] - diagonal[low]) / (2.0 * beside[low]);
            let mut g = diagonal[high] - diagonal[low] + beside[low] / (g + g.hypot(1.0).copysign(g));
            let (mut sine, mut cosine, mut p) = (1.0, 1.0, 0.0);
            for i in (low..high).rev() {
                let (f, b) = (sine * beside[i], cosine * beside[i]);
                let r = f64::hypot(f, g);
                beside[i + 1] = r;
                (sine, cosine) = if r == 0.0 { (0.0, 1.0) } else { (f / r, g / r) };
                g = diagonal[i + 1] - p;
                let r = (diagonal[i] - g) * sine + 2.0 * cosine * b;
                p = sine * r;
                diagonal[i + 1] = g + p;
                g = cosine * r - b;
                (first[i], first[i + 1]) =
                    (cosine * first[i] - sine * first[i + 1], sine * first[i] + cosine * first[i + 1]);
            }
            diagonal[low] -= p;
            beside[low] = g;
            beside[high] = 0.0;
        }
    }
    diagonal.into_iter().zip(first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(points: &[(f64, f64)], degree: i32) -> f64 {
        points.iter().map(|(place, weight)| weight * place.powi(degree)).sum()
    }

    #[test]
    fn sums_of_polynomials_are_exact() {
        for count in [5, 60, 2_000] {
            for per_point in [1.0, 0.99, 0.5] {
                let points: Vec<(f64, f64)> = (0..count)
                    .map(|i| (-1.0 + 2.0 * f64::from(i) / f64::from(count - 1), f64::powi(per_point, i)))
                    .collect();
                for nodes in [1, 2, 4, 12, 30].into_iter().filter(|nodes| *nodes < points.len()) {
                    let rule = gauss(&points, nodes);
                    assert_eq!(rule.len(), nodes);
                    assert!(rule.iter().all(|(place, weight)| place.abs() <= 1.0 + 1e-12 && *weight >= 0.0));
                    for degree in 0..2 * nodes as i32 {
                        let (sum, all) = (sums(&rule, degree), sums(&points, 0));
                        assert!(
                            (sum - sums(&points, degree)).abs() <= 1e-12 * all,
                            "{count} {per_point} {nodes} {degree}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_rule_of_evenly_spread_points_nears_that_of_legendre() {
        let points: Vec<(f64, f64)> =
            (0..100_000).map(|i| ((f64::from(i) + 0.5) / 50_000.0 - 1.0, 1.0 / 50_000.0)).collect();
        let rule = gauss(&points, 2);
        let node = (1.0_f64 / 3.0).sqrt();
        assert!((rule[0].0 + node).abs() < 1e-9 && (rule[1].0 - node).abs() < 1e-9 && (rule[0].1 - 1.0).abs() < 1e-9);
    }
}
