//! Mailings to customers.

use crate::damage::Damage;
use crate::rows::{FileFormat, Record};
use crate::sink::{Id, Sink, TimeFormat};
use crate::words::{MailAction, Mailing};

/// Something that happened to a mailing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MailEvent {
    pub(crate) customer: u32,
    pub(crate) number: u32,
    /// Number of the mailing among the customer's.
    pub(crate) mailing: u32,
    pub(crate) at: u32,
    pub(crate) campaign: Mailing,
    pub(crate) action: MailAction,
}

impl Record for MailEvent {
    const NAME: &'static str = "mailings";
    const FORMAT: FileFormat = FileFormat::Csv(TimeFormat::Iso);
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::GARBAGE,
        Damage::missing("customer_id"),
        Damage::unknown_value("campaign", "pigeon"),
        Damage::unknown_value("action", "burnt"),
        Damage::invalid_timestamp("happened_at", "noon"),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("event_id", Id::row('m', self.customer, self.number));
        sink.id("mailing_id", Id::row('n', self.customer, self.mailing));
        sink.id("customer_id", Id::customer(self.customer));
        sink.text("campaign", self.campaign.name());
        sink.text("action", self.action.name());
        sink.time("happened_at", self.at);
    }
}
