//! Which raw files are new.

#[cfg(test)]
mod tests;

use std::io::ErrorKind;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use xxhash_rust::xxh3::xxh3_128;

use crate::error::IngestError;
use crate::place::{MATCHING, Place};

/// One raw file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFile {
    /// Path in the store.
    pub path: Path,
    /// Bytes as stored.
    pub size: u64,
    /// The store's etag, where it has one that stands for the content.
    pub etag: Option<String>,
    /// Modification time.
    pub modified: DateTime<Utc>,
}

impl RawFile {
    /// What tells this version of the file from another: the etag, or size and modification time.
    #[must_use]
    pub fn identity(&self) -> String {
        match &self.etag {
            Some(etag) => etag.clone(),
            None => format!("{}-{}", self.size, self.modified.timestamp_micros()),
        }
    }
}

/// What the caller knows of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Never read.
    New,
    /// Read, and unchanged since.
    Read,
    /// Read, and changed since.
    Changed,
}

/// All files of a listing in a few bytes: two listings of a place are equal where the same files, unchanged, were there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Listing {
    /// Number of files.
    files: u64,
    /// Sum of the hashes of their paths and identities: the order in which a store lists does not count.
    sum: u128,
}

impl Listing {
    fn add(&mut self, path: &str, identity: &str) {
        self.files += 1;
        self.sum = self.sum.wrapping_add(xxh3_128(format!("{path}\n{identity}").as_bytes()));
    }
}

/// What a listing found.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    /// Files never read, sorted by path.
    pub new: Vec<RawFile>,
    /// Files that changed after they were read, sorted by path.
    pub changed: Vec<RawFile>,
    /// Number of files that were read before and did not change.
    pub known: u64,
    /// All of these.
    pub listing: Listing,
}

/// Lists a place, page by page. Hidden names (a part that starts with `.` or `_`) and empty names are passed over.
///
/// Only new and changed files are kept, so memory does not grow with the number of files already read. A location that
/// names one file finds that file. `seen` gets path and [`RawFile::identity`].
///
/// # Errors
/// [`IngestError::Store`] where the place cannot be listed: a local folder that does not exist, a missing bucket, no
/// permission, a store that does not answer.
pub async fn discover(
    place: &Place,
    seen: &(dyn Fn(&str, &str) -> Seen + Send + Sync),
) -> Result<Discovery, IngestError> {
    let fail = |source| IngestError::Store { operation: "listing", place: place.shown.clone(), source };
    let mut found = Discovery::default();
    if let Some(meta) = one_file(place).await.map_err(fail)? {
        found.add(raw_file(place, meta), seen);
        return Ok(found);
    }
    let mut listing = place.store.list(Some(&place.prefix).filter(|prefix| !prefix.as_ref().is_empty()));
    while let Some(meta) = listing.next().await {
        let meta = meta.map_err(fail)?;
        if is_wanted(place, &meta) {
            found.add(raw_file(place, meta), seen);
        }
    }
    found.new.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    found.changed.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Looks at one file of a place by its path in the store; none where it is not there.
///
/// # Errors
/// [`IngestError::Store`] where the store does not say.
pub async fn look_at(place: &Place, path: &str) -> Result<Option<RawFile>, IngestError> {
    let fail = |source| IngestError::Store { operation: "looking at", place: path.to_owned(), source };
    let parsed = Path::parse(path).map_err(|error| fail(error.into()))?;
    match place.store.head(&parsed).await {
        Ok(meta) => Ok(Some(raw_file(place, meta))),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(source) => Err(fail(source)),
    }
}

impl Discovery {
    fn add(&mut self, file: RawFile, seen: &(dyn Fn(&str, &str) -> Seen + Send + Sync)) {
        let identity = file.identity();
        self.listing.add(file.path.as_ref(), &identity);
        match seen(file.path.as_ref(), &identity) {
            Seen::New => self.new.push(file),
            Seen::Changed => self.changed.push(file),
            Seen::Read => self.known += 1,
        }
    }
}

/// The file that the location names, if it names one. A local place that does not exist is an error: a listing of it
/// would be empty, and a mistyped folder would pass for one without new files.
async fn one_file(place: &Place) -> object_store::Result<Option<ObjectMeta>> {
    let listable = !is_http(place);
    if let Some(local) = &place.local {
        let metadata = tokio::fs::metadata(local).await.map_err(|error| local_error(place, error))?;
        return match metadata.is_file() && place.pattern.is_none() {
            true => place.store.head(&place.prefix).await.map(Some),
            false => Ok(None),
        };
    }
    let named_like_a_file = place.prefix.filename().is_some_and(|name| name.contains('.'));
    if listable && (place.pattern.is_some() || place.is_folder() || !named_like_a_file) {
        return Ok(None);
    }
    match place.store.head(&place.prefix).await {
        Ok(meta) => Ok(Some(meta)),
        Err(object_store::Error::NotFound { .. }) if listable => Ok(None),
        Err(error) => Err(error),
    }
}

fn local_error(place: &Place, error: std::io::Error) -> object_store::Error {
    let path = place.shown.clone();
    match error.kind() {
        ErrorKind::NotFound => object_store::Error::NotFound { path, source: "no such file or folder".into() },
        ErrorKind::PermissionDenied => object_store::Error::PermissionDenied { path, source: Box::new(error) },
        _ => object_store::Error::Generic { store: "local disk", source: Box::new(error) },
    }
}

fn is_http(place: &Place) -> bool {
    place.shown.starts_with("http://") || place.shown.starts_with("https://")
}

/// Whether a listed object is a raw file of the place.
fn is_wanted(place: &Place, meta: &ObjectMeta) -> bool {
    let path = &meta.location;
    // Folders of the prefix may be hidden: whoever names them means them.
    let Some(below) = path.prefix_match(&place.prefix) else { return false };
    let mut named = false;
    for part in below {
        let name = part.as_ref();
        if name.is_empty() || name.starts_with(['.', '_']) {
            return false;
        }
        named = true;
    }
    named && place.pattern.as_ref().is_none_or(|pattern| pattern.matches_with(path.as_ref(), MATCHING))
}

fn raw_file(place: &Place, meta: ObjectMeta) -> RawFile {
    // The etag of a local file holds its inode: a copied project would look changed all over.
    let etag = if place.local.is_some() { None } else { meta.e_tag };
    RawFile { path: meta.location, size: meta.size, etag, modified: meta.last_modified }
}
