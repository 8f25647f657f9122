//! Commands that only look: `show`, `status`, `quarantine`, `doctor`, `report`, `docs`, the summary of a run.

mod cells;
mod docs;
mod doctor;
mod proven;
mod published;
mod quarantine;
mod report;
mod show;
mod status;
mod summary;

pub(crate) use quarantine::known_source;

pub use docs::{DocsPage, docs_page};
pub use doctor::{Concern, Finding, doctor};
pub use proven::proven;
pub use quarantine::{quarantine, quarantine_summary};
pub use report::{ReportPage, report_page};
pub use show::{Table, show};
pub use status::{ModelStatus, RebuildStatus, SourceStatus, Status, WithheldStatus, status};
pub use summary::summary;
