//! Runs a query at once, and through states that are written to Parquet after each part of the rows.

use std::sync::Arc;

use bytes::Bytes;
use cxmill_incremental::{KnownFunctions, Reason, Split, split};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

pub(crate) fn session() -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(2).with_batch_size(64);
    config.options_mut().sql_parser.collect_spans = true;
    let mut ctx = SessionContext::new_with_config(config);
    cxmill_functions::register_all(&mut ctx).unwrap();
    ctx
}

/// A session in which rows become states one by one where most of them are groups of their own: after a few rows, not after
/// 100,000. (DataFusion's own percentile_cont with WITHIN GROUP panics there, so one pass goes without.)
fn session_of_many_groups() -> SessionContext {
    let ctx = session();
    let state = ctx.state_ref();
    let mut state = state.write();
    let execution = &mut state.config_mut().options_mut().execution;
    execution.skip_partial_aggregation_probe_rows_threshold = 16;
    execution.skip_partial_aggregation_probe_ratio_threshold = 0.3;
    drop(state);
    ctx
}

pub(crate) fn table(schema: &SchemaRef, batches: &[RecordBatch]) -> Arc<MemTable> {
    Arc::new(MemTable::try_new(Arc::clone(schema), vec![batches.to_vec()]).unwrap())
}

/// The plan as `split` wants it, over the table `events`.
pub(crate) async fn analysed(ctx: &SessionContext, sql: &str) -> Result<LogicalPlan> {
    let state = ctx.state();
    let plan = state.create_logical_plan(sql).await?;
    state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})
}

pub(crate) async fn splitted(ctx: &SessionContext, sql: &str) -> Result<Split, Reason> {
    split(&analysed(ctx, sql).await.unwrap(), &KnownFunctions::new())
}

pub(crate) async fn collect(ctx: &SessionContext, plan: LogicalPlan) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let frame = ctx.execute_logical_plan(plan).await?;
    let schema = Arc::new(frame.schema().as_arrow().clone());
    Ok((schema, frame.collect().await?))
}

/// Writes rows to Parquet and reads them back, as any later run would.
pub(crate) fn through_parquet(schema: &SchemaRef, batches: &[RecordBatch]) -> (SchemaRef, Vec<RecordBatch>) {
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, Arc::clone(schema), None).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file)).unwrap();
    let schema = Arc::clone(reader.schema());
    (schema, reader.build().unwrap().collect::<Result<_, _>>().unwrap())
}

/// Batches under the schema they are kept under: a plan may know of a key that it is never NULL.
fn kept_as(schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<RecordBatch> {
    let kept = |batch: &RecordBatch| RecordBatch::try_new(Arc::clone(schema), batch.columns().to_vec()).unwrap();
    batches.iter().map(kept).collect()
}

fn scan(name: &str, schema: &SchemaRef, batches: &[RecordBatch]) -> LogicalPlan {
    LogicalPlanBuilder::scan(name, provider_as_source(table(schema, batches)), None).unwrap().build().unwrap()
}

/// The result over all parts at once.
pub(crate) async fn at_once(sql: &str, schema: &SchemaRef, parts: &[Vec<RecordBatch>]) -> Result<Rows> {
    let ctx = session();
    // Beside one DISTINCT it makes of sum(decimal) a sum of sums, whose values are then of another precision than its column.
    assert!(ctx.remove_optimizer_rule("single_distinct_aggregation_to_group_by"));
    ctx.register_table("events", table(schema, &parts.concat()))?;
    let (schema, batches) = collect(&ctx, analysed(&ctx, sql).await?).await?;
    Ok(rows(&schema, &batches))
}

/// The result of states that each part is added to, by way of Parquet.
pub(crate) async fn by_parts(sql: &str, schema: &SchemaRef, parts: &[Vec<RecordBatch>]) -> Result<Rows> {
    let ctx = session_of_many_groups();
    ctx.register_table("events", table(schema, &[]))?;
    let split = splitted(&ctx, sql).await.unwrap_or_else(|reason| panic!("{sql}: {reason}"));
    let mut kept: Vec<RecordBatch> = Vec::new();
    let mut kept_schema = Arc::clone(split.state_schema());
    for part in parts {
        let plan = split.state_plan(provider_as_source(table(schema, part)))?;
        let (_, new) = collect(&ctx, plan).await?;
        let new = kept_as(split.state_schema(), &new);
        let (new_schema, new) = through_parquet(split.state_schema(), &new);
        assert_eq!(new_schema.fields(), split.state_schema().fields(), "{sql}: Parquet keeps types and versions");
        let both = scan("states", &new_schema, &[kept, new].concat());
        let (_, combined) = collect(&ctx, split.combine_plan(both)?).await?;
        (kept_schema, kept) = through_parquet(split.state_schema(), &kept_as(split.state_schema(), &combined));
    }
    // Combining once more changes nothing, but for a query without keys that never saw a part: it has one group all the same.
    let plan = split.finish_plan(split.combine_plan(scan("states", &kept_schema, &kept))?)?;
    let (schema, batches) = collect(&ctx, plan).await?;
    Ok(rows(&schema, &batches))
}

/// Rows with the names and types of their columns.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<(String, DataType)>,
    pub(crate) rows: Vec<Vec<ScalarValue>>,
}

pub(crate) fn rows(schema: &SchemaRef, batches: &[RecordBatch]) -> Rows {
    let columns = schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect();
    let mut rows: Vec<Vec<ScalarValue>> = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            rows.push(batch.columns().iter().map(|column| ScalarValue::try_from_array(column, row).unwrap()).collect());
        }
    }
    // Doubles differ in their last bits, so they cannot decide the order.
    rows.sort_by_key(|row| {
        row.iter()
            .filter(|value| !matches!(value, ScalarValue::Float64(_)))
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    });
    Rows { columns, rows }
}

/// Same columns, same rows; doubles within 1e-9 of their size.
pub(crate) fn same(left: &Rows, right: &Rows) -> Result<(), String> {
    if left.columns != right.columns {
        return Err(format!("columns {:?} and {:?}", left.columns, right.columns));
    }
    if left.rows.len() != right.rows.len() {
        return Err(format!("{} and {} rows: {left:?} {right:?}", left.rows.len(), right.rows.len()));
    }
    for (left, right) in left.rows.iter().zip(&right.rows) {
        for (left_value, right_value) in left.iter().zip(right) {
            let equal = match (left_value, right_value) {
                (ScalarValue::Float64(Some(left)), ScalarValue::Float64(Some(right))) => {
                    (left.is_nan() && right.is_nan())
                        || (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1.0)
                }
                (left, right) => left == right,
            };
            if !equal {
                return Err(format!("{left_value:?} and {right_value:?} in\n{left:?}\n{right:?}"));
            }
        }
    }
    Ok(())
}
