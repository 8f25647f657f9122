//! The start of a run: open the ledger, and finish what an earlier run left unfinished.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use cxmill_ingest::Listing;
use cxmill_ledger::{Commit, Ledger, LedgerError, ModelState, OutputRoot, SourceState};

use crate::clock::Stopwatch;
use crate::compile::Compiled;
use crate::context::{Context, RunOptions, Stage};
use crate::error::EngineError;
use crate::interrupt::interruptible;
use crate::report::RunReport;
use crate::roots::Roots;

/// A run under way: what was asked, the ledger it works on, and what it did so far.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) context: &'a Context,
    pub(crate) compiled: &'a Compiled,
    pub(crate) options: &'a RunOptions,
    pub(crate) roots: Roots,
    pub(crate) ledger: Ledger,
    /// The newest commit, this run's own included.
    pub(crate) latest: Option<Commit>,
    /// What was listed of each source.
    pub(crate) listed: Listed,
    pub(crate) report: RunReport,
    /// Runs since the run began.
    pub(crate) watch: Stopwatch,
}

/// All files of each source that was listed, by its name.
pub(crate) type Listed = BTreeMap<String, Listing>;

/// Opens the ledger (on local disk this takes the lock) and publishes whatever the newest commit says and the output root
/// does not show: objects deleted by hand, or a publishing that a crash cut short.
pub(crate) async fn recover<'a>(
    context: &'a Context,
    compiled: &'a Compiled,
    options: &'a RunOptions,
) -> Result<Run<'a>, EngineError> {
    let watch = Stopwatch::start();
    context.observer.begins(&Stage::Recover);
    check_selection(compiled, options)?;
    let roots = Roots::open(context)?;
    let opening = async {
        let ledger = Ledger::open(roots.state.clone()).await?;
        let latest = ledger.latest().await?;
        Ok((ledger, latest))
    };
    let (ledger, latest) = interruptible(&context.progress, opening).await?;
    // From here on nobody can commit before this run does without its noticing: what it builds on was made by these files or older ones.
    if !context.files.unchanged() {
        return Err(EngineError::Edited);
    }
    let mut report = RunReport::default();
    if let Some(commit) = &latest {
        report.epoch = commit.epoch.0;
        match ledger.publish(commit, &roots.output).await {
            Ok(published) => report.add_published(published),
            // What is lost is what the caller wants built anew.
            Err(error @ LedgerError::Lost { .. }) if options.full_refresh => {
                report.warnings.push(format!("{error}: it is made again"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Run { context, compiled, options, roots, ledger, latest, listed: Listed::new(), report, watch })
}

/// A name that was selected has to be a model.
pub(crate) fn check_selection(compiled: &Compiled, options: &RunOptions) -> Result<(), EngineError> {
    let unknown = options.select.iter().filter(|name| !compiled.models.iter().any(|model| model.name == **name));
    let diagnostics: Vec<_> = unknown
        .map(|name| {
            let diagnostic =
                cxmill_spec::Diagnostic::error("unknown-model", None, format!("no model is named `{name}`"));
            let models = compiled.models.iter().map(|model| model.name.as_str());
            cxmill_spec::Diagnostic { help: cxmill_spec::suggestion(name, models, "models"), ..diagnostic }
        })
        .collect();
    if diagnostics.is_empty() { Ok(()) } else { Err(EngineError::Invalid(diagnostics)) }
}

impl Run<'_> {
    /// The root of cxmill's own state.
    pub(crate) fn state(&self) -> &OutputRoot {
        &self.roots.state
    }

    /// The time by now: that of the run's beginning and what has passed since.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.watch.elapsed()).unwrap_or_default();
        self.context.now.checked_add_signed(passed).unwrap_or(self.context.now)
    }

    /// Where the sources stand.
    pub(crate) fn sources(&self) -> BTreeMap<String, SourceState> {
        self.latest.as_ref().map(|commit| commit.sources.clone()).unwrap_or_default()
    }

    /// Where the models stand.
    pub(crate) fn models(&self) -> BTreeMap<String, ModelState> {
        self.latest.as_ref().map(|commit| commit.models.clone()).unwrap_or_default()
    }

    /// Fails where the caller asked to stop.
    pub(crate) fn go_on(&self) -> Result<(), EngineError> {
        if self.context.progress.stop.load(Ordering::Relaxed) { Err(EngineError::Interrupted) } else { Ok(()) }
    }
}
