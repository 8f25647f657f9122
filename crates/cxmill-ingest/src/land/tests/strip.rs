//! Landed rows of single raw files are taken out again.

use std::collections::HashSet;

use super::*;
use crate::land::strip::{Stripped, strip};
use crate::land::trace;

async fn stripped(bench: &Bench, from: &Path, files: &[&str]) -> Stripped {
    let files = Arc::new(files.iter().map(|file| trace(file)).collect::<HashSet<_>>());
    strip(&bench.state, from, &Path::from("copy"), &bench.source, 9, &files).await.unwrap()
}

#[tokio::test]
async fn a_copy_lacks_the_rows_of_a_file_and_nothing_else() {
    for keyed in [true, false] {
        let mut bench = Bench::new(answers(Format::Ndjson));
        if !keyed {
            bench.source.unique_key.clear();
        }
        bench.traces = ["1", "2", "3"].map(trace).to_vec();
        let day = "2026-01-02T10:00:00Z";
        let files = [("a", 1), ("b", 2), ("c", 3)]
            .map(|(id, score)| line(id, day, score) + &line(&format!("{id}{id}"), day, 7));
        let named: Vec<(&str, &[u8])> =
            ["1.ndjson", "2.ndjson", "3.ndjson"].into_iter().zip(files.iter().map(String::as_bytes)).collect();
        let landing = bench.land(&named).await.unwrap();
        let from = landing.landed[0].path.clone();
        let newest = landing.files[1].newest_event.unwrap().to_rfc3339();
        assert_eq!(newest, "2026-01-02T10:00:00+00:00");
        let before = batches(&bench.state, &from).await;
        assert_eq!(stripped(&bench, &from, &["4"]).await, Stripped::Whole);
        assert_eq!(stripped(&bench, &from, &["1", "2", "3"]).await, Stripped::Nothing);
        let Stripped::Copy { rows, bytes } = stripped(&bench, &from, &["2", "4"]).await else { panic!("no copy") };
        let copy = Path::from("copy");
        assert_eq!((rows, bytes), (4, bench.state.head(&copy).await.unwrap().size));
        assert_eq!(read(&bench.state, &copy, &["id", "score"]).await, ["a|1", "aa|7", "c|3", "cc|7"]);
        let after = batches(&bench.state, &copy).await;
        assert_eq!(after[0].schema(), before[0].schema(), "hidden columns and all");
        assert_eq!(stripped(&bench, &copy, &["2"]).await, Stripped::Whole);
    }
}

#[tokio::test]
async fn rows_that_do_not_tell_their_file_cannot_be_taken_out() {
    let mut bench = Bench::new(answers(Format::Ndjson));
    let landing = bench.land(&[("1.ndjson", line("a", "2026-01-02T10:00:00Z", 1).as_bytes())]).await.unwrap();
    let files = Arc::new(HashSet::from([trace("1")]));
    let error = strip(&bench.state, &landing.landed[0].path, &Path::from("copy"), &bench.source, 9, &files).await;
    assert!(error.unwrap_err().to_string().contains("do not tell their file"));
}
