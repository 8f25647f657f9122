//! One aggregate call on random rows, and the laws that it must obey. All comparisons are exact, to the last bit.
//!
//! The files `*_laws.rs` make such calls of every aggregate.

use std::sync::Arc;

use cxmill_functions::all_aggregate_functions;
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch};
use datafusion::arrow::compute::{concat, filter, take};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Accumulator, EmitTo};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::{col, lit};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

pub(crate) type Law = Result<(), TestCaseError>;

/// One argument of a call.
#[derive(Debug, Clone)]
pub(crate) enum Argument {
    Column(ArrayRef),
    Constant(ScalarValue),
}

/// An aggregate with its arguments, of which at least one is a column.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) function: &'static str,
    pub(crate) arguments: Vec<Argument>,
    /// The arguments whose NULL means that the row is not there.
    pub(crate) needed: Vec<usize>,
    /// Whether rows can leave a sliding window.
    pub(crate) gives_back: bool,
}

/// The group of each row, and whether a filter lets it pass.
#[derive(Debug, Clone)]
pub(crate) struct Grouping {
    pub(crate) groups: Vec<usize>,
    pub(crate) passes: BooleanArray,
}

pub(crate) const GROUPS: usize = 5;

impl Grouping {
    /// Which rows count in a group.
    fn members(&self, group: usize) -> BooleanArray {
        let rows = self.groups.iter().zip(self.passes.iter());
        rows.map(|(own, passes)| Some(*own == group && passes == Some(true))).collect()
    }
}

impl Call {
    /// A call with columns, each of them needed, and constants after them; rows can leave.
    pub(crate) fn new(function: &'static str, columns: &[&ArrayRef], constants: &[ScalarValue]) -> Self {
        let columns = columns.iter().map(|column| Argument::Column(Arc::clone(column))).collect::<Vec<_>>();
        let needed = (0..columns.len()).collect();
        let constants = constants.iter().cloned().map(Argument::Constant);
        Self { function, arguments: columns.into_iter().chain(constants).collect(), needed, gives_back: true }
    }

    pub(crate) fn rows(&self) -> usize {
        let columns = self.arguments.iter().filter_map(|argument| match argument {
            Argument::Column(column) => Some(column.len()),
            Argument::Constant(_) => None,
        });
        columns.max().unwrap()
    }

    pub(crate) fn plan(&self) -> AggregateFunctionExpr {
        let function = all_aggregate_functions().into_iter().find(|f| f.name() == self.function).unwrap();
        let fields: Vec<Field> = self
            .arguments
            .iter()
            .enumerate()
            .filter_map(|(i, argument)| match argument {
                Argument::Column(column) => Some(Field::new(format!("c{i}"), column.data_type().clone(), true)),
                Argument::Constant(_) => None,
            })
            .collect();
        let schema = Schema::new(fields);
        let arguments: Vec<Arc<dyn PhysicalExpr>> = self
            .arguments
            .iter()
            .enumerate()
            .map(|(i, argument)| match argument {
                Argument::Column(_) => col(&format!("c{i}"), &schema).unwrap(),
                Argument::Constant(value) => lit(value.clone()),
            })
            .collect();
        AggregateExprBuilder::new(function, arguments).schema(Arc::new(schema)).alias("x").build().unwrap()
    }

    /// The arguments as accumulators get them: the constants too, as columns.
    fn each(&self, rows: usize, of: impl Fn(&ArrayRef) -> ArrayRef) -> Vec<ArrayRef> {
        self.arguments
            .iter()
            .map(|argument| match argument {
                Argument::Column(column) => of(column),
                Argument::Constant(value) => value.to_array_of_size(rows).unwrap(),
            })
            .collect()
    }

    pub(crate) fn all(&self) -> Vec<ArrayRef> {
        self.each(self.rows(), Arc::clone)
    }

    fn slice(&self, from: usize, len: usize) -> Vec<ArrayRef> {
        self.each(len, |column| column.slice(from, len))
    }

    pub(crate) fn kept(&self, keep: &BooleanArray) -> Vec<ArrayRef> {
        self.each(keep.true_count(), |column| filter(column, keep).unwrap())
    }

    pub(crate) fn one_pass(&self, arguments: &[ArrayRef]) -> ScalarValue {
        let mut accumulator = self.plan().create_accumulator().unwrap();
        accumulator.update_batch(arguments).unwrap();
        accumulator.evaluate().unwrap()
    }

