//! Strategy `partition`: only the partitions that new rows touch are computed, from the rows of their dates.
//!
//! ```text
//!                                                                                        published rows of its other days ─┐
//! new files ─ the dates of their rows ─ days they touch, by partition ─┬─ group ─ files of its dates ─ query ─ rows of its days ─┤
//!                                                                      └─ group ─ …                                            ─┴─ stage ─ check
//! ```
//! Files are those of landed rows, and the partitions of published models that are partitioned by a date themselves. A partition
//! that no new row touches is neither computed nor written. Many partitions are worked through in groups of
//! consecutive ones whose rows are bounded, so that a long history takes no more memory than a piece of it. A partition with more rows than
//! that is computed in slices of its days, which are kept on disk until one query sorts them into its file. A model that
//! was never built, that changed, whose source dropped rows, or that reads something else that changed has all its partitions
//! computed, all of their days, by the same path.

mod compute;
pub(crate) mod cut;
mod slices;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use cxmill_ledger::{Commit, Epoch, Ledger, ModelState, Names, PublishedFile, SourceState};
use cxmill_spec::{Model, Project};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, cast, lit};

use self::compute::{Compute, Computed};
use self::cut::{Cut, DatedFile, Given, Group};
use crate::compile::query::column;
use crate::compile::{Compiled, CompiledModel};
use crate::decide::touching;
use crate::error::EngineError;
use crate::memory;
use crate::partition::{FILE, Period};
use crate::stage::{StageRequest, Staging};
use crate::strategy::position;
use crate::strategy::work::{Done, Work};

/// What a run computes of a model.
#[derive(Debug)]
pub(crate) struct Touched<'a> {
    /// The partitions, in groups.
    pub(crate) groups: Vec<Group<'a>>,
    /// Whether these are all there are.
    pub(crate) all: bool,
    /// Stored bytes of rows that one query reads at most, where one day needs no more.
    pub(crate) max_bytes: u64,
}

/// Brings the partitions up to date that rows touch which the model has not seen, and checks the whole result. A stop drops the
/// query at once.
pub(crate) async fn build(work: Work<'_>, names: &Names) -> Result<Done, EngineError> {
    let Work { run, model, models, .. } = work;
    let written = work.written()?;
    let cut = cut(written, model)?;
    let dated = |input: &str| cut.dated().any(|dated| dated == input);
    let others = work.inputs.iter().filter(|input| !dated(input) && !run.context.project.keeps_history(input));
    let others = position(run, models, &others.copied().collect());
    let facts = Facts { previous: models.get(&model.name), others: &others, full_refresh: work.anew() };
    let project = &run.context.project;
    let stand = Stand { project, compiled: run.compiled, ledger: &run.ledger, latest: run.latest.as_ref(), models };
    let Touched { groups, all, max_bytes } = touched(cut, model, stand, facts).await?;

    let folders: BTreeSet<&str> =
        groups.iter().flat_map(|group| &group.parts).map(|part| part.period.folder.as_str()).collect();
    // The file without rows of an empty table goes when there are rows.
    let stays = |file: &&PublishedFile| {
        file.rows > 0 && !all && cut.folder(file).is_some_and(|folder| !folders.contains(folder))
    };
    let kept: Vec<PublishedFile> =
        facts.previous.iter().flat_map(|previous| &previous.files).filter(stays).cloned().collect();
    let request = StageRequest {
        model: written,
        compiled: model,
        names,
        root: run.state(),
        previous: facts.previous,
        anew: work.anew(),
        now: run.context.now,
        kept: &kept,
    };
    let given = work.given().await?;
    let mut compute = Compute { work, cut, previous: facts.previous, max_bytes, bytes_read: 0 };
    let build = async {
        let mut staging = Staging::new(request)?;
        for group in &groups {
            run.go_on()?;
            let Computed { rows, slices } = compute.rows(group).await?;
            Box::pin(staging.add(rows)).await?;
            drop(slices);
        }
        let staged = staging.finish().await?;
        // Checks may read all rows of what the model reads, so they have a session of their own.
        let checks = work.check(&work.session(&given)?, &staged.files).await?;
        Ok((staged, checks))
    };
    let mut looked_at = given.clone();
    looked_at.push(work.published(&model.name, &standing(cut, &groups, facts.previous))?);
    let (staged, checks) = work.settle(build, &looked_at).await?;
    let name = |folder: &&str| match written.output.partition_by.len() {
        1 => format!("{folder}/{FILE}"),
        _ => (*folder).to_owned(),
    };
    let touched = (!all).then(|| folders.iter().map(name).collect());
    Ok(Done { staged: Some(staged), checks, bytes_read: compute.bytes_read, touched, ..Done::default() })
}

