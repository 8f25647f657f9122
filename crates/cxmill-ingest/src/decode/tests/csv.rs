//! Delimited text, record by record.

use cxmill_spec::{ColumnType, CsvOptions, Encoding, Format, Source, UnknownFields};

use super::{assert_balanced, decode, decode_chunks, rejects, rows};
use crate::contract::testing::{KEY, column, from, private, required, source};
use crate::decode::{CsvHeader, TextDecoder};

fn orders(options: CsvOptions) -> Source {
    source(
        Format::Csv(options),
        vec![
            required(column("id", ColumnType::String)),
            column("amount", ColumnType::Decimal { precision: 10, scale: 2 }),
            column("note", ColumnType::String),
        ],
    )
}

fn plain() -> Source {
    orders(CsvOptions::default())
}

#[test]
fn cells_are_found_by_the_names_of_the_header() {
    let decoded = decode(&plain(), b"note, other ,id,\"amount\"\r\nhello,x,a,1.5\r\n\r\n,,b, 2 \nquick,,c,");
    assert_balanced(&decoded);
    assert_eq!(rejects(&decoded), Vec::<String>::new());
    assert_eq!(rows(&decoded), ["2: a|1.50|hello", "4: b|2.00|∅", "5: c|∅|quick"]);
    assert_eq!(decoded.raw.raw(0).as_deref(), Some("hello,x,a,1.5"));
}

#[test]
fn quoted_cells_hold_delimiters_line_ends_and_quotes() {
    let text = b"id,amount,note\na,1,\"one, two\nthree \"\"four\"\"\"\nb,\"2\",5\" pipe\nc,,\"\"\n\"d\",3,\"x\"\r\n";
    let decoded = decode(&plain(), text);
    assert_eq!(rejects(&decoded), Vec::<String>::new());
    assert_eq!(rows(&decoded), ["2: a|1.00|one, two\nthree \"four\"", "4: b|2.00|5\" pipe", "5: c|∅|", "6: d|3.00|x"]);
}

#[test]
fn broken_records_cost_themselves_only() {
    let text = b"id,amount,note\na,1\nb,1,x,y\n\"c\"x,1,n\n,1,x\nd,abc,x\ne,1,ok\nf,1,\"open\ng,1,z\n";
    let decoded = decode(&plain(), text);
    assert_balanced(&decoded);
    assert_eq!(rows(&decoded), ["7: e|1.00|ok"]);
    assert_eq!(
        rejects(&decoded),
        [
            "2 malformed: expected 3 cells, found 2",
            "3 malformed: expected 3 cells, found 4",
            "4 malformed: text follows the closing quote of cell 1",
            "5 required: id: a value is required, found none",
            "6 type: amount: expected a number of at most 10 digits, 2 of them after the point, found \"abc\"",
            "8 truncated: the quote of cell 3 is not closed before the object ends",
        ]
    );
    assert_eq!(decoded.rejects[0].raw.as_deref(), Some("a,1"));
    assert_eq!(decoded.rejects[5].raw.as_deref(), Some("f,1,\"open\ng,1,z"));
}

#[test]
fn null_values_and_empty_cells_are_null() {
    let options = CsvOptions { null_values: vec!["NA".to_owned()], ..CsvOptions::default() };
    let decoded = decode(&orders(options), b"id,amount,note\na,NA,NA\nb,\"\",\"NA\"\nc,  ,  \n");
    assert_eq!(rows(&decoded), ["2: a|∅|∅", "3: b|∅|∅", "4: c|∅|  "]);
}

#[test]
fn other_delimiters_and_quotes() {
    let options = CsvOptions { delimiter: Some(b';'), quote: b'\'', ..CsvOptions::default() };
    let decoded = decode(&orders(options), b"id;amount;note\n'a;b';1;\"x\"\n");
    assert_eq!(rows(&decoded), ["2: a;b|1.00|\"x\""]);
}

#[test]
fn without_a_delimiter_blanks_separate() {
    let options = CsvOptions { delimiter: None, header: false, ..CsvOptions::default() };
    let decoded = decode(
        &orders(options),
        b"  00001 1997\t 29.33  \n\n00002  12   77  \r\n \n00003 1.999 x\n\"4 b\" 5 \"a  b\" ",
    );
    assert_eq!(rows(&decoded), ["1: 00001|1997.00|29.33", "3: 00002|12.00|77", "6: 4 b|5.00|a  b"]);
    assert_eq!(decoded.rejects.len(), 1);
    assert_eq!(decoded.rejects[0].line, 5);
}