    /// Merging the states of any split gives the result of one pass, whichever part comes first.
    pub(crate) fn merges(&self, cuts: &[usize]) -> Law {
        let rows = self.rows();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (rows + 1)).chain([0, rows]).collect();
        cuts.sort_unstable();
        let mut total = self.plan().create_accumulator().unwrap();
        for part in cuts.windows(2).rev() {
            let mut accumulator = self.plan().create_accumulator().unwrap();
            accumulator.update_batch(&self.slice(part[0], part[1] - part[0])).unwrap();
            total.merge_batch(&state_of(accumulator.as_mut())).unwrap();
        }
        prop_assert_eq!(total.evaluate().unwrap(), self.one_pass(&self.all()), "{}", self.function);
        Ok(())
    }

    pub(crate) fn ignores_order(&self, order: &[i64]) -> Law {
        let order = Int64Array::from(order.to_vec());
        let shuffled: Vec<ArrayRef> = self.all().iter().map(|column| take(column, &order, None).unwrap()).collect();
        prop_assert_eq!(self.one_pass(&shuffled), self.one_pass(&self.all()), "{}", self.function);
        Ok(())
    }

    /// Rows with a NULL where one means so are as if they were not there.
    pub(crate) fn ignores_nulls(&self) -> Law {
        let all = self.all();
        let complete: BooleanArray =
            (0..self.rows()).map(|row| Some(self.needed.iter().all(|i| all[*i].is_valid(row)))).collect();
        prop_assert_eq!(self.one_pass(&self.kept(&complete)), self.one_pass(&self.all()), "{}", self.function);
        Ok(())
    }

    pub(crate) fn groups_equal_rows(&self, grouping: &Grouping, cut: usize, first: usize) -> Law {
        let rows = self.rows();
        let cut = cut % (rows + 1);
        let mut accumulator = self.plan().create_groups_accumulator().unwrap();
        for (from, len) in [(0, cut), (cut, rows - cut)] {
            let groups = &grouping.groups[from..from + len];
            let passes = grouping.passes.slice(from, len);
            accumulator.update_batch(&self.slice(from, len), groups, Some(&passes), GROUPS).unwrap();
        }
        let head = accumulator.evaluate(EmitTo::First(first)).unwrap();
        let results = concat(&[head.as_ref(), accumulator.evaluate(EmitTo::All).unwrap().as_ref()]).unwrap();
        prop_assert_eq!(results.len(), GROUPS);
        for group in 0..GROUPS {
            let expected = self.one_pass(&self.kept(&grouping.members(group)));
            prop_assert_eq!(ScalarValue::try_from_array(&results, group).unwrap(), expected, "{}", self.function);
        }
        Ok(())
    }

    /// Row and groups accumulators keep one state, which survives Parquet, as do states of single rows.
    pub(crate) fn keeps_one_state(&self, grouping: &Grouping, first: usize) -> Law {
        let plan = self.plan();
        let declared = plan.state_fields().unwrap();
        let passes = Some(&grouping.passes);
        let mut by_group = plan.create_groups_accumulator().unwrap();
        by_group.update_batch(&self.all(), &grouping.groups, passes, GROUPS).unwrap();
        let head = by_group.state(EmitTo::First(first)).unwrap();
        let rest = by_group.state(EmitTo::All).unwrap();
        let both = head.iter().zip(&rest).map(|(head, rest)| concat(&[head.as_ref(), rest.as_ref()]).unwrap());
        let state = through_parquet(&both.collect::<Vec<_>>(), &declared);
        let mut restored = plan.create_groups_accumulator().unwrap();
        restored.merge_batch(&state, &(0..GROUPS).collect::<Vec<_>>(), GROUPS).unwrap();
        let results = restored.evaluate(EmitTo::All).unwrap();

        let row_states = plan.create_groups_accumulator().unwrap().convert_to_state(&self.all(), passes).unwrap();
        let mut merged = plan.create_groups_accumulator().unwrap();
        merged.merge_batch(&row_states, &grouping.groups, GROUPS).unwrap();
        let merged = merged.state(EmitTo::All).unwrap();

        for group in 0..GROUPS {
            let mut one = plan.create_accumulator().unwrap();
            one.update_batch(&self.kept(&grouping.members(group))).unwrap();
            for (column, (own, field)) in state_of(one.as_mut()).iter().zip(&declared).enumerate() {
                prop_assert_eq!(own.data_type(), field.data_type());
                prop_assert_eq!(own, &state[column].slice(group, 1), "{}", self.function);
                prop_assert_eq!(own, &merged[column].slice(group, 1), "{}", self.function);
            }
            let result = ScalarValue::try_from_array(&results, group).unwrap();
            prop_assert_eq!(result, one.evaluate().unwrap(), "{}", self.function);
        }
        Ok(())
    }

    /// Rows that leave a sliding window leave nothing, where they can leave.
    pub(crate) fn gives_rows_back(&self, cut: usize) -> Law {
        if !self.gives_back {
            prop_assert!(!self.plan().create_accumulator().unwrap().supports_retract_batch(), "{}", self.function);
            return Ok(());
        }
        let rows = self.rows();
        let cut = cut % (rows + 1);
        let mut accumulator = self.plan().create_sliding_accumulator().unwrap();
        prop_assert!(accumulator.supports_retract_batch());
        accumulator.update_batch(&self.all()).unwrap();
        accumulator.retract_batch(&self.slice(0, cut)).unwrap();
        let rest = self.one_pass(&self.slice(cut, rows - cut));
        prop_assert_eq!(accumulator.evaluate().unwrap(), rest, "{}", self.function);
        Ok(())
    }

    pub(crate) fn stays_finite(&self) -> Law {
        let shown = self.one_pass(&self.all()).to_string().to_lowercase();
        prop_assert!(!shown.contains("nan") && !shown.contains("inf"), "{}: {shown}", self.function);
        Ok(())
    }

    /// A NULL state counts nothing, and nothing is what an empty correlated subquery gives.
    pub(crate) fn reads_null_states(&self) {
        let plan = self.plan();
        let mut accumulator = plan.create_accumulator().unwrap();
        let fields = plan.state_fields().unwrap();
        let nulls: Vec<ArrayRef> =
            fields.iter().map(|field| datafusion::arrow::array::new_null_array(field.data_type(), 3)).collect();
        accumulator.merge_batch(&nulls).unwrap();
        let nothing = self.one_pass(&self.slice(0, 0));
        assert_eq!(accumulator.evaluate().unwrap(), nothing, "{}", self.function);
        assert_eq!(plan.default_value(&nothing.data_type()).unwrap(), nothing, "{}", self.function);
    }
}

