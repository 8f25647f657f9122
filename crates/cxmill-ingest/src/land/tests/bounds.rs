//! Memory, threads, stopping: what may change how fast a batch lands, but not what lands.

use std::time::Duration;

use super::*;

/// Rows of some hundred days, out of order, with some bad ones and some duplicates.
fn history(rows: u64) -> String {
    (0..rows)
        .map(|n| {
            let n = if n % 50 == 49 { n - 7 } else { n };
            let (day, second) = ((n * 37) % 90, (n * 7_919) % 86_400);
            let date = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + chrono::Days::new(day);
            let at = format!("{date}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
            line(&format!("id-{n}"), &at, i64::try_from(n % 12).unwrap())
        })
        .collect()
}

async fn contents(store: &Arc<dyn ObjectStore>, paths: impl Iterator<Item = &Path>) -> Vec<(String, Bytes)> {
    let mut contents = Vec::new();
    for path in paths {
        contents.push((path.to_string(), store.get(path).await.unwrap().bytes().await.unwrap()));
    }
    contents
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_change_nothing() {
    let texts: Vec<String> = (0..6).map(|n| history(4_000 + n * 1_500)).collect();
    let names: Vec<String> = (0..6).map(|n| format!("{n}.ndjson")).collect();
    let files: Vec<(&str, &[u8])> =
        names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let mut seen = Vec::new();
    for threads in [1, 2, 8] {
        let mut bench = Bench::new(answers(Format::Ndjson));
        (bench.threads, bench.memory) = (threads, 4 * MIB);
        let landing = bench.land(&files).await.unwrap();
        let landed = contents(&bench.state, landing.landed.iter().map(|part| &part.path)).await;
        let quarantine = contents(&bench.state, landing.quarantine.iter().map(|part| &part.path)).await;
        seen.push((landed, quarantine, landing.files, landing.reasons, landing.newest_event));
    }
    assert!(seen[0].0.len() > 90, "several segments");
    assert!(seen[0] == seen[1] && seen[1] == seen[2], "landed bytes depend on the number of threads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_within_its_bound() {
    let text = history(150_000);
    let mut rows = Vec::new();
    for memory in [4 * MIB, 64 * MIB] {
        let mut bench = Bench::new(answers(Format::Ndjson));
        bench.memory = memory;
        let landing = bench.land(&[("1.ndjson", text.as_bytes())]).await.unwrap();
        let peak = bench.progress.peak.load(Ordering::Relaxed);
        assert!(peak > 0 && peak < memory, "peak {peak} of {memory}");
        // No more than one object a date and segment.
        let segments = landing.landed.len().div_ceil(90);
        assert!(landing.landed.len() <= 90 * segments && segments <= 40, "{} objects", landing.landed.len());
        let mut landed = bench.rows().await;
        landed.sort_unstable();
        rows.push((landed, landing.files, landing.by_rule, landing.newest_event));
    }
    assert!(text.len() as u64 > 3 * 4 * MIB, "the file is larger than the memory");
    assert!(rows[0] == rows[1], "what lands depends on memory");
}

#[tokio::test]
async fn quarantine_is_written_in_parts() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    bench.memory = MIB;
    let text: String = (0..3_000).map(|n| line(&format!("id-{n}"), "2026-01-02T10:00:00Z", 99)).collect();
    let landing = bench.land(&[("1.ndjson", text.as_bytes())]).await.unwrap();
    assert!(landing.quarantine.len() > 3, "{} parts", landing.quarantine.len());
    assert_eq!(landing.reasons.len(), 10);
    assert_eq!(bench.rejects(&landing).await.len(), 3_000);
}

#[tokio::test]
async fn many_small_files_land_in_order() {
    let texts: Vec<String> = (0..300).map(|n| line(&format!("id-{n}"), "2026-01-02T10:00:00Z", n % 11)).collect();
    let names: Vec<String> = (0..300).map(|n| format!("{n:03}.ndjson")).collect();
    let files: Vec<(&str, &[u8])> =
        names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let mut bench = Bench::new(answers(Format::Ndjson));
    let landing = bench.land(&files).await.unwrap();
    assert_eq!(landing.landed.len(), 1);
    let ids: Vec<String> = bench
        .rows()
        .await
        .iter()
        .map(|row| row.trim_start_matches("2026-01-02: ").split('|').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        ids,
        (0..300).map(|n| format!("id-{n}")).collect::<Vec<_>>(),
        "rows of one time stay in order of arrival"
    );
}

#[tokio::test]
async fn a_stop_is_heard() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    let text = history(50_000);
    let progress = Arc::clone(&bench.progress);
    progress.stop.store(true, Ordering::Relaxed);
    let landing = tokio::time::timeout(Duration::from_secs(10), bench.land(&[("1.ndjson", text.as_bytes())])).await;
    assert!(matches!(landing.unwrap(), Err(IngestError::Interrupted)));
}

#[tokio::test]
async fn a_state_root_that_refuses_is_an_error_with_the_object() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(answers(Format::Ndjson));
    bench.state = Arc::new(object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    // A file stands where a folder is needed.
    std::fs::write(folder.path().join("landed"), b"").unwrap();
    let error = bench.land(&[("1.ndjson", line("a", "2026-01-02T10:00:00Z", 1).as_bytes())]).await.unwrap_err();
    assert_eq!(error.to_string(), "writing landed/date=2026-01-02/1-0.parquet");
}