#[test]
fn without_a_header_columns_go_by_number_or_position() {
    let options = CsvOptions { header: false, ..CsvOptions::default() };
    let by_position = decode(&orders(options.clone()), b"a,1,x\nb,2\n");
    assert_eq!(rows(&by_position), ["1: a|1.00|x"]);
    assert_eq!(rejects(&by_position), ["2 malformed: expected 3 cells, found 2"]);
    let picked = source(
        Format::Csv(options),
        vec![from(column("last", ColumnType::String), &["3"]), from(column("first", ColumnType::String), &["1"])],
    );
    let by_number = decode(&picked, b"a,1,x,more\nb,2\n");
    assert_eq!(rows(&by_number), ["1: x|a"]);
    assert_eq!(rejects(&by_number), ["2 malformed: expected at least 3 cells, found 2"]);
}

#[test]
fn a_header_that_does_not_fit_is_told_once() {
    let decoder = TextDecoder::new(&plain(), None).unwrap();
    let header = |names: &[&str]| CsvHeader { names: names.iter().map(|name| (*name).to_owned()).collect(), line: 1 };
    assert_eq!(decoder.check_header(&header(&["id", "amount", "note", "x"])), None);
    assert_eq!(decoder.check_header(&header(&["id"])), None, "optional columns may be missing");
    let lacks = decoder.check_header(&header(&["ID", "amount"])).unwrap();
    assert_eq!((lacks.rule, lacks.message.as_str()), ("header", "the header lacks \"id\"; it names ID, amount"));
    for (cell, delimiter) in [("id;amount", ";"), ("id\tamount", "\\t"), ("id|amount", "|")] {
        let other = decoder.check_header(&header(&[cell])).unwrap();
        let hint = format!("; it names {cell}, one cell: is it `csv: {{delimiter: \"{delimiter}\"}}`?");
        assert!(other.message.ends_with(&hint), "{}", other.message);
    }
    let twice = decoder.check_header(&header(&["id", "id"])).unwrap();
    assert_eq!(twice.message, "the header names \"id\" twice");
    let strict = Source { unknown_fields: UnknownFields::Reject, ..plain() };
    let unknown = TextDecoder::new(&strict, None).unwrap().check_header(&header(&["id", "extra"])).unwrap();
    assert_eq!(
        (unknown.rule, unknown.message.as_str()),
        ("unknown_fields", "no column is declared for \"extra\" of the header")
    );
    let decoded = decode(&plain(), b"ID,amount\na,1\nb,2\n");
    assert_eq!(rejects(&decoded).len(), 2, "rows under such a header are never accepted");
}

#[test]
fn latin1_becomes_utf8() {
    let options = CsvOptions { encoding: Encoding::Latin1, ..CsvOptions::default() };
    let decoded = decode(&orders(options), b"id,amount,note\nJos\xe9,1,\"gr\xfc\xdf \"\"x\"\"\"\n");
    assert_eq!(rows(&decoded), ["2: José|1.00|grüß \"x\""]);
    assert_eq!(decoded.raw.raw(0).as_deref(), Some("José,1,\"grüß \"\"x\"\"\""));
    let utf8 = decode(&plain(), b"id,amount,note\nJos\xe9,1,\nb,1,\xc3\xa9\n");
    assert_eq!(rows(&utf8), ["3: b|1.00|é"]);
    assert_eq!(rejects(&utf8), ["2 encoding: byte 4 of the record is not UTF-8"]);
}

#[test]
fn nothing_to_read_is_no_error() {
    assert!(decode_chunks(&plain(), b"", 1).is_empty());
    assert!(decode_chunks(&plain(), b"\n\n", 1).is_empty());
    assert!(decode_chunks(&plain(), b"id,amount,note", 1).is_empty());
    assert!(decode_chunks(&plain(), b"\xEF\xBB\xBFid,amount,note\r\n", 2).is_empty());
}

#[test]
fn private_cells_are_hashed_everywhere() {
    let source = source(
        Format::Csv(CsvOptions::default()),
        vec![private(required(column("mail", ColumnType::String))), column("n", ColumnType::Int8)],
    );
    let text = b"n,mail\n1,secret@x\n999,secret@x\n999,\"secret@x\"\n1\nsecret@x\n1,\"secret@x\n";
    let decoded = decode(&source, text);
    let hash = KEY.hash(b"secret@x");
    assert_eq!(rows(&decoded), [format!("2: {hash}|1")]);
    assert_eq!(decoded.raw.raw(0), Some(format!("1,{hash}")));
    let raws: Vec<Option<&str>> = decoded.rejects.iter().map(|reject| reject.raw.as_deref()).collect();
    let masked = format!("999,{hash}");
    assert_eq!(raws, [Some(&*masked), Some(&*masked), None, None, None]);
    assert!(decoded.rejects.iter().all(|reject| !reject.message.contains("secret")));
}
