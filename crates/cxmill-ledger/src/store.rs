//! The few operations the ledger needs of a store, with names relative to a root and errors that show the full address.
//!
//! What is relied on: reads and listings see every completed write (all stores we take offer this since 2020), a put is
//! atomic, `Create` has one winner, `Update` refuses a stale version where the store has it; what a listing from an offset
//! gives too much is passed over here. [`crate::conformance`]
//! checks exactly this.

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::{Error as StoreError, GetResult, ObjectMeta, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};

use crate::error::LedgerError;
use crate::ledger::OutputRoot;
use crate::paths;

/// How a conditional put ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PutOutcome {
    /// The object stands; its etag where the store has etags.
    Put(Option<String>),
    /// The condition did not hold.
    Refused,
    /// The store cannot do a put on this condition.
    NotOffered,
}

/// An object as seen by a listing or a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Name relative to the root.
    pub(crate) name: String,
    /// Bytes.
    pub(crate) bytes: u64,
    /// Etag without quotes, where the store has etags.
    pub(crate) etag: Option<String>,
    /// What a conditional put needs to replace exactly this version.
    pub(crate) version: UpdateVersion,
    /// When the store last changed it, by the store's clock.
    pub(crate) modified: chrono::DateTime<chrono::Utc>,
}

/// Listings, heads and puts differ in whether they quote an etag; the bare one is comparable.
#[must_use]
fn bare_etag(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

impl OutputRoot {
    /// Full address of a name, for people.
    pub(crate) fn address(&self, name: &str) -> String {
        format!("{}/{name}", self.shown.trim_end_matches('/'))
    }

    fn failed<'a>(&'a self, operation: &'static str, name: &'a str) -> impl FnOnce(StoreError) -> LedgerError + 'a {
        move |source| LedgerError::Store { operation, place: self.address(name), source }
    }

    fn seen(&self, meta: ObjectMeta) -> Option<Seen> {
        Some(Seen {
            name: paths::relative(&self.prefix, &meta.location)?,
            bytes: meta.size,
            etag: meta.e_tag.as_deref().map(bare_etag),
            version: UpdateVersion { e_tag: meta.e_tag, version: meta.version },
            modified: meta.last_modified,
        })
    }

    /// The object's bytes, or none where there is no object.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Bytes>, LedgerError> {
        let Some(found) = self.open_object(name).await? else { return Ok(None) };
        found.bytes().await.map(Some).map_err(self.failed("reading", name))
    }

    /// The object to be streamed, or none where there is no object.
    pub(crate) async fn open_object(&self, name: &str) -> Result<Option<GetResult>, LedgerError> {
        match self.store.get(&paths::below(&self.prefix, name)).await {
            Ok(found) => Ok(Some(found)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.failed("reading", name)(source)),
        }
    }

    /// What a store knows of an object, or none where there is no object.
    pub(crate) async fn head(&self, name: &str) -> Result<Option<Seen>, LedgerError> {
        match self.store.head(&paths::below(&self.prefix, name)).await {
            Ok(meta) => Ok(self.seen(meta)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.failed("looking at", name)(source)),
        }
    }

    /// Puts an object whatever stands there; its etag where the store has etags.
    pub(crate) async fn put(&self, name: &str, payload: PutPayload) -> Result<Option<String>, LedgerError> {
        let path = paths::below(&self.prefix, name);
        let put = self.store.put(&path, payload).await.map_err(self.failed("writing", name))?;
        Ok(put.e_tag.as_deref().map(bare_etag))
    }

    /// Puts an object on a condition.
    pub(crate) async fn put_if(
        &self,
        name: &str,
        payload: PutPayload,
        mode: PutMode,
    ) -> Result<PutOutcome, LedgerError> {
        let replaces = matches!(mode, PutMode::Update(_));
        match self.store.put_opts(&paths::below(&self.prefix, name), payload, mode.into()).await {
            Ok(put) => Ok(PutOutcome::Put(put.e_tag.as_deref().map(bare_etag))),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(PutOutcome::Refused),
            // An object that vanished under an update is a condition that did not hold.
            Err(StoreError::NotFound { .. }) if replaces => Ok(PutOutcome::Refused),
            Err(StoreError::NotImplemented { .. } | StoreError::NotSupported { .. }) => Ok(PutOutcome::NotOffered),
            Err(source) => Err(self.failed("writing", name)(source)),
        }
    }

    /// Gives an object a second name, which must be free.
    pub(crate) async fn copy_if_absent(&self, from: &str, to: &str) -> Result<PutOutcome, LedgerError> {
        let (source, target) = (paths::below(&self.prefix, from), paths::below(&self.prefix, to));
        match self.store.copy_if_not_exists(&source, &target).await {
            Ok(()) => Ok(PutOutcome::Put(None)),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(PutOutcome::Refused),
            Err(source) => Err(self.failed("writing", to)(source)),
        }
    }

    /// Gives an object another name, replacing what stands there.
    pub(crate) async fn rename(&self, from: &str, to: &str) -> Result<(), LedgerError> {
        let (source, target) = (paths::below(&self.prefix, from), paths::below(&self.prefix, to));
        self.store.rename(&source, &target).await.map_err(self.failed("writing", to))
    }

    /// Removes an object. One that is not there is removed already.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), LedgerError> {
        match self.store.delete(&paths::below(&self.prefix, name)).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(source) => Err(self.failed("removing", name)(source)),
        }
    }

    /// All objects of a folder, however deep, in the store's order.
    pub(crate) fn stream<'a>(&'a self, folder: &'a str) -> BoxStream<'a, Result<Seen, LedgerError>> {
        self.stream_after(folder, None)
    }

    /// The objects of a folder, sorted by name. Local listings come unsorted, so the order is made here.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<Seen>, LedgerError> {
        let mut seen: Vec<Seen> = self.stream(folder).try_collect().await?;
        seen.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(seen)
    }

    /// The objects of a folder whose names sort after `after` (a name below the root), or all, in the store's order.
    pub(crate) fn stream_after<'a>(
        &'a self,
        folder: &'a str,
        after: Option<&str>,
    ) -> BoxStream<'a, Result<Seen, LedgerError>> {
        let prefix = paths::below(&self.prefix, folder);
        let after = after.map(|after| paths::below(&self.prefix, after));
        let metas = match &after {
            Some(after) => self.store.list_with_offset(Some(&prefix), after),
            None => self.store.list(Some(&prefix)),
        };
        metas
            .filter_map(move |meta| {
                let seen = match meta {
                    // Azure's emulator lists everything, whatever the offset.
                    Ok(meta) if after.as_ref().is_some_and(|after| meta.location <= *after) => None,
                    Ok(meta) => self.seen(meta).map(Ok),
                    // A folder or file that vanished while it was listed is not there.
                    Err(StoreError::NotFound { .. }) => None,
                    Err(source) => Some(Err(self.failed("listing", folder)(source))),
                };
                futures::future::ready(seen)
            })
            .boxed()
    }

    /// Names of the folders directly below the root, sorted.
    pub(crate) async fn folders(&self) -> Result<Vec<String>, LedgerError> {
        let listed = match self.store.list_with_delimiter(Some(&self.prefix)).await {
            Ok(listed) => listed,
            Err(StoreError::NotFound { .. }) => return Ok(Vec::new()),
            Err(source) => return Err(self.failed("listing", "")(source)),
        };
        let mut folders: Vec<String> =
            listed.common_prefixes.iter().filter_map(|folder| paths::relative(&self.prefix, folder)).collect();
        folders.sort_unstable();
        Ok(folders)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::TryStreamExt;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::bare_etag;
    use crate::ledger::OutputRoot;
    use crate::testing::FaultStore;

    #[tokio::test]
    async fn what_a_store_lists_before_the_offset_is_passed_over() {
        let store = Arc::new(FaultStore::careless(Arc::new(InMemory::new())));
        let root = OutputRoot { store, prefix: Path::from("root"), local: None, shown: "memory".to_owned() };
        for name in ["commits/1", "commits/2", "commits/3"] {
            root.put(name, "x".into()).await.unwrap();
        }
        let listed: Vec<_> = root.stream_after("commits", Some("commits/2")).try_collect().await.unwrap();
        assert_eq!(listed.iter().map(|seen| seen.name.as_str()).collect::<Vec<_>>(), ["commits/3"]);
    }

    #[test]
    fn quoted_and_weak_etags_compare_equal() {
        assert_eq!(bare_etag("\"abc\""), "abc");
        assert_eq!(bare_etag("W/\"abc\""), "abc");
        assert_eq!(bare_etag("abc"), "abc");
    }
}
