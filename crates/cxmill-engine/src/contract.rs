//! Whether rows that are landed already and rows still to come meet the same contract.

use cxmill_ingest::PrivateKey;
use cxmill_ledger::SourceState;
use cxmill_spec::{Diagnostic, Source};

use crate::error::EngineError;

/// What becomes of the rows landed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Landed {
    /// They stay; new files are added to them.
    Stay,
    /// The source is read again from its raw files, all of which are there; the rows are dropped in the commit that lands
    /// the first new ones.
    ReadAgain,
}

/// Decides what becomes of the rows landed so far, or says why the source cannot be read as it is declared now.
pub(crate) fn reconcile(
    source: &Source,
    state: Option<&SourceState>,
    key: Option<&PrivateKey>,
    full_refresh: bool,
) -> Result<Landed, EngineError> {
    let private = source.columns.iter().any(|column| column.private);
    if private && key.is_none() {
        let message = format!("source {} has private columns, but there is no key to hash them with", source.name);
        let help = "set the environment variable CXMILL_PRIVATE_KEY to 64 hex digits, and keep it: another key gives other \
                    hashes";
        return Err(EngineError::Invalid(vec![Diagnostic::error("private-key", source.span, message).with_help(help)]));
    }
    let Some(state) = state else { return Ok(Landed::Stay) };
    let key_changed = private && state.private_key != key.map(PrivateKey::fingerprint);
    if !key_changed && source.keeps_rows_of(&state.contract) {
        return Ok(Landed::Stay);
    }
    if full_refresh {
        return Ok(Landed::ReadAgain);
    }
    let message = if key_changed {
        format!("source {}: CXMILL_PRIVATE_KEY is not the key that landed rows were hashed with", source.name)
    } else {
        format!("source {}: the contract changed after rows were landed with it", source.name)
    };
    Err(EngineError::Data {
        message,
        details: Vec::new(),
        help: Some(if key_changed {
            "give the old key, or run with --full-refresh to read the source again from its raw files".to_owned()
        } else {
            "run with --full-refresh to read the source again from its raw files (only columns added that are not \
             `required`, and rules that allow more, can do without)"
                .to_owned()
        }),
    })
}
