//! Errors of ingest, named by what the caller can do.

/// What can stop an ingest. A bad row never does; it goes to quarantine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// A store did not do what was asked: unreachable, no permission, disk full.
    #[error("{operation} {place}")]
    Store {
        /// What was tried, as in "listing" or "reading".
        operation: &'static str,
        /// Full address.
        place: String,
        /// What the store said.
        #[source]
        source: object_store::Error,
    },
    /// The run was asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A bug in cxmill.
    #[error("bug in ingest: {0}")]
    Bug(String),
}
