//! What the newest commit proves of the project's queries.

use cxmill_ledger::Ledger;

use crate::compile::Proven;
use crate::context::Context;
use crate::error::EngineError;
use crate::roots::Roots;

/// The queries that the newest commit proves sound, for [`crate::compile_standing`]; none where there is no commit. Reads the ledger only.
///
/// # Errors
/// [`EngineError`] where the state root cannot be read.
pub async fn proven(context: &Context) -> Result<Proven, EngineError> {
    let ledger = Ledger::open_read_only(Roots::open(context)?.state).await?;
    Ok(ledger.latest().await?.as_ref().map(Proven::by).unwrap_or_default())
}
