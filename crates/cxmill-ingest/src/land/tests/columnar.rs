//! Parquet, Avro and Arrow IPC as raw formats.

use std::io::Write;

use arrow::array::{ArrayRef, Int32Array, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use arrow_avro::writer::AvroWriter;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::*;
use crate::land::quarantined::{copy_quarantine, quarantined};

/// Rows as a system would export them: the time nested in a struct, and a column that nothing declares.
fn export(from: i32, rows: i32) -> RecordBatch {
    let numbers = from..from + rows;
    let texts = |text: &dyn Fn(i32) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(numbers.clone().map(text)))
    };
    let inner = Field::new("at", DataType::Utf8, false);
    let at = texts(&|n| format!("2026-01-0{}T10:00:00Z", 1 + n % 3));
    let submitted = StructArray::new(Fields::from(vec![inner]), vec![at], None);
    RecordBatch::try_from_iter(vec![
        ("id", texts(&|n| format!("id-{n}"))),
        ("customer", texts(&|n| format!("customer-{n}"))),
        ("submitted", Arc::new(submitted) as ArrayRef),
        ("score", Arc::new(Int32Array::from_iter_values(numbers.clone().map(|n| n % 12)))),
        ("noise", texts(&|n| "x".repeat(1 + usize::try_from(n).unwrap() % 7))),
    ])
    .unwrap()
}

fn exported(format: Format) -> Source {
    let mut source = answers(format);
    source.columns[2].from = vec!["submitted".to_owned(), "at".to_owned()];
    source
}

