//! Who is asked, why they leave, and what the company thinks of itself.

use crate::damage::Damage;
use crate::rows::{FileFormat, Record};
use crate::sink::{Id, Sink, TimeFormat};
use crate::words::{Channel, Reason, Role, Survey, Touchpoint};

/// A survey that a customer was asked to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Invitation {
    pub(crate) customer: u32,
    pub(crate) number: u32,
    pub(crate) at: u32,
    pub(crate) survey: Survey,
    pub(crate) channel: Channel,
    pub(crate) touchpoint: Touchpoint,
}

impl Record for Invitation {
    const NAME: &'static str = "survey_invitations";
    const FORMAT: FileFormat = FileFormat::Csv(TimeFormat::Iso);
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::GARBAGE,
        Damage::missing("customer_id"),
        Damage::unknown_value("survey", "mood"),
        Damage::unknown_value("touchpoint", "weather"),
        Damage::invalid_timestamp("sent_at", "2026-02-30T10:00:00Z"),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("invitation_id", Id::row('v', self.customer, self.number));
        sink.id("customer_id", Id::customer(self.customer));
        sink.text("survey", self.survey.name());
        sink.text("channel", self.channel.name());
        sink.text("touchpoint", self.touchpoint.name());
        sink.time("sent_at", self.at);
    }
}

/// The reason that a customer gives for cancelling a subscription.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeavingAnswer {
    pub(crate) customer: u32,
    pub(crate) at: u32,
    pub(crate) reason: Reason,
}

impl Record for LeavingAnswer {
    const NAME: &'static str = "leaving_answers";
    const FORMAT: FileFormat = FileFormat::Ndjson;
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::missing("customer_id"),
        Damage::unknown_value("reason", "\"weather\""),
        Damage::invalid_timestamp("answered_at", "\"last week\""),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, 1)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("answer_id", Id::row('z', self.customer, 1));
        sink.id("customer_id", Id::customer(self.customer));
        sink.time("answered_at", self.at);
        sink.text("reason", self.reason.name());
    }
}

/// What somebody in the company thinks that customers would answer to CSAT after a touchpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnRating {
    pub(crate) number: u32,
    pub(crate) at: u32,
    pub(crate) touchpoint: Touchpoint,
    pub(crate) role: Role,
    pub(crate) rating: i8,
}

impl Record for OwnRating {
    const NAME: &'static str = "own_ratings";
    const FORMAT: FileFormat = FileFormat::Csv(TimeFormat::Iso);
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::unknown_value("touchpoint", "weather"),
        Damage::wrong_type("rating", "good"),
        Damage::out_of_range("rating", "6"),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (0, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("rating_id", Id::row('w', 0, self.number));
        sink.time("rated_at", self.at);
        sink.text("touchpoint", self.touchpoint.name());
        sink.text("role", self.role.name());
        sink.int("rating", i64::from(self.rating));
    }
}
