//! `percentile_cont` where most rows are groups of their own, as one percentile a customer.
//!
//! There, after 100,000 rows, grouping turns rows into states one by one. DataFusion 55's `percentile_cont` is handed its constant with
//! them, asserts that it got one column, and the query dies of the panic. Everything else of it is right, and stays as it is.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::internal_datafusion_err;
use datafusion::error::Result;
use datafusion::functions_aggregate::percentile_cont::PercentileCont;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator, Signature,
};

/// The function, to be registered over DataFusion's own.
pub(crate) fn percentile_cont() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(Percentile::default()))
}

#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Percentile {
    inner: PercentileCont,
}

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(arguments)
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(arguments)
    }

    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(arguments)
    }

    fn create_groups_accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups { inner: self.inner.create_groups_accumulator(arguments)? }))
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        self.inner.simplify()
    }

    fn supports_within_group_clause(&self) -> bool {
        self.inner.supports_within_group_clause()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

struct Groups {
    inner: Box<dyn GroupsAccumulator>,
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.inner.update_batch(values, group_indices, opt_filter, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.inner.evaluate(emit_to)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit_to)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.inner.merge_batch(values, group_indices, total_num_groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = values.first().ok_or_else(|| internal_datafusion_err!("percentile_cont was given no column"))?;
        self.inner.convert_to_state(std::slice::from_ref(values), opt_filter)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::compute::concat_batches;
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::config::ConfigOptions;

    use crate::fixture::Fixture;
    use crate::session::{collect, planning_session};

    /// Calls with constants, filters and orders, and some without, for comparison.
    const CALLS: &[&str] = &[
        "percentile_cont(v, 0.9)",
        "percentile_cont(0.25) WITHIN GROUP (ORDER BY v DESC)",
        "percentile_cont(v, 0.5) FILTER (WHERE v > 100)",
        "quantile_cont(v, 0.5)",
        "median(v)",
        "approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY v)",
        "string_agg(CAST(v AS varchar), ',')",
        "nth_value(v, 1 ORDER BY v)",
        "corr(v, v + 1)",
        "count(DISTINCT v)",
        "nps_interval(CAST(v AS bigint) % 11, 0.9)",
        "csat(CAST(v AS bigint) % 5 + 1, 4)",
        "mode(CAST(v AS bigint), CAST(v AS bigint))",
    ];

    /// Nearly as many groups as rows, in two partitions.
    fn query(call: &str) -> String {
        format!(
            "SELECT k, {call} AS value FROM (SELECT value % 39990 AS k, CAST(value % 1013 AS double) AS v \
             FROM generate_series(1, 40000)) GROUP BY k ORDER BY k"
        )
    }

    #[tokio::test]
    async fn calls_over_rows_that_are_each_a_group_give_what_they_give_over_few() {
        let mut project = Fixture::new().project();
        project.settings.threads = 2;
        for call in CALLS {
            let mut found = Vec::new();
            // Rows after which grouping looks whether it is worth its while, 100,000 if nothing else is said; and never.
            for probed in [1_000, usize::MAX] {
                let ctx = planning_session(&project.settings).unwrap();
                let state = ctx.state_ref();
                let set = |options: &mut ConfigOptions| {
                    options.execution.skip_partial_aggregation_probe_rows_threshold = probed;
                };
                set(state.write().config_mut().options_mut());
                let batches = collect(ctx.sql(&query(call)).await.unwrap()).await.unwrap();
                let all = concat_batches(&batches[0].schema(), &batches).unwrap();
                assert_eq!(all.num_rows(), 39_990);
                found.push(all);
            }
            let first: Vec<_> = found.iter().map(|all| all.slice(0, 12)).collect();
            assert!(found[0] == found[1], "{call}\n{}", pretty_format_batches(&first).unwrap());
        }
    }
}
