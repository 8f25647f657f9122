//! Laws that every aggregate obeys, on random rows. All comparisons are exact, to the last bit.

use std::sync::Arc;

use cxmill_functions::all_aggregate_functions;
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, Int8Array, Int64Array, RecordBatch};
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

/// One aggregate call: its row arguments, and its constants after them.
pub(crate) struct Call {
    pub(crate) function: &'static str,
    pub(crate) columns: Vec<ArrayRef>,
    pub(crate) constants: Vec<ScalarValue>,
}

impl Call {
    pub(crate) fn plan(&self) -> AggregateFunctionExpr {
        let function = all_aggregate_functions().into_iter().find(|f| f.name() == self.function).unwrap();
        let fields: Vec<Field> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, column)| Field::new(format!("c{i}"), column.data_type().clone(), true))
            .collect();
        let schema = Schema::new(fields);
        let mut arguments: Vec<Arc<dyn PhysicalExpr>> =
            (0..self.columns.len()).map(|i| col(&format!("c{i}"), &schema).unwrap()).collect();
        arguments.extend(self.constants.iter().map(|constant| lit(constant.clone())));
        AggregateExprBuilder::new(function, arguments).schema(Arc::new(schema)).alias("x").build().unwrap()
    }

    /// The arguments of a batch as accumulators get them: the constants too, as columns.
    fn arguments(&self, columns: &[ArrayRef]) -> Vec<ArrayRef> {
        let len = columns[0].len();
        let constants = self.constants.iter().map(|constant| constant.to_array_of_size(len).unwrap());
        columns.iter().cloned().chain(constants).collect()
    }

    pub(crate) fn slice(&self, from: usize, len: usize) -> Vec<ArrayRef> {
        self.arguments(&self.columns.iter().map(|column| column.slice(from, len)).collect::<Vec<_>>())
    }

    pub(crate) fn all(&self) -> Vec<ArrayRef> {
        self.arguments(&self.columns)
    }

    pub(crate) fn kept(&self, keep: &BooleanArray) -> Vec<ArrayRef> {
        self.arguments(&self.columns.iter().map(|column| filter(column, keep).unwrap()).collect::<Vec<_>>())
    }

    pub(crate) fn one_pass(&self, arguments: &[ArrayRef]) -> ScalarValue {
        let mut accumulator = self.plan().create_accumulator().unwrap();
        accumulator.update_batch(arguments).unwrap();
        accumulator.evaluate().unwrap()
    }
}

/// The state of a row accumulator as one-row columns.
pub(crate) fn state_of(accumulator: &mut dyn Accumulator) -> Vec<ArrayRef> {
    accumulator.state().unwrap().iter().map(|value| value.to_array().unwrap()).collect()
}

#[derive(Debug, Clone)]
struct Row {
    score: Option<i8>,
    weight: Option<f64>,
    is_after: Option<bool>,
    group: usize,
    passes: Option<bool>,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        prop::option::weighted(0.85, 0..=10_i8),
        prop::option::weighted(0.9, (0..2_000_u32).prop_map(|tenths| f64::from(tenths) / 10.0)),
        prop::option::weighted(0.9, any::<bool>()),
        0..GROUPS,
        prop::option::weighted(0.9, prop::bool::weighted(0.7)),
    )
        .prop_map(|(score, weight, is_after, group, passes)| Row { score, weight, is_after, group, passes });
    prop::collection::vec(row, 1..120)
}

const GROUPS: usize = 5;

