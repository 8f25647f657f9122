//! Minimising a smooth function of a few logarithms within a box, and telling truthfully whether that succeeded.
//!
//! Newton's method with the damping of Levenberg and Marquardt (Marquardt 1963, doi:10.1137/0111030): the Hessian comes from
//! differences of the exact gradient, so the end is certified by what it says there: positive definite, and no gain left to
//! expect. Where that fails from the given start, the simplex of Nelder & Mead (1965, doi:10.1093/comjnl/7.4.308) looks for
//! another. The crate `argmin` was weighed: it knows no box, its methods end on differences of values rather than on a
//! certificate, it reads the wall clock, and it brings five crates of which one (`paste`) is no longer maintained.

use crate::value::population::thinned;

/// The allowed values of each coordinate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds<const N: usize> {
    pub(crate) low: [f64; N],
    pub(crate) high: [f64; N],
}

impl<const N: usize> Bounds<N> {
    fn clamp(&self, mut point: [f64; N]) -> [f64; N] {
        for (i, coordinate) in point.iter_mut().enumerate() {
            *coordinate = coordinate.clamp(self.low[i], self.high[i]);
        }
        point
    }

    /// True if the point lies at the edge of coordinate `i` and the function falls beyond it.
    fn holds(&self, point: &[f64; N], gradient: &[f64; N], i: usize) -> bool {
        (point[i] <= self.low[i] && gradient[i] > 0.0) || (point[i] >= self.high[i] && gradient[i] < 0.0)
    }
}

/// Where the search ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Optimum<const N: usize> {
    pub(crate) point: [f64; N],
    pub(crate) value: f64,
    /// A minimum inside the box, certified by gradient and Hessian.
    pub(crate) converged: bool,
    /// The largest slope in a direction that is not held by an edge.
    slope: f64,
}

/// The gain that Newton's step still expects at a converged end. The value is a mean over customers near 1 in size, so this
/// is little above its rounding error.
const GAIN: f64 = 1e-13;
/// A slope that is as good as none, for a value near 1 in size.
const FLAT: f64 = 1e-6;
const STEPS: usize = 80;
/// The longest step of one coordinate: a factor of e² in a parameter.
const LONGEST: f64 = 2.0;

/// Searches from every start, and by simplex from the best end if no search converged.
pub(crate) fn minimise<const N: usize>(
    objective: &impl Fn(&[f64; N]) -> (f64, [f64; N]),
    bounds: &Bounds<N>,
    starts: &[[f64; N]],
) -> Option<Optimum<N>> {
    let mut best: Option<Optimum<N>> = None;
    let mut keep = |found: Optimum<N>| {
        // An end that is lower by more than rounding wins; among equals the first that converged does.
        let is_better = best.is_none_or(|best| {
            let margin = 1e-12 * best.value.abs().max(1.0);
            found.value < best.value - margin
                || (found.value <= best.value + margin && found.converged && !best.converged)
        });
        if found.value.is_finite() && is_better {
            best = Some(found);
        }
        best
    };
    let mut end = None;
    for start in starts {
        end = keep(newton(objective, bounds, *start));
    }
    // A flat end is where a likelihood levels off towards the edge; another search would level off there too.
    if let Some(found) = end
        && !found.converged
        && found.slope > FLAT
    {
        end = keep(newton(objective, bounds, simplex(objective, bounds, found.point)));
    }
    end
}

/// Minimises a cost over customers: first over a part of them if there are many, from every start, then over all.
pub(crate) fn search<const N: usize, C: Copy, P>(
    distinct: &[(C, i64)],
    all: &P,
    prepare: impl Fn(&[(C, i64)]) -> P,
    cost: impl Fn(&P, &[f64; N]) -> (f64, [f64; N]),
    bounds: &Bounds<N>,
    starts: &[[f64; N]],
) -> Option<Optimum<N>> {
    const PART: i64 = 4_096;
    let over =
        |customers: &P, starts: &[[f64; N]]| minimise(&|point: &[f64; N]| cost(customers, point), bounds, starts);
    match thinned(distinct, PART).and_then(|part| over(&prepare(&part), starts)) {
        Some(near) => over(all, &[near.point]),
        None => over(all, starts),
    }
}

