//! Least squares from sums and sums of products.
//!
//! The sums are pairs of doubles (`sum.rs`), so what is lost when they are centred is far below the last bit of a double, even for
//! a column whose mean is a million times its spread. The centred squares and products are then swept, one driver after the
//! other: Goodnight 1979, A Tutorial on the SWEEP Operator, The American Statistician 33(3), doi:10.1080/00031305.1979.10482685.

use crate::sum::Sum;

/// Columns whose spread is below this part of their size, or this small at all, are constant.
const CONSTANT: f64 = 1e-10;
const TINY: f64 = 1e-100;
/// A driver of whose variance less than this part is left once the drivers before it are known, follows from them.
const COLLINEAR: f64 = 1e-12;
/// Residuals below this part of the spread of y are what rounding leaves.
const EXACT: f64 = 1e-10;

/// The sums of some columns, of which y is the last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sums<'a> {
    /// Rows.
    pub(crate) n: i64,
    /// Of each column.
    pub(crate) values: &'a [Sum],
    /// Of the products of each pair of columns, where [`pair`] says.
    pub(crate) products: &'a [Sum],
}

/// Where the product of two columns stands, of which `i` is not after `j`.
pub(crate) fn pair(i: usize, j: usize) -> usize {
    j * (j + 1) / 2 + i
}

/// A coefficient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Coefficient {
    pub(crate) value: f64,
    /// `None` without a degree of freedom.
    pub(crate) standard_error: Option<f64>,
}

/// What least squares finds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Solution {
    /// Of the intercept, then of each driver; `None` for one that is constant or follows from those before it.
    pub(crate) coefficients: Vec<Option<Coefficient>>,
    /// How many coefficients there are.
    pub(crate) rank: usize,
    /// Rows beyond the rank.
    pub(crate) degrees: f64,
    /// `None` where y is constant.
    pub(crate) r_squared: Option<f64>,
    /// The standard deviation of the residuals; `None` without a degree of freedom.
    pub(crate) residual_error: Option<f64>,
}

/// The fit, for one row or more.
pub(crate) fn solve(sums: Sums<'_>) -> Solution {
    let n = sums.n as f64;
    let width = sums.values.len();
    let y = width.saturating_sub(1);
    let mut centred = Centred::new(sums, n);
    let total = centred.at(y, y).value();
    let kept: Vec<bool> = (0..y).map(|driver| centred.sweep(driver)).collect();
    let rank = 1 + kept.iter().filter(|kept| **kept).count();
    let degrees = n - rank as f64;

    let left = centred.at(y, y).value();
    let left = if left > EXACT * EXACT * total { left } else { 0.0 };
    let noise = (degrees > 0.0).then(|| left / degrees);
    let unit = |column: usize| centred.units[column];
    let error = |variance: f64, unit: f64| noise.map(|noise| (noise * variance).max(0.0).sqrt() * unit);

    // The intercept is mean(y) − Σ coefficient · mean(driver); its variance is 1/n + means' · inverse · means.
    let mean = |column: usize| sums.values[column].over(Sum::from(n)).times(Sum::from(1.0 / unit(column)));
    let drivers: Vec<usize> = (0..y).filter(|driver| kept[*driver]).collect();
    let mut intercept = mean(y);
    let mut variance = Sum::from(1.0).over(Sum::from(n));
    for &driver in &drivers {
        intercept = intercept.less(centred.at(driver, y).times(mean(driver)));
        for &other in &drivers {
            variance.merge(centred.at(driver, other).times(mean(driver)).times(mean(other)));
        }
    }
    let intercept =
        Coefficient { value: intercept.value() * unit(y), standard_error: error(variance.value(), unit(y)) };
    let slope = |driver: usize| Coefficient {
        value: centred.at(driver, y).value() * (unit(y) / unit(driver)),
        standard_error: error(centred.at(driver, driver).value(), unit(y) / unit(driver)),
    };
    Solution {
        coefficients: std::iter::once(Some(intercept))
            .chain((0..y).map(|driver| kept[driver].then(|| slope(driver))))
            .collect(),
        rank,
        degrees,
        r_squared: (total > 0.0).then(|| (1.0 - left / total).clamp(0.0, 1.0)),
        residual_error: noise.map(|noise| noise.sqrt() * unit(y)),
    }
}

/// Squares and products of columns less their means, in units in which each spreads by about 1.
#[derive(Debug)]
struct Centred {
    width: usize,
    /// Powers of 2, so that a change of unit loses nothing.
    units: Vec<f64>,
    /// The square of each column before anything was swept; 0 for a constant one.
    squares: Vec<f64>,
    cells: Vec<Sum>,
}

