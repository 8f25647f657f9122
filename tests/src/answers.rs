//! Raw files for the fixture `small`.

use std::fmt::Write;

/// NDJSON of `count` answers of one day, ids from `first`; scores and channels follow from the id.
#[must_use]
pub fn answers(day: &str, first: u64, count: u64) -> String {
    let mut text = String::new();
    for id in first..first + count {
        let channel = ["web", "app", "store"][usize::try_from(id % 3).expect("a small number")];
        let (hour, minute, score) = (id % 24, id % 60, (id * 7) % 11);
        writeln!(
            text,
            r#"{{"answer_id":"a{id}","answered_at":"{day}T{hour:02}:{minute:02}:00Z","channel":"{channel}","score":{score}}}"#
        )
        .expect("a line");
    }
    text
}
