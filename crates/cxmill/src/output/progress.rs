//! A progress line on a terminal: what is being done, and how fast.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cxmill_engine::{Observer, Progress, Stage};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// The progress line.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    progress: Arc<Progress>,
}

impl Bar {
    /// A line that shows the live counters of an ingest.
    pub(super) fn new(progress: Arc<Progress>) -> Self {
        let bar = ProgressBar::new_spinner();
        let counters = Arc::clone(&progress);
        let show = move |state: &ProgressState, f: &mut dyn std::fmt::Write| {
            let (bytes, rows) = (counters.bytes.load(Ordering::Relaxed), counters.rows.load(Ordering::Relaxed));
            if bytes == 0 {
                return;
            }
            let seconds = state.elapsed().as_secs_f64().max(0.001);
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let rate = rows as f64 / seconds;
            let drawn = write!(f, "{} · {rows} rows · {rate:.0} rows/s", super::units::bytes(bytes));
            debug_assert!(drawn.is_ok(), "a progress line is drawn into memory");
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg} {counters}") {
            bar.set_style(style.with_key("counters", show));
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, progress }
    }
}

impl Observer for Bar {
    fn begins(&self, stage: &Stage) {
        self.bar.set_message(match stage {
            Stage::Recover => "recovering".to_owned(),
            Stage::Discover { source } => format!("listing {source}"),
            Stage::Land { source, files, bytes } => {
                format!("reading {source}: {files} files, {}", super::units::bytes(*bytes))
            }
            Stage::Build { model } => format!("building {model}"),
            Stage::Rebuild { model, batch, batches } => format!("rebuilding {model}: batch {batch} of {batches}"),
            Stage::Commit => "committing".to_owned(),
            Stage::Publish => "publishing".to_owned(),
        });
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        tracing::debug!(files = self.progress.files.load(Ordering::Relaxed), "files read");
    }
}
