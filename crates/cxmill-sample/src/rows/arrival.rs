//! How customers come: campaigns and what they cost, prospects, sign-ups with who brought them, and trials.

use crate::damage::Damage;
use crate::rows::{FileFormat, Record};
use crate::sink::{Id, Sink, TimeFormat};
use crate::words::{Campaign, Category, Device};

/// A day of a paid campaign.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CampaignCost {
    pub(crate) number: u32,
    pub(crate) at: u32,
    pub(crate) campaign: Campaign,
    pub(crate) clicks: u32,
    pub(crate) cents: u32,
}

impl Record for CampaignCost {
    const NAME: &'static str = "campaign_costs";
    const FORMAT: FileFormat = FileFormat::Csv(TimeFormat::Iso);
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::missing("campaign"),
        Damage::unknown_value("campaign", "balloon"),
        Damage::wrong_type("clicks", "many"),
        Damage::out_of_range("cost", "-1.00"),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (0, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("cost_id", Id::row('k', 0, self.number));
        sink.time("day_at", self.at);
        sink.text("campaign", self.campaign.name());
        sink.int("clicks", i64::from(self.clicks));
        sink.money("cost", i64::from(self.cents));
    }
}

/// Somebody who looked at what the company offers and was not yet a customer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prospect {
    pub(crate) customer: u32,
    pub(crate) number: u32,
    pub(crate) at: u32,
    pub(crate) campaign: Campaign,
    pub(crate) device: Device,
    pub(crate) interest: Category,
    /// Whether the company may write to it.
    pub(crate) opted_in: bool,
    /// Whether it became the customer.
    pub(crate) converted: bool,
}

impl Record for Prospect {
    const NAME: &'static str = "prospects";
    const FORMAT: FileFormat = FileFormat::Csv(TimeFormat::Iso);
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::GARBAGE,
        Damage::missing("prospect_id"),
        Damage::unknown_value("campaign", "balloon"),
        Damage::wrong_type("opted_in", "maybe"),
        Damage::invalid_timestamp("seen_at", "noon"),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("prospect_id", Id::row('q', self.customer, self.number));
        sink.time("seen_at", self.at);
        sink.text("campaign", self.campaign.name());
        sink.text("device", self.device.name());
        sink.text("interest", self.interest.name());
        sink.flag("opted_in", self.opted_in);
        if self.converted {
            sink.id("customer_id", Id::customer(self.customer));
        } else {
            sink.null("customer_id");
        }
    }
}

/// A new customer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signup {
    pub(crate) customer: u32,
    pub(crate) at: u32,
    pub(crate) campaign: Campaign,
    /// The customer who brought it.
    pub(crate) referrer: Option<u32>,
}

impl Record for Signup {
    const NAME: &'static str = "signups";
    const FORMAT: FileFormat = FileFormat::Ndjson;
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::missing("customer_id"),
        Damage::unknown_value("campaign", "\"balloon\""),
        Damage::invalid_timestamp("signed_up_at", "\"yesterday\""),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, 1)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("customer_id", Id::customer(self.customer));
        sink.time("signed_up_at", self.at);
        sink.text("campaign", self.campaign.name());
        match self.referrer {
            Some(referrer) => sink.id("referred_by", Id::customer(referrer)),
            None => sink.null("referred_by"),
        }
    }
}

/// A trial of a subscription, written when it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    pub(crate) customer: u32,
    pub(crate) started: u32,
    /// When it was put to use, if it was.
    pub(crate) activated: Option<u32>,
    pub(crate) at: u32,
}

impl Record for Trial {
    const NAME: &'static str = "trials";
    const FORMAT: FileFormat = FileFormat::Ndjson;
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::missing("customer_id"),
        Damage::invalid_timestamp("started_at", "\"yesterday\""),
        Damage::invalid_timestamp("ended_at", "\"tomorrow\""),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, 1)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("trial_id", Id::row('y', self.customer, 1));
        sink.id("customer_id", Id::customer(self.customer));
        sink.time("started_at", self.started);
        match self.activated {
            Some(activated) => sink.time("activated_at", activated),
            None => sink.null("activated_at"),
        }
        sink.time("ended_at", self.at);
    }
}
