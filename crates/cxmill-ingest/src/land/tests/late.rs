//! `late_after`: held against the time at which the file was put.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::*;

/// A bench whose rows may be a month late, and a file of these lines put at a time.
async fn put(text: &str, put: &str, change: impl FnOnce(&mut Bench)) -> (Bench, Landing) {
    let mut bench = Bench::new(answers(Format::Ndjson));
    bench.source.late_after = Some(Duration::from_secs(30 * 86_400));
    change(&mut bench);
    let path = Path::from("raw/1.ndjson");
    bench.place.store.put(&path, Bytes::from(text.to_owned()).into()).await.unwrap();
    let mut found = discover(&bench.place, &|_, _| Seen::New).await.unwrap().new;
    found[0].modified = put.parse::<DateTime<Utc>>().unwrap();
    let landing = bench.land_raw(&found).await.unwrap();
    (bench, landing)
}

#[tokio::test]
async fn a_row_is_late_by_the_time_of_its_own_file() {
    let text = [
        line("a", "2026-01-01T09:59:59Z", 1),
        line("b", "2026-01-01T10:00:00Z", 2),
        line("c", "2026-01-20T10:00:00Z", 99),
        line("d", "2025-01-01T10:00:00Z", 3),
    ]
    .concat();
    let (bench, landing) = put(&text, "2026-01-31T10:00:00Z", |_| {}).await;
    assert_eq!(bench.rejects(&landing).await, ["1.ndjson:1 late at", "1.ndjson:3 between score", "1.ndjson:4 late at"]);
    assert_eq!(landing.by_rule, BTreeMap::from([("between".to_owned(), 1), ("late".to_owned(), 2)]));
    let file = &landing.files[0];
    assert_eq!((file.read, file.accepted, file.quarantined), (4, 1, 3));
    let message = "its event is of 2026-01-01T09:59:59Z, more than 30d before its file was put (2026-01-31T10:00:00Z)";
    assert_eq!(landing.reasons[0].message, message);
    let rows = read(&bench.state, &landing.quarantine[0].path, &["raw", "byte_offset"]).await;
    let customer = PrivateKey([7; 32]).hash(b"customer-of-a");
    assert!(rows[0].contains(&customer) && rows[0].ends_with("|0"), "{rows:?}");
    let (_, landing) = put(&text, "1980-01-01T00:00:00Z", |_| {}).await;
    assert_eq!(landing.by_rule.get("late"), None, "a time that was made up says nothing");
}

#[tokio::test]
async fn a_date_is_late_when_all_of_the_day_is_and_rows_without_a_key_are_told_too() {
    let date = |day: &str| format!("{{\"id\":\"a\",\"at\":\"{day}\",\"score\":1}}\n");
    let text = ["2026-01-01", "2026-01-02", "2026-01-31"].map(date).concat();
    let dated = |bench: &mut Bench| {
        bench.source.columns[2].data_type = ColumnType::Date(cxmill_spec::DateFormat::Iso8601);
        bench.source.unique_key.clear();
        // Half past eleven at night in London is the day after in Stockholm.
        bench.source.time_zone = chrono_tz::Europe::Stockholm;
    };
    let (bench, landing) = put(&text, "2026-01-31T23:30:00Z", dated).await;
    assert_eq!(bench.rejects(&landing).await, ["1.ndjson:1 late at"]);
    assert_eq!(landing.files[0].accepted, 2);
}

#[tokio::test]
async fn late_rows_of_an_export_are_told_by_their_numbers() {
    let text = line("a", "2026-01-01T00:00:00Z", 1) + &line("b", "2026-01-31T00:00:00Z", 2);
    let (mut bench, landing) = put(&text, "2026-02-01T00:00:00Z", |_| {}).await;
    assert_eq!(bench.rejects(&landing).await, ["1.ndjson:1 late at"]);
    // Once more may be late, the row is found again.
    bench.source.late_after = Some(Duration::from_secs(31 * 86_400));
    bench.records = vec![Records::At([1].into())];
    let mut found = discover(&bench.place, &|_, _| Seen::New).await.unwrap().new;
    found[0].modified = "2026-02-01T00:00:00Z".parse().unwrap();
    let landing = bench.land_raw(&found).await.unwrap();
    assert_eq!((landing.files[0].read, landing.files[0].accepted), (1, 1));
}
