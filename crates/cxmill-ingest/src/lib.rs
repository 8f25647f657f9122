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
pub use discover::{Discovery, Listing, RawFile, Seen, discover};
pub use error::IngestError;
pub use land::quarantine::QUARANTINE_COLUMNS;
pub use land::{FileOutcome, LandRequest, LandedPart, Landing, Progress, QuarantinePart, Reason, land};
pub use place::{Environment, Place, StoreError};
pub use private::PrivateKey;
