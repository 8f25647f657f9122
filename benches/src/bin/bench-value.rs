//! Fits and predictions of the value models over simulated customers, in SQL.
//!
//! `bench-value generate FILE CUSTOMERS` writes a Parquet file of (x, t_x, age, monetary) in whole weeks, simulated from BG/NBD
//! (r 0.243, α 4.414, a 0.793, b 2.426) and Gamma-Gamma (p 6.25, q 3.74, v 15.44); purchases of one week are one. A column `part`
//! is a random part of a week.
//! `bench-value run FILE STATEMENT THREADS` holds the file in memory, runs a statement over it and prints seconds and peak memory.
#![expect(clippy::print_stdout, reason = "a bench talks to whoever started it")]

use std::error::Error;
use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use cxmill_benches as _;
use datafusion::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use datafusion::datasource::MemTable;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution, Gamma};

const STATEMENTS: &[(&str, &str)] = &[
    ("bgnbd_fit", "SELECT bgnbd_fit(x, t_x, age) FROM customers"),
    ("mbgnbd_fit", "SELECT mbgnbd_fit(x, t_x, age) FROM customers"),
    ("pareto_nbd_fit", "SELECT pareto_nbd_fit(x, t_x, age) FROM customers"),
    ("gamma_gamma_fit", "SELECT gamma_gamma_fit(x, monetary) FROM customers"),
    ("bgnbd_purchases", "SELECT sum(bgnbd_purchases(BG, 52, x, t_x, age)) FROM customers"),
    ("bgnbd_alive", "SELECT sum(bgnbd_alive(BG, x, t_x, age)) FROM customers"),
    ("pareto_nbd_alive", "SELECT sum(pareto_nbd_alive(PARETO, x, t_x, age)) FROM customers"),
    ("clv", "SELECT sum(clv(BG, SPEND, x, t_x, age, monetary, 52, 0.002)) FROM customers"),
    // Nobody has the age of another, so nothing that was worked out for one customer serves a second.
    ("bgnbd_fit of unlike ages", "SELECT bgnbd_fit(x, t_x, age + part) FROM customers"),
    ("clv of unlike ages", "SELECT sum(clv(BG, SPEND, x, t_x, age + part, monetary, 52, 0.002)) FROM customers"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["generate", file, customers] => generate(file, customers.parse()?),
        ["run", file, statement, threads] => {
            let Some((_, sql)) = STATEMENTS.iter().find(|(name, _)| *name == statement) else {
                let names: Vec<&str> = STATEMENTS.iter().map(|(name, _)| *name).collect();
                return Err(format!("no statement {statement}; there are {}", names.join(", ")).into());
            };
            let threads: usize = threads.parse()?;
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
            runtime.block_on(run(file, statement, sql, threads))
        }
        _ => Err("usage: bench-value generate FILE CUSTOMERS | run FILE STATEMENT THREADS".into()),
    }
}

async fn run(file: &str, name: &str, sql: &str, threads: usize) -> Result<(), Box<dyn Error>> {
    let mut ctx = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(threads));
    cxmill_functions::register_all(&mut ctx)?;
    let data = ctx.read_parquet(file, ParquetReadOptions::default()).await?;
    let schema = Arc::new(data.schema().as_arrow().clone());
    let partitions = data.collect_partitioned().await?;
    let rows: usize = partitions.iter().flatten().map(RecordBatch::num_rows).sum();
    drop(ctx.register_table("customers", Arc::new(MemTable::try_new(schema, partitions)?))?);
    let sql = sql
        .replace("BG", "named_struct('r', 0.2426, 'alpha', 4.4136, 'a', 0.7929, 'b', 2.4259)")
        .replace("PARETO", "named_struct('r', 0.5532, 'alpha', 10.578, 's', 0.6062, 'beta', 11.669)")
        .replace("SPEND", "named_struct('p', 6.25, 'q', 3.74, 'v', 15.44)");
    let started = Instant::now();
    let result = ctx.sql(&sql).await?.collect().await?;
    let seconds = started.elapsed().as_secs_f64();
    let shown = result.first().map(|batch| format!("{:?}", batch.column(0))).unwrap_or_default();
    let line = serde_json::json!({
        "statement": name, "rows": rows, "threads": threads, "seconds": seconds, "rows_a_second_a_thread": rows as f64 / seconds / threads as f64,
        "result": shown.split_whitespace().collect::<Vec<_>>().join(" "),
    });
    println!("{line}");
    Ok(())
}

fn generate(file: &str, customers: usize) -> Result<(), Box<dyn Error>> {
    const SLICE: usize = 1 << 18;
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let (rates, leaving, spends) =
        (Gamma::new(0.243, 1.0 / 4.414)?, Beta::new(0.793, 2.426)?, Gamma::new(3.74, 1.0 / 15.44)?);
    let mut writer = None;
    let mut left = customers;
    while left > 0 {
        let mut columns: [Vec<f64>; 5] = Default::default();
        for _ in 0..left.min(SLICE) {
            let age = f64::from(random.random_range(1..=78_u32));
            let (rate, leaves, spend) =
                (rates.sample(&mut random), leaving.sample(&mut random), spends.sample(&mut random));
            let (mut now, mut x, mut last) = (0.0, 0.0, 0.0);
            loop {
                now -= (1.0 - random.random::<f64>()).ln() / rate;
                if now > age {
                    break;
                }
                let week = f64::ceil(now).min(age);
                if week > last {
                    (x, last) = (x + 1.0, week);
                }
                if random.random::<f64>() < leaves {
                    break;
                }
            }
            let mean: f64 = if x > 0.0 { Gamma::new(6.25 * x, 1.0 / (spend * x))?.sample(&mut random) } else { 0.0 };
            let cents = if x > 0.0 { ((mean * 100.0).round() / 100.0).max(0.01) } else { 0.0 };
            let part = random.random::<f64>();
            for (column, value) in columns.iter_mut().zip([x, last, age, cents, part]) {
                column.push(value);
            }
        }
        left -= left.min(SLICE);
        let arrays = ["x", "t_x", "age", "monetary", "part"].into_iter().zip(columns).map(|(name, column)| {
            let column: ArrayRef = Arc::new(Float64Array::from(column));
            (name, column)
        });
        let batch = RecordBatch::try_from_iter(arrays)?;
        let writer = match &mut writer {
            Some(writer) => writer,
            none => none.insert(ArrowWriter::try_new(File::create(file)?, batch.schema(), None)?),
        };
        writer.write(&batch)?;
    }
    if let Some(writer) = writer {
        drop(writer.close()?);
    }
    Ok(())
}
