//! Batches landed from a store in memory (and once from disk), read back as text.

mod ahead;
mod bad_input;
mod bounds;
mod columnar;
mod dates;
mod duplicates;
mod encoding;
mod late;
mod strip;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use chrono::NaiveDate;
use cxmill_spec::{
    Column, ColumnType, CsvOptions, Encoding, ErrorBudget, FileId, Format, Literal, OnChange, Rule, Source, Span,
    TimestampFormat, UniqueWithin, UnknownFields,
};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{LandRequest, Landing, Progress, Records, land};
use crate::discover::{RawFile, Seen, discover};
use crate::error::IngestError;
use crate::place::{Environment, Place};
use crate::private::PrivateKey;

const SPAN: Span = Span { file: FileId(0), start: 0, end: 0 };
const MIB: u64 = 1 << 20;

fn column(name: &str, data_type: ColumnType) -> Column {
    Column {
        name: name.to_owned(),
        from: vec![name.to_owned()],
        data_type,
        required: false,
        private: false,
        rules: Vec::new(),
        description: None,
        span: SPAN,
    }
}

/// Answers: id, customer (private), at (event time), score 0 to 10.
fn answers(format: Format) -> Source {
    let mut columns = vec![
        column("id", ColumnType::String),
        column("customer", ColumnType::String),
        column("at", ColumnType::Timestamp(TimestampFormat::Iso8601)),
        column("score", ColumnType::Int8),
    ];
    columns[0].required = true;
    columns[1].private = true;
    columns[2].required = true;
    columns[3].rules.push(Rule::Between(Some(Literal::Int(0)), Some(Literal::Int(10))));
    Source {
        name: "answers".to_owned(),
        description: None,
        kind: cxmill_spec::Kind::Events,
        location: "memory://unused/".to_owned(),
        location_span: SPAN,
        format,
        columns,
        event_time: Some("at".to_owned()),
        time_zone: chrono_tz::UTC,
        unique_key: vec!["id".to_owned()],
        unique_within: UniqueWithin::Date,
        error_budget: ErrorBudget::default(),
        unknown_fields: UnknownFields::Ignore,
        on_change: OnChange::Fail,
        late_after: None,
        span: SPAN,
    }
}

fn csv() -> Format {
    Format::Csv(CsvOptions::default())
}

fn latin1() -> Format {
    Format::Csv(CsvOptions { encoding: Encoding::Latin1, ..CsvOptions::default() })
}

fn line(id: &str, at: &str, score: i64) -> String {
    format!("{{\"id\":\"{id}\",\"customer\":\"customer-of-{id}\",\"at\":\"{at}\",\"score\":{score}}}\n")
}

/// A state root and the batches landed in it.
struct Bench {
    source: Source,
    place: Place,
    state: Arc<dyn ObjectStore>,
    memory: u64,
    threads: usize,
    /// Landed objects of earlier batches.
    landed: BTreeMap<NaiveDate, Vec<Path>>,
    epoch: u64,
    /// Which records of each file are taken.
    records: Vec<Records>,
    /// What rows of each file tell of it.
    traces: Vec<u128>,
    progress: Arc<Progress>,
}

impl Bench {
    fn new(source: Source) -> Self {
        let place = Place {
            store: Arc::new(InMemory::new()),
            prefix: Path::from("raw"),
            pattern: None,
            local: None,
            shown: "memory://test/raw/".to_owned(),
        };
        Self {
            source,
            place,
            state: Arc::new(InMemory::new()),
            memory: 64 * MIB,
            threads: 2,
            landed: BTreeMap::new(),
            epoch: 0,
            records: Vec::new(),
            traces: Vec::new(),
            progress: Arc::default(),
        }
    }

