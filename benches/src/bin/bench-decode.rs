//! How fast raw bytes become typed columns: MB of raw text a second, by format, number of columns and threads.
//!
//! `bench-decode [MEGABYTES]` makes that much NDJSON in memory (300 by default) and decodes it, best of three.
#![expect(clippy::print_stdout, reason = "a bench talks to whoever started it")]

use std::time::Instant;

use bytes::Bytes;
use cxmill_benches::{interaction_columns, interactions, source};
use cxmill_ingest::PrivateKey;
use cxmill_ingest::decode::{Block, CsvHeader, Splitter, TextDecoder};
use cxmill_spec::{CsvOptions, Format, Source};

fn main() {
    let megabytes = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(300usize);
    let json = Bytes::from(interactions(megabytes << 20, 7));
    let narrow: Vec<_> = interaction_columns()
        .into_iter()
        .filter(|c| ["occurred_at", "channel", "score"].contains(&c.name.as_str()))
        .collect();
    let mut private = interaction_columns();
    for column in &mut private {
        column.private = column.name == "customer_id";
    }
    measure("ndjson, 12 columns", &source(Format::Ndjson, interaction_columns()), &json);
    measure("ndjson, 12 columns, 1 private", &source(Format::Ndjson, private), &json);
    measure("ndjson, 3 of 12 columns", &source(Format::Ndjson, narrow.clone()), &json);
    let csv = Bytes::from(as_csv(&json));
    let format = Format::Csv(CsvOptions::default());
    measure("csv, 12 columns", &source(format.clone(), interaction_columns()), &csv);
    measure("csv, 3 of 12 columns", &source(format, narrow), &csv);
}

fn measure(name: &str, source: &Source, text: &Bytes) {
    let Ok(decoder) = TextDecoder::new(source, Some(&PrivateKey([7; 32]))) else { return };
    let split = |chunk: usize| {
        let started = Instant::now();
        let mut splitter = Splitter::new(&source.format);
        let mut blocks = Vec::new();
        for at in (0..text.len()).step_by(chunk) {
            blocks.extend(splitter.push(text.slice(at..text.len().min(at + chunk))));
        }
        blocks.extend(splitter.finish());
        (blocks, splitter.header().cloned(), rate(text.len(), started))
    };
    let (blocks, header, split_rate) = split(8 << 20);
    for threads in [1, 2] {
        let (mut best, mut per_core, mut rows, mut rejects) = (0.0f64, 0.0f64, 0, 0);
        for _ in 0..3 {
            let started = Instant::now();
            let seconds;
            (rows, rejects, seconds) = decode_all(&decoder, &blocks, header.as_ref(), threads);
            best = best.max(rate(text.len(), started));
            per_core = per_core.max(text.len() as f64 / 1e6 / seconds);
        }
        println!(
            "{name}: {threads} thread(s) {best:.0} MB/s, {per_core:.0} MB per second of CPU, {rows} rows, {rejects} rejects \
             (splitting: {split_rate:.0} MB/s)"
        );
    }
}

/// Rows, rejects and seconds of CPU of all threads.
fn decode_all(
    decoder: &TextDecoder,
    blocks: &[Block],
    header: Option<&CsvHeader>,
    threads: usize,
) -> (u64, usize, f64) {
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    let (started, mut rows, mut rejects) = (cpu_seconds(), 0, 0);
                    for block in blocks.iter().skip(worker).step_by(threads) {
                        let decoded = decoder.decode(block, header);
                        rows += decoded.rows;
                        rejects += decoded.rejects.len();
                    }
                    (rows, rejects, cpu_seconds() - started)
                })
            })
            .collect();
        workers
            .into_iter()
            .filter_map(|worker| worker.join().ok())
            .fold((0, 0, 0.0), |sum, worker| (sum.0 + worker.0, sum.1 + worker.1, sum.2 + worker.2))
    })
}

/// CPU seconds of this thread so far, which other work on the machine does not blur; not a number where the system does not
/// tell.
fn cpu_seconds() -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
        .map_or(f64::NAN, |nanoseconds| nanoseconds / 1e9)
}

fn rate(bytes: usize, started: Instant) -> f64 {
    bytes as f64 / 1e6 / started.elapsed().as_secs_f64()
}

/// The same records as CSV. Names and values of the generator hold no `":`, so the fields are cut at these.
fn as_csv(json: &[u8]) -> Vec<u8> {
    let names: Vec<String> = interaction_columns().into_iter().map(|column| column.name).collect();
    let mut out = names.join(",").into_bytes();
    out.push(b'\n');
    for line in json.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let text = String::from_utf8_lossy(line);
        let mut rest = &*text;
        for (i, name) in names.iter().enumerate() {
            let Some((_, value)) = rest.split_once(&format!("\"{name}\":")) else { continue };
            let end = names.get(i + 1).and_then(|next| value.find(&format!(",\"{next}\":"))).unwrap_or(value.len() - 1);
            let (value, after) = value.split_at(end);
            match value {
                "null" => {}
                quoted if quoted.contains('\\') => out.extend_from_slice(quoted.replace("\\\"", "\"\"").as_bytes()),
                plain => out.extend_from_slice(plain.trim_matches('"').as_bytes()),
            }
            out.push(if i + 1 < names.len() { b',' } else { b'\n' });
            rest = after;
        }
    }
    out
}