/// Damped Newton from one start.
pub(crate) fn newton<const N: usize>(
    objective: &impl Fn(&[f64; N]) -> (f64, [f64; N]),
    bounds: &Bounds<N>,
    start: [f64; N],
) -> Optimum<N> {
    let mut point = bounds.clamp(start);
    let (mut value, mut gradient) = objective(&point);
    let mut damping = 1e-3;
    for _ in 0..STEPS {
        if !value.is_finite() {
            break;
        }
        let is_held: [bool; N] = std::array::from_fn(|i| bounds.holds(&point, &gradient, i));
        let hessian = hessian(objective, bounds, &point, &gradient, &is_held);
        if let Some(step) = newton_step(&hessian, &gradient, &is_held, 0.0) {
            let gain: f64 = -0.5 * step.iter().zip(&gradient).map(|(step, slope)| step * slope).sum::<f64>();
            if gain <= GAIN {
                return Optimum { point, value, converged: !is_held.contains(&true), slope: 0.0 };
            }
        }
        let Some(next) = (0..24).find_map(|_| {
            let step = newton_step(&hessian, &gradient, &is_held, damping);
            let accepted = step.and_then(|step| {
                let next = bounds.clamp(std::array::from_fn(|i| point[i] + step[i].clamp(-LONGEST, LONGEST)));
                let (next_value, next_gradient) = objective(&next);
                (next_value < value).then_some((next, next_value, next_gradient))
            });
            damping = if accepted.is_some() { (damping * 0.1).max(1e-12) } else { damping * 8.0 };
            accepted
        }) else {
            break;
        };
        (point, value, gradient) = next;
    }
    let slopes = (0..N).filter(|i| !bounds.holds(&point, &gradient, *i)).map(|i| gradient[i].abs());
    Optimum { point, value, converged: false, slope: slopes.fold(0.0, f64::max) }
}

/// Second derivatives by differences of the gradient; rows and columns of held coordinates are those of the unit matrix.
fn hessian<const N: usize>(
    objective: &impl Fn(&[f64; N]) -> (f64, [f64; N]),
    bounds: &Bounds<N>,
    point: &[f64; N],
    gradient: &[f64; N],
    is_held: &[bool; N],
) -> [[f64; N]; N] {
    const STEP: f64 = 1e-5;
    let mut hessian = [[0.0; N]; N];
    for i in 0..N {
        if is_held[i] {
            hessian[i][i] = 1.0;
            continue;
        }
        let step = if point[i] + STEP <= bounds.high[i] { STEP } else { -STEP };
        let mut beside = *point;
        beside[i] += step;
        let (_, there) = objective(&beside);
        for j in (0..N).filter(|j| !is_held[*j]) {
            hessian[i][j] = (there[j] - gradient[j]) / step;
        }
    }
    std::array::from_fn(|i| std::array::from_fn(|j| 0.5 * (hessian[i][j] + hessian[j][i])))
}

/// The step that solves (H + damping · scale) step = −gradient; `None` if that matrix is not positive definite.
fn newton_step<const N: usize>(
    hessian: &[[f64; N]; N],
    gradient: &[f64; N],
    is_held: &[bool; N],
    damping: f64,
) -> Option<[f64; N]> {
    // Cholesky's L with L Lᵀ the damped matrix. A pivot below the noise of the differences is no proof of curvature.
    let mut l = [[0.0; N]; N];
    for i in 0..N {
        for j in 0..=i {
            let rest: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
            if i == j {
                let pivot = hessian[i][i] + damping * hessian[i][i].abs().max(1e-6) - rest;
                if pivot.is_nan() || pivot <= 1e-13 {
                    return None;
                }
                l[i][i] = pivot.sqrt();
            } else {
                l[i][j] = (hessian[i][j] - rest) / l[j][j];
            }
        }
    }
    let mut step = [0.0; N];
    for i in 0..N {
        let rest: f64 = (0..i).map(|k| l[i][k] * step[k]).sum();
        step[i] = (if is_held[i] { 0.0 } else { -gradient[i] } - rest) / l[i][i];
    }
    for i in (0..N).rev() {
        let rest: f64 = (i + 1..N).map(|k| l[k][i] * step[k]).sum();
        step[i] = (step[i] - rest) / l[i][i];
    }
    step.iter().all(|step| step.is_finite()).then_some(step)
}

