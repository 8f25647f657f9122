//! What a run did, as data.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use cxmill_ledger::{ModelState, PublishReport, Totals};
use serde::Serialize;

use crate::plan::{ModelAction, RunPlan};

/// The report of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RunReport {
    /// Epoch that stands published after the run.
    pub epoch: u64,
    /// Whether this run committed anything.
    pub committed: bool,
    /// The logical time, RFC 3339.
    pub as_of: Option<String>,
    /// Sources by name.
    pub sources: Vec<SourceReport>,
    /// Models in the order they were built.
    pub models: Vec<ModelReport>,
    /// All checks that ran.
    pub checks: Vec<CheckReport>,
    /// Objects put into the output root.
    pub objects_written: u64,
    /// What a person should look at, though the run did what was asked.
    pub warnings: Vec<String>,
    /// Seconds in all.
    pub seconds: f64,
    /// Highest resident memory of the process in bytes, where the system tells.
    pub peak_memory_bytes: Option<u64>,
}

impl RunReport {
    /// Whether the run changed what readers see or what the next run starts from, or has a failure to tell of.
    #[must_use]
    pub fn did_something(&self) -> bool {
        self.committed || self.objects_written > 0 || self.failed()
    }

    /// Whether a model is being built anew and the next run goes on with it.
    #[must_use]
    pub fn is_rebuilding(&self) -> bool {
        self.models.iter().any(|model| model.action == "rebuilding")
    }

    /// Whether a check of severity `error` or the query of a model failed (exit code 3).
    #[must_use]
    pub fn failed(&self) -> bool {
        self.checks.iter().any(|check| check.result == CheckResult::Failed)
            || self.models.iter().any(|model| model.error.is_some())
    }

    /// Adds what a person should look at, once.
    pub(crate) fn warn(&mut self, warning: impl IntoIterator<Item = String>) {
        for warning in warning {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// Takes out what is said of a model.
    pub(crate) fn take_model(&mut self, name: &str) -> Option<ModelReport> {
        let place = self.models.iter().position(|model| model.name == name)?;
        Some(self.models.remove(place))
    }

    /// Counts a batch of a model that is built anew.
    pub(crate) fn took_batch(&mut self, name: &str, bytes: u64, seconds: f64) {
        let Some(model) = self.models.iter_mut().find(|model| model.name == name) else { return };
        model.bytes_read += bytes;
        model.seconds += seconds;
        if let Some(rebuild) = &mut model.rebuild {
            rebuild.batches += 1;
            rebuild.batches_left = rebuild.batches_left.saturating_sub(1);
            rebuild.bytes_read += bytes;
        }
    }

    /// Counts what a publishing put, and warns of what it found beside its own files.
    pub(crate) fn add_published(&mut self, published: PublishReport) {
        self.objects_written += published.written;
        self.warn(published.strangers.into_iter().map(|stranger| {
            format!(
                "a Parquet file that cxmill did not put lies in the output: {stranger}; readers of the folder see it"
            )
        }));
    }

    /// Fills in sources and models of a run that found nothing to do.
    pub(crate) fn stand_still(&mut self, plan: &RunPlan, models: &BTreeMap<String, ModelState>) {
        self.sources = plan
            .sources
            .iter()
            .map(|source| SourceReport { name: source.name.clone(), ..SourceReport::default() })
            .collect();
        self.models = plan
            .models
            .iter()
            .map(|model| ModelReport {
                name: model.name.clone(),
                strategy: model.strategy.clone(),
                action: action(model.action).to_owned(),
                why: model.why.clone(),
                rows: models.get(&model.name).map_or(0, |state| state.rows),
                ..ModelReport::default()
            })
            .collect();
    }
}

/// A planned action as a report says it was done.
fn action(action: ModelAction) -> &'static str {
    match action {
        ModelAction::Build => "built",
        ModelAction::Keep | ModelAction::Judge => "kept",
        ModelAction::Inline => "inlined",
        ModelAction::Skip => "skipped",
        ModelAction::Retire => "retired",
        ModelAction::Remove => "removed",
    }
}

/// What a run read of a source: `read = accepted + quarantined + duplicate`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SourceReport {
    /// Name.
    pub name: String,
    /// What this run consumed of it.
    #[serde(flatten)]
    pub totals: Totals,
    /// Files that changed after they were read: what their old versions contributed was taken out.
    pub restated: u64,
    /// Files that did not change and were read again beside them, since some of their rows had been dropped as copies of others.
    pub read_again: u64,
    /// Quarantined rows by rule.
    pub by_rule: BTreeMap<String, u64>,
    /// For each event date of which rows were landed or taken out, the files that they came from.
    #[serde(skip)]
    pub dates: BTreeMap<NaiveDate, SomeFiles>,
    /// Files that were refused, as a whole or from some point on. Each counts as one quarantined row.
    pub damaged: Vec<DamagedFile>,
    /// Seconds.
    pub seconds: f64,
}

