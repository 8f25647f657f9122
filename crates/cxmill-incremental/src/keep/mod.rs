//! States that are rows: for calls whose own state is of no use later, because it depends on the order of arrival, is not
//! accounted for, or does not exist (DISTINCT of most functions, ORDER BY inside a call).
//!
//! The rows are the call's arguments (without parameters) and what its ORDER BY sorts by. They are kept in the order of
//! ORDER BY, then of the arguments themselves, so that ties are broken by value and never by arrival. To finish, they are fed
//! in that order to the function's plain accumulator.

mod arena;
mod store;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, StructArray, new_null_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{SortOptions, concat};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::internal_datafusion_err;
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use self::arena::Arena;
use self::store::Store;
use crate::call::{Call, OrderKey};
use crate::error::StateError;
use crate::known::{Method, skips_nulls};
use crate::stored::{converted, stored_type};

/// Arrow's 32-bit offsets end here.
const LARGEST: usize = i32::MAX as usize;

/// The accumulator of a call whose state is rows. Its only state column is a list of rows.
pub(crate) struct KeptRows {
    call: Arc<Call>,
    columns: Vec<KeptColumn>,
    converter: RowConverter,
    store: Store,
    groups: usize,
    skips_nulls: bool,
}

/// One column of the kept rows.
#[derive(Debug)]
struct KeptColumn {
    /// Its place among the call's inputs: the arguments, then what ORDER BY sorts by.
    input: usize,
    field: FieldRef,
    options: SortOptions,
}

impl KeptRows {
    pub(crate) fn new(call: Arc<Call>) -> Result<Self> {
        let columns = kept_columns(&call)?;
        let fields = columns
            .iter()
            .map(|column| SortField::new_with_options(column.field.data_type().clone(), column.options))
            .collect();
        let converter = RowConverter::new(fields)?;
        let store = empty_store(call.method());
        let skips_nulls = skips_nulls(call.function_name(), call.ignore_nulls());
        Ok(Self { call, columns, converter, store, groups: 0, skips_nulls })
    }

    /// The field of the state's only column.
    pub(crate) fn state_field(call: &Call) -> Result<FieldRef> {
        let columns = kept_columns(call)?;
        let row = DataType::Struct(columns.into_iter().map(|column| column.field).collect());
        Ok(Arc::new(Field::new("rows", DataType::List(Arc::new(Field::new_list_field(row, true))), true)))
    }

    fn add(&mut self, columns: &[ArrayRef], mut places: impl FnMut(&mut dyn FnMut(usize, usize))) -> Result<()> {
        let rows = self.converter.convert_columns(columns)?;
        let store = &mut self.store;
        places(&mut |group, row| store.add(group, rows.row(row).as_ref()));
        Ok(())
    }

    /// The number of groups that are emitted, and their rows in order.
    fn take(&mut self, emit: EmitTo) -> Result<(usize, Arena)> {
        let groups = match emit {
            EmitTo::All => self.groups,
            EmitTo::First(groups) => groups,
        };
        self.groups -= groups.min(self.groups);
        let rows = self.store.take(emit);
        if rows.row_bytes() > LARGEST || rows.len() > LARGEST {
            let function = self.call.function_name().to_owned();
            return Err(StateError::TooLarge { function, limit: LARGEST }.into());
        }
        Ok((groups, rows))
    }

    /// Encoded rows → columns at rest.
    fn decode(&self, rows: &Arena) -> Result<Vec<ArrayRef>> {
        let parser = self.converter.parser();
        Ok(self.converter.convert_rows(rows.rows().map(|(_, row)| parser.parse(row)))?)
    }

