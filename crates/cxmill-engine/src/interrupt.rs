//! Stopping: work that is dropped as soon as the caller asks for it.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cxmill_ingest::Progress;

use crate::error::EngineError;

/// How often the stop flag is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Runs the work, or drops it and fails with [`EngineError::Interrupted`] once the stop flag is set. Dropping is safe at any
/// point: nothing is visible before the commit.
pub(crate) async fn interruptible<T>(
    progress: &Progress,
    work: impl Future<Output = Result<T, EngineError>> + Send,
) -> Result<T, EngineError> {
    let stopped = async {
        while !progress.stop.load(Ordering::Relaxed) {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        biased;
        () = stopped => Err(EngineError::Interrupted),
        outcome = work => outcome,
    }
}