/// Files, of which the first few are named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SomeFiles {
    /// The first of them.
    pub files: Vec<String>,
    /// How many more there are.
    pub more_files: u64,
}

/// Files that are named.
const NAMED_FILES: usize = 3;

impl SomeFiles {
    /// Adds a file.
    pub(crate) fn add(&mut self, file: &str) {
        match self.files.len() < NAMED_FILES {
            true => self.files.push(file.to_owned()),
            false => self.more_files += 1,
        }
    }

    /// Adds others. One that is among those not named on both sides counts twice.
    pub(crate) fn extend(&mut self, others: &Self) {
        for file in others.files.iter().filter(|file| !self.files.contains(file)).cloned().collect::<Vec<_>>() {
            self.add(&file);
        }
        self.more_files = self.more_files.max(others.more_files);
    }
}

/// A partition whose rows changed, and the files whose new rows it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedPartition {
    /// Published name of its file, as in `month=2026-01/part-0.parquet`.
    pub partition: String,
    /// The files.
    #[serde(flatten)]
    pub because_of: SomeFiles,
}

/// A file that was refused, as a whole or from some point on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DamagedFile {
    /// The object.
    pub object: String,
    /// Line (text formats) or row number, from 1, from which on nothing was taken.
    pub line: u64,
    /// `damaged`, or the rule that the file breaks as a whole, as `header`.
    pub rule: String,
    /// What is wrong.
    pub reason: String,
}

/// What a run did with a model.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ModelReport {
    /// Name.
    pub name: String,
    /// Strategy.
    pub strategy: String,
    /// `built`, `kept`, `inlined`, `withheld`, `skipped`, `retired` (the project no longer publishes it, and its table stands for an hour
    /// more), `removed` (it was retired, and its table is gone), `rebuilding` (it is being built anew, and the next run goes on there) or
    /// `waiting` (for a model that it reads and that is being built anew).
    pub action: String,
    /// Why.
    pub why: String,
    /// What its query ran into, where it failed; the model is then withheld.
    pub error: Option<String>,
    /// What to do about the error.
    pub help: Option<String>,
    /// Rows in the whole table.
    pub rows: u64,
    /// Partitions (files) whose rows changed.
    pub partitions_written: u64,
    /// Bytes of them.
    pub bytes_written: u64,
    /// Bytes of landed rows and of other models' results that it was built from.
    pub bytes_read: u64,
    /// Where only the partitions of new rows were built: how many those are.
    pub partitions_touched: Option<u64>,
    /// The first of them, by the published names of their files.
    pub touched: Vec<String>,
    /// The first partitions whose rows changed since the model was built before, each with the files that this run read for it. Where a
    /// partition is a day, month or year, these are the files with rows of its event dates; else all that the model's sources got.
    pub changed: Vec<ChangedPartition>,
    /// What was taken batch by batch, where it was built anew from more rows than one batch.
    pub rebuild: Option<RebuildReport>,
    /// Seconds from its beginning to its end; those of models that are built at the same time overlap.
    pub seconds: f64,
}

/// What a run did of a rebuild that takes landed rows in batches, each committed by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RebuildReport {
    /// Batches that earlier runs had done.
    pub batches_before: u64,
    /// Batches that this run did.
    pub batches: u64,
    /// Batches that are left for the next run.
    pub batches_left: u64,
    /// Bytes of landed rows in the batches that this run did.
    pub bytes_read: u64,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// Model.
    pub model: String,
    /// Check, as in `unique(day, channel)`.
    pub check: String,
    /// How it ended.
    pub result: CheckResult,
    /// Number of rows that fail.
    pub failing_rows: u64,
    /// The first of them, as a table for people.
    pub sample: Option<String>,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// It holds.
    Passed,
    /// It does not hold; severity `warn`.
    Warned,
    /// It does not hold; severity `error`.
    Failed,
}
