//! `doctor`: tries everything a run needs and says what is missing. It writes a probe object to each root and removes it.

use cxmill_ledger::{Ledger, OutputRoot, conformance};
use cxmill_spec::Source;
use futures::TryStreamExt;
use object_store::{GetOptions, GetRange, ObjectStore};
use serde::Serialize;

use crate::context::Context;
use crate::error::EngineError;
use crate::memory;
use crate::roots::{Roots, open_place};

/// What a finding is about, and so how a run would fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Concern {
    /// A store, or a permission there.
    Store,
    /// The settings or the environment.
    Settings,
}

/// One thing that `doctor` looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was tried, as in `source orders: list s3://…`.
    pub what: String,
    /// What it is about.
    pub about: Concern,
    /// Whether it works.
    pub ok: bool,
    /// What was found, or what is missing and which setting to look at.
    pub detail: String,
}

impl Finding {
    fn store(what: impl Into<String>, ok: bool, detail: impl Into<String>) -> Self {
        Self { what: what.into(), about: Concern::Store, ok, detail: detail.into() }
    }

    fn settings(what: impl Into<String>, ok: bool, detail: impl Into<String>) -> Self {
        Self { what: what.into(), about: Concern::Settings, ok, detail: detail.into() }
    }
}

/// Tries everything a run needs: reading each source, writing state and output, put-if-absent there.
///
/// What does not work is a finding and not an error; the findings come in the order of the project.
pub async fn doctor(context: &Context) -> Result<Vec<Finding>, EngineError> {
    let mut findings = Vec::new();
    for source in context.project.sources.values() {
        findings.push(read_source(context, source).await);
    }
    match Roots::open(context) {
        Ok(roots) => {
            findings.push(write_root("state", &roots.state).await);
            findings.push(write_root("output", &roots.output).await);
        }
        Err(error) => findings.push(Finding::store("roots", false, error.to_string())),
    }
    findings.extend(private_key(context).await);
    findings.push(memory_limit(context.project.settings.memory_limit, memory::machine()));
    Ok(findings)
}

/// Opens a source, lists the start of it and reads the first byte of one object.
async fn read_source(context: &Context, source: &Source) -> Finding {
    let what = |shown: &str| format!("source {}: read {shown}", source.name);
    let hint = format!("look at `location` of source {} and at `raw`", source.name);
    let place = match open_place(context, &source.location) {
        Ok(place) => place,
        Err(error) => return Finding::store(what(&source.location), false, format!("{error}; {hint}")),
    };
    if place.local.as_ref().is_some_and(|path| !path.exists()) {
        return Finding::store(what(&place.shown), false, format!("it does not exist; {hint}"));
    }
    let first = place.store.list(Some(&place.prefix)).try_filter(|object| {
        let path = object.location.as_ref();
        std::future::ready(object.size > 0 && place.pattern.as_ref().is_none_or(|pattern| pattern.matches(path)))
    });
    let mut first = std::pin::pin!(first);
    let object = match first.try_next().await {
        Ok(Some(object)) => object,
        // One file, which some stores do not list below itself.
        Ok(None) => match place.store.get_opts(&place.prefix, GetOptions { head: true, ..Default::default() }).await {
            Ok(found) => found.meta,
            Err(object_store::Error::NotFound { .. }) => {
                return Finding::store(what(&place.shown), true, "no file yet".to_owned());
            }
            Err(error) => return Finding::store(what(&place.shown), false, format!("{error}; {hint}")),
        },
        Err(error) => return Finding::store(what(&place.shown), false, format!("{error}; {hint}")),
    };
    let options = GetOptions { range: (object.size > 0).then_some(GetRange::Bounded(0..1)), ..Default::default() };
    match place.store.get_opts(&object.location, options).await {
        Ok(_) => Finding::store(what(&place.shown), true, format!("listed, and read {}", object.location)),
        Err(error) => {
            let detail = format!("listed, but {} cannot be read: {error}; {hint}", object.location);
            Finding::store(what(&place.shown), false, detail)
        }
    }
}

/// Creates an object, sees that it cannot be created twice, and removes it.
async fn write_root(setting: &str, root: &OutputRoot) -> Finding {
    let what = format!("{setting}: write, put if absent and delete in {}", root.shown);
    match conformance::probe(root).await {
        Ok(()) => Finding::store(what, true, "works"),
        Err(error) => {
            let error = EngineError::from(error);
            Finding::store(what, false, format!("{error}; look at `{setting}` and at the permissions there"))
        }
    }
}

/// Whether the key is there, and is the one that landed rows were hashed with; nothing where no source needs one.
async fn private_key(context: &Context) -> Option<Finding> {
    let needs = |source: &&Source| source.columns.iter().any(|column| column.private);
    let source = context.project.sources.values().find(needs)?;
    let what = "key for private columns";
    let Some(key) = &context.private_key else {
        let detail = format!("missing: source {} has private columns; set CXMILL_PRIVATE_KEY", source.name);
        return Some(Finding::settings(what, false, detail));
    };
    let fingerprint = key.fingerprint();
    // Trouble with the state root has a finding of its own.
    let other = other_key(context, &fingerprint).await.unwrap_or_default();
    Some(match other {
        Some(source) => {
            let detail = format!(
                "its fingerprint is {fingerprint}, but rows of source {source} were hashed with another key; give that one, \
                 or read everything again with run --full-refresh"
            );
            Finding::settings(what, false, detail)
        }
        None => Finding::settings(what, true, format!("given, its fingerprint is {fingerprint}")),
    })
}

/// The first source whose landed rows were hashed with another key.
async fn other_key(context: &Context, fingerprint: &str) -> Result<Option<String>, EngineError> {
    let ledger = Ledger::open_read_only(Roots::open(context)?.state).await?;
    let sources = ledger.latest().await?.map(|commit| commit.sources).unwrap_or_default();
    let other = |key: &Option<String>| key.as_ref().is_some_and(|key| key != fingerprint);
    Ok(sources.into_iter().find(|(_, state)| other(&state.private_key)).map(|(name, _)| name))
}

fn memory_limit(limit: u64, machine: Option<u64>) -> Finding {
    let what = format!("memory_limit: {} MB", limit / 1_000_000);
    match machine {
        Some(machine) if limit > machine => {
            let detail = format!("more than the machine's {} MB: lower memory_limit", machine / 1_000_000);
            Finding::settings(what, false, detail)
        }
        Some(machine) => Finding::settings(what, true, format!("the machine has {} MB", machine / 1_000_000)),
        None => Finding::settings(what, true, "the machine's memory is not known"),
    }
}