/// Every aggregate, over every type family of score that it takes.
fn calls(rows: &[Row]) -> Vec<Call> {
    let int8 =
        |map: fn(i8) -> i8| -> ArrayRef { Arc::new(rows.iter().map(|row| row.score.map(map)).collect::<Int8Array>()) };
    let int64: ArrayRef = Arc::new(rows.iter().map(|row| row.score.map(i64::from)).collect::<Int64Array>());
    let double: ArrayRef = Arc::new(rows.iter().map(|row| row.score.map(f64::from)).collect::<Float64Array>());
    let effort: ArrayRef =
        Arc::new(rows.iter().map(|row| row.score.map(|score| 1.0 + f64::from(score) * 0.6)).collect::<Float64Array>());
    let weight: ArrayRef = Arc::new(rows.iter().map(|row| row.weight).collect::<Float64Array>());
    let is_after: ArrayRef = Arc::new(rows.iter().map(|row| row.is_after).collect::<BooleanArray>());
    let call = |function, columns, constants: Vec<f64>| Call {
        function,
        columns,
        constants: constants.into_iter().map(ScalarValue::from).collect(),
    };
    vec![
        call("nps", vec![int8(|score| score)], vec![]),
        call("nps", vec![Arc::clone(&double)], vec![]),
        call("nps", vec![Arc::clone(&int64), weight], vec![]),
        call("nps_parts", vec![Arc::clone(&int64)], vec![]),
        call("nps_interval", vec![int8(|score| score)], vec![0.9]),
        call("nps_se", vec![Arc::clone(&int64)], vec![]),
        call("nps_differs", vec![int8(|score| score), is_after], vec![0.95]),
        call("csat", vec![Arc::clone(&int64)], vec![8.0]),
        call("csat_interval", vec![double], vec![8.0, 0.99]),
        call("ces", vec![effort], vec![]),
        call("ces", vec![int8(|score| score.max(1))], vec![10.0]),
    ]
}

