//! What a run that finds nothing new costs among many known files on S3: the whole `cxmill run` as a process against the
//! listing of the raw files alone. `bench-known-files-s3 FILES` starts a server (SeaweedFS on loopback, from
//! `CXMILL_TEST_VENV`), puts as many files of one row, lets a first run read them all, and prints one line of JSON for each of
//! five pairs.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use cxmill_benches as _;
use cxmill_ingest::{Environment, Place, Seen, discover};
use cxmill_tests::{Seaweed, TestProject, answers};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStoreExt;
use serde_json::Value;

/// Puts under way at a time.
const PUTS_AT_ONCE: usize = 32;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [files] = arguments.as_slice() else { return Err("usage: bench-known-files-s3 FILES".into()) };
    let files: u64 = files.parse()?;
    let Some(server) = cxmill_tests::seaweed() else {
        return Err("set CXMILL_TEST_VENV: see scripts/setup-peers".into());
    };
    server.objects(&["bucket", "raw"]);
    let raw = open(&server, "s3://raw/in/answers/")?;
    put(&raw, files).await?;
    let project = TestProject::fixture("small");
    let (first, report) = run(&project, &server)?;
    if report["sources"][0]["files"] != files {
        return Err(format!("the first run did not read {files} files: {report:#}").into());
    }
    println!("{}", serde_json::json!({"files": files, "first_run_seconds": first}));
    for _ in 0..5 {
        let start = Instant::now();
        let listed = discover(&raw, &|_, _| Seen::Read).await?;
        let listing = start.elapsed().as_secs_f64();
        let (whole, report) = run(&project, &server)?;
        if listed.known != files || report["committed"] != false {
            return Err(format!("not all files are known: {report:#}").into());
        }
        println!(
            "{}",
            serde_json::json!({"files": files, "listing_seconds": listing, "run_seconds": whole, "more_seconds": whole - listing, "ratio": whole / listing})
        );
    }
    Ok(())
}

fn open(server: &Seaweed, location: &str) -> Result<Place, Box<dyn Error>> {
    let settings = ["endpoint", "region", "allow_http"].map(str::to_owned);
    let values = [server.endpoint(), "us-east-1".to_owned(), "true".to_owned()];
    let stores = BTreeMap::from([("s3".to_owned(), settings.into_iter().zip(values).collect())]);
    let credentials = server.environment().into_iter().filter(|(name, _)| name.starts_with("AWS_"));
    let environment = Environment(credentials.map(|(name, value)| (name.to_owned(), value)).collect());
    Ok(Place::open(location, Path::new("."), &stores, &environment)?)
}

/// Files of one row each, a thousand a day.
async fn put(raw: &Place, files: u64) -> Result<(), Box<dyn Error>> {
    let puts = (0..files).map(|n| {
        let day = format!("2026-{:02}-{:02}", n / 28_000 % 12 + 1, n / 1_000 % 28 + 1);
        let path = raw.prefix.clone().join(format!("date={day}")).join(format!("part-{n:09}.ndjson"));
        async move { raw.store.put(&path, answers(&day, n, 1).into()).await.map(drop) }
    });
    Ok(stream::iter(puts).buffer_unordered(PUTS_AT_ONCE).try_collect().await?)
}

/// Runs the project as a process of its own; its seconds from outside, and its report.
fn run(project: &TestProject, server: &Seaweed) -> Result<(f64, Value), Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?.with_file_name("cxmill"));
    command.current_dir(project.path()).args(["--set", "raw=s3://raw/in", "--format", "json", "run"]);
    let start = Instant::now();
    let ran = command.envs(server.environment()).output()?;
    let seconds = start.elapsed().as_secs_f64();
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).into());
    }
    Ok((seconds, serde_json::from_slice(&ran.stdout)?))
}