fn as_parquet(batches: &[RecordBatch]) -> Vec<u8> {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1_000)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batches[0].schema(), Some(properties)).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn as_avro(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = AvroWriter::new(Vec::new(), batches[0].schema().as_ref().clone()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner()
}

fn as_arrow_file(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn as_arrow_stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn all_formats(batches: &[RecordBatch]) -> Vec<(Format, &'static str, Vec<u8>)> {
    vec![
        (Format::Parquet, "1.parquet", as_parquet(batches)),
        (Format::Avro, "1.avro", as_avro(batches)),
        (Format::Arrow, "1.arrow", as_arrow_file(batches)),
        (Format::Arrow, "1.arrows", as_arrow_stream(batches)),
    ]
}

#[tokio::test]
async fn every_format_lands_the_same_rows() {
    let batches = [export(0, 1_000), export(1_000, 1_000), export(2_000, 10)];
    let mut landed = Vec::new();
    for (format, name, bytes) in all_formats(&batches) {
        let mut bench = Bench::new(exported(format));
        let landing = bench.land(&[(name, &bytes)]).await.unwrap();
        let file = &landing.files[0];
        // Of every twelve scores one is 11.
        assert_eq!((file.read, file.accepted, file.quarantined), (2_010, 1_843, 167), "{name}: {:?}", landing.reasons);
        assert_eq!(bench.rejects(&landing).await[1], format!("{name}:24 between score"));
        assert!(landing.reasons.iter().all(|reason| !reason.message.contains("customer-")));
        landed.push(bench.rows().await);
    }
    assert!(landed.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn rejected_rows_are_found_again_by_their_numbers_in_every_format() {
    let batches = [export(0, 1_000), export(1_000, 1_000)];
    let text: String = (0..2_000).map(|n| line(&format!("id-{n}"), "2026-01-01T10:00:00Z", n % 12)).collect();
    // Each record begins with a cell of two lines.
    let records = (0..2_000).map(|n| format!("\"x\ny\",id-{n},2026-01-01T10:00:00Z,{}\n", n % 12));
    let delimited = format!("noise,id,at,score\n{}", records.collect::<String>());
    let mut files: Vec<(Source, String, Vec<u8>)> = all_formats(&batches)
        .into_iter()
        .map(|(format, name, bytes)| (exported(format), name.to_owned(), bytes))
        .collect();
    for (format, name, text) in [(Format::Ndjson, "1.ndjson", &text), (csv(), "1.csv", &delimited)] {
        files.push((answers(format.clone()), name.to_owned(), text.clone().into_bytes()));
        for (suffix, bytes) in compressed(text.as_bytes()) {
            files.push((answers(format.clone()), format!("{name}.{suffix}"), bytes));
        }
    }
    for (source, name, bytes) in files {
        let mut bench = Bench::new(source);
        bench.memory = 4 * MIB;
        let landing = bench.land(&[(&name, &bytes)]).await.unwrap();
        let parts: Vec<Path> = landing.quarantine.iter().map(|part| part.path.clone()).collect();
        let held = quarantined(&bench.state, &parts, &bench.source.format).await.unwrap();
        let mut lines = held[&format!("raw/{name}")].lines.clone();
        lines.sort_unstable();
        assert_eq!(lines.len(), 166, "{name}");
        let accepted = bench.rows().await.len();

        bench.source.columns[3].rules.clear();
        bench.records = vec![Records::At(lines.into())];
        let landing = bench.land(&[(&name, &bytes)]).await.unwrap();
        let outcome = &landing.files[0];
        assert_eq!((outcome.read, outcome.accepted, accepted), (166, 166, 2_000 - 166), "{name}");
        let rows = bench.rows().await;
        assert_eq!(rows.iter().filter(|row| row.ends_with("|11")).count(), 166, "{name}");
    }
}

#[tokio::test]
async fn a_copy_of_the_quarantine_lacks_what_it_should() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    let bad = line("a", "2026-01-02T10:00:00Z", 99);
    let damaged = [bad.as_bytes(), b"\x1f\x8b no gzip at all"].map(<[u8]>::to_vec);
    let landing = bench
        .land(&[("1.ndjson", damaged[0].as_slice()), ("2.ndjson.gz", &damaged[1]), ("3.ndjson", &damaged[0])])
        .await
        .unwrap();
    let from = landing.quarantine[0].path.clone();
    let found = quarantined(&bench.state, std::slice::from_ref(&from), &bench.source.format).await.unwrap();
    let counts: Vec<_> = found.values().map(|of| (of.lines.len(), of.refused, of.damaged)).collect();
    assert_eq!(counts, [(1, 0, 0), (0, 0, 1), (1, 0, 0)]);
    let to = Path::from("copy");
    let keep = |object: &str, damage: bool| damage || object.ends_with("3.ndjson");
    let copy = copy_quarantine(&bench.state, &from, to.clone(), "answers", 2, keep).await.unwrap().unwrap();
    assert_eq!((copy.rows, copy.path.clone()), (2, to.clone()));
    let rows = read(&bench.state, &to, &["object", "rule", "epoch"]).await;
    assert_eq!(rows, ["raw/2.ndjson.gz|damaged|1", "raw/3.ndjson|between|1"]);
    let none = copy_quarantine(&bench.state, &from, to, "answers", 2, |_, _| false).await.unwrap();
    assert_eq!(none, None);
}

/// The three ways to compress an object as a whole, by suffix.
fn compressed(bytes: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let bzip2 = {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    [("gz", gzip), ("zst", zstd::encode_all(bytes, 1).unwrap()), ("bz2", bzip2)]
}

#[tokio::test]
async fn a_compressed_file_is_opened_or_refused_in_words() {
    let batches = [export(0, 1_000), export(1_000, 500)];
    for (format, name, bytes) in all_formats(&batches) {
        for (suffix, bytes) in compressed(&bytes) {
            let name = format!("{name}.{suffix}");
            let mut bench = Bench::new(exported(format.clone()));
            let landing = bench.land(&[(&name, &bytes)]).await.unwrap();
            if format == Format::Parquet {
                assert_eq!((landing.files[0].read, landing.files[0].quarantined), (1, 1), "{name}");
                assert!(landing.reasons[0].message.contains("deliver it as it is"), "{:?}", landing.reasons);
            } else {
                assert_eq!((landing.files[0].read, landing.files[0].accepted), (1_500, 1_375), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_compressed_file_that_is_cut_keeps_the_rows_before_the_cut() {
    let batches: Vec<RecordBatch> = (0..10).map(|n| export(n * 1_000, 1_000)).collect();
    for (format, name, bytes) in all_formats(&batches).into_iter().skip(1) {
        let (suffix, bytes) = compressed(&bytes).into_iter().next().unwrap();
        let name = format!("{name}.{suffix}");
        let mut bench = Bench::new(exported(format));
        let landing = bench.land(&[(&name, &bytes[..bytes.len() * 6 / 10])]).await.unwrap();
        assert_eq!(landing.by_rule.get("damaged"), Some(&1), "{name}: {:?}", landing.by_rule);
        assert!((3_000..9_000).contains(&landing.files[0].read), "{name}: {:?}", landing.files[0]);
    }
}

#[tokio::test]
async fn a_truncated_file_keeps_what_its_format_can_give() {
    let batches: Vec<RecordBatch> = (0..10).map(|n| export(n * 1_000, 1_000)).collect();
    for (format, name, bytes) in all_formats(&batches) {
        let mut bench = Bench::new(exported(format.clone()));
        let landing = bench.land(&[(name, &bytes[..bytes.len() * 6 / 10])]).await.unwrap();
        let file = &landing.files[0];
        assert_eq!(landing.by_rule.get("damaged"), Some(&1), "{name}: {:?}", landing.by_rule);
        // Parquet has its index at the end: without it nothing can be read.
        let kept = if format == Format::Parquet { 0..1 } else { 3_000..9_000 };
        assert!(kept.contains(&(file.read - 1)), "{name}: {file:?}");
    }
}

#[tokio::test]
async fn a_file_cut_at_its_very_end_is_noticed() {
    let batches = [export(0, 500)];
    for (format, name, bytes) in all_formats(&batches).into_iter().take(3) {
        let mut bench = Bench::new(exported(format));
        let landing = bench.land(&[(name, &bytes[..bytes.len() - 1])]).await.unwrap();
        assert_eq!(landing.by_rule.get("damaged"), Some(&1), "{name}");
    }
}

#[tokio::test]
async fn damage_in_the_middle_keeps_the_rows_before_it() {
    let batches: Vec<RecordBatch> = (0..10).map(|n| export(n * 1_000, 1_000)).collect();
    for (format, name, mut bytes) in all_formats(&batches) {
        let middle = bytes.len() / 2;
        bytes[middle..middle + 4_096].fill(0xee);
        let mut bench = Bench::new(exported(format));
        let landing = bench.land(&[(name, &bytes)]).await.unwrap();
        assert!(landing.files[0].read >= 3_000, "{name}: {:?}", landing.files[0]);
        assert!(landing.files[0].quarantined > 0, "{name}: {:?}", landing.files[0]);
    }
}

#[tokio::test]
async fn a_small_memory_reads_large_columnar_files() {
    let batches: Vec<RecordBatch> = (0..40).map(|n| export(n * 1_000, 1_000)).collect();
    for (format, name, bytes) in all_formats(&batches) {
        let mut bench = Bench::new(exported(format));
        bench.memory = 2 * MIB;
        let landing = bench.land(&[(name, &bytes)]).await.unwrap();
        assert_eq!(landing.files[0].read, 40_000, "{name}: {:?}", landing.reasons);
        let peak = bench.progress.peak.load(Ordering::Relaxed);
        assert!(peak < 2 * MIB, "{name}: {peak}");
    }
}
