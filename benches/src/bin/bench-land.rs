//! Raw files → landed Parquet, for `benches/land/run.py`:
//! `bench-land generate ndjson|csv FOLDER MEGABYTES` writes raw files, `bench-land land FORMAT FOLDER OUT MEMORY THREADS`
//! lands them and prints one line of JSON.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use cxmill_benches as _;
use cxmill_ingest::{Environment, LandRequest, Place, Progress, Seen, discover, land};
use cxmill_spec::{Input, Texts};

const FILES: u64 = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["generate", format, folder, megabytes] => generate(format, Path::new(folder), megabytes.parse()?),
        ["land", format, folder, out, memory, threads] => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on(bench(format, folder, Path::new(out), memory.parse()?, threads.parse()?))
        }
        _ => {
            Err("usage: bench-land generate ndjson|csv FOLDER MEGABYTES | land FORMAT FOLDER OUT MEMORY THREADS".into())
        }
    }
}

/// A small generator of numbers (splitmix64): the same rows on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let length = words.len() as u64;
        usize::try_from(self.below(length)).ok().and_then(|i| words.get(i)).copied().unwrap_or_default()
    }
}

const CHANNELS: [&str; 6] = ["web", "app", "email", "chat", "phone", "store"];
const TOUCHPOINTS: [&str; 5] = ["browse", "checkout", "delivery", "support", "return"];
const DEVICES: [&str; 4] = ["ios", "android", "desktop", "tablet"];
const WORDS: [&str; 12] = [
    "quick", "delivery", "slow", "answer", "friendly", "helped", "again", "price", "broken", "waited", "thanks",
    "never",
];

fn generate(format: &str, folder: &Path, megabytes: u64) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let mut id = 0;
    for file in 0..FILES {
        let path = folder.join(format!("part-{file}.{format}"));
        let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?);
        let mut numbers = Numbers(file);
        let mut written = 0;
        if format == "csv" {
            writeln!(
                out,
                "event_id,customer_id,at,channel,touchpoint,device,score,amount,duration,repeat,comment,session"
            )?;
        }
        while written < megabytes * 1_000_000 / FILES {
            id += 1;
            let line = row(format, id, &mut numbers);
            out.write_all(line.as_bytes())?;
            written += line.len() as u64;
        }
        out.flush()?;
    }
    println!("{{\"rows\": {id}}}");
    Ok(())
}

fn row(format: &str, id: u64, numbers: &mut Numbers) -> String {
    let (day, second) = (id / 40_000 % 90, numbers.below(86_400));
    let (month, day) = (day / 30 % 3 + 1, day % 28 + 1);
    let at = format!(
        "2026-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        id % 1000
    );
    let customer = numbers.below(300_000);
    let (channel, touchpoint, device) = (numbers.pick(&CHANNELS), numbers.pick(&TOUCHPOINTS), numbers.pick(&DEVICES));
    let (score, amount, duration) = (numbers.below(11), numbers.below(50_000), numbers.below(3_600_000));
    let repeat = numbers.below(2) == 1;
    let comment: Vec<&str> = (0..6).map(|_| numbers.pick(&WORDS)).collect();
    let comment = comment.join(" ");
    let session = numbers.below(u64::MAX);
    let (whole, cents) = (amount / 100, amount % 100);
    if format == "csv" {
        format!(
            "e{id:09},c{customer:06},{at},{channel},{touchpoint},{device},{score},{whole}.{cents:02},{}.{},{repeat},\"{comment}, indeed\",{session:016x}\n",
            duration / 1000,
            duration % 1000,
        )
    } else {
        format!(
            "{{\"event_id\":\"e{id:09}\",\"customer_id\":\"c{customer:06}\",\"at\":\"{at}\",\"channel\":\"{channel}\",\"touchpoint\":\"{touchpoint}\",\"device\":\"{device}\",\"score\":{score},\"amount\":{whole}.{cents:02},\"duration\":{}.{},\"repeat\":{repeat},\"comment\":\"{comment}, indeed\",\"session\":\"{session:016x}\"}}\n",
            duration / 1000,
            duration % 1000,
        )
    }
}

const COLUMNS: &str = "
      event_id: {type: string, required: true}
      customer_id: {type: string, required: true}
      at: {type: timestamp, required: true}
      channel: {type: string, required: true, one_of: [web, app, email, chat, phone, store]}
      touchpoint: {type: string, required: true}
      device: string
      score: {type: int8, between: [0, 10]}
      amount: double
      duration: double
      repeat: boolean
      comment: string
      session: string
";

async fn bench(format: &str, folder: &str, out: &Path, memory: u64, threads: usize) -> Result<(), Box<dyn Error>> {
    let mut texts = Texts::default();
    let key = std::env::args().any(|argument| argument == "--unique-key");
    let unique = if key { "\n    unique_key: [event_id]" } else { "" };
    let yaml = format!(
        "sources:\n  events:\n    location: {folder}\n    format: {format}\n    columns:{COLUMNS}    event_time: at{unique}\n"
    );
    let file = texts.add("pipelines/bench.yaml", yaml);
    let input = Input {
        texts,
        config: Vec::new(),
        pipelines: vec![file],
        overrides: Vec::new(),
        cores: threads,
        machine_memory: None,
    };
    let (project, _) = cxmill_spec::compile(input).map_err(|rejected| format!("{:?}", rejected.diagnostics))?;
    let source = project.sources.get("events").ok_or("no source")?;
    let place = Place::open(&source.location, Path::new("."), &BTreeMap::new(), &Environment::default())?;
    let state = Place::open(&out.display().to_string(), Path::new("."), &BTreeMap::new(), &Environment::default())?;
    let start = Instant::now();
    let found = discover(&place, &|_, _| Seen::New).await?;
    let prefix = state.prefix.clone();
    let landing = land(LandRequest {
        source,
        place: &place,
        files: &found.new,
        records: &[],
        traces: &[],
        private_key: None,
        state: Arc::clone(&state.store),
        landed_name: &|date, n| prefix.clone().join(format!("date={date}")).join(format!("{n}.parquet")),
        quarantine_name: &|n| prefix.clone().join("quarantine").join(format!("{n}.parquet")),
        landed: &BTreeMap::new(),
        epoch: 1,
        memory,
        threads,
        progress: Arc::new(Progress::default()),
    })
    .await?;
    let rows: u64 = landing.landed.iter().map(|part| part.rows).sum();
    let bytes: u64 = landing.landed.iter().map(|part| part.bytes).sum();
    println!(
        "{{\"rows\": {rows}, \"bytes\": {bytes}, \"objects\": {}, \"quarantined\": {}, \"seconds\": {:.3}}}",
        landing.landed.len(),
        landing.files.iter().map(|file| file.quarantined).sum::<u64>(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}
