//! Raw objects in, landed rows and quarantine out.
mod columnar;
pub mod compress;
pub mod contract;
pub mod decode;
pub mod discover;
pub mod encoding;
pub mod error;
pub mod land;
pub mod place;
pub mod private;

pub use contract::landed_schema;
pub use discover::{Discovery, Listing, RawFile, Seen, discover, look_at};
pub use error::IngestError;
pub use land::quarantine::QUARANTINE_COLUMNS;
pub use land::quarantined::{Quarantined, copy_quarantine, quarantined};
pub use land::strip::{Stripped, strip};
pub use land::{
    FileOutcome, LATE, LandRequest, LandedPart, Landing, Progress, QuarantinePart, Reason, Records, land, trace,
};
pub use place::{Environment, Place, StoreError};
pub use private::PrivateKey;
