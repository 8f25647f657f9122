//! Errors, named by what the caller can do.

/// What can go wrong in the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A store did not do what was asked: unreachable, no permission, disk full.
    #[error("{operation} {place}")]
    Store {
        /// What was tried, as in "reading" or "writing".
        operation: &'static str,
        /// Full address of the object or folder.
        place: String,
        /// What the store said.
        #[source]
        source: object_store::Error,
    },
    /// Another runner holds the lock of a local state root.
    #[error("another run is using {place}")]
    Locked {
        /// The lock file.
        place: String,
    },
    /// A record cannot be understood: damaged, or written by a newer cxmill.
    #[error("cannot read record {place}: {reason}")]
    Record {
        /// Address of the record.
        place: String,
        /// Why not.
        reason: String,
    },
    /// An object that a commit names is gone, or is not what was committed: somebody else removed or replaced it.
    #[error("{place} is lost: {reason}")]
    Lost {
        /// Address of the object.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer commit exists: this runner was overtaken and stopped before it changed anything.
    #[error("commit {winner} was made by another run")]
    Overtaken {
        /// The newer epoch.
        winner: u64,
    },
    /// A folder of the output root shows what another state root published: nothing was put there.
    #[error("{place} is published by the state root {theirs}, and this state root is {ours}")]
    Foreign {
        /// The folder.
        place: String,
        /// Identity of the state root that publishes there.
        theirs: String,
        /// Identity of this one.
        ours: String,
    },
    /// The ledger was opened to look only.
    #[error("{place} was opened to look only: open it for a run to change it")]
    ReadOnly {
        /// The state root.
        place: String,
    },
    /// A commit breaks a named invariant: the caller built a wrong record, which is a bug, and nothing was changed.
    #[error("commit breaks the invariant {invariant}: {detail}")]
    Invariant {
        /// Name of the invariant, as in [`crate::invariants`].
        invariant: &'static str,
        /// What is wrong, by names and counts only.
        detail: String,
    },
}
