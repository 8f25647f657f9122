//! What the newest commit proves of the project's queries.

use crate::compile::Proven;
use crate::context::Context;
use crate::error::EngineError;
use crate::interrupt::interruptible;
use crate::roots::Roots;

/// The queries that the newest commit proves sound, for [`crate::compile_standing`]; none where there is no commit. Reads the ledger only.
///
/// # Errors
/// [`EngineError`] where the state root cannot be read, or somebody asks to stop meanwhile.
pub async fn proven(context: &Context) -> Result<Proven, EngineError> {
    let roots = Roots::open(context)?;
    let newest = interruptible(&context.progress, roots.newest_commit()).await?;
    Ok(newest.as_ref().map(Proven::by).unwrap_or_default())
}
