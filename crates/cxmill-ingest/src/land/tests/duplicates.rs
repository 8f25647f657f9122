//! `unique_key`: exact among rows of one event date, wherever they came from.

use super::*;

const DAY: &str = "2026-01-02T10:00:00Z";

fn outcomes(landing: &Landing) -> Vec<(u64, u64, u64, u64)> {
    landing.files.iter().map(|file| (file.read, file.accepted, file.quarantined, file.duplicate)).collect()
}

#[tokio::test]
async fn a_duplicate_is_dropped_within_a_file_and_across_files() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    let first = line("a", DAY, 1) + &line("b", DAY, 2) + &line("a", DAY, 1);
    let second = line("b", DAY, 2) + &line("c", DAY, 3);
    let landing = bench.land(&[("1.ndjson", first.as_bytes()), ("2.ndjson", second.as_bytes())]).await.unwrap();
    assert_eq!(outcomes(&landing), [(3, 2, 0, 1), (2, 1, 0, 1)]);
    assert_eq!(bench.rows().await.len(), 3);
    assert!(landing.quarantine.is_empty());
}

#[tokio::test]
async fn a_duplicate_is_dropped_across_batches() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    bench.land(&[("1.ndjson", line("a", DAY, 1).as_bytes())]).await.unwrap();
    bench.land(&[("2.ndjson", line("b", DAY, 1).as_bytes())]).await.unwrap();
    let again = line("b", DAY, 1) + &line("a", DAY, 1) + &line("c", DAY, 1);
    let landing = bench.land(&[("3.ndjson", again.as_bytes())]).await.unwrap();
    assert_eq!(outcomes(&landing), [(3, 1, 0, 2)]);
    let landing = bench.land(&[("4.ndjson", again.as_bytes())]).await.unwrap();
    assert_eq!(outcomes(&landing), [(3, 0, 0, 3)]);
    assert!(landing.landed.is_empty() && landing.newest_event.is_none());
    assert_eq!(bench.rows().await.len(), 3);
}

#[tokio::test]
async fn a_conflict_goes_to_quarantine_and_the_first_row_stays() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    bench.land(&[("1.ndjson", line("a", DAY, 1).as_bytes())]).await.unwrap();
    let text = line("a", DAY, 2) + &line("b", DAY, 3) + &line("b", DAY, 4) + &line("b", DAY, 3);
    let landing = bench.land(&[("2.ndjson", text.as_bytes())]).await.unwrap();
    assert_eq!(outcomes(&landing), [(4, 1, 2, 1)]);
    assert_eq!(bench.rejects(&landing).await, ["2.ndjson:1 conflict id", "2.ndjson:3 conflict id"]);
    assert_eq!(landing.by_rule, BTreeMap::from([("conflict".to_owned(), 2)]));
    let rows = bench.rows().await;
    assert!(rows[0].ends_with("|1") && rows[1].ends_with("|3"), "{rows:?}");
    let raw = read(&bench.state, &landing.quarantine[0].path, &["raw", "byte_offset"]).await;
    let customer = PrivateKey([7; 32]).hash(b"customer-of-a");
    let expected =
        format!("{{\"id\":\"a\",\"customer\":\"{customer}\",\"at\":\"2026-01-02T10:00:00Z\",\"score\":2}}|0");
    assert_eq!(raw[0], expected);
}

#[tokio::test]
async fn the_same_key_on_another_date_is_another_row() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    let text = line("a", DAY, 1) + &line("a", "2026-01-03T10:00:00Z", 1);
    let landing = bench.land(&[("1.ndjson", text.as_bytes())]).await.unwrap();
    assert_eq!(outcomes(&landing), [(2, 2, 0, 0)]);
}

#[tokio::test]
async fn a_duplicate_is_dropped_across_segments_of_a_batch() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    bench.memory = MIB;
    let text: String =
        (0..20_000).map(|n| line(&format!("id-{}", n % 9_000), DAY, i64::from(n % 9_000) % 11)).collect();
    let landing = bench.land(&[("1.ndjson", text.as_bytes())]).await.unwrap();
    assert_eq!(outcomes(&landing), [(20_000, 9_000, 0, 11_000)]);
    assert!(landing.landed.len() > 3, "several segments, not {}", landing.landed.len());
}

