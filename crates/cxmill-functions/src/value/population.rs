//! Customers as the purchase models see them, and the tables that make a likelihood cheap.
//!
//! A likelihood is a sum over customers of terms that depend on `x` alone, on `T` or `t_x` alone, and little else. Customers
//! alike are one row with a count; whatever depends on `x` alone is computed once for each `x` that occurs, and likewise for
//! each time. Rows are in one order whatever way the customers came, so sums are the same to the last bit.

/// What is known of one customer, in one unit of time since the first purchase.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Purchases {
    /// Repeat purchases, a whole number.
    pub(crate) x: f64,
    /// Time of the last purchase: 0 if there was no repeat purchase.
    pub(crate) t_x: f64,
    /// Age, not below `t_x`.
    pub(crate) age: f64,
}

/// Customers of the same `x`, `t_x` and age.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alike {
    /// Places in [`Population::x`] and [`Population::times`].
    pub(crate) x: u32,
    pub(crate) t_x: u32,
    pub(crate) age: u32,
    pub(crate) customers: f64,
}

/// All customers of a fit.
#[derive(Debug, Clone)]
pub(crate) struct Population {
    /// Each `x` that occurs, rising.
    pub(crate) x: Vec<f64>,
    /// How many customers have it.
    pub(crate) customers_of_x: Vec<f64>,
    /// Each `t_x` or age that occurs, rising.
    pub(crate) times: Vec<f64>,
    pub(crate) rows: Vec<Alike>,
    pub(crate) customers: f64,
}

impl Population {
    /// From distinct customers with their counts, in rising order of (x, t_x, age).
    pub(crate) fn new(distinct: &[(Purchases, i64)]) -> Self {
        let mut x: Vec<f64> = distinct.iter().map(|(customer, _)| customer.x).collect();
        x.dedup();
        let mut times: Vec<f64> = distinct.iter().flat_map(|(customer, _)| [customer.t_x, customer.age]).collect();
        times.sort_unstable_by(f64::total_cmp);
        times.dedup();
        let place_in = |values: &[f64], value: f64| values.partition_point(|other| *other < value) as u32;
        let mut customers_of_x = vec![0.0; x.len()];
        let mut at = 0_usize;
        let rows: Vec<Alike> = distinct
            .iter()
            .map(|(customer, count)| {
                while x[at] < customer.x {
                    at += 1;
                }
                let customers = *count as f64;
                customers_of_x[at] += customers;
                let (t_x, age) = (place_in(&times, customer.t_x), place_in(&times, customer.age));
                Alike { x: at as u32, t_x, age, customers }
            })
            .collect();
        let customers = customers_of_x.iter().sum();
        Self { x, customers_of_x, times, rows, customers }
    }

    /// Repeat purchases per unit of time, over all customers; 0 if nobody came back.
    pub(crate) fn rate(&self) -> f64 {
        let purchases: f64 = self.x.iter().zip(&self.customers_of_x).map(|(x, customers)| x * customers).sum();
        let time: f64 = self.rows.iter().map(|row| self.times[row.age as usize] * row.customers).sum();
        if time > 0.0 { purchases / time } else { 0.0 }
    }

    /// The mean age of the customers.
    pub(crate) fn mean_age(&self) -> f64 {
        let ages: f64 = self.rows.iter().map(|row| self.times[row.age as usize] * row.customers).sum();
        ages / self.customers
    }

    /// True if customers can tell parameters apart: somebody came back, and not all are alike.
    pub(crate) fn tells(&self) -> bool {
        self.rows.len() > 1 && self.rate() > 0.0
    }
}

/// Rows (x, t_x, age) as customers.
pub(crate) fn purchases_of(rows: &[([f64; 3], i64)]) -> Vec<(Purchases, i64)> {
    rows.iter().map(|([x, t_x, age], count)| (Purchases { x: *x, t_x: *t_x, age: *age }, *count)).collect()
}

/// Some `size` of the customers, evenly spaced in their order so that every kind has its share; `None` if there are not many
/// more than that. A search starts here, where a step costs little.
pub(crate) fn thinned<C: Copy>(distinct: &[(C, i64)], size: i64) -> Option<Vec<(C, i64)>> {
    if (distinct.len() as i64) < 2 * size {
        return None;
    }
    let total: i64 = distinct.iter().map(|(_, count)| count).sum();
    let mut before = 0_i64;
    let taken_up_to = |customers: i64| (i128::from(customers) * i128::from(size) / i128::from(total)) as i64;
    let taken = distinct.iter().map(|(customer, count)| {
        let taken = taken_up_to(before + count) - taken_up_to(before);
        before += count;
        (*customer, taken)
    });
    Some(taken.filter(|(_, count)| *count > 0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customers(count: i64) -> Vec<(Purchases, i64)> {
        (0..count).map(|i| (Purchases { x: (i / 10) as f64, t_x: 1.0, age: (2 + i % 10) as f64 }, 1 + i % 3)).collect()
    }

    #[test]
    fn rows_point_at_their_values() {
        let distinct = customers(100);
        let population = Population::new(&distinct);
        assert_eq!((population.x.len(), population.times.len()), (10, 11));
        for (row, (customer, count)) in population.rows.iter().zip(&distinct) {
            assert_eq!(population.x[row.x as usize], customer.x);
            assert_eq!(population.times[row.t_x as usize], customer.t_x);
            assert_eq!(population.times[row.age as usize], customer.age);
            assert_eq!(row.customers, *count as f64);
        }
        assert_eq!(population.customers, distinct.iter().map(|(_, count)| count).sum::<i64>() as f64);
    }

    #[test]
    fn a_thinned_population_keeps_the_shares() {
        let thin = thinned(&customers(10_000), 1_000).unwrap();
        assert_eq!(thin.iter().map(|(_, count)| count).sum::<i64>(), 1_000);
        let below = thin.iter().filter(|(customer, _)| customer.x < 500.0).map(|(_, count)| count).sum::<i64>();
        assert!((below - 500).abs() <= 1, "{below}");
        assert!(thinned(&customers(1_999), 1_000).is_none());
    }
}
