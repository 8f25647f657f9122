//! What valid files mean.

use std::time::Duration;

use cxmill_spec::check::Bound;
use cxmill_spec::{
    CheckKind, ColumnType, Encoding, ErrorBudget, Format, Granularity, History, Kind, Literal, Rule, Severity, Source,
    Strategy, TimestampFormat, contract_fingerprint,
};

use crate::support::{pipeline, project, valid};

const SOURCE: &str = "\
sources:
  orders:
    description: Orders of the shops.
    location: ${raw}/orders/*.csv.gz
    csv: {delimiter: ';', header: true, encoding: latin-1, null_values: [NA, '-']}
    columns:
      order_id: string
      at: {type: timestamp, required: true, format: '%d/%m/%Y %H:%M', from: Ordered At}
      amount: {type: 'decimal(18, 2)', between: [0, 99.5]}
      channel: {type: string, one_of: [web, 1, yes, on]}
      items: {type: int16, one_of: [1, '2', 0x10]}
      day: {type: date, between: [2020-01-01, null]}
      seen: {type: timestamp, between: [null, '2026-07-01T00:00']}
      email: {type: string, private: true, length: [3, null], matches: '^\\S+@\\S+$'}
      zip: {type: string, length: 5}
    event_time: at
    time_zone: Europe/Paris
    unique_key: [order_id]
    error_budget: 20 rows
";

fn orders(text: &str) -> Source {
    valid(project(&[("config/default.yaml", "raw: s3://bucket/raw/\n")], &[("pipelines/p.yaml", text)])).sources["orders"]
        .clone()
}

#[test]
fn a_source_is_read_as_written() {
    let source = orders(SOURCE);
    assert_eq!(source.location, "s3://bucket/raw/orders/*.csv.gz");
    let Format::Csv(csv) = &source.format else { panic!("not csv") };
    assert_eq!((csv.delimiter, csv.quote, csv.encoding), (Some(b';'), b'"', Encoding::Latin1));
    assert_eq!(csv.null_values, ["NA", "-"]);
    assert_eq!(source.error_budget, ErrorBudget::Rows(20));
    let column = |name: &str| source.column(name).unwrap();
    assert_eq!(column("at").from, ["Ordered At"]);
    assert_eq!(column("at").data_type, ColumnType::Timestamp(TimestampFormat::Strptime("%d/%m/%Y %H:%M".into())));
    assert!(matches!(
        &column("amount").rules[..],
        [Rule::Between(Some(Literal::Decimal(0)), Some(Literal::Decimal(9950)))]
    ));
    let text = |value: &str| Literal::String(value.into());
    let Rule::OneOf(channels) = &column("channel").rules[0] else { panic!("not one_of") };
    assert_eq!(channels, &[text("web"), text("1"), text("yes"), text("on")]);
    let Rule::OneOf(items) = &column("items").rules[0] else { panic!("not one_of") };
    assert_eq!(items, &[Literal::Int(1), Literal::Int(2), Literal::Int(16)]);
    // Midnight of a summer day in Paris.
    let Rule::Between(None, Some(Literal::Timestamp(seen))) = &column("seen").rules[0] else { panic!("not between") };
    assert_eq!(seen.to_rfc3339(), "2026-06-30T22:00:00+00:00");
    assert!(matches!(&column("zip").rules[..], [Rule::Length(Some(5), Some(5))]));
    assert!(column("email").private && column("email").rules.len() == 2);
}

#[test]
fn a_snapshot_is_read_as_written() {
    let text = |more: &str| format!("sources:\n  orders:\n    location: x/*.csv\n{more}    columns: {{id: string}}\n");
    assert_eq!(orders(&text("")).kind, Kind::Events);
    assert_eq!(orders(&text("    kind: events\n")).kind, Kind::Events);
    assert_eq!(orders(&text("    kind: snapshot\n")).kind, Kind::Snapshot(History::Replace));
    let keeps = orders(&text("    kind: snapshot\n    history: keep\n"));
    assert!(keeps.is_snapshot() && keeps.keeps_history());
}

#[test]
fn paths_lead_into_nested_objects() {
    let text = "sources:\n  orders:\n    location: x.ndjson.zst\n    event_time: at\n    columns:\n      at: {type: date, required: true, from: a.b}\n      b: {type: string, from: [a.b, c]}\n";
    let source = orders(text);
    assert_eq!(source.format, Format::Ndjson);
    assert_eq!(source.columns[0].from, ["a", "b"]);
    assert_eq!(source.columns[1].from, ["a.b", "c"]);
}

#[test]
fn columns_without_a_header_go_by_number() {
    let text = "sources:\n  orders:\n    location: x.csv\n    csv: {header: false, delimiter: whitespace}\n    event_time: at\n    columns:\n      id: string\n      at: {type: date, required: true}\n      amount: {type: double, from: 7}\n";
    let source = orders(text);
    let from: Vec<_> = source.columns.iter().map(|column| column.from.join(".")).collect();
    assert_eq!(from, ["1", "2", "7"]);
    assert!(matches!(&source.format, Format::Csv(csv) if csv.delimiter.is_none() && !csv.header));
}

#[test]
fn a_model_is_read_as_written() {
    let text = "\
models:
  daily:
    sql: SELECT 1
    strategy: full
    grain: [day, channel]
    checks:
      - not_null: nps
      - between: {column: nps, min: -100, max: 99.5}
        severity: warn
      - one_of: {column: channel, values: [web, 1, true]}
      - row_count: {min: 1}
      - fresh: {column: day, within: 2w}
    output: {partition_by: {month: day, region: region}, sort_by: [day]}
  listed:
    sql: SELECT 1
    strategy: partition
    window: {before: 1d, after: 2w}
    output: {partition_by: [region, month]}
";
    let project = valid(pipeline(text));
    let model = &project.models["daily"];
    let names: Vec<_> = model.checks.iter().map(|check| check.kind.name()).collect();
    assert_eq!(names, ["not_null", "unique", "not_null", "between", "one_of", "row_count", "fresh"]);
    assert!(matches!(&model.checks[1].kind, CheckKind::Unique(columns) if *columns == model.grain));
    assert_eq!(model.checks[3].severity, Severity::Warn);
    let CheckKind::Between { min, max, .. } = &model.checks[3].kind else { panic!("not between") };
    assert_eq!((min, max), (&Some(Bound::Int(-100)), &Some(Bound::Double(99.5))));
    let CheckKind::OneOf { values, .. } = &model.checks[4].kind else { panic!("not one_of") };
    assert_eq!(values, &[Bound::Text("web".into()), Bound::Int(1), Bound::Boolean(true)]);
    assert!(
        matches!(model.checks[6].kind, CheckKind::Fresh { within, .. } if within == Duration::from_secs(14 * 86_400))
    );
    let keys: Vec<_> =
        model.output.partition_by.iter().map(|by| (by.key(), by.column.as_str(), by.granularity)).collect();
    assert_eq!(keys, [("month", "day", Some(Granularity::Month)), ("region", "region", None)]);
    assert_eq!((model.strategy, model.window), (Some(Strategy::Full), None));
    let listed = &project.models["listed"];
    assert_eq!(listed.strategy, Some(Strategy::Partition));
    assert_eq!(listed.window.map(|window| (window.before, window.after)), Some((1, 14)));
    // In a list every name is a column, whatever it is called.
    assert!(listed.output.partition_by.iter().all(|by| by.granularity.is_none()));
}

#[test]
fn fingerprints_follow_what_decides_about_rows() {
    let print = |text: &str| contract_fingerprint(&orders(text));
    let before = print(SOURCE);
    for (old, new) in [
        ("Orders of the shops.", "Orders."),
        ("/orders/*", "/shop/*"),
        ("20 rows", "1%"),
        ("order_id: string", "order_id: {type: string, description: Number of the order.}"),
        ("99.5]", "99.50]"),
    ] {
        assert_eq!(before, print(&SOURCE.replace(old, new)), "{new} changes no row");
    }
    for (old, new) in [
        ("order_id: string", "order_id: {type: string, required: true}"),
        ("99.5]", "99.51]"),
        ("Europe/Paris", "Europe/Rome"),
        ("    unique_key: [order_id]\n", ""),
        ("NA, '-'", "NA"),
        ("';'", "','"),
        ("Ordered At", "ordered_at"),
        ("%d/%m", "%m/%d"),
        ("private: true", "private: false"),
        ("length: 5", "length: 6"),
        ("    error_budget: 20 rows\n", "    unknown_fields: reject\n"),
    ] {
        assert_ne!(SOURCE, SOURCE.replace(old, new));
        assert_ne!(before, print(&SOURCE.replace(old, new)), "{new} changes rows");
    }
}

#[test]
fn a_contract_as_text_is_stable() {
    let text = "sources:\n  orders:\n    location: x.csv\n    event_time: at\n    columns:\n      at: {type: date, required: true, between: [2020-01-01, null]}\n      b: {type: string, from: \"a\\nb\", private: true, one_of: [x, 'y\"']}\n";
    insta::assert_snapshot!(orders(text).canonical(), @r#"
    contract 2
    format csv delimiter=Some(44) quote=34 header=true encoding=utf-8 null_values=[]
    time_zone UTC
    event_time at
    unique_key []
    column at from=["at"] private=false
    type at date
    required at true
    at_least at 2020-01-01
    column b from=["a\nb"] private=true
    type b string
    one_of b "x"
    one_of b "y\""
    "#);
    assert_eq!(contract_fingerprint(&orders(text)), "8d5a9186df883ab543ce605e68ac5826");
    // How a date is written decides about rows.
    let of = |format: &str| orders(&text.replace("type: date", &format!("type: date, format: '{format}'"))).canonical();
    assert_eq!(of("iso8601"), orders(text).canonical());
    assert!(of("%d/%m/%Y").contains("\ntype at date format=\"%d/%m/%Y\"\n"), "{}", of("%d/%m/%Y"));
}

#[test]
fn rows_of_an_older_contract_stand_where_nothing_is_forbidden_that_was_allowed() {
    let text = |columns: &str| {
        format!(
            "sources:\n  orders:\n    location: x.csv\n    event_time: at\n    columns:\n      at: {{type: date, required: true}}\n{columns}"
        )
    };
    let stands = |old: &str, new: &str| orders(&text(new)).keeps_rows_of(&orders(&text(old)).canonical());
    let one = |column: &str| format!("      a: {column}\n");
    for (strict, loose) in [
        ("{type: string, required: true}", "{type: string}"),
        ("{type: string, one_of: [x, y]}", "{type: string, one_of: [y, z, x]}"),
        ("{type: string, one_of: [x, y]}", "{type: string}"),
        ("{type: string, matches: '^x'}", "{type: string}"),
        ("{type: string, length: [2, 5]}", "{type: string, length: [1, 10]}"),
        ("{type: int8, between: [0, 10]}", "{type: int8, between: [-1, 100]}"),
        ("{type: int8, between: [0, 10]}", "{type: int8, between: [0, null]}"),
        ("{type: int8}", "{type: int32}"),
        ("{type: double, between: [0.5, 10]}", "{type: double, between: [0.25, 10]}"),
        ("{type: 'decimal(4, 2)', between: [0, 10]}", "{type: 'decimal(18, 2)', between: [0, 10.5]}"),
        ("{type: date, between: [2020-01-01, null]}", "{type: date, between: [2019-12-31, null]}"),
        ("{type: timestamp, between: [2020-01-01, null]}", "{type: timestamp, between: [2019-12-31, null]}"),
    ] {
        assert!(stands(&one(strict), &one(strict)), "{strict} is itself");
        assert!(stands(&one(strict), &one(loose)), "{strict} to {loose}");
        assert!(!stands(&one(loose), &one(strict)), "{loose} to {strict}");
    }
    for (old, new) in [
        ("{type: string}", "{type: string, private: true}"),
        ("{type: string}", "{type: string, from: b}"),
        ("{type: string, matches: '^x'}", "{type: string, matches: 'x'}"),
        ("{type: int8}", "{type: double}"),
        ("{type: 'decimal(4, 2)'}", "{type: 'decimal(18, 3)'}"),
        ("{type: timestamp}", "{type: timestamp, format: epoch_s}"),
    ] {
        assert!(!stands(&one(old), &one(new)) && !stands(&one(new), &one(old)), "{old} and {new}");
    }
    assert!(stands("", &one("{type: string, one_of: [x]}")), "an optional column may come");
    assert!(!stands("", &one("{type: string, required: true}")), "a required one may not");
    assert!(!stands(&one("string"), ""), "and none may go");
    let rejects = |text: &str| text.replace("    event_time", "    unknown_fields: reject\n    event_time");
    let (plain, strict) = (orders(&text("")), orders(&rejects(&text(""))));
    assert!(plain.keeps_rows_of(&strict.canonical()) && !strict.keeps_rows_of(&plain.canonical()));
    let late =
        |limit: &str| orders(&text("").replace("    event_time", &format!("    late_after: {limit}\n    event_time")));
    assert!(late("30d").keeps_rows_of(&late("29d").canonical()) && plain.keeps_rows_of(&late("1d").canonical()));
    assert!(!late("29d").keeps_rows_of(&late("30d").canonical()) && !late("30d").keeps_rows_of(&plain.canonical()));
}
