mod csv;
mod ndjson;
mod random;
mod split;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use cxmill_spec::Source;

use super::{Block, Decoded, Splitter, TextDecoder};
use crate::contract::testing::KEY;

/// Decodes a text as one object that arrives in chunks of a size.
fn decode_chunks(source: &Source, text: &[u8], chunk: usize) -> Vec<Decoded> {
    let decoder = TextDecoder::new(source, Some(&KEY)).unwrap();
    let mut splitter = Splitter::new(&source.format);
    let mut blocks = Vec::new();
    for part in text.chunks(chunk.max(1)) {
        blocks.extend(splitter.push(Bytes::copy_from_slice(part)));
    }
    blocks.extend(splitter.finish());
    blocks.iter().map(|block| decoder.decode(block, splitter.header())).collect()
}

/// Decodes a text that fits one block.
fn decode(source: &Source, text: &[u8]) -> Decoded {
    let mut all = decode_chunks(source, text, text.len());
    assert!(all.len() < 2, "small texts are one block");
    all.pop().unwrap_or_else(|| {
        let block = Block { bytes: Bytes::new(), first_line: 1, offset: 0 };
        let empty =
            TextDecoder::new(&Source { format: cxmill_spec::Format::Ndjson, ..source.clone() }, Some(&KEY)).unwrap();
        empty.decode(&block, None)
    })
}

/// Accepted rows as text, each with its line: `1: a|b|∅`.
fn rows(decoded: &Decoded) -> Vec<String> {
    let options = FormatOptions::new().with_null("∅");
    let columns: Vec<_> =
        decoded.batch.columns().iter().map(|array| ArrayFormatter::try_new(array, &options).unwrap()).collect();
    (0..decoded.batch.num_rows())
        .map(|row| {
            let cells: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
            format!("{}: {}", decoded.lines[row], cells.join("|"))
        })
        .collect()
}

/// Rejects as text: `line rule: message`.
fn rejects(decoded: &Decoded) -> Vec<String> {
    decoded.rejects.iter().map(|reject| format!("{} {}: {}", reject.line, reject.rule, reject.message)).collect()
}

/// Every number and every record must be where the object says it is.
fn assert_balanced(decoded: &Decoded) {
    assert_eq!(decoded.rows as usize, decoded.batch.num_rows() + decoded.rejects.len());
    assert_eq!(decoded.lines.len(), decoded.batch.num_rows());
    assert_eq!(decoded.offsets.len(), decoded.batch.num_rows());
}
