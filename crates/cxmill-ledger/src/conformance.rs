//! What the ledger relies on, as laws that any store can be held against. The suite runs in tests on disk and memory (below), S3
//! and Azure (the engine's tests, which can open such places); `doctor` runs a quick look at the law that matters most.

use std::fmt;
use std::sync::Arc;

use futures::future::join_all;
use futures::stream::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};
use rand::TryRngCore;

use crate::error::LedgerError;
use crate::ledger::OutputRoot;
use crate::paths;
use crate::store::PutOutcome;

/// Writers that race for one name.
const RACERS: usize = 16;
/// The least size of a part that is not the last, on S3.
const PART: usize = 5 << 20;

/// A law of stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// Of many writers that create one name at once, exactly one wins.
    CreateHasOneWinner,
    /// What was put is read back, by get, head and listing, at once.
    PutIsSeen,
    /// An update over a stale version is refused, and one over the standing version is done.
    StaleUpdateFails,
    /// A listing from an offset gives exactly the names after it.
    OffsetListsWhatFollows,
    /// A deleted object is gone from get and listing at once.
    DeleteIsSeen,
    /// A multipart upload is invisible until it is complete.
    MultipartIsInvisible,
}

/// How a store stands to a law.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The law holds.
    Holds,
    /// The store does not offer the operation. The ledger needs all but [`Law::StaleUpdateFails`], which local disk lacks
    /// and replaces by a lock, and [`Law::OffsetListsWhatFollows`], which saves work: what is listed too much is passed over.
    NotOffered,
    /// The law is broken, or the store failed: how.
    Broken(String),
}

/// One law and how the store stands to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The law.
    pub law: Law,
    /// How the store stands to it.
    pub standing: Standing,
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateHasOneWinner => "put-if-absent has exactly one winner",
            Self::PutIsSeen => "what was put is read back at once",
            Self::StaleUpdateFails => "an update over a stale version is refused",
            Self::OffsetListsWhatFollows => "a listing from an offset gives the names after it",
            Self::DeleteIsSeen => "a deleted object is gone at once",
            Self::MultipartIsInvisible => "an upload in parts is invisible until it is complete",
        })
    }
}

type Verdict = Result<Result<(), String>, Error>;

/// Holds a store against all laws, below a prefix that nobody else uses. Leaves nothing behind where the store obeys.
pub async fn conformance(store: &Arc<dyn ObjectStore>, prefix: &Path) -> Vec<Finding> {
    let store = store.as_ref();
    let verdicts = [
        (Law::CreateHasOneWinner, create_has_one_winner(store, prefix).await),
        (Law::PutIsSeen, put_is_seen(store, prefix).await),
        (Law::StaleUpdateFails, stale_update_fails(store, prefix).await),
        (Law::OffsetListsWhatFollows, offset_lists_what_follows(store, prefix).await),
        (Law::DeleteIsSeen, delete_is_seen(store, prefix).await),
        (Law::MultipartIsInvisible, multipart_is_invisible(store, prefix).await),
    ];
    let findings = verdicts.map(|(law, verdict)| {
        let standing = match verdict {
            Ok(Ok(())) => Standing::Holds,
            Ok(Err(how)) => Standing::Broken(how),
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => Standing::NotOffered,
            Err(source) => Standing::Broken(source.to_string()),
        };
        Finding { law, standing }
    });
    clear(store, prefix).await;
    findings.into()
}

async fn clear(store: &dyn ObjectStore, prefix: &Path) {
    let Ok(left) = names_below(store, prefix).await else { return };
    for path in left {
        if let Err(failure) = store.delete(&path).await {
            tracing::warn!(error = %failure, "an object of the conformance suite was left behind");
        }
    }
}

async fn names_below(store: &dyn ObjectStore, prefix: &Path) -> Result<Vec<Path>, Error> {
    store.list(Some(prefix)).map_ok(|meta| meta.location).try_collect().await
}

fn holds(condition: bool, how: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(how()) }
}

async fn create_has_one_winner(store: &dyn ObjectStore, prefix: &Path) -> Verdict {
    let path = prefix.clone().join("race");
    let racers = (0..RACERS).map(|n| {
        let path = path.clone();
        async move { store.put_opts(&path, PutPayload::from(n.to_string()), PutMode::Create.into()).await }
    });
    let mut winners = Vec::new();
    for (n, outcome) in join_all(racers).await.into_iter().enumerate() {
        match outcome {
            Ok(_) => winners.push(n),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
            Err(source) => return Err(source),
        }
    }
    let [winner] = winners.as_slice() else {
        return Ok(Err(format!("{} of {RACERS} writers won", winners.len())));
    };
    let stands = store.get(&path).await?.bytes().await?;
    Ok(holds(stands.as_ref() == winner.to_string().as_bytes(), || "the winner's bytes do not stand".to_owned()))
}

async fn put_is_seen(store: &dyn ObjectStore, prefix: &Path) -> Verdict {
    let folder = prefix.clone().join("seen");
    let path = folder.clone().join("key=1").join("part-0.parquet");
    for text in ["first", "the second"] {
        store.put(&path, text.into()).await?;
        let (read, head) = (store.get(&path).await?.bytes().await?, store.head(&path).await?);
        let listed = names_below(store, &folder).await?;
        let seen = read.as_ref() == text.as_bytes() && head.size == text.len() as u64 && listed == [path.clone()];
        if !seen {
            return Ok(Err("get, head or listing does not show the last put".to_owned()));
        }
    }
    Ok(Ok(()))
}

