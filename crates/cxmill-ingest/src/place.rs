//! Places: a location of the project as an object store, a prefix and a pattern.
//!
//! A location is what people write; a [`Place`] is what code reads. Opening one does no request to a store, so a wrong
//! credential shows when the place is first listed. Relative local locations are kept relative to the project's folder, so
//! that paths in the ledger and in quarantine stay the same when the project moves.

mod location;
mod settings;
mod stores;
#[cfg(test)]
mod tests;

pub(crate) use location::MATCHING;

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;

/// Variables of the environment that credentials may come from, handed in by the CLI.
#[derive(Clone, Default)]
pub struct Environment(pub BTreeMap<String, String>);

impl std::fmt::Debug for Environment {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A location, opened.
#[derive(Debug, Clone)]
pub struct Place {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// Longest prefix without a wildcard.
    pub prefix: Path,
    /// Pattern of the whole path, where the location has a wildcard.
    pub pattern: Option<glob::Pattern>,
    /// Local folder (or file) of the prefix, where the place is on local disk.
    pub local: Option<PathBuf>,
    /// The location as shown to people.
    pub shown: String,
}

/// A location that cannot be opened: unknown scheme, bad URL, missing credential.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {location}: {reason}")]
pub struct StoreError {
    /// The location.
    pub location: String,
    /// Why not, and which setting to look at.
    pub reason: String,
}

impl Place {
    /// Opens a location: a local path (relative ones from `base`), or `s3://`, `gs://`, `az://`, `http(s)://`, `memory://`.
    /// `stores` are the settings by scheme; credentials come from `environment` only.
    ///
    /// `memory://name/…` is a store of this process, shared by all places of the same name.
    pub fn open(
        location: &str,
        base: &FilePath,
        stores: &BTreeMap<String, BTreeMap<String, String>>,
        environment: &Environment,
    ) -> Result<Self, StoreError> {
        open(location, base, stores, environment)
            .map_err(|reason| StoreError { location: location::without_secrets(location), reason })
    }

    /// Says what is wrong with a location or its pattern, as far as can be told without a store.
    pub fn check(location: &str) -> Result<(), String> {
        match location.split_once("://") {
            Some((scheme @ ("s3" | "gs" | "az" | "memory"), rest)) => {
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                check_host(scheme, host)?;
                location::split(path).map(drop)
            }
            Some(("http" | "https", rest)) => check_http(rest.split_once('/').map_or("", |(_, path)| path)),
            Some(_) => Ok(()),
            None => {
                check_local(location)?;
                location::split(location).map(drop)
            }
        }
    }

    /// Says what is wrong with a key of the settings of a kind of store (`s3`, `gs`, `az`, `http`).
    pub fn check_setting(scheme: &str, key: &str) -> Result<(), String> {
        stores::check_key(scheme, key)
    }

    /// Whether the location ends like a folder: then it is never one file.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.shown.ends_with('/')
    }

    /// Full address of an object of this place's store, for messages.
    #[must_use]
    pub fn address(&self, path: &Path) -> String {
        match (&self.local, self.shown.split_once("://")) {
            (None, Some((scheme, rest))) => {
                let host = rest.split('/').next().unwrap_or_default();
                format!("{scheme}://{host}/{path}")
            }
            _ => path.to_string(),
        }
    }
}

fn open(
    location: &str,
    base: &FilePath,
    stores: &BTreeMap<String, BTreeMap<String, String>>,
    environment: &Environment,
) -> Result<Place, String> {
    let none = BTreeMap::new();
    let Some((scheme, rest)) = location.split_once("://") else { return local(location, base) };
    let settings = |scheme: &str| stores.get(scheme).unwrap_or(&none);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if scheme != "file" {
        check_host(scheme, host)?;
    }
    let store: Arc<dyn ObjectStore> = match scheme {
        "file" if host.is_empty() => return local(&format!("/{path}"), base),
        "s3" => stores::s3(host, settings("s3"), environment)?,
        "gs" => stores::gs(host, settings("gs"), environment)?,
        "az" => stores::az(host, settings("az"), environment)?,
        "http" | "https" => {
            check_http(path)?;
            stores::http(scheme, host, settings("http"))?
        }
        "memory" => stores::memory(host)?,
        _ => {
            return Err(format!(
                "unknown scheme '{scheme}'; write a local path or one of s3://, gs://, az://, http://, https://, memory://"
            ));
        }
    };
    let (prefix, pattern) = location::split(path)?;
    Ok(Place { store, prefix, pattern, local: None, shown: location::without_secrets(location) })
}

/// A local path. Below `base` the store is rooted there; elsewhere at the root of the disk.
fn local(location: &str, base: &FilePath) -> Result<Place, String> {
    check_local(location)?;
    // However the location is written, the same file has the same path: the ledger knows files by it.
    let whole = location::normal(&std::path::absolute(base.join(location)).map_err(text)?)?;
    let project = location::normal(&std::path::absolute(base).map_err(text)?)?;
    let below = whole.strip_prefix(project.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
    let (root, relative) = match below.filter(|_| base.is_dir()) {
        Some(below) => (base.to_owned(), below.to_owned()),
        None => (PathBuf::from("/"), whole),
    };
    let store = stores::local(&root)?;
    let (prefix, pattern) = location::split(&relative)?;
    let local = prefix.parts().fold(root, |path, part| path.join(part.as_ref()));
    Ok(Place { store, prefix, pattern, local: Some(local), shown: location.to_owned() })
}

fn check_host(scheme: &str, host: &str) -> Result<(), String> {
    if host.is_empty() {
        return Err(format!("the address names no {}", if scheme == "az" { "container" } else { "bucket or host" }));
    }
    Ok(())
}

fn check_http(path: &str) -> Result<(), String> {
    if path.is_empty() || path.contains(['?', '*', '#']) {
        return Err("an http location names exactly one file: it cannot be listed".to_owned());
    }
    Ok(())
}

fn check_local(location: &str) -> Result<(), String> {
    if location.is_empty() {
        return Err("the location is empty".to_owned());
    }
    if location.starts_with('~') {
        return Err("'~' is not expanded; write the folder in full, or set it through a variable".to_owned());
    }
    Ok(())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
