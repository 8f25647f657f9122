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
