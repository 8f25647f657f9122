//! Given rows → the bytes of a raw file in the format of their source.

use cxmill_spec::{CsvOptions, Encoding, Format, Given, Source};
use serde_json::{Map, Value};

/// Suffix of such a file.
pub(super) fn suffix(source: &Source) -> &'static str {
    if matches!(source.format, Format::Csv(_)) { "csv" } else { "ndjson" }
}

/// The file.
pub(super) fn file(source: &Source, given: &Given) -> Vec<u8> {
    match (given, &source.format) {
        (Given::Lines(text), Format::Csv(options)) => encoded(text, options.encoding),
        (Given::Lines(text), _) => text.clone().into_bytes(),
        (Given::Rows(rows), Format::Csv(options)) => encoded(&csv(source, options, rows), options.encoding),
        (Given::Rows(rows), _) => {
            rows.iter().map(|row| format!("{}\n", Value::Object(row.clone()))).collect::<String>().into_bytes()
        }
    }
}

/// Bytes of a text. A letter that ISO 8859-1 lacks becomes `?`, as most writers of such files have it.
fn encoded(text: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Latin1 => text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')).collect(),
    }
}

/// Delimited text with every field that a column of the source reads.
fn csv(source: &Source, options: &CsvOptions, rows: &[Map<String, Value>]) -> String {
    let fields = fields(source, options);
    let mut text = String::new();
    if options.header {
        line(&mut text, options, fields.iter().map(|field| Some(field.clone())));
    }
    for row in rows {
        line(&mut text, options, fields.iter().map(|field| row.get(field).and_then(cell)));
    }
    text
}

/// Names of the fields, in order. Without a header they are the column numbers from 1 to the greatest that is read.
fn fields(source: &Source, options: &CsvOptions) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    for name in source.columns.iter().filter_map(|column| column.from.first()) {
        if !named.contains(name) {
            named.push(name.clone());
        }
    }
    if options.header {
        return named;
    }
    let greatest = named.iter().filter_map(|number| number.parse::<usize>().ok()).max().unwrap_or(0);
    (1..=greatest).map(|number| number.to_string()).collect()
}

fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// One record. Text is quoted, so that whatever stands in it stays in its cell; an empty cell means NULL.
fn line(text: &mut String, options: &CsvOptions, cells: impl Iterator<Item = Option<String>>) {
    let quote = char::from(options.quote);
    let delimiter = char::from(options.delimiter.unwrap_or(b' '));
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            text.push(delimiter);
        }
        if let Some(cell) = cell {
            let doubled = cell.replace(quote, &format!("{quote}{quote}"));
            text.push_str(&format!("{quote}{doubled}{quote}"));
        }
    }
    text.push('\n');
}