async fn stale_update_fails(store: &dyn ObjectStore, prefix: &Path) -> Verdict {
    let path = prefix.clone().join("update");
    let first: UpdateVersion = store.put(&path, "first".into()).await?.into();
    store.put_opts(&path, "second".into(), PutMode::Update(first.clone()).into()).await?;
    match store.put_opts(&path, "third".into(), PutMode::Update(first).into()).await {
        Err(Error::Precondition { .. }) => {}
        Err(source) => return Err(source),
        Ok(_) => return Ok(Err("a put over a stale version was done".to_owned())),
    }
    let stands = store.get(&path).await?.bytes().await?;
    Ok(holds(stands.as_ref() == b"second", || "the refused put changed the object".to_owned()))
}

async fn offset_lists_what_follows(store: &dyn ObjectStore, prefix: &Path) -> Verdict {
    let folder = prefix.clone().join("list");
    let paths: Vec<Path> = (0..12).map(|n| folder.clone().join(format!("{n:03}"))).collect();
    for path in &paths {
        store.put(path, "x".into()).await?;
    }
    let listing = store.list_with_offset(Some(&folder), &folder.clone().join("006"));
    let mut listed: Vec<Path> = listing.map_ok(|meta| meta.location).try_collect().await?;
    listed.sort_unstable();
    let expected: Vec<Path> = paths.into_iter().skip(7).collect();
    Ok(holds(listed == expected, || format!("{} names where {} follow", listed.len(), expected.len())))
}

async fn delete_is_seen(store: &dyn ObjectStore, prefix: &Path) -> Verdict {
    let folder = prefix.clone().join("delete");
    let path = folder.clone().join("one");
    store.put(&path, "x".into()).await?;
    store.delete(&path).await?;
    let gone = matches!(store.head(&path).await, Err(Error::NotFound { .. }));
    let listed = names_below(store, &folder).await?;
    Ok(holds(gone && listed.is_empty(), || "a deleted object is still seen".to_owned()))
}

async fn multipart_is_invisible(store: &dyn ObjectStore, prefix: &Path) -> Verdict {
    let folder = prefix.clone().join("multipart");
    let path = folder.clone().join("one");
    let mut upload = store.put_multipart(&path).await?;
    upload.put_part(vec![b'a'; PART].into()).await?;
    upload.put_part("end".into()).await?;
    let early = names_below(store, &folder).await?;
    upload.complete().await?;
    let size = store.head(&path).await?.size;
    Ok(holds(early.is_empty() && size == PART as u64 + 3, || {
        format!("{} objects before completion, {size} bytes after", early.len())
    }))
}

/// A quick look whether a root can be used: creates an object, tries to create it again, reads it and removes it.
///
/// # Errors
/// [`LedgerError::Store`] where the store failed, or lets one name be created twice.
pub async fn probe(root: &OutputRoot) -> Result<(), LedgerError> {
    let failed = |operation, source| LedgerError::Store { operation, place: root.shown.clone(), source };
    let generic = |source| Error::Generic { store: "probe", source };
    let n = rand::rngs::OsRng
        .try_next_u64()
        .map_err(|source| failed("drawing a name for a probe of", generic(Box::new(source))))?;
    let name = paths::probe(n);
    let tried = async {
        let first = root.put_if(&name, "cxmill".into(), PutMode::Create).await?;
        let second = root.put_if(&name, "again".into(), PutMode::Create).await?;
        let read = root.get(&name).await?;
        let obeys = matches!(first, PutOutcome::Put(_)) && second == PutOutcome::Refused;
        if obeys && read.as_deref() == Some(b"cxmill") {
            return Ok(());
        }
        Err(failed("probing", generic("put-if-absent does not hold: two runners could both commit".into())))
    };
    let outcome = tried.await;
    // The probe is removed however it went; what went wrong first is what is told.
    let removed = root.delete(&name).await;
    outcome.and(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::local::LocalFileSystem;
    use object_store::memory::InMemory;

    fn standing(findings: &[Finding], law: Law) -> &Standing {
        &findings.iter().find(|finding| finding.law == law).unwrap().standing
    }

    #[tokio::test]
    async fn memory_obeys_every_law() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let findings = conformance(&store, &Path::from("suite")).await;
        assert_eq!(findings.len(), 6);
        assert!(findings.iter().all(|finding| finding.standing == Standing::Holds), "{findings:?}");
        assert!(names_below(store.as_ref(), &Path::default()).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn local_disk_obeys_all_but_update() {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
        let findings = conformance(&store, &Path::from("suite")).await;
        assert_eq!(standing(&findings, Law::StaleUpdateFails), &Standing::NotOffered);
        let others = findings.iter().filter(|finding| finding.law != Law::StaleUpdateFails);
        assert!(others.clone().all(|finding| finding.standing == Standing::Holds), "{findings:?}");
    }

    #[tokio::test]
    async fn a_probe_leaves_nothing_behind() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let root = OutputRoot {
            store: Arc::clone(&store),
            prefix: Path::from("out"),
            local: None,
            shown: "memory:///out".to_owned(),
        };
        probe(&root).await.unwrap();
        assert!(names_below(store.as_ref(), &Path::default()).await.unwrap().is_empty());
    }

    /// A broken store: creating replaces.
    #[tokio::test]
    async fn a_store_without_put_if_absent_is_found_out() {
        let store: Arc<dyn ObjectStore> = Arc::new(crate::testing::FaultStore::careless(Arc::new(InMemory::new())));
        let root =
            OutputRoot { store: Arc::clone(&store), prefix: Path::default(), local: None, shown: "x".to_owned() };
        assert!(probe(&root).await.unwrap_err().to_string().starts_with("probing x"));
        let findings = conformance(&store, &Path::from("suite")).await;
        assert_eq!(standing(&findings, Law::CreateHasOneWinner), &Standing::Broken("16 of 16 writers won".to_owned()));
    }
}
