//! What a bad file costs: its bad rows, or its rows from the damage on; never the batch.

use std::io::Write;

use super::*;

const DAY: &str = "2026-01-02T10:00:00Z";

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn bzip(text: &str) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn many(rows: i64) -> String {
    (0..rows)
        .map(|n| line(&format!("{:x}", n.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15)), DAY, n % 11))
        .collect()
}

#[tokio::test]
async fn a_bad_line_costs_that_line() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    let mut text = line("a", DAY, 1).into_bytes();
    text.extend_from_slice(b"{\"id\": \"b\", oops}\n");
    text.extend_from_slice(line("c", DAY, 11).as_bytes());
    text.extend_from_slice(line("d", "yesterday", 1).as_bytes());
    text.extend_from_slice(format!("{{\"id\":null,\"at\":\"{DAY}\"}}\n").as_bytes());
    text.extend_from_slice(b"{\"id\":\"\xff\xfe\",\"at\":\"2026-01-02T10:00:00Z\"}\n");
    text.extend_from_slice(format!("{{\"id\":\"e\",\"at\":\"{DAY}\",\"score\":1e30}}\n").as_bytes());
    text.extend_from_slice(line("f", DAY, 2).as_bytes());
    text.extend_from_slice(b"{\"id\":\"g\",\"at\":\"2026-01");
    let landing = bench.land(&[("1.ndjson", &text)]).await.unwrap();
    let lines: Vec<String> =
        bench.rejects(&landing).await.iter().map(|row| row.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["2", "3", "4", "5", "6", "7", "9"].map(|line| format!("1.ndjson:{line}")));
    assert_eq!(landing.reasons.len(), 7);
    assert_eq!(landing.reasons[1].rule, "between");
    assert_eq!((landing.files[0].read, landing.files[0].accepted), (9, 2));
}

#[tokio::test]
async fn an_empty_file_has_no_rows_and_no_error() {
    let empty = gzip("");
    let mut bench = Bench::new(answers(Format::Ndjson));
    let files: [(&str, &[u8]); 4] =
        [("0.ndjson", b""), ("1.ndjson", b"\n\n\r\n"), ("2.ndjson.gz", &empty), ("3.ndjson", b"\xef\xbb\xbf")];
    let landing = bench.land(&files).await.unwrap();
    assert!(landing.files.iter().all(|file| file.read == 0), "{:?}", landing.files);
    assert!(landing.landed.is_empty() && landing.quarantine.is_empty());
    for (format, name) in [(Format::Parquet, "0.parquet"), (Format::Avro, "0.avro"), (Format::Arrow, "0.arrow")] {
        let landing = Bench::new(answers(format)).land(&[(name, b"")]).await.unwrap();
        assert_eq!(landing.files[0].read, 0, "{name}");
    }
    let landing = Bench::new(answers(csv())).land(&[("0.csv", b"id,customer,at,score\n")]).await.unwrap();
    assert_eq!(landing.files[0].read, 0);
}

#[tokio::test]
async fn csv_lands_in_its_encoding() {
    let mut bench = Bench::new(answers(latin1()));
    let text = b"id,customer,at,score\r\n\"a\nb\",x,2026-01-02T10:00:00Z,7\r\n\xe5,y,2026-01-02T11:00:00Z,8\r\n";
    bench.land(&[("1.csv", text)]).await.unwrap();
    let rows = bench.rows().await;
    assert!(rows[0].starts_with("2026-01-02: a\nb|") && rows[0].ends_with("|7"), "{rows:?}");
    assert!(rows[1].starts_with("2026-01-02: å|") && rows[1].ends_with("|8"), "{rows:?}");
}

#[tokio::test]
async fn a_header_without_a_required_column_costs_the_file() {
    let mut bench = Bench::new(answers(csv()));
    let text = b"customer,at,score\nx,2026-01-02T10:00:00Z,7\ny,2026-01-02T10:00:00Z,8\n";
    let landing = bench.land(&[("1.csv", text)]).await.unwrap();
    assert_eq!(landing.by_rule, BTreeMap::from([("header".to_owned(), 1)]));
    assert_eq!((landing.files[0].read, landing.files[0].quarantined), (1, 1));
}