/// The best vertex after a search by simplex; needs no derivative, and crosses places where the function is not finite.
fn simplex<const N: usize>(
    objective: &impl Fn(&[f64; N]) -> (f64, [f64; N]),
    bounds: &Bounds<N>,
    start: [f64; N],
) -> [f64; N] {
    let value = |point: [f64; N]| {
        let point = bounds.clamp(point);
        let value = objective(&point).0;
        (if value.is_nan() { f64::INFINITY } else { value }, point)
    };
    let mut vertices = vec![value(start)];
    for i in 0..N {
        let mut point = start;
        point[i] += if point[i] + 0.7 <= bounds.high[i] { 0.7 } else { -0.7 };
        vertices.push(value(point));
    }
    for _ in 0..150 * N {
        vertices.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (best, worst) = (vertices[0], vertices[N]);
        if worst.0 - best.0 <= 1e-12 * best.0.abs().max(1.0) {
            break;
        }
        let middle: [f64; N] =
            std::array::from_fn(|i| vertices[..N].iter().map(|(_, point)| point[i]).sum::<f64>() / N as f64);
        let along = |factor: f64| value(std::array::from_fn(|i| middle[i] + factor * (worst.1[i] - middle[i])));
        let reflected = along(-1.0);
        if reflected.0 < best.0 {
            let expanded = along(-2.0);
            vertices[N] = if expanded.0 < reflected.0 { expanded } else { reflected };
        } else if reflected.0 < vertices[N - 1].0 {
            vertices[N] = reflected;
        } else {
            let contracted = along(if reflected.0 < worst.0 { -0.5 } else { 0.5 });
            if contracted.0 < reflected.0.min(worst.0) {
                vertices[N] = contracted;
            } else {
                for vertex in &mut vertices[1..] {
                    *vertex = value(std::array::from_fn(|i| 0.5 * (best.1[i] + vertex.1[i])));
                }
            }
        }
    }
    vertices.sort_by(|a, b| a.0.total_cmp(&b.0));
    vertices[0].1
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: Bounds<2> = Bounds { low: [-5.0, -5.0], high: [5.0, 5.0] };

    fn rosenbrock([x, y]: &[f64; 2]) -> (f64, [f64; 2]) {
        let bend = y - x * x;
        ((1.0 - x).powi(2) + 100.0 * bend * bend, [-2.0 * (1.0 - x) - 400.0 * x * bend, 200.0 * bend])
    }

    #[test]
    fn a_bent_valley_is_followed_to_its_end() {
        for start in [[-1.2, 1.0], [4.0, -4.0], [-5.0, 5.0]] {
            let found = newton(&rosenbrock, &BOX, start);
            assert!(found.converged && found.point.iter().all(|x| (x - 1.0).abs() < 1e-6), "{found:?}");
        }
    }

    #[test]
    fn the_simplex_finds_the_valley_without_derivatives() {
        let found = simplex(&|point: &[f64; 2]| (rosenbrock(point).0, [f64::NAN; 2]), &BOX, [-1.2, 1.0]);
        assert!(found.iter().all(|x| (x - 1.0).abs() < 1e-3), "{found:?}");
    }

    #[test]
    fn a_minimum_at_the_edge_is_given_but_not_called_converged() {
        let slope = |[x, y]: &[f64; 2]| ((x - 7.0).powi(2) + y * y, [2.0 * (x - 7.0), 2.0 * y]);
        let found = minimise(&slope, &BOX, &[[0.0, 1.0]]).unwrap();
        assert_eq!(found.point[0], 5.0);
        assert!(found.point[1].abs() < 1e-6 && !found.converged);
    }

    #[test]
    fn a_flat_direction_is_not_called_converged() {
        let flat = |[x, _]: &[f64; 2]| (x * x, [2.0 * x, 0.0]);
        assert!(!minimise(&flat, &BOX, &[[1.0, 1.0]]).unwrap().converged);
    }

    #[test]
    fn a_function_that_is_nowhere_finite_has_no_minimum() {
        assert!(minimise(&|_: &[f64; 2]| (f64::NAN, [0.0; 2]), &BOX, &[[0.0, 0.0]]).is_none());
    }

    #[test]
    fn the_lower_of_two_minima_is_taken() {
        // Minima near −1 and 1; the tilt makes the first the lower one.
        let double =
            |[x, y]: &[f64; 2]| ((x * x - 1.0).powi(2) + 0.3 * x + y * y, [4.0 * x * (x * x - 1.0) + 0.3, 2.0 * y]);
        let found = minimise(&double, &BOX, &[[2.0, 0.0], [-2.0, 0.0]]).unwrap();
        assert!(found.converged && found.point[0] < -1.0);
    }
}