/// The published files of the partitions of these groups, where rows of some of their days stay as they are.
pub(crate) fn standing(cut: Cut<'_>, groups: &[Group<'_>], previous: Option<&ModelState>) -> Vec<PublishedFile> {
    let partial = groups.iter().flat_map(|group| &group.parts).filter(|part| part.is_partial());
    let partial: BTreeSet<&str> = partial.map(|part| part.period.folder.as_str()).collect();
    let files = previous.into_iter().flat_map(|previous| &previous.files).filter(|file| file.rows > 0);
    files.filter(|file| cut.folder(file).is_some_and(|folder| partial.contains(folder))).cloned().collect()
}

/// The partitions of a model of this strategy.
pub(crate) fn cut<'a>(written: &'a Model, model: &'a CompiledModel) -> Result<Cut<'a>, EngineError> {
    let cut = model.dates.as_ref().and_then(|dates| Cut::new(written, dates));
    cut.ok_or_else(|| EngineError::Bug(format!("model {} has no partitions by date", model.name)))
}

/// What there is to compute partitions from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stand<'a> {
    /// The project as it is written.
    pub(crate) project: &'a Project,
    /// The project as it is compiled.
    pub(crate) compiled: &'a Compiled,
    /// The ledger.
    pub(crate) ledger: &'a Ledger,
    /// Its newest commit.
    pub(crate) latest: Option<&'a Commit>,
    /// Models as they stand by now.
    pub(crate) models: &'a BTreeMap<String, ModelState>,
}

impl<'a> Stand<'a> {
    fn source(&self, name: &str) -> Option<&'a SourceState> {
        self.latest.and_then(|commit| commit.sources.get(name))
    }

    /// The files of a source or model whose dates count.
    async fn files(&self, name: &str) -> Result<Vec<DatedFile>, EngineError> {
        if let Some(state) = self.source(name) {
            return Ok(self.ledger.landed_files(state).await?.into_iter().map(DatedFile::Landed).collect());
        }
        let by = || {
            let key = self.compiled.model(name)?.dated.as_ref()?.key;
            Some((key, self.project.models.get(name)?.output.partition_by.get(key)?))
        };
        let Some((key, by)) = by() else { return Ok(Vec::new()) };
        let dated = |file: &PublishedFile| {
            let period = Period::named(by, file.published.split('/').nth(key)?)?;
            Some(DatedFile::Published(file.clone(), period))
        };
        Ok(self.models.get(name).map_or(&[][..], |state| &state.files).iter().filter_map(dated).collect())
    }

    /// The epoch since which every change of the rows of a source or model can be told from its files, and from the event dates
    /// of dropped ones.
    fn told_since(&self, name: &str) -> Epoch {
        let source = self.source(name).map(|source| source.added_since);
        source.or_else(|| self.models.get(name).map(|model| model.forgotten)).unwrap_or_default()
    }
}

/// What decides which partitions are computed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// Where the model stands.
    pub(crate) previous: Option<&'a ModelState>,
    /// What it reads besides sources whose event dates count, with the epochs in which their rows last changed.
    pub(crate) others: &'a [(&'a str, Epoch)],
    /// Whether the caller wants everything built anew.
    pub(crate) full_refresh: bool,
}

/// The partitions to compute, or those of their days that are touched, in groups whose rows are bounded: by `max_batch_bytes`, and so that
/// the rows of a group, in memory, fit.
pub(crate) async fn touched<'a>(
    cut: Cut<'a>,
    model: &CompiledModel,
    stand: Stand<'_>,
    facts: Facts<'_>,
) -> Result<Touched<'a>, EngineError> {
    let mut given = Given::new();
    for name in cut.dated() {
        given.insert(name, stand.files(name).await?);
    }
    let told: Vec<_> = cut.dated().map(|name| (name, stand.told_since(name))).collect();
    let after: Option<BTreeMap<&str, Epoch>> =
        touching(&model.fingerprint, facts.previous, &told, facts.others, facts.full_refresh);
    let dropped = cut.dated().filter_map(|name| Some((name, &stand.source(name)?.dropped_on))).collect();
    let touched = cut.touched(&given, &dropped, after.as_ref());
    let parts = if after.is_none() { cut.whole(touched) } else { cut.days_of(touched) };
    let settings = &stand.project.settings;
    let max_bytes = settings.max_batch_bytes.min(memory::rows_share(settings.memory_limit, settings.threads));
    Ok(Touched { groups: cut.groups(parts, &given, max_bytes), all: after.is_none(), max_bytes })
}

/// Whether the day of a column is one of those that are computed of the partitions of these groups.
pub(crate) fn within(name: &str, data_type: &DataType, groups: &[Group<'_>]) -> Expr {
    let date = match data_type {
        DataType::Date32 => column(name),
        _ => cast(column(name), DataType::Date32),
    };
    let day = |day: i32| lit(ScalarValue::Date32(Some(day)));
    // Up to the day after, so that a single day is no equality: DataFusion 55 takes what equals a constant out of the order of a
    // join's rows and then misses it there.
    let runs = groups
        .iter()
        .flat_map(Group::runs)
        .map(|(first, last)| date.clone().gt_eq(day(first)).and(date.clone().lt(day(last.saturating_add(1)))));
    runs.reduce(Expr::or).unwrap_or_else(|| lit(false))
}