    /// Lands these files as one batch.
    async fn land(&mut self, files: &[(&str, &[u8])]) -> Result<Landing, IngestError> {
        let mut names = Vec::new();
        for (name, bytes) in files {
            let path = Path::from(format!("raw/{name}"));
            self.place.store.put(&path, Bytes::copy_from_slice(bytes).into()).await.unwrap();
            names.push(path);
        }
        let found = discover(&self.place, &|_, _| Seen::New).await.unwrap();
        let raw: Vec<RawFile> =
            names.iter().map(|name| found.new.iter().find(|file| file.path == *name).unwrap().clone()).collect();
        self.land_raw(&raw).await
    }

    async fn land_raw(&mut self, files: &[RawFile]) -> Result<Landing, IngestError> {
        self.epoch += 1;
        let epoch = self.epoch;
        let key = PrivateKey([7; 32]);
        let landing = land(LandRequest {
            source: &self.source,
            place: &self.place,
            files,
            records: &self.records,
            traces: &self.traces,
            private_key: Some(&key),
            state: Arc::clone(&self.state),
            landed_name: &move |date, n| Path::from(format!("landed/date={date}/{epoch}-{n}.parquet")),
            quarantine_name: &move |n| Path::from(format!("quarantine/{epoch}-{n}.parquet")),
            landed: &self.landed,
            epoch,
            memory: self.memory,
            threads: self.threads,
            progress: Arc::clone(&self.progress),
        })
        .await?;
        for file in &landing.files {
            assert!(file.balances(), "{file:?}");
        }
        for part in &landing.landed {
            self.landed.entry(part.date).or_default().push(part.path.clone());
        }
        let quarantined: u64 = landing.files.iter().map(|file| file.quarantined).sum();
        assert_eq!(quarantined, landing.quarantine.iter().map(|part| part.rows).sum::<u64>());
        assert_eq!(quarantined, landing.by_rule.values().sum::<u64>());
        let accepted: u64 = landing.files.iter().map(|file| file.accepted).sum();
        assert_eq!(accepted, landing.landed.iter().map(|part| part.rows).sum::<u64>());
        Ok(landing)
    }

    /// Every landed row of every batch, as `date: column|column|…`, by date and object in order.
    async fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for (date, paths) in &self.landed {
            for path in paths {
                let columns: Vec<&str> = self.source.columns.iter().map(|column| column.name.as_str()).collect();
                rows.extend(read(&self.state, path, &columns).await.into_iter().map(|row| format!("{date}: {row}")));
            }
        }
        rows
    }

    /// Rows of quarantine of one batch: `object:line rule column`.
    async fn rejects(&self, landing: &Landing) -> Vec<String> {
        let mut rows = Vec::new();
        for part in &landing.quarantine {
            for row in read(&self.state, &part.path, &["object", "line", "rule", "column"]).await {
                let cells: Vec<&str> = row.split('|').collect();
                rows.push(format!("{}:{} {} {}", cells[0].trim_start_matches("raw/"), cells[1], cells[2], cells[3]));
            }
        }
        rows
    }
}

async fn batches(store: &Arc<dyn ObjectStore>, path: &Path) -> Vec<RecordBatch> {
    let bytes = store.get(path).await.unwrap().bytes().await.unwrap();
    ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap().map(Result::unwrap).collect()
}

