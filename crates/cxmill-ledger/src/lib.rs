//! What was read, what is published, and the one atomic commit between them.
//!
//! The ledger makes raw files count exactly once and lets readers see whole runs only. It never sees a row or SQL: it
//! knows objects by name, counts and hashes. Start reading in [`ledger`], then `commit`, `publish` and `gc`; what is to be
//! done is decided in `decide`, which does no I/O.
//!
//! ```text
//!  run N+1           latest = commit N ──▶ publish(N)                    recover: what a crash left undone is done
//!                        │
//!                      begin              names carry <N+1>-<run>        nobody else uses them, nobody reads them
//!                        │
//!        landed, quarantine, results, logs written under those names     a crash here leaves garbage
//!                        │
//!  ════════════ put commits/<N+1>.json if absent ════════════════        the one visible point; conflict is a value
//!                        │
//!                  publish(N+1)           results ──▶ stable names       a crash here is finished by the next run
//!                        │
//!                 collect_garbage         what no commit names
//! ```
//!
//! A commit is one JSON record that refers to everything by name: logs of consumed files, manifests of landed files,
//! quarantine files, and for each model its results. Nothing that a commit names is ever changed; a run writes new
//! objects. So there is one fact to agree on, the newest number, and put-if-absent agrees on it on every store.
//!
//! # Invariants
//!
//! Of a commit: those in [`invariants`]; [`Ledger::commit`] refuses a record that breaks one. Of the protocol:
//!
//! - **One winner.** Of all runs that follow commit N, at most one makes N+1. The others learn it as
//!   [`CommitOutcome::Conflict`] and have changed nothing that anybody reads.
//! - **Names outlive nobody.** On local disk what a commit names is synced before the record is, and the record is linked
//!   to its place only when it is whole and synced.
//! - **Publishing follows the commit.** The output root is a copy. Deleting all of it loses nothing: the next run
//!   publishes it again.
//! - **Never over the newer.** A runner that was overtaken cannot replace what a newer commit published; what stores offer
//!   no condition for it makes good itself (`publish` says how, and why that is enough).
//! - **A run in progress keeps its objects.** Garbage is told by the epoch in the name, not by age.
//! - **The clock decides nothing.** `committed_at` is information; times are compared only with times of the same store.
//!
//! # What was rejected
//!
//! - *One pointer object, swapped by its etag.* Local disk cannot do it, and on S3 an etag is a hash of the content: a
//!   pointer that went from A to B and back to A looks untouched.
//! - *A lock or a lease on object stores.* A lease needs clocks that agree, and a holder that stalls still believes in it
//!   when it wakes; the conditional put is needed anyway, and with it the lease is not.
//! - *A table format in the output.* Every reader would need to speak it. Plain Parquet under stable names is what the
//!   people who asked can read.
//! - *Publishing by renaming folders.* Object stores have no rename, and a reader between two renames sees nothing.
//! - *A high-water mark of modification times.* Files arrive late with old times; the log of consumed files knows each
//!   by its path and identity, a million of them in some tens of megabytes.

pub mod conformance;
pub mod error;
pub mod invariants;
pub mod ledger;
pub mod paths;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod types;

mod commit;
mod decide;
mod gc;
mod leftovers;
mod lock;
mod logs;
mod publish;
mod store;
mod sync;

#[cfg(test)]
mod tests;

pub use error::LedgerError;
pub use gc::Garbage;
pub use ledger::{CommitOutcome, Ledger, OutputRoot, PublishReport};
pub use paths::{Names, ObjectName};
pub use types::{
    Commit, ConsumedFile, Epoch, FORMAT, FieldState, FileState, Judged, KnownFiles, LandedFile, ModelState,
    PublishedFile, PublishedObject, PublishedRecord, QuarantineFile, Rebuild, RunId, SourceState, StateFile, Taken,
    Totals, Withheld,
};
