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
use datafusion::common::cast::{as_float64_array, as_int64_array};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};

use crate::aggregate::{Call, Definition, columns};
use crate::collect::bound;
use crate::doc::Doc;
use crate::keyed::{ByGroup, Entry, Keyed, Summary};
use crate::lists::{Lists, end_of, list_of, lists_of};
use crate::survey::score::number_type;
use crate::tally::Tally;

/// The arguments of one customer, none of them NaN or negative zero.
pub(crate) type Row<const K: usize> = [f64; K];

/// A model with `K` arguments a customer.
pub(crate) trait Model<const K: usize>: Debug + Default + Eq + Hash + Send + Sync + 'static {
    /// The names of the arguments, as in the signature.
    const ARGUMENTS: [&'static str; K];
    /// The fields of the result before `log_likelihood`, `customers` and `converged`.
    const PARAMETERS: &'static [&'static str];

    /// The names of the state columns that hold the arguments.
    const STATE: [&'static str; K];

    fn doc(&self) -> &'static Doc;

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

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        let arguments = M::STATE.map(|name| (name, list_of(DataType::Float64)));
        columns(&arguments.into_iter().chain([("customers", list_of(DataType::Int64))]).collect::<Vec<_>>())
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        DataType::Struct(fields::<M, K>())
    }

    fn over_nothing(&self, _returns: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&fits::<M, K>(&[Fitted::nothing(0.0)])?, 0)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn tally(&self, _call: &Call<'_>) -> Result<Box<dyn Tally>> {
        Ok(bound(Keyed::new(Customers::<M, K>(self.0))))
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

/// Customers alike, and how many there are of them. Ten million customers in weeks are some hundred thousand kinds, which is what
/// makes a fit cheap.
#[derive(Debug, Clone)]
struct Customers<M, const K: usize>(M);

impl<M: Model<K> + Copy, const K: usize> Summary for Customers<M, K> {
    /// The bits of the arguments, which are 0 or more and so in the order of their bits.
    type Key = [u64; K];
    type Counted = i64;

    fn function(&self) -> &'static str {
        self.0.doc().name
    }

    fn each_row(
        &self,
        arguments: &[ArrayRef],
        counted: Option<NullBuffer>,
        mut take: impl FnMut(usize, [u64; K], ()) -> Result<()>,
    ) -> Result<()> {
        let columns = doubles::<K>(self.function(), arguments)?;
        let counted =
            columns.iter().fold(counted, |counted, column| NullBuffer::union(counted.as_ref(), column.nulls()));
        for i in (0..columns[0].len()).filter(|i| counted.as_ref().is_none_or(|counted| counted.is_valid(*i))) {
            // Adding 0 turns −0 into 0, which is the same number but not the same bits.
            let row = columns.map(|column| column.value(i) + 0.0);
            if self.0.check(row)? {
                take(i, row.map(f64::to_bits), ())?;
            }
        }
        Ok(())
    }

    fn each_kept(&self, states: &[ArrayRef], mut take: impl FnMut(usize, [u64; K], i64) -> Result<()>) -> Result<()> {
        let lists = Lists::read(states)?;
        let values = lists.values();
        let Some((counts, arguments)) = values.split_last() else {
            return internal_err!("{}: a state of no columns", self.function());
        };
        let (counts, arguments) = (as_int64_array(counts)?, doubles::<K>(self.function(), arguments.iter().copied())?);
        lists.each(|row, at| {
            let key = std::array::from_fn(|k| arguments[k].value(at[k]).to_bits());
            take(row, key, counts.value(at[K]))
        })
    }

    fn state(&self, groups: ByGroup<'_, Self>) -> Result<Vec<ArrayRef>> {
        let mut arguments: [Vec<f64>; K] = std::array::from_fn(|_| Vec::new());
        let (mut counts, mut ends) = (Vec::new(), Vec::new());
        for group in groups {
            for kind in group {
                for (argument, bits) in arguments.iter_mut().zip(kind.key) {
                    argument.push(f64::from_bits(bits));
                }
                counts.push(kind.counted);
            }
            ends.push(end_of(counts.len())?);
        }
        let arguments = arguments.map(|values| -> ArrayRef { Arc::new(Float64Array::from(values)) });
        let counts: ArrayRef = Arc::new(Int64Array::from(counts));
        lists_of(ends, arguments.into_iter().chain([counts]).collect())
    }

    fn results(&self, groups: ByGroup<'_, Self>) -> Result<ArrayRef> {
        let fit = |group: &[Entry<[u64; K], i64>]| {
            self.0.fit(&group.iter().map(|kind| (kind.key.map(f64::from_bits), kind.counted)).collect::<Vec<_>>())
        };
        fits::<M, K>(&groups.map(fit).collect::<Vec<_>>())
    }
}

fn doubles<'a, const K: usize>(
    function: &str,
    columns: impl IntoIterator<Item = &'a ArrayRef>,
) -> Result<[&'a Float64Array; K]> {
    let columns = columns.into_iter().map(|column| as_float64_array(column)).collect::<Result<Vec<_>>>()?;
    match <[&Float64Array; K]>::try_from(columns) {
        Ok(columns) => Ok(columns),
        Err(other) => internal_err!("{function}: {} columns where {K} are due", other.len()),
    }
}