async fn read(store: &Arc<dyn ObjectStore>, path: &Path, columns: &[&str]) -> Vec<String> {
    let options = FormatOptions::default();
    let mut rows = Vec::new();
    for batch in batches(store, path).await {
        let cells: Vec<ArrayFormatter<'_>> = columns
            .iter()
            .map(|name| ArrayFormatter::try_new(batch.column_by_name(name).unwrap().as_ref(), &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            rows.push(cells.iter().map(|cell| cell.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    rows
}

#[tokio::test]
async fn rows_land_by_date_and_sorted_by_time() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    let first = line("a", "2026-01-02T10:00:00Z", 9) + &line("b", "2026-01-01T10:00:00Z", 3);
    let second = line("c", "2026-01-02T08:00:00Z", 10);
    let landing = bench.land(&[("1.ndjson", first.as_bytes()), ("2.ndjson", second.as_bytes())]).await.unwrap();
    let customer = |id: &str| PrivateKey([7; 32]).hash(format!("customer-of-{id}").as_bytes());
    assert_eq!(
        bench.rows().await,
        [
            format!("2026-01-01: b|{}|2026-01-01T10:00:00Z|3", customer("b")),
            format!("2026-01-02: c|{}|2026-01-02T08:00:00Z|10", customer("c")),
            format!("2026-01-02: a|{}|2026-01-02T10:00:00Z|9", customer("a")),
        ]
    );
    assert_eq!(landing.newest_event.unwrap().to_rfc3339(), "2026-01-02T10:00:00+00:00");
    assert_eq!(landing.files.iter().map(|file| (file.read, file.accepted)).collect::<Vec<_>>(), [(2, 2), (1, 1)]);
    assert_eq!(bench.progress.rows.load(Ordering::Relaxed), 3);
    assert_eq!(bench.progress.files.load(Ordering::Relaxed), 2);
    assert_eq!(bench.progress.bytes.load(Ordering::Relaxed), (first.len() + second.len()) as u64);
}

#[tokio::test]
async fn landed_objects_say_what_they_are() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    let landing = bench.land(&[("1.ndjson", line("a", "2026-01-02T10:00:00Z", 9).as_bytes())]).await.unwrap();
    let bytes = bench.state.get(&landing.landed[0].path).await.unwrap().bytes().await.unwrap();
    assert_eq!(landing.landed[0].bytes, bytes.len() as u64);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let metadata = reader.metadata();
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    let value = |key: &str| pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone()).unwrap();
    assert_eq!((value("cxmill.source").as_str(), value("cxmill.epoch").as_str()), ("answers", "1"));
    let group = metadata.row_group(0);
    assert_eq!(group.sorting_columns().unwrap()[0].column_idx, 2);
    assert!(group.column(2).statistics().is_some());
    let types: Vec<String> = reader.schema().fields().iter().map(|field| field.data_type().to_string()).collect();
    assert_eq!(types, ["Utf8", "Utf8", "Timestamp(µs, \"UTC\")", "Int8", "FixedSizeBinary(16)", "Int64"]);
}

#[tokio::test]
async fn a_source_without_a_key_keeps_all_rows_and_hides_nothing() {
    let mut source = answers(Format::Ndjson);
    source.unique_key.clear();
    let mut bench = Bench::new(source);
    let twice = line("a", "2026-01-02T10:00:00Z", 9).repeat(2);
    let landing = bench.land(&[("1.ndjson", twice.as_bytes())]).await.unwrap();
    assert_eq!(landing.files[0].accepted, 2);
    let schema = batches(&bench.state, &landing.landed[0].path).await[0].schema();
    assert_eq!(schema.fields().len(), 4);
}

#[tokio::test]
async fn a_folder_on_disk_lands_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("raw/date=2026-01-02")).unwrap();
    let text = line("a", "2026-01-02T10:00:00Z", 9);
    std::fs::write(folder.path().join("raw/date=2026-01-02/å b.ndjson"), &text).unwrap();
    let mut bench = Bench::new(answers(Format::Ndjson));
    bench.place = Place::open("raw/", folder.path(), &BTreeMap::new(), &Environment::default()).unwrap();
    let found = discover(&bench.place, &|_, _| Seen::New).await.unwrap();
    assert_eq!(found.new.len(), 1);
    let landing = bench.land_raw(&found.new).await.unwrap();
    assert_eq!(landing.files[0].accepted, 1);
    // What changes between listing and reading is noticed.
    std::fs::write(folder.path().join("raw/date=2026-01-02/å b.ndjson"), text.repeat(2)).unwrap();
    let error = bench.land_raw(&found.new).await.unwrap_err();
    assert!(matches!(error, IngestError::Store { operation: "reading", .. }), "{error}");
}
