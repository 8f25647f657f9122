//! Random input against referees: `serde_json` for NDJSON, `csv-core` for delimited text.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};
use cxmill_spec::{ColumnType, CsvOptions, Format};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{assert_balanced, decode, decode_chunks};
use crate::contract::testing::{column, from, source};

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_record() -> impl Strategy<Value = Map<String, Value>> {
    let text = proptest::option::of(any::<String>());
    let number = proptest::option::of(any::<i64>());
    let double = proptest::option::of(proptest::num::f64::NORMAL);
    let others = proptest::collection::btree_map("[x-z\"\\\\é]{1,3}", any_value(), 0..5);
    (text, number, double, any::<bool>(), others).prop_map(|(text, number, double, nested, others)| {
        let mut record: Map<String, Value> = others.into_iter().collect();
        record.insert("text".to_owned(), json!(text));
        if let Some(number) = number {
            record.insert("number".to_owned(), json!(number));
        }
        record.insert("deep".to_owned(), if nested { json!({"er": {"double": double}}) } else { Value::Null });
        record
    })
}

/// Escapes every character, so that the same record is written in its most escaped form.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>())
        .collect()
}

#[test]
fn a_number_beyond_a_double_is_no_matter_of_syntax() {
    let source = source(Format::Ndjson, vec![from(column("nothing", ColumnType::String), &["no such field"])]);
    assert_eq!(decode(&source, b"{\"x\":1e999}").batch.num_rows(), 1);
    assert_eq!(decode(&source, b"{\"x\":1e9992\"y\":1}").batch.num_rows(), 0);
}