#[tokio::test]
async fn compressed_files_land_by_suffix() {
    let text = many(500);
    let (gz, bz) = (gzip(&text), bzip(&text));
    let zst = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let mut two_members = gzip(&many(200));
    two_members.extend_from_slice(&gzip(&text));
    for (name, bytes) in [("1.ndjson.gz", gz), ("1.ndjson.bz2", bz), ("1.ndjson.zst", zst), ("1.json.gz", two_members)]
    {
        let mut bench = Bench::new(answers(Format::Ndjson));
        let landing = bench.land(&[(name, &bytes)]).await.unwrap();
        assert_eq!(landing.files[0].accepted, 500, "{name}");
        assert!(landing.quarantine.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_truncated_file_keeps_the_rows_before_the_damage() {
    let text = many(40_000);
    let zst = zstd::encode_all(text.as_bytes(), 1).unwrap();
    for (name, bytes) in [("1.ndjson.gz", gzip(&text)), ("1.ndjson.bz2", bzip(&text)), ("1.ndjson.zst", zst)] {
        let mut bench = Bench::new(answers(Format::Ndjson));
        let half = &bytes[..bytes.len() / 2];
        let whole = gzip(&line("after", DAY, 1));
        let landing = bench.land(&[(name, half), ("2.ndjson.gz", &whole)]).await.unwrap();
        let file = &landing.files[0];
        assert!(file.accepted > 5_000 && file.accepted < 39_000, "{name}: {file:?}");
        assert_eq!((file.quarantined, file.duplicate), (1, 0), "{name}");
        assert_eq!(landing.by_rule, BTreeMap::from([("damaged".to_owned(), 1)]), "{name}");
        assert_eq!(landing.reasons[0].line, file.accepted + 1, "{name}");
        assert!(landing.reasons[0].message.contains(&format!("byte {}", half.len())), "{}", landing.reasons[0].message);
        assert_eq!(landing.files[1].accepted, 1, "{name}");
    }
}

#[tokio::test]
async fn a_corrupt_file_keeps_the_rows_before_the_damage() {
    let text = many(40_000);
    let mut bytes = gzip(&text);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0xff);
    let landing = Bench::new(answers(Format::Ndjson)).land(&[("1.ndjson.gz", &bytes)]).await.unwrap();
    assert!(landing.files[0].accepted > 5_000, "{:?}", landing.files[0]);
    assert_eq!(landing.by_rule.get("damaged"), Some(&1));
}

#[tokio::test]
async fn wrong_magic_bytes_quarantine_the_object() {
    for (format, name) in [
        (Format::Parquet, "1.parquet"),
        (Format::Avro, "1.avro"),
        (Format::Arrow, "1.arrow"),
        (Format::Ndjson, "1.ndjson.gz"),
        (Format::Ndjson, "1.ndjson.zst"),
        (Format::Ndjson, "1.ndjson.bz2"),
    ] {
        let mut bench = Bench::new(answers(format));
        let landing = bench.land(&[(name, b"this is not what its name says it is")]).await.unwrap();
        assert_eq!(bench.rejects(&landing).await, [format!("{name}:1 damaged ")]);
        assert_eq!((landing.files[0].read, landing.files[0].quarantined), (1, 1), "{name}");
    }
}

#[tokio::test]
async fn a_file_that_is_gone_fails_the_batch() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    for format in [Format::Ndjson, Format::Parquet, Format::Avro, Format::Arrow] {
        bench.source.format = format;
        let gone =
            RawFile { path: Path::from("raw/gone"), size: 10, etag: None, modified: chrono::DateTime::default() };
        let error = bench.land_raw(&[gone]).await.unwrap_err();
        let IngestError::Store { operation, place, source } = error else { panic!("{error}") };
        assert_eq!((operation, place.as_str()), ("reading", "memory://test/raw/gone"));
        assert!(matches!(source, object_store::Error::NotFound { .. }), "{source}");
    }
}

#[tokio::test]
async fn private_values_never_reach_quarantine() {
    let secret = "customer-of-";
    let mut bench = Bench::new(answers(Format::Ndjson));
    let text = line("a", DAY, 11)
        + &line("b", DAY, 3)
        + &line("b", DAY, 4)
        + &line("c", "never", 4)
        + "{\"customer\":\"customer-of-d\",\n"
        + "{\"customer\":{\"name\":\"customer-of-e\"},\"id\":\"e\",\"at\":\"2026-01-02T10:00:00Z\"}\n"
        + "[\"customer-of-f\"]\n";
    let landing = bench.land(&[("1.ndjson", text.as_bytes())]).await.unwrap();
    assert_eq!(landing.files[0].quarantined, 6, "{:?}", landing.by_rule);
    let columns = ["source", "object", "rule", "column", "message", "raw"];
    for row in read(&bench.state, &landing.quarantine[0].path, &columns).await {
        assert!(!row.contains(secret), "{row}");
    }
    let mut bench = Bench::new(answers(csv()));
    let text = format!("id,customer,at,score\na,customer-of-a,{DAY},11\nb,\"customer-of-b,{DAY},1\n");
    let landing = bench.land(&[("1.csv", text.as_bytes())]).await.unwrap();
    assert_eq!(landing.files[0].quarantined, 2, "{:?}", landing.by_rule);
    for row in read(&bench.state, &landing.quarantine[0].path, &columns).await {
        assert!(!row.contains(secret), "{row}");
    }
}
