//! One query over Parquet files with every cxmill function, for `benches/functions/*.py`:
//! `bench-sql THREADS SQL NAME=FILE…` prints one line of JSON with the seconds of the query and its rows.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::time::Instant;

use cxmill_benches as _;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [threads, sql, files @ ..] = &arguments[..] else {
        return Err("usage: bench-sql THREADS SQL NAME=FILE…".into());
    };
    let threads = threads.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(bench(threads, sql, files))
}

async fn bench(threads: usize, sql: &str, files: &[String]) -> Result<(), Box<dyn Error>> {
    let mut context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(threads));
    cxmill_functions::register_all(&mut context)?;
    for file in files {
        let (name, path) = file.split_once('=').ok_or("a table is NAME=FILE")?;
        context.register_parquet(name, path, ParquetReadOptions::default()).await?;
    }
    let start = Instant::now();
    let batches = context.sql(sql).await?.collect().await?;
    let seconds = start.elapsed().as_secs_f64();
    let mut rows = Vec::new();
    for batch in &batches {
        let options = FormatOptions::default();
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>());
        }
    }
    println!("{}", serde_json::json!({"seconds": seconds, "rows": rows}));
    Ok(())
}
