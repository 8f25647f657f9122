//! Functions through their public face: documents, golden values, laws, SQL.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod arbitrary;
mod arguments;
mod attribution;
mod collected_errors;
mod collected_laws;
mod docs;
mod errors;
mod frequency;
mod golden;
mod journey;
mod laws;
mod lifetimes;
mod local_time;
mod regression;
mod retained;
mod sql;
mod survey_laws;
mod text;
mod value_cases;
mod value_laws;

use std::sync::Arc;

use cxmill_functions::register_all;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{SessionConfig, SessionContext};

fn context() -> SessionContext {
    context_with(SessionConfig::new().with_target_partitions(3).with_batch_size(4))
}

fn context_with(config: SessionConfig) -> SessionContext {
    let mut ctx = SessionContext::new_with_config(config);
    register_all(&mut ctx).unwrap();
    ctx
}

async fn query(ctx: &SessionContext, sql: &str) -> RecordBatch {
    let data = ctx.sql(sql).await.unwrap();
    let schema = Arc::clone(data.schema().inner());
    concat_batches(&schema, &data.collect().await.unwrap()).unwrap()
}

/// The rows as text, columns separated by a comma and a space.
async fn rows(ctx: &SessionContext, sql: &str) -> Vec<String> {
    let batch = query(ctx, sql).await;
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(", "))
        .collect()
}

/// The message with which a query is refused, at whatever stage.
async fn refusal(ctx: &SessionContext, sql: &str) -> String {
    match ctx.sql(sql).await {
        Err(error) => error.to_string(),
        Ok(data) => match data.collect().await {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{sql} was not refused"),
        },
    }
}