proptest! {
    #[test]
    fn records_are_what_serde_json_reads(records in proptest::collection::vec(any_record(), 1..12), pretty: bool) {
        let source = source(Format::Ndjson, vec![
            column("text", ColumnType::String),
            column("number", ColumnType::Int64),
            from(column("double", ColumnType::Double), &["deep", "er", "double"]),
        ]);
        let mut text = String::new();
        for record in &records {
            let mut line = serde_json::to_string(record).unwrap();
            if pretty {
                line = serde_json::to_string_pretty(record).unwrap().replace('\n', "\t");
            }
            text.push_str(&line);
            text.push('\n');
        }
        let decoded = decode(&source, text.as_bytes());
        assert_balanced(&decoded);
        prop_assert_eq!(&decoded.rejects, &vec![]);
        for (row, line) in text.lines().enumerate() {
            let record: Value = serde_json::from_str(line).unwrap();
            let texts = decoded.batch.column(0).as_string::<i32>();
            prop_assert_eq!(texts.is_valid(row).then(|| texts.value(row)), record["text"].as_str());
            let numbers = decoded.batch.column(1).as_primitive::<Int64Type>();
            prop_assert_eq!(numbers.is_valid(row).then(|| numbers.value(row)), record["number"].as_i64());
            let doubles = decoded.batch.column(2).as_primitive::<Float64Type>();
            let found = doubles.is_valid(row).then(|| doubles.value(row));
            // The referee's default parser is off by one unit in the last place at times; the written text is the truth.
            let written = records[row]["deep"]["er"]["double"].as_f64();
            prop_assert_eq!(found, written);
            prop_assert_eq!(decoded.raw.raw(row), Some(line.to_owned()));
        }
    }

    #[test]
    fn escaped_strings_are_the_same_strings(text: String) {
        let source = source(Format::Ndjson, vec![column("text", ColumnType::String)]);
        let line = format!("{{\"{}\":\"{}\"}}", escaped("text"), escaped(&text));
        let decoded = decode(&source, line.as_bytes());
        prop_assert_eq!(decoded.batch.column(0).as_string::<i32>().value(0), &text);
    }

    #[test]
    fn a_line_is_accepted_if_and_only_if_serde_json_reads_an_object(
        record in any_record(), at in any::<prop::sample::Index>(), byte: u8, cut: bool,
    ) {
        let source = source(Format::Ndjson, vec![from(column("nothing", ColumnType::String), &["no such field"])]);
        let mut line = serde_json::to_string(&record).unwrap().into_bytes();
        let at = at.index(line.len());
        if cut { line.truncate(at) } else { line[at] = byte }
        prop_assume!(!line.contains(&b'\n') && !line.trim_ascii().is_empty());
        let decoded = decode(&source, &line);
        assert_balanced(&decoded);
        prop_assert_eq!(decoded.rows, 1);
        let referee = serde_json::from_slice::<Map<String, Value>>(&line);
        // The referee stops at a number beyond a double, which is no matter of syntax, and says nothing about the rest.
        prop_assume!(!referee.as_ref().is_err_and(|error| error.to_string().contains("out of range")));
        prop_assert_eq!(decoded.batch.num_rows() == 1, referee.is_ok(), "{}", String::from_utf8_lossy(&line));
    }

    #[test]
    fn any_bytes_balance(bytes in proptest::collection::vec(any::<u8>(), 0..400), latin1: bool, whitespace: bool) {
        let columns = vec![column("a", ColumnType::String), column("b", ColumnType::Int64)];
        let encoding = if latin1 { cxmill_spec::Encoding::Latin1 } else { cxmill_spec::Encoding::Utf8 };
        let delimiter = (!whitespace).then_some(b',');
        let formats = [
            Format::Ndjson,
            Format::Csv(CsvOptions { encoding, delimiter, ..CsvOptions::default() }),
            Format::Csv(CsvOptions { encoding, delimiter, header: false, ..CsvOptions::default() }),
        ];
        for format in formats {
            for decoded in decode_chunks(&source(format, columns.clone()), &bytes, 7) {
                assert_balanced(&decoded);
                for row in 0..decoded.batch.num_rows() {
                    prop_assert!(decoded.raw.raw(row).is_some());
                }
            }
        }
    }

    #[test]
    fn fields_are_told_apart_by_all_of_their_name(
        names in proptest::collection::btree_set("[ab]{1,20}", 2..6),
        lines in proptest::collection::vec(any::<u64>(), 1..5),
    ) {
        let names: Vec<String> = names.into_iter().collect();
        // The last name is a field of the record that no column is declared for.
        let declared = &names[..names.len() - 1];
        let columns = declared.iter().map(|name| column(name, ColumnType::Int64)).collect();
        let source = source(Format::Ndjson, columns);
        let mut text = String::new();
        for order in &lines {
            let turned = (*order as usize) % names.len();
            let fields = names.iter().enumerate().cycle().skip(turned).take(names.len());
            let fields: Vec<String> = fields
                .filter(|(i, _)| order >> (8 + i) & 3 != 0)
                .map(|(i, name)| format!("\"{name}\":{}{i}", if order >> 40 & 1 == 0 { "" } else { " " }))
                .collect();
            text.push_str(&format!("{{{}}}\n", fields.join(",")));
        }
        let decoded = decode(&source, text.as_bytes());
        prop_assert_eq!(&decoded.rejects, &vec![]);
        for (row, order) in lines.iter().enumerate() {
            for (i, values) in decoded.batch.columns().iter().enumerate() {
                let values = values.as_primitive::<Int64Type>();
                let expected = (order >> (8 + i) & 3 != 0).then_some(i as i64);
                prop_assert_eq!(values.is_valid(row).then(|| values.value(row)), expected);
            }
        }
    }

    #[test]
    fn cells_between_blanks_are_what_the_standard_library_splits(
        records in proptest::collection::vec(proptest::collection::vec("[a-cé\"]{0,3}[a-c]{1,40}", 3), 1..8),
        blanks in "[ \t]{1,3}",
        end in "[ \t]{0,2}\r?",
    ) {
        let columns = ["x", "y", "z"].map(|name| column(name, ColumnType::String)).to_vec();
        let options = CsvOptions { header: false, delimiter: None, quote: b'|', ..CsvOptions::default() };
        let text: String = records.iter().map(|record| format!("{}{end}\n", record.join(&blanks))).collect();
        let decoded = decode(&source(Format::Csv(options), columns), text.as_bytes());
        prop_assert_eq!(&decoded.rejects, &vec![]);
        for (row, line) in text.lines().enumerate() {
            let found: Vec<&str> =
                decoded.batch.columns().iter().map(|array| array.as_string::<i32>().value(row)).collect();
            prop_assert_eq!(found, line.split_ascii_whitespace().collect::<Vec<_>>());
        }
    }

    #[test]
    fn cells_are_what_csv_core_reads(
        records in proptest::collection::vec(
            proptest::collection::vec(
                prop_oneof![4 => "[a-c,\"\n\r é]{0,6}", 1 => "[a-c,\"\n\r é]{0,90}", 1 => "[a-c]{50,80}"], 3,
            ),
            1..8,
        ),
        quote_all: bool,
    ) {
        let columns = ["x", "y", "z"].map(|name| column(name, ColumnType::String)).to_vec();
        let source = source(Format::Csv(CsvOptions { header: false, ..CsvOptions::default() }), columns);
        let mut text = String::new();
        for record in &records {
            let cells: Vec<String> = record
                .iter()
                .map(|cell| match quote_all || cell.contains([',', '"', '\n', '\r']) {
                    true => format!("\"{}\"", cell.replace('"', "\"\"")),
                    false => cell.clone(),
                })
                .collect();
            text.push_str(&cells.join(","));
            text.push('\n');
        }
        let decoded = decode(&source, text.as_bytes());
        prop_assert_eq!(&decoded.rejects, &vec![]);
        let expected = csv_core_records(text.as_bytes());
        prop_assert_eq!(decoded.batch.num_rows(), expected.len());
        for (row, record) in expected.iter().enumerate() {
            for (column, cell) in record.iter().enumerate() {
                let array = decoded.batch.column(column).as_string::<i32>();
                prop_assert_eq!(array.value(row), if array.is_valid(row) { cell.as_str() } else { "" });
                prop_assert!(array.is_valid(row) || cell.is_empty());
            }
        }
    }
}

fn csv_core_records(text: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv_core::Reader::new();
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), Vec::new());
    let mut input = text;
    loop {
        let mut out = [0; 64];
        let (result, read, written) = reader.read_field(input, &mut out);
        input = &input[read..];
        cell.extend_from_slice(&out[..written]);
        match result {
            csv_core::ReadFieldResult::Field { record_end } => {
                record.push(String::from_utf8(std::mem::take(&mut cell)).unwrap());
                if record_end {
                    records.push(std::mem::take(&mut record));
                }
            }
            csv_core::ReadFieldResult::End => return records,
            csv_core::ReadFieldResult::InputEmpty | csv_core::ReadFieldResult::OutputFull => {}
        }
    }
}
