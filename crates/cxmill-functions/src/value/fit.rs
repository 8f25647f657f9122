//! Aggregates that fit a model: from rows to a multiset, from a multiset to parameters.
//!
//! ```text
//!  argument columns ──check──▶ distinct rows with counts ──Model::fit──▶ struct{parameters…, log_likelihood, customers, converged}
//!                                      │        ▲
//!                                      ▼        │
//!                              state: a list for each argument, and one of counts
//! ```
//! The parameters are NULL, with `converged` false, where the customers say nothing about them. Where the likelihood still rises
//! at the edge of what is searched, they are the ones at that edge, with `converged` false too: usable, but no maximum.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::cast::as_float64_array;
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};

use crate::aggregate::Definition;
use crate::doc::Doc;
use crate::survey::score::number_type;
use crate::tally::{Rows, Tally};
use crate::value::collection::{Collecting, Summary};
use crate::value::multiset::{Multiset, Row};

/// A model with `K` arguments a customer.
pub(crate) trait Model<const K: usize>: Debug + Default + Eq + Hash + Send + Sync + 'static {
    /// The names of the arguments, as in the signature.
    const ARGUMENTS: [&'static str; K];
    /// The fields of the result before `log_likelihood`, `customers` and `converged`.
    const PARAMETERS: &'static [&'static str];

    fn doc(&self) -> &'static Doc;

    fn state(&self) -> &'static [(&'static str, DataType)];

    /// Whether a customer counts, or an error if he cannot be.
    fn check(&self, row: Row<K>) -> Result<bool>;

    /// The fit of distinct customers with their counts, in rising order.
    fn fit(&self, distinct: &[(Row<K>, i64)]) -> Fitted;
}

/// What a fit found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fitted {
    /// In the order of [`Model::PARAMETERS`], and the log-likelihood of all customers; `None` if the customers say nothing.
    pub(crate) found: Option<(Vec<f64>, f64)>,
    pub(crate) customers: i64,
    pub(crate) converged: bool,
}

impl Fitted {
    /// A fit that cannot be had.
    pub(crate) fn nothing(customers: f64) -> Self {
        Self { found: None, customers: customers as i64, converged: false }
    }
}

/// The aggregate of a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Fit<M, const K: usize>(M);

impl<M: Model<K> + Copy, const K: usize> Definition for Fit<M, K> {
    fn doc(&self) -> &'static Doc {
        self.0.doc()
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.doc().name;
        if types.len() != K {
            return plan_err!("{name}: {} arguments; expected {name}({})", types.len(), M::ARGUMENTS.join(", "));
        }
        M::ARGUMENTS.iter().zip(types).map(|(argument, given)| number_type(name, argument, given)).collect()
    }

    fn state(&self, _arguments: usize) -> &'static [(&'static str, DataType)] {
        self.0.state()
    }

    fn returns(&self) -> DataType {
        DataType::Struct(fields::<M, K>())
    }

    fn over_nothing(&self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&fits::<M, K>(&[Fitted::nothing(0.0)])?, 0)
    }

    fn tally(&self, _arguments: usize, _parameters: &[Option<f64>]) -> Result<Box<dyn Tally>> {
        Ok(Box::new(Collecting(FitSummary::<M, K>(self.0))))
    }
}

fn fields<M: Model<K>, const K: usize>() -> Fields {
    let doubles = M::PARAMETERS.iter().copied().chain(["log_likelihood"]);
    doubles
        .map(|name| Field::new(name, DataType::Float64, true))
        .chain([Field::new("customers", DataType::Int64, true), Field::new("converged", DataType::Boolean, true)])
        .collect()
}

fn fits<M: Model<K>, const K: usize>(fits: &[Fitted]) -> Result<ArrayRef> {
    let part = |place: usize| -> ArrayRef {
        let values =
            fits.iter().map(|fit| fit.found.as_ref().and_then(|(parameters, _)| parameters.get(place).copied()));
        Arc::new(values.collect::<Float64Array>())
    };
    let mut columns: Vec<ArrayRef> = (0..M::PARAMETERS.len()).map(part).collect();
    columns.push(Arc::new(
        fits.iter().map(|fit| fit.found.as_ref().map(|(_, likelihood)| *likelihood)).collect::<Float64Array>(),
    ));
    columns.push(Arc::new(fits.iter().map(|fit| Some(fit.customers)).collect::<Int64Array>()));
    columns.push(Arc::new(fits.iter().map(|fit| Some(fit.converged)).collect::<BooleanArray>()));
    Ok(Arc::new(StructArray::try_new(fields::<M, K>(), columns, None)?))
}

#[derive(Debug)]
struct FitSummary<M, const K: usize>(M);

impl<M: Model<K>, const K: usize> Summary for FitSummary<M, K> {
    type Collection = Multiset<K>;

    fn rows(&self, arguments: &[ArrayRef], counted: Option<NullBuffer>) -> Result<Rows<Row<K>>> {
        let columns = arguments.iter().map(|column| as_float64_array(column)).collect::<Result<Vec<_>>>()?;
        let Ok(columns) = <[&Float64Array; K]>::try_from(columns) else {
            return internal_err!("{}: {} argument columns where {K} are due", self.0.doc().name, arguments.len());
        };
        let counted =
            columns.iter().fold(counted, |counted, column| NullBuffer::union(counted.as_ref(), column.nulls()));
        // Adding 0 turns −0 into 0, which is the same number but not the same bits.
        let values: Vec<Row<K>> = (0..columns[0].len()).map(|i| columns.map(|column| column.value(i) + 0.0)).collect();
        let mut counts = Vec::with_capacity(values.len());
        for (i, row) in values.iter().enumerate() {
            let is_counted = counted.as_ref().is_none_or(|counted| counted.is_valid(i));
            counts.push(is_counted && self.0.check(*row)?);
        }
        Ok(Rows { values, counted: Some(NullBuffer::from(counts)) })
    }

    fn finish(&self, groups: &[Multiset<K>]) -> Result<ArrayRef> {
        fits::<M, K>(&groups.iter().map(|group| self.0.fit(&group.sorted())).collect::<Vec<_>>())
    }
}
