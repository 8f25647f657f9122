//! What a million files that were read before cost a run that finds nothing new: the listing of the raw folder, against the
//! same listing with the log of consumed files read and asked. `bench-known-files FOLDER FILES` makes what is missing in
//! FOLDER and prints one line of JSON for each of five pairs.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use cxmill_benches as _;
use cxmill_ingest::{Environment, Place, Seen, discover};
use cxmill_ledger::{ConsumedFile, FileState, Ledger, OutputRoot, SourceState};

/// Files of one day's folder.
const A_DAY: u64 = 1_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, files] = arguments.as_slice() else { return Err("usage: bench-known-files FOLDER FILES".into()) };
    let (folder, files) = (Path::new(folder), files.parse::<u64>()?);
    let raw = folder.join("raw");
    if !raw.exists() {
        make(&raw, files)?;
    }
    let open = |path: &Path| {
        Place::open(&format!("{}/", path.display()), Path::new("."), &BTreeMap::new(), &Environment::default())
    };
    let raw = open(&raw)?;
    let state = folder.join("state");
    std::fs::create_dir_all(&state)?;
    let place = open(&state)?;
    let root = OutputRoot { store: place.store, prefix: place.prefix, local: Some(state), shown: "state".to_owned() };
    let ledger = Ledger::open(root).await?;
    let source = consume(&ledger, &raw).await?;
    for _ in 0..5 {
        let start = Instant::now();
        let listed = discover(&raw, &|_, _| Seen::Read).await?;
        let listing = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let known = ledger.known_files(&source).await?;
        let reading = start.elapsed().as_secs_f64();
        let seen = |path: &str, identity: &str| match known.state(path, identity) {
            FileState::New => Seen::New,
            FileState::Read => Seen::Read,
            FileState::Changed => Seen::Changed,
        };
        let found = discover(&raw, &seen).await?;
        let whole = start.elapsed().as_secs_f64();
        if (found.known, found.new.len(), found.changed.len()) != (listed.known, 0, 0) {
            return Err("the log does not know the files it was made of".into());
        }
        println!(
            "{}",
            serde_json::json!({"files": found.known, "listing_seconds": listing, "log_seconds": reading, "whole_seconds": whole, "ratio": whole / listing})
        );
    }
    Ok(())
}

/// Empty days of small files.
fn make(raw: &Path, files: u64) -> Result<(), Box<dyn Error>> {
    for n in 0..files {
        let day = raw.join(format!("day={:05}", n / A_DAY));
        if n % A_DAY == 0 {
            std::fs::create_dir_all(&day)?;
        }
        std::fs::write(day.join(format!("part-{n:09}.ndjson")), b"{}\n")?;
    }
    Ok(())
}

/// Writes the log of a run that read all of them.
async fn consume(ledger: &Ledger, raw: &Place) -> Result<SourceState, Box<dyn Error>> {
    let names = ledger.begin(None);
    let consumed: Vec<ConsumedFile> = discover(raw, &|_, _| Seen::New)
        .await?
        .new
        .iter()
        .map(|file| ConsumedFile {
            path: file.path.to_string(),
            identity: file.identity(),
            bytes: file.size,
            read: 1,
            accepted: 1,
            quarantined: 0,
            duplicate: 0,
            epoch: names.epoch,
            replayed: None,
            newest_event: None,
            newest_future: None,
        })
        .collect();
    let file_logs = ledger.append_files(&names, "answers", &[], &consumed).await?;
    Ok(SourceState { file_logs, ..SourceState::default() })
}
