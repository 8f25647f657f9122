//! `status`: where the project stands, from the ledger alone.

use cxmill_ledger::{Commit, ModelState, Totals};
use cxmill_spec::Strategy;
use serde::Serialize;

use crate::clock::rfc3339;
use crate::compile::{Compiled, CompiledModel};
use crate::context::Context;
use crate::error::EngineError;
use crate::plan::changed_at;
use crate::roots::Roots;
use crate::strategy::state::begun;
use crate::strategy::view::{inputs, table};

/// Where the project stands.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Newest epoch; 0 before the first.
    pub epoch: u64,
    /// When it was committed, RFC 3339.
    pub committed_at: Option<String>,
    /// Its as-of, RFC 3339.
    pub as_of: Option<String>,
    /// Sources.
    pub sources: Vec<SourceStatus>,
    /// Models.
    pub models: Vec<ModelStatus>,
}

/// Where a source stands.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SourceStatus {
    /// Name.
    pub name: String,
    /// Where its files were when they were read last.
    pub location: String,
    /// What was consumed of it since the first run.
    #[serde(flatten)]
    pub totals: Totals,
    /// Newest event, RFC 3339.
    pub newest_event: Option<String>,
    /// Quarantine rows by rule are shown by `quarantine list`; this is the number of quarantine files.
    pub quarantine_files: u64,
}

/// Where a model stands.
#[derive(Debug, Clone, Serialize)]
pub struct ModelStatus {
    /// Name.
    pub name: String,
    /// Strategy.
    pub strategy: String,
    /// Why this strategy.
    pub strategy_why: String,
    /// Rows published.
    pub rows: u64,
    /// Files published.
    pub files: u64,
    /// Epoch of the last change.
    pub changed_at: u64,
    /// Epoch it has seen of each source and model that it reads.
    pub position: std::collections::BTreeMap<String, u64>,
    /// The as-of its rows were built with, RFC 3339, where its SQL (or that of a model it reads) reads it.
    pub as_of: Option<String>,
    /// `current`, `behind`, `changed` (the SQL or the checks changed since), `withheld` (the last run that tried could not
    /// bring it up to date: what stands is older), `rebuilding` (it is being built anew: what stands is older) or
    /// `never built`; `inlined` for a view.
    pub state: String,
    /// How far it has come, where it is being built anew batch by batch.
    pub rebuild: Option<RebuildStatus>,
    /// Why it is withheld, and with which as-of that was found.
    pub withheld: Option<WithheldStatus>,
}

/// How far a model that is being built anew has come.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RebuildStatus {
    /// Batches of landed rows that are taken.
    pub batches: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// Why a model is withheld.
#[derive(Debug, Clone, Serialize)]
pub struct WithheldStatus {
    /// The check that failed, the model before it that is withheld, or what its query ran into.
    pub why: String,
    /// The as-of of the run that withheld it, RFC 3339.
    pub as_of: Option<String>,
}

/// Where the project stands; reads the ledger only.
pub async fn status(context: &Context, compiled: &Compiled) -> Result<Status, EngineError> {
    let commit = Roots::open(context)?.newest_commit().await?;
    let latest = commit.as_ref();
    Ok(Status {
        epoch: latest.map_or(0, |commit| commit.epoch.0),
        committed_at: latest.map(|commit| rfc3339(commit.committed_at)),
        as_of: latest.and_then(|commit| commit.as_of).map(rfc3339),
        sources: context.project.sources.keys().map(|name| source(name, latest)).collect(),
        models: compiled.models.iter().map(|compiled_model| model(compiled, compiled_model, latest)).collect(),
    })
}

fn source(name: &str, latest: Option<&Commit>) -> SourceStatus {
    let empty = SourceStatus { name: name.to_owned(), ..SourceStatus::default() };
    let Some(state) = latest.and_then(|commit| commit.sources.get(name)) else { return empty };
    SourceStatus {
        location: state.location.clone(),
        totals: state.totals,
        newest_event: state.newest_event.map(rfc3339),
        quarantine_files: state.quarantine.len() as u64,
        ..empty
    }
}

/// Where a model stands in a commit.
pub(crate) fn model(compiled: &Compiled, model: &CompiledModel, latest: Option<&Commit>) -> ModelStatus {
    let built = table(latest, model);
    let withheld = latest.and_then(|commit| commit.withheld.get(&model.name));
    let rebuild = begun(latest, model, &inputs(compiled, model));
    let standing = match built {
        _ if model.strategy == Strategy::View => "inlined",
        _ if withheld.is_some() => "withheld",
        _ if rebuild.is_some() => "rebuilding",
        None => "never built",
        Some(built) if built.fingerprint != model.fingerprint || built.judged.checks != model.checks => "changed",
        Some(built) if behind(compiled, model, built, latest) => "behind",
        Some(_) => "current",
    };
    ModelStatus {
        name: model.name.clone(),
        strategy: model.strategy.name().to_owned(),
        strategy_why: model.why.clone(),
        rows: built.map_or(0, |built| built.rows),
        files: built.map_or(0, |built| built.files.len() as u64),
        changed_at: built.map_or(0, |built| built.changed_at.0),
        position: built
            .map(|built| built.position.iter().map(|(name, epoch)| (name.clone(), epoch.0)).collect())
            .unwrap_or_default(),
        as_of: built.and_then(|built| built.as_of).map(rfc3339),
        state: standing.to_owned(),
        rebuild: rebuild.map(|rebuild| RebuildStatus { batches: rebuild.batches, bytes: rebuild.bytes }),
        withheld: withheld
            .map(|withheld| WithheldStatus { why: withheld.why.clone(), as_of: withheld.as_of.map(rfc3339) }),
    }
}

fn behind(compiled: &Compiled, model: &CompiledModel, built: &ModelState, latest: Option<&Commit>) -> bool {
    inputs(compiled, model).iter().any(|name| built.position.get(*name).copied() != Some(changed_at(latest, name)))
}