    /// Columns at rest → the call's arguments.
    fn arguments(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<ArrayRef>> {
        self.call
            .arguments()
            .iter()
            .enumerate()
            .map(|(place, argument)| {
                if let (Some(value), true) = (&argument.parameter, place > 0) {
                    return value.to_array_of_size(rows);
                }
                self.columns
                    .iter()
                    .zip(columns)
                    .find(|(column, _)| column.input == place)
                    .ok_or_else(|| internal_datafusion_err!("argument {place} is not among the kept columns"))
                    .and_then(|(_, values)| converted(values, argument.field.data_type()))
            })
            .collect()
    }
}

impl GroupsAccumulator for KeptRows {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups = total_num_groups;
        let columns = self
            .columns
            .iter()
            .map(|column| {
                let input = values.get(column.input).ok_or_else(|| {
                    internal_datafusion_err!("{} was given {} columns", self.call.describe(), values.len())
                })?;
                converted(input, column.field.data_type())
            })
            .collect::<Result<Vec<_>>>()?;
        let nulls = values.first().filter(|_| self.skips_nulls).and_then(|first| first.logical_nulls());
        let counts = |row: usize| {
            opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
                && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
        };
        self.add(&columns, |add| {
            for (row, group) in group_indices.iter().enumerate().filter(|(row, _)| counts(*row)) {
                add(*group, row);
            }
        })
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.groups = total_num_groups;
        let lists = values
            .first()
            .and_then(|lists| lists.as_list_opt::<i32>())
            .ok_or_else(|| internal_datafusion_err!("the state of {} is not a list", self.call.describe()))?;
        let offsets = lists.value_offsets();
        let first = offsets.first().map_or(0, |offset| *offset as usize);
        let last = offsets.last().map_or(0, |offset| *offset as usize);
        let rows = lists.values().slice(first, last - first);
        self.add(rows.as_struct().columns(), |add| {
            for ((list, group), ends) in group_indices.iter().enumerate().zip(offsets.windows(2)) {
                if let ([start, end], true) = (ends, lists.is_valid(list)) {
                    (*start as usize..*end as usize).for_each(|row| add(*group, row - first));
                }
            }
        })
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (groups, rows) = self.take(emit_to)?;
        let columns = self.decode(&rows)?;
        let arguments = self.arguments(&columns, rows.len())?;
        let mut places: Vec<usize> = rows.rows().map(|(group, _)| group).collect();
        let mut without = vec![true; groups];
        for place in &places {
            if let Some(without) = without.get_mut(*place) {
                *without = false;
            }
        }
        // Accumulators rely on every new group having a row in its first batch: one that the filter leaves out will do.
        places.extend(without.iter().enumerate().filter(|(_, without)| **without).map(|(group, _)| group));
        let padding = places.len() - rows.len();
        let arguments = arguments
            .iter()
            .map(|column| {
                let nulls = new_null_array(column.data_type(), padding);
                Ok(concat(&[column.as_ref(), nulls.as_ref()])?)
            })
            .collect::<Result<Vec<_>>>()?;
        let counts = BooleanArray::from_iter((0..places.len()).map(|row| Some(row < rows.len())));
        let mut plain = self.call.plain_accumulator()?;
        plain.update_batch(&arguments, &places, (padding > 0).then_some(&counts), groups)?;
        plain.evaluate(EmitTo::All)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (groups, rows) = self.take(emit_to)?;
        let mut lengths = vec![0_usize; groups];
        for (group, _) in rows.rows() {
            if let Some(length) = lengths.get_mut(group) {
                *length += 1;
            }
        }
        let fields: Fields = self.columns.iter().map(|column| Arc::clone(&column.field)).collect();
        let values = StructArray::try_new(fields, self.decode(&rows)?, None)?;
        let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
        Ok(vec![Arc::new(ListArray::try_new(item, offsets, Arc::new(values), None)?)])
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |first| first.len());
        let mut each = KeptRows::new(Arc::clone(&self.call))?;
        let groups: Vec<usize> = (0..rows).collect();
        each.update_batch(values, &groups, opt_filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.store.size() + self.converter.size()
    }
}

fn empty_store(method: Method) -> Store {
    match method {
        Method::DistinctRows => Store::Distinct(store::DistinctRows::default()),
        Method::FirstRow | Method::LastRow => Store::Least(store::LeastRows::default()),
        Method::Own | Method::Rows => Store::All(Arena::default()),
    }
}

/// The columns of kept rows: what ORDER BY sorts by, then the arguments it does not name, without parameters.
fn kept_columns(call: &Call) -> Result<Vec<KeptColumn>, StateError> {
    let mut columns: Vec<KeptColumn> = Vec::new();
    let mut add = |input: usize, name: String, data_type: &DataType, options: SortOptions| {
        let options = match call.method() {
            // The last row is the first of the reverse order.
            Method::LastRow => SortOptions { descending: !options.descending, nulls_first: !options.nulls_first },
            _ => options,
        };
        if columns.iter().all(|column| column.input != input) {
            let stored = stored_type(&name, data_type)?;
            columns.push(KeptColumn { input, field: Arc::new(Field::new(name, stored, true)), options });
        }
        Ok::<_, StateError>(())
    };
    let arguments = call.arguments();
    let argument_name = |place: usize| format!("argument_{}", place + 1);
    let mut further = arguments.len();
    for (place, key) in call.order_by().iter().enumerate() {
        match key {
            OrderKey::Argument(argument, options) => {
                if let Some(field) = arguments.get(*argument).map(|argument| &argument.field) {
                    add(*argument, argument_name(*argument), field.data_type(), *options)?;
                }
            }
            OrderKey::Column(field, options) => {
                add(further, format!("order_{}", place + 1), field.data_type(), *options)?;
                further += 1;
            }
        }
    }
    let ties = SortOptions { descending: false, nulls_first: false };
    for (place, argument) in arguments.iter().enumerate() {
        if place == 0 || argument.parameter.is_none() {
            add(place, argument_name(place), argument.field.data_type(), ties)?;
        }
    }
    Ok(columns)
}
