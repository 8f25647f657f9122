//! Stores and runs for tests. A run goes the way the engine goes: recover, begin, write, commit, publish.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempDir;

use crate::*;

/// Models by name, their files by published name, the rows as text.
pub(super) type Target = BTreeMap<String, BTreeMap<String, String>>;

/// One target from a list of (model, published, rows).
pub(super) fn target(files: &[(&str, &str, &str)]) -> Target {
    let mut target = Target::new();
    for (model, published, rows) in files {
        target.entry((*model).to_owned()).or_default().insert((*published).to_owned(), (*rows).to_owned());
    }
    target
}

/// What readers should see of a target.
pub(super) fn expected(target: &Target) -> BTreeMap<String, String> {
    let files = target.iter().flat_map(|(model, files)| {
        files.iter().map(move |(published, rows)| (format!("{model}/{published}"), rows.clone()))
    });
    files.collect()
}

/// A state root and an output root in one store.
pub(super) struct World {
    pub(super) store: Arc<dyn ObjectStore>,
    folder: Option<TempDir>,
}

impl World {
    pub(super) fn memory() -> Self {
        Self { store: Arc::new(InMemory::new()), folder: None }
    }

    pub(super) fn local() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { store: Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap()), folder: Some(folder) }
    }

    fn root(&self, store: &Arc<dyn ObjectStore>, name: &str) -> OutputRoot {
        OutputRoot {
            store: Arc::clone(store),
            prefix: Path::from(name),
            local: self.folder.as_ref().map(|folder| folder.path().join(name)),
            shown: format!("test:///{name}"),
        }
    }

    pub(super) fn state(&self) -> OutputRoot {
        self.root(&self.store, "state")
    }

    pub(super) fn output(&self) -> OutputRoot {
        self.root(&self.store, "out")
    }

    /// State and output root as seen through another store around this one.
    pub(super) fn through(&self, store: &Arc<dyn ObjectStore>) -> (OutputRoot, OutputRoot) {
        (self.root(store, "state"), self.root(store, "out"))
    }

    /// Parquet files of the output root by name, as text.
    pub(super) async fn readers_see(&self) -> BTreeMap<String, String> {
        let out = Path::from("out");
        let mut seen = BTreeMap::new();
        for name in self.names("out").await.into_iter().filter(|name| name.ends_with(".parquet")) {
            let bytes = self.store.get(&paths::below(&out, &name)).await.unwrap().bytes().await.unwrap();
            seen.insert(name, String::from_utf8(bytes.to_vec()).unwrap());
        }
        seen
    }

    /// Names below a folder of the store, sorted.
    pub(super) async fn names(&self, folder: &str) -> Vec<String> {
        let prefix = Path::from(folder);
        let metas: Vec<_> = self.store.list(Some(&prefix)).try_collect().await.unwrap();
        let mut names: Vec<String> = metas.iter().filter_map(|meta| paths::relative(&prefix, &meta.location)).collect();
        names.sort_unstable();
        names
    }

    /// One whole run on the store as it is.
    pub(super) async fn run(&self, target: &Target) -> Result<PublishReport, LedgerError> {
        run(self.state(), &self.output(), target).await
    }

    pub(super) async fn put(&self, path: &str, text: &str) {
        self.store.put(&Path::from(path), text.to_owned().into()).await.unwrap();
    }

    pub(super) async fn delete(&self, path: &str) {
        self.store.delete(&Path::from(path)).await.unwrap();
    }
}

/// One whole run: recover, begin, write, commit, publish, collect.
pub(super) async fn run(state: OutputRoot, output: &OutputRoot, target: &Target) -> Result<PublishReport, LedgerError> {
    let ledger = Ledger::open(state).await?;
    let latest = recover(&ledger, output).await?;
    let names = ledger.begin(latest.as_ref());
    let commit = write(&ledger, &names, latest.as_ref(), target).await?;
    if ledger.commit(&commit, latest.as_ref()).await? == CommitOutcome::Conflict {
        return Err(LedgerError::Overtaken { winner: commit.epoch.0 });
    }
    let report = ledger.publish(&commit, output).await?;
    ledger.collect_garbage(Some(&commit), std::time::Duration::from_secs(3600)).await?;
    Ok(report)
}