fn dated(id: &str, day: u32, score: i64) -> String {
    let date = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + chrono::Days::new(day.into());
    line(id, &format!("{date}T10:00:00Z"), score)
}

#[tokio::test]
async fn a_key_may_be_one_of_days_apart_or_of_all_days() {
    let text = [dated("a", 0, 1), dated("a", 30, 1), dated("a", 31, 1), dated("b", 100, 2), dated("b", 0, 3)].concat();
    for (within, expected) in [
        (UniqueWithin::Date, (5, 0, 0)),
        (UniqueWithin::Days(30), (4, 0, 1)),
        (UniqueWithin::Days(99), (3, 0, 2)),
        (UniqueWithin::All, (2, 1, 2)),
    ] {
        for batches in [false, true] {
            let mut bench = Bench::new(answers(Format::Ndjson));
            bench.source.unique_within = within;
            let mut sum = (0, 0, 0);
            let whole = [text.clone()];
            let lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
            for (number, text) in (if batches { lines.as_slice() } else { &whole }).iter().enumerate() {
                let landing = bench.land(&[(&format!("{number}.ndjson"), text.as_bytes())]).await.unwrap();
                let file = &landing.files[0];
                sum = (sum.0 + file.accepted, sum.1 + file.quarantined, sum.2 + file.duplicate);
            }
            assert_eq!(sum, expected, "{within:?}, each row in a batch of its own: {batches}");
        }
    }
}

#[tokio::test]
async fn a_row_that_was_sent_again_with_another_time_is_a_duplicate_where_other_dates_count() {
    let text = line("a", "2026-01-02T10:00:00Z", 1) + &line("a", "2026-01-02T11:00:00Z", 1);
    for (within, outcome) in [(UniqueWithin::Date, (2, 1, 1, 0)), (UniqueWithin::Days(1), (2, 1, 0, 1))] {
        let mut bench = Bench::new(answers(Format::Ndjson));
        bench.source.unique_within = within;
        let landing = bench.land(&[("1.ndjson", text.as_bytes())]).await.unwrap();
        assert_eq!(outcomes(&landing), [outcome]);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(32))]

    /// Against a list that is searched through: every row in order of arrival, with all rows that were accepted before it.
    #[test]
    fn rows_near_enough_are_told_apart_as_by_looking_at_all(
        rows in proptest::collection::vec((0..6_u8, 0..40_u32, 0..2_i64), 1..60),
        within in proptest::sample::select(vec![UniqueWithin::Date, UniqueWithin::Days(1), UniqueWithin::Days(9), UniqueWithin::All]),
        cut in 1..20_usize,
    ) {
        let mut accepted: Vec<(u8, u32, i64)> = Vec::new();
        let (mut duplicate, mut conflict) = (0, 0);
        for row in &rows {
            let near: Vec<_> =
                accepted.iter().filter(|(id, day, _)| *id == row.0 && day.abs_diff(row.1) <= within.days()).collect();
            match near.iter().any(|(_, _, score)| *score == row.2) {
                true => duplicate += 1,
                false if !near.is_empty() => conflict += 1,
                false => accepted.push(*row),
            }
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let sum = runtime.block_on(async {
            let mut bench = Bench::new(answers(Format::Ndjson));
            bench.source.unique_within = within;
            let mut sum = (0, 0, 0);
            for (number, rows) in rows.chunks(cut).enumerate() {
                let text: String = rows.iter().map(|(id, day, score)| dated(&id.to_string(), *day, *score)).collect();
                let landing = bench.land(&[(&format!("{number:04}.ndjson"), text.as_bytes())]).await.unwrap();
                let file = &landing.files[0];
                sum = (sum.0 + file.accepted, sum.1 + file.quarantined, sum.2 + file.duplicate);
            }
            let mut landed: Vec<String> = bench.rows().await;
            landed.sort();
            (sum, landed)
        });
        let mut expected: Vec<String> = Vec::new();
        for (id, day, score) in &accepted {
            let date = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + chrono::Days::new((*day).into());
            let customer = PrivateKey([7; 32]).hash(format!("customer-of-{id}").as_bytes());
            expected.push(format!("{date}: {id}|{customer}|{date}T10:00:00Z|{score}"));
        }
        expected.sort();
        proptest::prop_assert_eq!(sum, ((accepted.len() as u64, conflict, duplicate), expected));
    }
}
