//! NDJSON, line by line.

use cxmill_spec::{ColumnType, Format, Source, UnknownFields};

use super::{assert_balanced, decode, rejects, rows};
use crate::contract::testing::{ISO, KEY, column, from, private, required, source};

fn answers() -> Source {
    source(
        Format::Ndjson,
        vec![
            required(column("id", ColumnType::String)),
            from(column("at", ISO), &["submitted", "at"]),
            column("score", ColumnType::Int8),
        ],
    )
}

/// Decodes one line into its row, or its rule and message.
fn one(line: &str) -> String {
    let decoded = decode(&answers(), line.as_bytes());
    assert_balanced(&decoded);
    rows(&decoded).into_iter().chain(rejects(&decoded)).collect::<Vec<_>>().join("; ")
}

#[test]
fn fields_are_found_in_any_order_and_depth() {
    let text = br#"{"id":"a","submitted":{"at":"2026-01-01T10:00:00Z"},"score":10}
{"score":3,"submitted":{"by":{"x":[1,{"y":"}"}]},"at":"2026-01-02 11:30:00+01:00"},"id":"b"}
{ "id" : "c" , "submitted" : null , "score" : "7" , "more" : [ ] }

{"id":"d","submitted":{},"score":null}
{"id":"e\u00e9\n\ud83d\ude00\"\/"}
"#;
    let decoded = decode(&answers(), text);
    assert_eq!(rejects(&decoded), Vec::<String>::new());
    assert_eq!(
        rows(&decoded),
        ["1: a|2026-01-01T10:00:00Z|10", "2: b|2026-01-02T10:30:00Z|3", "3: c|∅|7", "5: d|∅|∅", "6: eé\n😀\"/|∅|∅"]
    );
    for (row, offset) in decoded.offsets.iter().enumerate() {
        let raw = decoded.raw.raw(row).unwrap();
        assert!(text[*offset as usize..].starts_with(raw.as_bytes()), "{raw}");
    }
}