/// What every run begins with.
pub(super) async fn recover(ledger: &Ledger, output: &OutputRoot) -> Result<Option<Commit>, LedgerError> {
    let latest = ledger.latest().await?;
    if let Some(latest) = &latest {
        ledger.publish(latest, output).await?;
    }
    Ok(latest)
}

/// Writes what a run writes before it commits: a consumed file, a landed file, and the results that changed.
pub(super) async fn write(
    ledger: &Ledger,
    names: &Names,
    latest: Option<&Commit>,
    target: &Target,
) -> Result<Commit, LedgerError> {
    let old = latest.and_then(|latest| latest.sources.get("answers")).cloned().unwrap_or_default();
    let landed = names.landed("answers", NaiveDate::from_ymd_opt(2026, 1, 31).unwrap(), 0);
    ledger.root.put(landed.as_str(), "row".into()).await?;
    let consumed = consumed(&format!("answers/{}.ndjson", names.epoch), names.epoch);
    let date = NaiveDate::from_ymd_opt(2026, 1, 31).unwrap();
    let landed = LandedFile { name: landed, date, rows: 1, bytes: 3 };
    let totals = Totals {
        files: old.totals.files + 1,
        read: old.totals.read + 1,
        accepted: old.totals.accepted + 1,
        ..Totals::default()
    };
    let source = SourceState {
        file_logs: ledger.append_files(names, "answers", &old.file_logs, &[consumed]).await?,
        landed: ledger.append_landed(names, "answers", &old.landed, &[landed]).await?,
        totals,
        changed_at: names.epoch,
        ..old
    };
    let mut models = BTreeMap::new();
    for (model, files) in target {
        let before = latest.and_then(|latest| latest.models.get(model));
        models.insert(model.clone(), write_model(ledger, names, before, model, files).await?);
    }
    let sources = BTreeMap::from([("answers".to_owned(), source)]);
    Ok(Commit {
        format: FORMAT,
        epoch: names.epoch,
        run: names.run.clone(),
        committed_at: DateTime::<Utc>::UNIX_EPOCH,
        as_of: None,
        sources,
        models,
        withheld: BTreeMap::new(),
        rebuilds: BTreeMap::new(),
    })
}

async fn write_model(
    ledger: &Ledger,
    names: &Names,
    before: Option<&ModelState>,
    model: &str,
    files: &BTreeMap<String, String>,
) -> Result<ModelState, LedgerError> {
    let mut state = ModelState {
        fingerprint: "f".to_owned(),
        strategy: "full".to_owned(),
        position: BTreeMap::new(),
        as_of: None,
        judged: Judged::default(),
        rows: files.values().filter(|rows| !rows.is_empty()).count() as u64,
        changed_at: names.epoch,
        schema: vec![FieldState { name: "day".to_owned(), data_type: "Date32".to_owned() }],
        files: Vec::new(),
        forgotten: Epoch::default(),
        states: Vec::new(),
        retired_at: None,
    };
    for (published, rows) in files {
        let same = before
            .and_then(|before| before.files.iter().find(|file| file.published == *published && file.content == *rows));
        if let Some(same) = same {
            state.files.push(same.clone());
            continue;
        }
        let result = names.result(model, published);
        ledger.root.put(result.as_str(), rows.clone().into()).await?;
        let (published, content, bytes) = (published.clone(), rows.clone(), rows.len() as u64);
        state.files.push(PublishedFile {
            published,
            result,
            rows: u64::from(!content.is_empty()),
            bytes,
            content,
            epoch: names.epoch,
            emptied_at: None,
        });
    }
    if let Some(before) = before.filter(|before| before.files == state.files) {
        state.changed_at = before.changed_at;
        state.states.clone_from(&before.states);
        return Ok(state);
    }
    let name = names.state(model, "part-0.parquet");
    ledger.root.put(name.as_str(), "state".into()).await?;
    state.states.push(StateFile { partition: "part-0.parquet".to_owned(), name, rows: 1, bytes: 5 });
    Ok(state)
}

pub(super) fn consumed(path: &str, epoch: Epoch) -> ConsumedFile {
    ConsumedFile {
        path: path.to_owned(),
        identity: format!("etag of {path}"),
        bytes: 10,
        read: 1,
        accepted: 1,
        quarantined: 0,
        duplicate: 0,
        epoch,
        replayed: None,
        newest_event: None,
        newest_future: None,
    }
}
