//! What customers buy, what they are brought, and what they subscribe to.

use crate::damage::Damage;
use crate::rows::{FileFormat, Record};
use crate::sink::{Id, Sink, TimeFormat};
use crate::words::{Action, Carrier, Channel, Plan, Segment, Store};

/// An order on web or app.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnlineOrder {
    pub(crate) customer: u32,
    pub(crate) number: u32,
    pub(crate) at: u32,
    pub(crate) cents: u32,
    pub(crate) items: u8,
    pub(crate) channel: Channel,
    pub(crate) segment: Segment,
    pub(crate) coupon: bool,
}

impl Record for OnlineOrder {
    const NAME: &'static str = "orders_online";
    const FORMAT: FileFormat = FileFormat::Csv(TimeFormat::Iso);
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::GARBAGE,
        Damage::missing("customer_id"),
        Damage::bad_pattern("order_id", "order 7"),
        Damage::unknown_value("channel", "fax"),
        Damage::unknown_value("currency", "XXX"),
        Damage::wrong_type("amount", "twelve"),
        Damage::wrong_type("items", "two"),
        Damage::out_of_range("amount", "-20.00"),
        Damage::out_of_range("items", "0"),
        Damage::invalid_timestamp("ordered_at", "2026-13-01T10:00:00Z"),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("order_id", Id::row('o', self.customer, self.number));
        sink.id("customer_id", Id::customer(self.customer));
        sink.text("segment", self.segment.name());
        sink.text("channel", self.channel.name());
        sink.time("ordered_at", self.at);
        sink.int("items", i64::from(self.items));
        sink.money("amount", i64::from(self.cents));
        sink.text("currency", "EUR");
        if self.coupon {
            sink.text("coupon", "WELCOME10");
        } else {
            sink.null("coupon");
        }
    }
}

/// An order at the till of a store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoreOrder {
    pub(crate) customer: u32,
    pub(crate) number: u32,
    pub(crate) at: u32,
    pub(crate) cents: u32,
    pub(crate) items: u8,
    pub(crate) store: Store,
    pub(crate) segment: Segment,
}

impl Record for StoreOrder {
    const NAME: &'static str = "orders_store";
    const FORMAT: FileFormat = FileFormat::Parquet;
    const DAMAGE: &'static [Damage] = &[
        Damage::missing("customer_id"),
        Damage::missing("sold_at"),
        Damage::unknown_value("store", "moon"),
        Damage::out_of_range("amount", "-20.00"),
        Damage::out_of_range("items", "0"),
        Damage::bad_pattern("receipt_id", "receipt 7"),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("receipt_id", Id::row('o', self.customer, self.number));
        sink.id("customer_id", Id::customer(self.customer));
        sink.text("segment", self.segment.name());
        sink.text("store", self.store.name());
        sink.time("sold_at", self.at);
        sink.int("items", i64::from(self.items));
        sink.money("amount", i64::from(self.cents));
    }
}

/// An online order that has reached its customer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    pub(crate) customer: u32,
    /// Number of the order.
    pub(crate) number: u32,
    pub(crate) promised: u32,
    pub(crate) at: u32,
    pub(crate) carrier: Carrier,
}

impl Record for Delivery {
    const NAME: &'static str = "deliveries";
    const FORMAT: FileFormat = FileFormat::Parquet;
    const DAMAGE: &'static [Damage] = &[
        Damage::missing("order_id"),
        Damage::missing("promised_at"),
        Damage::missing("delivered_at"),
        Damage::unknown_value("carrier", "pigeon"),
        Damage::bad_pattern("delivery_id", "delivery 7"),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("delivery_id", Id::row('d', self.customer, self.number));
        sink.id("order_id", Id::row('o', self.customer, self.number));
        sink.id("customer_id", Id::customer(self.customer));
        sink.text("carrier", self.carrier.name());
        sink.time("promised_at", self.promised);
        sink.time("delivered_at", self.at);
    }
}

/// A change of a subscription.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SubscriptionEvent {
    pub(crate) customer: u32,
    pub(crate) number: u32,
    pub(crate) at: u32,
    pub(crate) action: Action,
    pub(crate) plan: Plan,
}

impl SubscriptionEvent {
    /// Price of a month in cents.
    fn price(plan: Plan) -> i64 {
        match plan {
            Plan::Basic => 990,
            Plan::Plus => 1_990,
            Plan::Premium => 3_990,
        }
    }

    /// Monthly recurring revenue after the event, in cents.
    pub(crate) fn revenue(&self) -> i64 {
        if self.action == Action::Cancelled { 0 } else { Self::price(self.plan) }
    }
}

impl Record for SubscriptionEvent {
    const NAME: &'static str = "subscriptions";
    const FORMAT: FileFormat = FileFormat::Ndjson;
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::missing("customer_id"),
        Damage::unknown_value("type", "\"paused\""),
        Damage::unknown_value("plan", "\"gold\""),
        Damage::wrong_type("mrr", "\"free\""),
        Damage::out_of_range("mrr", "-9.90"),
        Damage::invalid_timestamp("at", "\"yesterday\""),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("event_id", Id::row('b', self.customer, self.number));
        sink.id("customer_id", Id::customer(self.customer));
        sink.time("at", self.at);
        sink.text("type", self.action.name());
        sink.text("plan", self.plan.name());
        sink.money("mrr", self.revenue());
    }
}
