//! Every object name that cxmill makes.
//!
//! Names made by a run carry `<epoch>-<run>`: two runs never share a name, and the epoch in a name tells the garbage
//! collector, without any clock, whether the run that made it can still commit.

use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::types::{Epoch, RunId};

/// Folder of the commits.
pub(crate) const COMMITS: &str = "commits";
/// Folder of commit records that wait, on local disk, to be synced before they are linked to their place.
const STAGED: &str = "staged";
/// The lock file of a local state root.
pub(crate) const LOCK: &str = "lock";
/// The record that gives a state root its identity.
pub(crate) const IDENTITY: &str = "ledger.json";
/// Folders of a state root whose objects are garbage once no commit names them.
pub(crate) const COLLECTED: [&str; 6] = ["files", "landed", "quarantine", "results", "states", STAGED];
/// The record of what stands in a model's output folder.
pub(crate) const PUBLISHED_RECORD: &str = "_cxmill.json";
/// Start of the names of files that are still being written to a local output folder. No reader takes them for data.
const STAGED_OUTPUT: &str = "_staged-";
/// Digits of an epoch in a name.
const EPOCH_DIGITS: usize = 20;

/// Name of an object relative to the state root, with `/` between parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectName(pub String);

impl ObjectName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `commits/<epoch>.json`
    #[must_use]
    pub fn commit(epoch: Epoch) -> Self {
        Self(format!("{COMMITS}/{epoch}.json"))
    }
}

/// Names of everything one run writes; two runs never share a name.
#[derive(Debug, Clone)]
pub struct Names {
    /// Epoch the run wants to commit.
    pub epoch: Epoch,
    /// The run.
    pub run: RunId,
}

impl Names {
    /// `landed/<source>/date=<date>/<epoch>-<run>-<n>.parquet`
    #[must_use]
    pub fn landed(&self, source: &str, date: chrono::NaiveDate, n: usize) -> ObjectName {
        ObjectName(format!("landed/{source}/date={date}/{}-{}-{n}.parquet", self.epoch, self.run))
    }

    /// `quarantine/<source>/<epoch>-<run>-<n>.parquet`
    #[must_use]
    pub fn quarantine(&self, source: &str, n: usize) -> ObjectName {
        ObjectName(format!("quarantine/{source}/{}-{}-{n}.parquet", self.epoch, self.run))
    }

    /// `results/<model>/<epoch>-<run>/<published name>`
    #[must_use]
    pub fn result(&self, model: &str, published: &str) -> ObjectName {
        ObjectName(format!("results/{model}/{}-{}/{published}", self.epoch, self.run))
    }

    /// `states/<model>/<epoch>-<run>/<published name>`: states of the groups that the published file of this name shows.
    #[must_use]
    pub fn state(&self, model: &str, published: &str) -> ObjectName {
        ObjectName(format!("states/{model}/{}-{}/{published}", self.epoch, self.run))
    }

    /// `states/<model>/<epoch>-<run>-new/<published name>`: states of new rows alone, before they are combined with older ones.
    #[must_use]
    pub fn new_state(&self, model: &str, published: &str) -> ObjectName {
        ObjectName(format!("states/{model}/{}-{}-new/{published}", self.epoch, self.run))
    }

    /// `files/<source>/<epoch>-<run>-<n>-<lines>.ndjson.zst`: a log of consumed files.
    #[must_use]
    pub(crate) fn file_log(&self, source: &str, n: u64, lines: u64) -> ObjectName {
        ObjectName(format!("files/{source}/{}", self.log(n, lines)))
    }

    /// `landed/<source>/manifests/<epoch>-<run>-<n>-<lines>.ndjson.zst`: a manifest of landed files.
    #[must_use]
    pub(crate) fn landed_manifest(&self, source: &str, n: u64, lines: u64) -> ObjectName {
        ObjectName(format!("landed/{source}/manifests/{}", self.log(n, lines)))
    }

    /// The number of lines is in the name, so that the choice of logs to merge needs no reading.
    fn log(&self, n: u64, lines: u64) -> String {
        format!("{}-{}-{n}-{lines}.ndjson.zst", self.epoch, self.run)
    }

    /// `staged/<epoch>-<run>.json`: the commit record before it is linked to its place (local disk only).
    #[must_use]
    pub(crate) fn staged_commit(&self) -> ObjectName {
        ObjectName(format!("{STAGED}/{}-{}.json", self.epoch, self.run))
    }

    /// Whether this run made the object.
    #[must_use]
    pub(crate) fn made(&self, name: &ObjectName) -> bool {
        let mark = format!("{}-{}", self.epoch, self.run);
        name.0
            .split('/')
            .any(|part| part.strip_prefix(&mark).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)))
    }
}

/// `landed/<source>`: the folder of a source's landed rows and of the manifests that name them.
#[must_use]
pub(crate) fn landed_folder(source: &str) -> String {
    format!("landed/{source}")
}

/// Lines of a log, as its name says. Zero where it does not.
#[must_use]
pub(crate) fn lines_of_log(name: &ObjectName) -> u64 {
    name.0
        .strip_suffix(".ndjson.zst")
        .and_then(|stem| stem.rsplit('-').next())
        .and_then(|lines| lines.parse().ok())
        .unwrap_or(0)
}

