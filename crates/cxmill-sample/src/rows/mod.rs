//! The rows of every source: compact while they wait in memory, written out field by field at the end.

mod arrival;
mod basket;
mod commerce;
mod mail;
mod opinion;
mod support;
mod voice;
mod web;

pub(crate) use arrival::{CampaignCost, Prospect, Signup, Trial};
pub(crate) use basket::{MOST_LINES, OrderLine};
pub(crate) use commerce::{Delivery, OnlineOrder, StoreOrder, SubscriptionEvent};
pub(crate) use mail::MailEvent;
pub(crate) use opinion::{Invitation, LeavingAnswer, OwnRating};
pub(crate) use support::{Call, Chat, Ticket};
pub(crate) use voice::{Answer, Review};
pub(crate) use web::Interaction;

use crate::damage::Damage;
use crate::sink::{Sink, TimeFormat};

/// How the files of a source are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileFormat {
    Ndjson,
    NdjsonGz,
    Csv(TimeFormat),
    Parquet,
}

impl FileFormat {
    /// The suffix of a file's name.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::NdjsonGz => "ndjson.gz",
            Self::Csv(_) => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// A row of a source.
pub(crate) trait Record: Copy + Send + Sync {
    /// Name of the source and its folder.
    const NAME: &'static str;
    /// How its files are encoded.
    const FORMAT: FileFormat;
    /// The ways in which its rows are spoiled.
    const DAMAGE: &'static [Damage];

    /// Event time in seconds since the first day.
    fn at(&self) -> u32;

    /// Customer and number among the customer's rows: what the row's id is made of.
    fn key(&self) -> (u32, u32);

    /// Hands every field to the sink, always in the same order.
    fn fields(&self, sink: &mut impl Sink);
}