#[test]
fn every_aggregate_is_under_these_laws() {
    let mut under: Vec<&str> = calls(&[]).iter().map(|call| call.function).collect();
    under.extend(crate::collected_laws::under());
    under.extend(crate::value_laws::under());
    for function in all_aggregate_functions() {
        assert!(under.contains(&function.name()), "{}", function.name());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_split_merges_to_the_single_pass(rows in rows(), cuts in prop::collection::vec(0..120_usize, 0..6)) {
        for call in calls(&rows) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % rows.len()).chain([0, rows.len()]).collect();
            cuts.sort_unstable();
            let mut total = call.plan().create_accumulator().unwrap();
            // The last part first: the order of merging does not matter either.
            for part in cuts.windows(2).rev() {
                let mut accumulator = call.plan().create_accumulator().unwrap();
                accumulator.update_batch(&call.slice(part[0], part[1] - part[0])).unwrap();
                total.merge_batch(&state_of(accumulator.as_mut())).unwrap();
            }
            prop_assert_eq!(total.evaluate().unwrap(), call.one_pass(&call.all()), "{}", call.function);
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(
        (rows, order) in rows().prop_flat_map(|rows| {
            let order: Vec<i64> = (0..rows.len() as i64).collect();
            (Just(rows), Just(order).prop_shuffle())
        })
    ) {
        for call in calls(&rows) {
            let order = Int64Array::from(order.clone());
            let shuffled: Vec<ArrayRef> = call.all().iter().map(|column| take(column, &order, None).unwrap()).collect();
            prop_assert_eq!(call.one_pass(&shuffled), call.one_pass(&call.all()), "{}", call.function);
        }
    }

    #[test]
    fn rows_with_a_null_are_as_if_they_were_not_there(rows in rows()) {
        for call in calls(&rows) {
            let complete: BooleanArray =
                (0..rows.len()).map(|i| Some(call.columns.iter().all(|column| column.is_valid(i)))).collect();
            prop_assert_eq!(call.one_pass(&call.kept(&complete)), call.one_pass(&call.all()), "{}", call.function);
        }
    }

    #[test]
    fn the_groups_accumulator_equals_the_row_accumulator(rows in rows(), cut in 0..120_usize, first in 0..=GROUPS) {
        let groups: Vec<usize> = rows.iter().map(|row| row.group).collect();
        let passes: BooleanArray = rows.iter().map(|row| row.passes).collect();
        let cut = cut % rows.len();
        for call in calls(&rows) {
            let mut accumulator = call.plan().create_groups_accumulator().unwrap();
            for (from, len) in [(0, cut), (cut, rows.len() - cut)] {
                accumulator
                    .update_batch(&call.slice(from, len), &groups[from..from + len], Some(&passes.slice(from, len)), GROUPS)
                    .unwrap();
            }
            let head = accumulator.evaluate(EmitTo::First(first)).unwrap();
            let results = concat(&[head.as_ref(), accumulator.evaluate(EmitTo::All).unwrap().as_ref()]).unwrap();
            prop_assert_eq!(results.len(), GROUPS);
            for group in 0..GROUPS {
                let own: BooleanArray =
                    rows.iter().map(|row| Some(row.group == group && row.passes == Some(true))).collect();
                let expected = call.one_pass(&call.kept(&own));
                prop_assert_eq!(ScalarValue::try_from_array(&results, group).unwrap(), expected, "{}", call.function);
            }
        }
    }

    #[test]
    fn both_kinds_keep_one_state(rows in rows()) {
        let groups: Vec<usize> = rows.iter().map(|row| row.group).collect();
        let passes: BooleanArray = rows.iter().map(|row| row.passes).collect();
        for call in calls(&rows) {
            let plan = call.plan();
            let declared = plan.state_fields().unwrap();
            let mut by_group = plan.create_groups_accumulator().unwrap();
            by_group.update_batch(&call.all(), &groups, Some(&passes), GROUPS).unwrap();
            let state = through_parquet(&by_group.state(EmitTo::All).unwrap(), &declared);

            // A row of state for each row of input, merged group by group, is the same as the rows themselves.
            let row_states = plan.create_groups_accumulator().unwrap().convert_to_state(&call.all(), Some(&passes)).unwrap();
            let mut merged = plan.create_groups_accumulator().unwrap();
            merged.merge_batch(&row_states, &groups, GROUPS).unwrap();
            let merged = merged.state(EmitTo::All).unwrap();

            for group in 0..GROUPS {
                let own: BooleanArray =
                    rows.iter().map(|row| Some(row.group == group && row.passes == Some(true))).collect();
                let mut one = plan.create_accumulator().unwrap();
                one.update_batch(&call.kept(&own)).unwrap();
                let own_state = state_of(one.as_mut());
                for (column, (own, field)) in own_state.iter().zip(&declared).enumerate() {
                    prop_assert_eq!(own.data_type(), field.data_type());
                    prop_assert_eq!(own, &state[column].slice(group, 1), "{}", call.function);
                    prop_assert_eq!(own, &merged[column].slice(group, 1), "{}", call.function);
                }
            }
        }
    }

    #[test]
    fn rows_that_leave_the_window_leave_nothing(rows in rows(), cut in 0..120_usize) {
        let cut = cut % (rows.len() + 1);
        for call in calls(&rows) {
            let mut accumulator = call.plan().create_sliding_accumulator().unwrap();
            prop_assert!(accumulator.supports_retract_batch());
            accumulator.update_batch(&call.all()).unwrap();
            accumulator.retract_batch(&call.slice(0, cut)).unwrap();
            let rest = call.one_pass(&call.slice(cut, rows.len() - cut));
            prop_assert_eq!(accumulator.evaluate().unwrap(), rest, "{}", call.function);
        }
    }

    #[test]
    fn no_result_is_nan_or_infinite(rows in rows()) {
        for call in calls(&rows) {
            let shown = call.one_pass(&call.all()).to_string().to_lowercase();
            prop_assert!(!shown.contains("nan") && !shown.contains("inf"), "{}: {shown}", call.function);
        }
    }
}

/// What comes back after a state was written to Parquet and read again.
pub(crate) fn through_parquet(state: &[ArrayRef], declared: &[Arc<Field>]) -> Vec<ArrayRef> {
    let schema = Arc::new(Schema::new(declared.to_vec()));
    let batch = RecordBatch::try_new(Arc::clone(&schema), state.to_vec()).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let mut reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap().build().unwrap();
    reader.next().unwrap().unwrap().columns().to_vec()
}

#[test]
fn a_null_state_counts_nothing() {
    for call in calls(&[Row { score: Some(9), weight: Some(1.0), is_after: Some(true), group: 0, passes: None }]) {
        let plan = call.plan();
        let mut accumulator = plan.create_accumulator().unwrap();
        let nulls: Vec<ArrayRef> = plan
            .state_fields()
            .unwrap()
            .iter()
            .map(|field| datafusion::arrow::array::new_null_array(field.data_type(), 3))
            .collect();
        accumulator.merge_batch(&nulls).unwrap();
        let nothing = call.one_pass(&call.slice(0, 0));
        assert_eq!(accumulator.evaluate().unwrap(), nothing, "{}", call.function);
        assert_eq!(plan.default_value(&nothing.data_type()).unwrap(), nothing, "{}", call.function);
    }
}