/// Epoch of a commit record by its file name, or none where it is not a commit record.
#[must_use]
pub(crate) fn epoch_of_commit(file_name: &str) -> Option<Epoch> {
    let digits = file_name.strip_suffix(".json")?;
    (digits.len() == EPOCH_DIGITS && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok().map(Epoch))?
}

/// Epoch that the run wanted to commit which made this name, or none where cxmill did not make it.
#[must_use]
pub(crate) fn epoch_of(name: &str) -> Option<Epoch> {
    name.split('/').find_map(|part| {
        let (digits, _) = part.split_once('-')?;
        (digits.len() == EPOCH_DIGITS && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse().ok().map(Epoch))?
    })
}

/// Whether cxmill makes such a name below a collected folder or the folder of the commits.
#[must_use]
pub(crate) fn is_ours(name: &str) -> bool {
    let file_name = name.rsplit('/').next().unwrap_or_default();
    epoch_of(name).is_some() || epoch_of_commit(file_name).is_some()
}

/// `<model>/<published name>`, below the output root.
#[must_use]
pub(crate) fn output(model: &str, published: &str) -> String {
    format!("{model}/{published}")
}

/// `_staged-<epoch>-<hash>`, in a model's folder: a file being written on local disk, renamed when it is whole.
#[must_use]
pub(crate) fn staged_output(epoch: Epoch, published: &str) -> String {
    format!("{STAGED_OUTPUT}{epoch}-{:016x}", xxhash_rust::xxh3::xxh3_64(published.as_bytes()))
}

/// Whether a name in a model's folder is of a file that was being written.
#[must_use]
pub(crate) fn is_staged_output(published: &str) -> bool {
    published.starts_with(STAGED_OUTPUT)
}

/// `_cxmill-probe-<n>`: an object put and removed to see what a store can do.
#[must_use]
pub(crate) fn probe(n: u64) -> String {
    format!("_cxmill-probe-{n:016x}")
}

/// A name below a root. The name is taken as it is and not encoded once more: the `%2F` of a partition folder such as
/// `region=a%2Fb` is what readers of such folders expect to find. A name that no store takes is encoded; commits do not
/// hold such names.
#[must_use]
pub(crate) fn below(root: &Path, name: &str) -> Path {
    let name = name.trim_matches('/');
    let text = if root.as_ref().is_empty() { name.to_owned() } else { format!("{root}/{name}") };
    Path::parse(&text).unwrap_or_else(|_| name.split('/').fold(root.clone(), |path, part| path.join(part)))
}

/// A stored object's name relative to a root, or none where it is not below it.
#[must_use]
pub(crate) fn relative(root: &Path, path: &Path) -> Option<String> {
    let parts: Vec<String> = path.prefix_match(root)?.map(|part| part.as_ref().to_owned()).collect();
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names { epoch: Epoch(42), run: RunId("00ff".to_owned()) }
    }

    #[test]
    fn every_name_of_a_run_tells_its_epoch_and_maker() {
        let date = chrono::NaiveDate::from_ymd_opt(2026, 1, 31).unwrap();
        let made = [
            names().landed("orders", date, 3),
            names().quarantine("orders", 0),
            names().result("nps", "month=2026-01/part-0.parquet"),
            names().state("nps", "month=2026-01/part-0.parquet"),
            names().new_state("nps", "month=2026-01/part-0.parquet"),
            names().file_log("orders", 0, 7),
            names().landed_manifest("orders", 0, 7),
            names().staged_commit(),
        ];
        for name in &made {
            assert_eq!(epoch_of(name.as_str()), Some(Epoch(42)), "{name:?}");
            assert!(names().made(name), "{name:?}");
            let other = Names { epoch: Epoch(42), run: RunId("00f".to_owned()) };
            assert!(!other.made(name), "{name:?}");
            assert!(COLLECTED.contains(&name.0.split('/').next().unwrap()), "{name:?}");
        }
    }

    #[test]
    fn a_log_tells_its_lines() {
        assert_eq!(lines_of_log(&names().file_log("orders", 2, 1_234)), 1_234);
        assert_eq!(lines_of_log(&ObjectName("files/orders/else".to_owned())), 0);
    }

    #[test]
    fn only_twenty_digits_are_a_commit() {
        assert_eq!(epoch_of_commit("00000000000000000042.json"), Some(Epoch(42)));
        assert_eq!(epoch_of_commit("42.json"), None);
        assert_eq!(epoch_of_commit("0000000000000000004x.json"), None);
        assert_eq!(epoch_of_commit(".DS_Store"), None);
        assert_eq!(ObjectName::commit(Epoch(42)).as_str(), "commits/00000000000000000042.json");
    }

    #[test]
    fn relative_undoes_below() {
        let root = Path::from("a/b");
        for name in
            ["nps/month=2026-01/part-0.parquet", "nps/region=a%2Fb/part-0.parquet", "nps/town=Århus/part-0.parquet"]
        {
            let path = below(&root, name);
            assert_eq!(path.as_ref(), format!("a/b/{name}"));
            assert_eq!(relative(&root, &path).as_deref(), Some(name));
        }
        let path = below(&root, "nps");
        assert_eq!(relative(&Path::from("a/c"), &path), None);
    }
}