#[test]
fn malformed_lines_are_rejected_with_their_place() {
    let column = |what: &str, n: usize| format!("1 malformed: {what} (column {n} of the line)");
    let cases = [
        (r#"{"id":"a"}{"id":"b"}"#, column("expected the end of the line after the object", 11)),
        (r#"{"id":"a"} x"#, column("expected the end of the line after the object", 12)),
        (r#"[1]"#, column("expected an object", 1)),
        (r#""text""#, column("expected an object", 1)),
        (r#"{"id":"a""#, column("the line ends in the middle of a record", 10)),
        (r#"{"id":"a"#, column("the line ends in the middle of a record", 9)),
        (r#"{"id":"a",}"#, column("expected the name of a field", 11)),
        (r#"{"id" "a"}"#, column("expected : after the name of a field", 7)),
        (r#"{id:"a"}"#, column("expected the name of a field or }", 2)),
        (r#"{"id":"a","x":[1,2}"#, column("expected , or ]", 19)),
        (r#"{"id":"a","x":01}"#, column("expected , or }", 16)),
        (r#"{"id":"a","x":1.}"#, column("a number lacks a digit", 17)),
        (r#"{"id":"a","x":NaN}"#, column("expected a value", 15)),
        (r#"{"id":"a","x":nul}"#, column("expected a value", 15)),
        (r#"{"id":"é\x"}"#, column("an escape in a string is unknown", 9)),
        (r#"{"id":"\u12g4"}"#, column("an escape in a string is not \\u and four hex digits", 8)),
        (r#"{"id":"\ud83d"}"#, column("a surrogate in a string stands alone", 8)),
        (r#"{"id":"\udc00"}"#, column("a surrogate in a string stands alone", 8)),
        (r#"{"x":"\ud83d\u0041","id":"a"}"#, column("a surrogate in a string stands alone", 7)),
        ("{\"id\":\"a\tb\"}", column("a control character in a string is not escaped", 9)),
        (r#"{"id":"a","id":"b"}"#, "1 malformed: the field \"id\" is there twice".to_owned()),
        (
            r#"{"id":"a","submitted":{"at":null,"at":null}}"#,
            "1 malformed: the field \"submitted.at\" is there twice".to_owned(),
        ),
        ("nonsense", column("expected an object", 1)),
    ];
    for (line, expected) in cases {
        assert_eq!(one(line), expected, "{line}");
    }
}

#[test]
fn a_wrong_value_costs_its_row_and_names_the_rule() {
    assert_eq!(one(r#"{"score":1}"#), "1 required: id: a value is required, found none");
    assert_eq!(one(r#"{"id":null}"#), "1 required: id: a value is required, found none");
    assert_eq!(one(r#"{"id":5}"#), "1 type: id: expected a string, found 5");
    assert_eq!(one(r#"{"id":{"a":1}}"#), "1 type: id: expected a string, found an object");
    assert_eq!(one(r#"{"id":[1]}"#), "1 type: id: expected a string, found a list");
    assert_eq!(one(r#"{"id":true}"#), "1 type: id: expected a string, found true");
    assert_eq!(one(r#"{"id":"a","score":300}"#), "1 type: score: expected a whole number from -128 to 127, found 300");
    assert_eq!(
        one(r#"{"id":"a","submitted":"today"}"#),
        "1 type: at: expected an object at \"submitted\", found something else"
    );
    // Of several faults the one of the first declared column is told, whatever the order of fields.
    assert_eq!(one(r#"{"score":300}"#), "1 required: id: a value is required, found none");
    assert_eq!(one(r#"{"score":300,"id":5}"#), one(r#"{"id":5,"score":300}"#));
}

#[test]
fn a_rejected_row_leaves_nothing_behind() {
    let text = b"{\"id\":\"a\",\"score\":1}\n{\"id\":\"lost\",\"score\":999}\n{\"score\":4,\"id\":\n{\"id\":\"b\"}\r\n";
    let decoded = decode(&answers(), text);
    assert_eq!(rows(&decoded), ["1: a|∅|1", "4: b|∅|∅"]);
    assert_eq!(decoded.rejects.iter().map(|reject| reject.line).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(decoded.rejects[0].raw.as_deref(), Some(r#"{"id":"lost","score":999}"#));
    assert_eq!(decoded.rejects[1].raw.as_deref(), Some("{\"score\":4,\"id\":"));
    assert_eq!(decoded.raw.raw(1).as_deref(), Some(r#"{"id":"b"}"#));
    assert_eq!(decoded.raw.raw(2), None);
}

#[test]
fn bytes_that_are_not_utf8_cost_their_line_only() {
    let decoded = decode(&answers(), b"{\"id\":\"a\"}\n{\"id\":\"\xff\"}\n{\"id\":\"\xc3\xa4\"}\n");
    assert_eq!(rows(&decoded), ["1: a|∅|∅", "3: ä|∅|∅"]);
    assert_eq!(rejects(&decoded), ["2 encoding: byte 8 of the line is not UTF-8"]);
}

#[test]
fn a_byte_order_mark_carriage_returns_and_blank_lines_are_no_rows() {
    let decoded = decode(&answers(), b"\xEF\xBB\xBF{\"id\":\"a\"}\r\n\r\n   \n{\"id\":\"b\"}");
    assert_eq!(rows(&decoded), ["1: a|∅|∅", "4: b|∅|∅"]);
    assert_eq!(decoded.offsets, [3, 21]);
    assert_eq!(decode(&answers(), b"").rows, 0);
    assert_eq!(decode(&answers(), b"\xEF\xBB\xBF").rows, 0);
    assert_eq!(decode(&answers(), b"\n\n").rows, 0);
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{{\"id\":\"a\",\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(one(&nested(127)), "1: a|∅|∅");
    assert!(one(&nested(128)).contains("nested deeper than 128 levels"));
    assert!(one(&nested(100_000)).contains("nested deeper than 128 levels"));
}

#[test]
fn unknown_fields_are_rejected_where_the_source_says_so() {
    let strict = Source { unknown_fields: UnknownFields::Reject, ..answers() };
    let decoded = decode(
        &strict,
        b"{\"id\":\"a\",\"submitted\":{\"other\":1}}\n{\"id\":\"b\",\"extra\":1}\n{\"id\":\"c\",\"extra\":\n",
    );
    assert_eq!(rows(&decoded), ["1: a|∅|∅"]);
    assert_eq!(decoded.rejects[0].rule, "unknown_fields");
    assert_eq!(decoded.rejects[0].message, "no column is declared for the field \"extra\"");
    assert_eq!(decoded.rejects[1].rule, "malformed");
}

#[test]
fn one_field_may_feed_several_columns() {
    let source = source(
        Format::Ndjson,
        vec![
            column("text", ColumnType::String),
            from(column("number", ColumnType::Int64), &["text"]),
            private(from(column("hidden", ColumnType::Int64), &["text"])),
        ],
    );
    let decoded = decode(&source, b"{\"text\":\"07\"}\n");
    assert_eq!(rows(&decoded), [format!("1: 07|7|{}", KEY.hash(b"7"))]);
}

#[test]
fn private_values_are_hashed_everywhere() {
    let source = source(
        Format::Ndjson,
        vec![
            required(private(from(column("mail", ColumnType::String), &["who", "mail"]))),
            private(column("age", ColumnType::Int8)),
            column("score", ColumnType::Int8),
        ],
    );
    let text = br#"{"who":{"mail":"s\u0065cret@x","n":1},"age":42,"score":1}
{"who":{"mail":"secret@x"},"age":42,"score":999}
{"who":{"mail":"secret@x"},"age":999,"score":1}
{"\u0077ho":{"mail":"secret@x"},"score":[999]}
{"who":{"mail":["secret@x"]},"score":1}
{"who":{"mail":"secret@x"},"age":42,"score":1
{"who":{"mail":"secret@x","mail":"secret@y"},"score":1}
"#;
    let decoded = decode(&source, text);
    let hash = KEY.hash(b"secret@x");
    assert_eq!(rows(&decoded), [format!("1: {hash}|{}|1", KEY.hash(b"42"))]);
    assert_eq!(
        decoded.raw.raw(0).unwrap(),
        format!(r#"{{"who":{{"mail":"{hash}","n":1}},"age":"{}","score":1}}"#, KEY.hash(b"42"))
    );
    assert_eq!(decoded.rejects.len(), 6);
    for reject in &decoded.rejects {
        let told = format!("{} {}", reject.message, reject.raw.clone().unwrap_or_default());
        assert!(!told.contains("secret") && !told.contains("42"), "{told}");
    }
    assert_eq!(
        decoded.rejects[0].raw.as_deref(),
        Some(&*format!(r#"{{"who":{{"mail":"{hash}"}},"age":"{}","score":999}}"#, KEY.hash(b"42")))
    );
    let malformed = &decoded.rejects[4];
    assert_eq!((malformed.rule, &malformed.raw), ("malformed", &None));
}

#[test]
fn private_columns_need_a_key() {
    let source = source(Format::Ndjson, vec![private(column("mail", ColumnType::String))]);
    assert!(crate::decode::TextDecoder::new(&source, None).is_err());
}
