//! Scalar functions: how arguments are typed, the numbers among them are read, and results are given.
//!
//! An argument that is the same for all rows, such as a fit from a scalar subquery, is one value; if all are, so is the result.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, Float64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_float64_array;
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};

use crate::doc::Doc;
use crate::survey::score::number_type;

/// A shared object, made when it is first asked for.
pub(crate) type Shared = LazyLock<Arc<ScalarUDF>>;

/// The types of the arguments: those that `special` knows stay as they are, the rest are numbers.
pub(crate) fn coerce(
    doc: &Doc,
    types: &[DataType],
    special: impl Fn(usize, &DataType) -> Option<Result<()>>,
) -> Result<Vec<DataType>> {
    let name = doc.name;
    if types.len() != doc.arguments.len() {
        let names: Vec<&str> = doc.arguments.iter().map(|(argument, _)| *argument).collect();
        return plan_err!("{name}: {} arguments; expected {name}({})", types.len(), names.join(", "));
    }
    let one = |(place, ((argument, _), given)): (usize, (&(&str, &str), &DataType))| match special(place, given) {
        Some(checked) => checked.map(|()| given.clone()),
        None => number_type(name, argument, given),
    };
    doc.arguments.iter().zip(types).enumerate().map(one).collect()
}

/// A number that is known when the query is planned.
pub(crate) fn constant(args: &ReturnFieldArgs<'_>, place: usize) -> Option<f64> {
    match args.scalar_arguments.get(place) {
        Some(Some(ScalarValue::Float64(number))) => *number,
        _ => None,
    }
}

/// Values, one a row, as a call gives them: one value where all arguments are constant.
pub(crate) fn result(values: ArrayRef, are_constant: bool) -> Result<ColumnarValue> {
    Ok(match are_constant {
        true => ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?),
        false => ColumnarValue::Array(values),
    })
}

/// The arguments of a call: some fits, then numbers. One row if all are constant.
pub(crate) struct Arguments {
    fits: Vec<ArrayRef>,
    numbers: Vec<Float64Array>,
    rows: usize,
    are_constant: bool,
}

impl Arguments {
    pub(crate) fn new(args: &ScalarFunctionArgs, fits: usize) -> Result<Self> {
        let are_constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if are_constant { 1 } else { args.number_rows };
        // A constant fit stays one row, however many rows there are.
        let fit = |arg: &ColumnarValue| match arg {
            ColumnarValue::Scalar(value) => value.to_array(),
            ColumnarValue::Array(array) => Ok(Arc::clone(array)),
        };
        let number = |arg: &ColumnarValue| Ok(as_float64_array(&arg.to_array(rows)?)?.clone());
        Ok(Self {
            fits: args.args.iter().take(fits).map(fit).collect::<Result<_>>()?,
            numbers: args.args.iter().skip(fits).map(number).collect::<Result<_>>()?,
            rows,
            are_constant,
        })
    }

    pub(crate) fn fit(&self, place: usize) -> Result<&ArrayRef> {
        match self.fits.get(place) {
            Some(fit) => Ok(fit),
            None => internal_err!("a function was planned without its fit"),
        }
    }

    /// A double a row, of its place and its numbers.
    pub(crate) fn map(
        &self,
        mut score: impl FnMut(usize, &[Option<f64>]) -> Result<Option<f64>>,
    ) -> Result<ColumnarValue> {
        let mut numbers = vec![None; self.numbers.len()];
        let scores = (0..self.rows)
            .map(|row| {
                for (number, column) in numbers.iter_mut().zip(&self.numbers) {
                    // Adding 0 turns −0 into 0.
                    *number = column.is_valid(row).then(|| column.value(row) + 0.0);
                }
                score(row, &numbers)
            })
            .collect::<Result<Float64Array>>()?;
        result(Arc::new(scores), self.are_constant)
    }
}
