//! Event dates in the source's time zone, and rows that come late.

use super::*;

#[tokio::test]
async fn the_event_date_is_local() {
    let mut source = answers(Format::Ndjson);
    source.time_zone = chrono_tz::Europe::Stockholm;
    let mut bench = Bench::new(source);
    let text = line("a", "2026-01-01T22:59:59.999999Z", 1) + &line("b", "2026-01-01T23:00:00Z", 2);
    let landing = bench.land(&[("1.ndjson", text.as_bytes())]).await.unwrap();
    let dates: Vec<String> = landing.landed.iter().map(|part| part.date.to_string()).collect();
    assert_eq!(dates, ["2026-01-01", "2026-01-02"]);
}

#[tokio::test]
async fn a_date_column_is_its_own_event_date() {
    let mut source = answers(Format::Ndjson);
    source.columns[2].data_type = ColumnType::Date(cxmill_spec::DateFormat::Iso8601);
    source.time_zone = chrono_tz::America::New_York;
    let mut bench = Bench::new(source);
    let text = line("a", "2026-01-01", 1) + &line("b", "2026-01-03", 2);
    let landing = bench.land(&[("1.ndjson", text.as_bytes())]).await.unwrap();
    assert_eq!(
        landing.landed.iter().map(|part| part.date.to_string()).collect::<Vec<_>>(),
        ["2026-01-01", "2026-01-03"]
    );
    assert_eq!(landing.newest_event.unwrap().to_rfc3339(), "2026-01-03T05:00:00+00:00");
}

#[tokio::test]
async fn late_rows_join_the_date_they_belong_to() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    bench.land(&[("1.ndjson", line("a", "2026-02-01T10:00:00Z", 1).as_bytes())]).await.unwrap();
    let landing = bench.land(&[("2.ndjson", line("b", "2020-02-29T10:00:00Z", 2).as_bytes())]).await.unwrap();
    assert_eq!(landing.landed[0].date.to_string(), "2020-02-29");
    assert_eq!(landing.newest_event.unwrap().to_rfc3339(), "2020-02-29T10:00:00+00:00");
    assert_eq!(bench.landed.len(), 2);
}

#[tokio::test]
async fn a_row_dated_after_its_file_says_nothing_about_how_far_time_has_come() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    let text = line("a", "2026-01-02T10:00:00Z", 1) + &line("b", "2199-01-01T00:00:00Z", 2);
    let landing = bench.land(&[("1.ndjson", text.as_bytes())]).await.unwrap();
    assert_eq!(landing.files[0].accepted, 2, "it is landed all the same");
    assert_eq!(landing.newest_event.unwrap().to_rfc3339(), "2026-01-02T10:00:00+00:00");
    assert_eq!(landing.newest_future.unwrap().to_rfc3339(), "2199-01-01T00:00:00+00:00");
}
