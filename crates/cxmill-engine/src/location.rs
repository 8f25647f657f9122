//! Where a source's files are, and what happens when that place changes.
//!
//! A file is known by its path below the source's location, so a raw bucket that is copied, or a folder that is mounted
//! elsewhere, holds the same files. Whether a new place holds the files that were read is never guessed: either every one of
//! them is there, under the same name and with the same size, and then none is read again; or the run stops and says how
//! many are, because to read them as new would count their rows twice.

use std::collections::BTreeMap;
use std::path::Path;

use cxmill_ingest::{Place, RawFile};
use cxmill_ledger::{ConsumedFile, Ledger, SourceState};
use cxmill_spec::Source;

use crate::error::EngineError;

/// Names of missing files that an error shows.
const NAMES_SHOWN: usize = 10;

/// Address of the part of a location that all of its files share: below the project's folder relative to it, so that a
/// project can move with its files.
pub(crate) fn address(place: &Place, base: &Path) -> String {
    match &place.local {
        Some(local) => local.strip_prefix(base).unwrap_or(local).display().to_string(),
        None => place.address(&place.prefix),
    }
}

/// What a file is called at a place: its path below the location, or its own name where the location is that file.
pub(crate) fn name<'a>(place: &Place, path: &'a str) -> &'a str {
    let below = path.strip_prefix(place.prefix.as_ref()).unwrap_or(path).trim_start_matches('/');
    if below.is_empty() { path.rsplit('/').next().unwrap_or(path) } else { below }
}

/// A source whose files are somewhere else than when they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Where they were.
    pub(crate) from: String,
    /// Number of files that are there and are not read again.
    pub(crate) same: u64,
    /// Those of them whose identity is another one at the new place, as they are to be known from now on.
    pub(crate) renewed: Vec<ConsumedFile>,
}

/// What the new place holds.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// What is the same.
    pub(crate) moved: Moved,
    /// Files whose names were never read.
    pub(crate) new: Vec<RawFile>,
    /// Files of a known name and another size.
    pub(crate) changed: Vec<RawFile>,
    /// Names of files that were read and are not there.
    pub(crate) gone: Vec<String>,
}

impl Comparison {
    /// Whether all that was read is there.
    pub(crate) fn is_whole(&self) -> bool {
        self.changed.is_empty() && self.gone.is_empty()
    }

    /// The error of a run that meets a place which does not hold all that was read.
    pub(crate) fn refusal(&self, source: &Source, here: &str) -> EngineError {
        let Moved { from, same, .. } = &self.moved;
        let known = same + (self.changed.len() + self.gone.len()) as u64;
        let missing = self.changed.len() + self.gone.len();
        let changed = self.changed.iter().map(|file| format!("{}: another size", file.path));
        let mut details: Vec<String> =
            changed.chain(self.gone.iter().map(|name| format!("{name}: not there"))).take(NAMES_SHOWN).collect();
        if missing > NAMES_SHOWN {
            details.push(format!("and {} more", missing - NAMES_SHOWN));
        }
        EngineError::Data {
            message: format!(
                "source {}: its location was {from} and is now {here}, where {same} of the {known} files that were read \
                 are found (by name below the location, and size)",
                source.name
            ),
            details,
            help: Some(
                "set the location back, or bring the files there; or give rows from elsewhere a source of their own; or \
                 run with --relocate to go on at the new place, where every file whose name below the location was never \
                 read counts as new; or, where all files are there, run with --full-refresh to read them again"
                    .to_owned(),
            ),
        }
    }
}

/// Holds the files at a new place against those that were read.
pub(crate) async fn compare(
    ledger: &Ledger,
    state: &SourceState,
    place: &Place,
    files: Vec<RawFile>,
) -> Result<Comparison, EngineError> {
    // A later line about a file wins.
    let mut known: BTreeMap<String, ConsumedFile> =
        ledger.consumed_files(state).await?.into_iter().map(|file| (file.path.clone(), file)).collect();
    let mut moved = Moved { from: state.location.clone(), same: 0, renewed: Vec::new() };
    let (mut new, mut changed) = (Vec::new(), Vec::new());
    for file in files {
        match known.remove(name(place, file.path.as_ref())) {
            None => new.push(file),
            Some(read) if read.bytes != file.size => changed.push(file),
            Some(read) => {
                moved.same += 1;
                if read.identity != file.identity() {
                    moved.renewed.push(ConsumedFile { identity: file.identity(), ..read });
                }
            }
        }
    }
    Ok(Comparison { moved, new, changed, gone: known.into_keys().collect() })
}

#[cfg(test)]
mod tests {
    use cxmill_ingest::Environment;

    use super::*;

    fn place(location: &str, base: &Path) -> Place {
        Place::open(location, base, &BTreeMap::new(), &Environment::default()).unwrap()
    }

    #[test]
    fn a_file_is_called_by_its_path_below_the_location() {
        let base = tempfile::tempdir().unwrap();
        let answers = place("raw/answers/**/*.ndjson", base.path());
        assert_eq!(name(&answers, "raw/answers/date=2026-01-01/part-0.ndjson"), "date=2026-01-01/part-0.ndjson");
        let one = place("raw/answers.ndjson", base.path());
        assert_eq!(name(&one, "raw/answers.ndjson"), "answers.ndjson");
    }

    #[test]
    fn one_place_has_one_address_however_it_is_written() {
        let base = tempfile::tempdir().unwrap();
        let whole = format!("{}/raw/answers/", base.path().display());
        for location in ["raw/answers", "./raw/answers/", "raw/x/../answers/*.ndjson", &whole] {
            assert_eq!(address(&place(location, base.path()), base.path()), "raw/answers", "{location}");
        }
        let elsewhere = tempfile::tempdir().unwrap();
        let outside = format!("{}/answers", elsewhere.path().display());
        assert_eq!(address(&place(&outside, base.path()), base.path()), outside);
        assert_eq!(
            address(&place("memory://raw/in/answers/*.csv", base.path()), base.path()),
            "memory://raw/in/answers"
        );
    }
}
