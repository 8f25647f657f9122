//! Blocks, whatever the chunks.

use bytes::Bytes;
use cxmill_spec::{ColumnType, CsvOptions, Format, Source};
use proptest::prelude::*;

use super::{decode_chunks, rejects, rows};
use crate::contract::testing::{column, source};
use crate::decode::{MAX_RECORD, Splitter};

fn everything(source: &Source, text: &[u8], chunk: usize) -> (Vec<String>, Vec<u64>, Vec<String>) {
    let all = decode_chunks(source, text, chunk);
    (
        all.iter().flat_map(rows).collect(),
        all.iter().flat_map(|decoded| decoded.offsets.clone()).collect(),
        all.iter().flat_map(rejects).collect(),
    )
}

fn json() -> Source {
    source(Format::Ndjson, vec![column("a", ColumnType::String)])
}

fn csv() -> Source {
    source(Format::Csv(CsvOptions::default()), vec![column("a", ColumnType::String), column("b", ColumnType::String)])
}

#[test]
fn chunks_do_not_show_in_small_texts() {
    let text = b"\xEF\xBB\xBF{\"a\":\"x\"}\r\n\n{\"a\":\"y\"\n{\"a\":\"\xc3\xa4\"}";
    let whole = everything(&json(), text, text.len());
    assert_eq!(whole.0, ["1: x", "4: ä"]);
    let delimited = b"\n a ,b\n1,\"x\n\"\"\ny\"\n\"\"\"\",2\r\n3,\"\n";
    let whole_csv = everything(&csv(), delimited, delimited.len());
    assert_eq!(whole_csv.0, ["3: 1|x\n\"\ny", "6: \"|2"]);
    for chunk in 1..20 {
        assert_eq!(everything(&json(), text, chunk), whole, "chunks of {chunk}");
        assert_eq!(everything(&csv(), delimited, chunk), whole_csv, "chunks of {chunk}");
    }
}

/// A text of a few blocks: numbers tell lines apart, every seventh cell is quoted and holds a line end.
fn long_csv(records: usize) -> Vec<u8> {
    let mut text = b"a,b\n".to_vec();
    for i in 0..records {
        let filler = "x".repeat(i % 97 + 1);
        let record =
            if i % 7 == 0 { format!("{i},\"{filler}\n,\"\"{filler}\"\n") } else { format!("{i},{filler}\"\r\n") };
        text.extend_from_slice(record.as_bytes());
    }
    text
}

#[test]
fn blocks_of_long_texts_hold_whole_records() {
    let text = long_csv(60_000);
    let whole = everything(&csv(), &text, text.len());
    assert_eq!(whole.0.len(), 60_000);
    assert!(whole.2.is_empty());
    assert!(decode_chunks(&csv(), &text, text.len()).len() > 2, "the text is longer than two blocks");
    for chunk in [64 << 10, 1_000_003, 3 << 20] {
        assert_eq!(everything(&csv(), &text, chunk), whole, "chunks of {chunk}");
    }
    let lines: Vec<u8> = (0..100_000).flat_map(|i| format!("{{\"a\":\"{i:040}\"}}\n").into_bytes()).collect();
    let whole = everything(&json(), &lines, lines.len());
    assert_eq!(whole.0.len(), 100_000);
    assert_eq!(whole.0[99_999], format!("100000: {:040}", 99_999));
    for chunk in [64 << 10, 1_000_003, 3 << 20] {
        assert_eq!(everything(&json(), &lines, chunk), whole, "chunks of {chunk}");
    }
}

#[test]
fn a_record_that_is_too_long_is_rejected_in_bounded_memory() {
    let source = json();
    let decoder = crate::decode::TextDecoder::new(&source, None).unwrap();
    let mut splitter = Splitter::new(&source.format);
    let mut blocks = Vec::new();
    blocks.extend(splitter.push(Bytes::from_static(b"{\"a\":\"first\"}\n{\"a\":\"")));
    let filler = Bytes::from(vec![b'x'; 1 << 20]);
    for _ in 0..100 {
        blocks.extend(splitter.push(filler.clone()));
    }
    blocks.extend(splitter.push(Bytes::from_static(b"\"}\n{\"a\":\"last\"}\n")));
    blocks.extend(splitter.finish());
    assert!(blocks.iter().all(|block| block.bytes.len() <= MAX_RECORD + (4 << 20)));
    let decoded: Vec<_> = blocks.iter().map(|block| decoder.decode(block, None)).collect();
    assert_eq!(decoded.iter().flat_map(rows).collect::<Vec<_>>(), ["1: first", "3: last"]);
    assert_eq!(decoded.iter().flat_map(rejects).collect::<Vec<_>>(), ["2 too_long: the line is longer than 64 MiB"]);
    assert_eq!(decoded.last().unwrap().offsets, [14 + 6 + (100 << 20) + 3]);
}

proptest! {
    #[test]
    fn chunks_do_not_show_in_any_csv(text in proptest::collection::vec(prop::sample::select(&b"ab,\"\n\r 1"[..]), 0..60), chunk in 1usize..8) {
        prop_assert_eq!(everything(&csv(), &text, chunk), everything(&csv(), &text, text.len()));
    }

    #[test]
    fn chunks_do_not_show_in_any_ndjson(text in proptest::collection::vec(prop::sample::select(&b"{}\"a:,\n\r 1\xEF\xBB\xBF"[..]), 0..60), chunk in 1usize..8) {
        prop_assert_eq!(everything(&json(), &text, chunk), everything(&json(), &text, text.len()));
    }
}
