//! What may stand in `x`, `t_x` and `T`, for fits and for predictions alike.

use datafusion::common::{Result, exec_err};

use crate::value::population::Purchases;

pub(crate) const X: (&str, &str) =
    ("x", "repeat purchases of a customer: periods with a purchase after the first one, a whole number");
pub(crate) const T_X: (&str, &str) =
    ("t_x", "time from the first purchase to the last one, 0 without a repeat purchase, in any one unit of time");
pub(crate) const AGE: (&str, &str) = ("T", "time from the first purchase to now in the same unit, not below t_x");
/// How the documents say what [`check`] refuses.
pub(crate) const REFUSED: &str = "An x that is not a whole number of 0 or more, a t_x that is not above 0 where x is and 0 where x \
                                  is 0, or a T that is below t_x or not finite, is an error.";

/// The names of the state columns of a fit over purchases.
pub(crate) const STATE: [&str; 3] = ["x", "t_x", "age"];

/// The largest `x`: up to here every whole number is a double.
const MOST: f64 = 1e15;

/// A customer as he may be.
pub(crate) fn check(function: &str, x: f64, t_x: f64, age: f64) -> Result<Purchases> {
    check_count(function, x)?;
    if !(age >= 0.0 && age.is_finite()) {
        return exec_err!("{function}: T is {age}; expected a finite number, 0 or more");
    }
    if !(t_x >= 0.0 && t_x <= age) {
        return exec_err!("{function}: t_x is {t_x}; expected a number from 0 to T, which is {age}");
    }
    if x == 0.0 && t_x > 0.0 {
        return exec_err!("{function}: t_x is {t_x}; expected 0 where x is 0");
    }
    if x > 0.0 && t_x == 0.0 {
        return exec_err!("{function}: t_x is 0; expected a number above 0 where x is above 0, here {x}");
    }
    Ok(Purchases { x, t_x, age })
}

/// A number of repeat purchases.
pub(crate) fn check_count(function: &str, x: f64) -> Result<()> {
    if (0.0..=MOST).contains(&x) && x.fract() == 0.0 {
        Ok(())
    } else {
        exec_err!("{function}: x is {x}; expected a whole number, 0 or more")
    }
}