/// The tests that hold a family of calls to the laws: `$calls` of random `$rows`, of which there are at most `$most`, and the
/// `$grouping` of those rows; `$times` times each.
macro_rules! obey_the_laws {
    ($rows:expr, $most:expr, $calls:path, $grouping:path, $times:expr) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases($times))]

            #[test]
            fn any_split_merges_to_the_single_pass(rows in $rows, cuts in prop::collection::vec(0..$most, 0..6)) {
                for call in $calls(&rows) {
                    call.merges(&cuts)?;
                }
            }

            #[test]
            fn the_order_of_rows_does_not_matter(
                (rows, order) in $rows.prop_flat_map(|rows| {
                    let order: Vec<i64> = (0..rows.len() as i64).collect();
                    (Just(rows), Just(order).prop_shuffle())
                })
            ) {
                for call in $calls(&rows) {
                    call.ignores_order(&order)?;
                }
            }

            #[test]
            fn rows_with_a_null_are_as_if_they_were_not_there(rows in $rows) {
                for call in $calls(&rows) {
                    call.ignores_nulls()?;
                }
            }

            #[test]
            fn the_groups_accumulator_equals_the_row_accumulator(rows in $rows, cut in 0..$most, first in 0..=GROUPS) {
                for call in $calls(&rows) {
                    call.groups_equal_rows(&$grouping(&rows), cut, first)?;
                }
            }

            #[test]
            fn both_kinds_keep_one_state(rows in $rows, first in 0..=GROUPS) {
                for call in $calls(&rows) {
                    call.keeps_one_state(&$grouping(&rows), first)?;
                }
            }

            #[test]
            fn rows_that_leave_the_window_leave_nothing(rows in $rows, cut in 0..$most) {
                for call in $calls(&rows) {
                    call.gives_rows_back(cut)?;
                }
            }

            #[test]
            fn no_result_is_nan_or_infinite(rows in $rows) {
                for call in $calls(&rows) {
                    call.stays_finite()?;
                }
            }
        }
    };
}
pub(crate) use obey_the_laws;

#[test]
fn every_aggregate_is_under_these_laws() {
    let families = [crate::survey_laws::under(), crate::collected_laws::under(), crate::value_laws::under()];
    for function in all_aggregate_functions() {
        assert!(families.iter().flatten().any(|name| *name == function.name()), "{}", function.name());
    }
}

/// The state of a row accumulator as one-row columns.
fn state_of(accumulator: &mut dyn Accumulator) -> Vec<ArrayRef> {
    accumulator.state().unwrap().iter().map(|value| value.to_array().unwrap()).collect()
}

/// What comes back after a state was written to Parquet and read again.
fn through_parquet(state: &[ArrayRef], declared: &[Arc<Field>]) -> Vec<ArrayRef> {
    let schema = Arc::new(Schema::new(declared.to_vec()));
    let batch = RecordBatch::try_new(Arc::clone(&schema), state.to_vec()).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let mut reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap().build().unwrap();
    reader.next().unwrap().unwrap().columns().to_vec()
}