impl Centred {
    fn new(sums: Sums<'_>, n: f64) -> Self {
        let width = sums.values.len();
        let product = |i: usize, j: usize| {
            let sum = sums.products[pair(i.min(j), i.max(j))];
            sum.less(sums.values[i].times(sums.values[j]).over(Sum::from(n)))
        };
        let varies = |i: usize| {
            let (square, size) = (product(i, i).value(), sums.products[pair(i, i)].value());
            square > CONSTANT * CONSTANT * size && square > TINY * TINY
        };
        let varies: Vec<bool> = (0..width).map(varies).collect();
        let unit = |i: usize| match varies[i] {
            true => ((product(i, i).value() / n).log2() / 2.0).round().exp2(),
            false => 1.0,
        };
        let units: Vec<f64> = (0..width).map(unit).collect();
        let cell = |i: usize, j: usize| match varies[i] && varies[j] {
            true => product(i, j).times(Sum::from(1.0 / units[i])).times(Sum::from(1.0 / units[j])),
            false => Sum::default(),
        };
        let cells: Vec<Sum> = (0..width * width).map(|place| cell(place / width, place % width)).collect();
        let squares = (0..width).map(|i| cells[i * width + i].value()).collect();
        Self { width, units, squares, cells }
    }

    fn at(&self, row: usize, column: usize) -> Sum {
        self.cells[row * self.width + column]
    }

    /// Takes a driver into the model: the cells of y become coefficients, those of the drivers the inverse of their squares, and
    /// that of y with itself what is left. False, and nothing done, for one that is constant or follows from those before it.
    fn sweep(&mut self, driver: usize) -> bool {
        let pivot = self.at(driver, driver);
        let says_more = pivot.value() > COLLINEAR * self.squares[driver];
        if !says_more {
            return false;
        }
        let width = self.width;
        for column in 0..width {
            self.cells[driver * width + column] = self.at(driver, column).over(pivot);
        }
        for row in (0..width).filter(|row| *row != driver) {
            let factor = self.at(row, driver);
            for column in 0..width {
                self.cells[row * width + column] = self.at(row, column).less(factor.times(self.at(driver, column)));
            }
            self.cells[row * width + driver] = factor.over(pivot).negative();
        }
        self.cells[driver * width + driver] = Sum::from(1.0).over(pivot);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fit of rows whose last column is y.
    fn fit<const K: usize>(rows: &[[f64; K]]) -> Solution {
        let (mut values, mut products) = (vec![Sum::default(); K], vec![Sum::default(); pair(0, K)]);
        for row in rows {
            for j in 0..K {
                values[j].add(row[j]);
                for i in 0..=j {
                    products[pair(i, j)].merge(Sum::product(row[i], row[j]));
                }
            }
        }
        solve(Sums { n: rows.len() as i64, values: &values, products: &products })
    }

    fn values(solution: &Solution) -> Vec<Option<f64>> {
        solution.coefficients.iter().map(|coefficient| coefficient.map(|coefficient| coefficient.value)).collect()
    }

    #[test]
    fn a_plane_is_found_and_leaves_nothing() {
        let rows: Vec<[f64; 3]> = (0..20)
            .map(|i| (f64::from(i), f64::from(i * i % 7)))
            .map(|(a, b)| [a, b, 9.0 - 2.0 * a + 0.5 * b])
            .collect();
        let solution = fit(&rows);
        assert_eq!(values(&solution), [Some(9.0), Some(-2.0), Some(0.5)]);
        assert_eq!((solution.rank, solution.degrees), (3, 17.0));
        assert_eq!((solution.r_squared, solution.residual_error), (Some(1.0), Some(0.0)));
    }

    #[test]
    fn a_driver_that_follows_from_others_has_no_coefficient() {
        let rows: Vec<[f64; 5]> = (0..12)
            .map(|i| (f64::from(i) / 10.0, f64::from(i % 5) / 3.0))
            .map(|(a, b)| [a, 7.0, b, 0.1 * a - 3.0 * b + 1e6, a + b * b])
            .collect();
        let solution = fit(&rows);
        let shown: Vec<bool> = solution.coefficients.iter().map(Option::is_some).collect();
        assert_eq!((shown, solution.rank), (vec![true, true, false, true, false], 3));
    }

    #[test]
    fn a_mean_that_dwarfs_the_spread_costs_no_digit() {
        let far: Vec<[f64; 2]> = (0..50).map(|i| [1e9 + f64::from(i), 1e8 + f64::from(i * i)]).collect();
        let near: Vec<[f64; 2]> = (0..50).map(|i| [f64::from(i), f64::from(i * i)]).collect();
        let (far, near) = (fit(&far), fit(&near));
        assert_eq!(values(&far)[1], values(&near)[1]);
        assert_eq!(far.residual_error, near.residual_error);
    }

    #[test]
    fn few_rows_and_constant_columns_say_what_they_can() {
        let one = fit(&[[4.0, 2.5]]);
        assert_eq!(one.coefficients, [Some(Coefficient { value: 2.5, standard_error: None }), None]);
        assert_eq!((one.rank, one.r_squared, one.residual_error), (1, None, None));
        let flat = fit(&[[1.0, 2.5], [2.0, 2.5], [3.0, 2.5]]);
        assert_eq!(values(&flat), [Some(2.5), Some(0.0)]);
        assert_eq!((flat.r_squared, flat.residual_error), (None, Some(0.0)));
    }
}
