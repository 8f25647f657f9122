//! What is in an order.

use crate::damage::Damage;
use crate::rows::{FileFormat, Record};
use crate::sink::{Id, Sink, TimeFormat};
use crate::words::Article;

/// Most lines of an order.
pub(crate) const MOST_LINES: usize = 3;

/// An article of an order, on web, app or in a store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OrderLine {
    pub(crate) customer: u32,
    pub(crate) order: u32,
    /// From 1 to [`MOST_LINES`].
    pub(crate) line: u8,
    pub(crate) at: u32,
    pub(crate) article: Article,
    pub(crate) quantity: u8,
    pub(crate) cents: u32,
}

impl Record for OrderLine {
    const NAME: &'static str = "order_lines";
    const FORMAT: FileFormat = FileFormat::Csv(TimeFormat::Iso);
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::GARBAGE,
        Damage::missing("order_id"),
        Damage::unknown_value("article", "moon"),
        Damage::wrong_type("amount", "twelve"),
        Damage::out_of_range("quantity", "0"),
        Damage::invalid_timestamp("ordered_at", "2026-13-01T10:00:00Z"),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, self.order * 10 + u32::from(self.line))
    }

    fn fields(&self, sink: &mut impl Sink) {
        let (customer, number) = self.key();
        sink.id("line_id", Id::row('l', customer, number));
        sink.id("order_id", Id::row('o', self.customer, self.order));
        sink.id("customer_id", Id::customer(self.customer));
        sink.time("ordered_at", self.at);
        sink.text("article", self.article.name());
        sink.text("category", self.article.category().name());
        sink.int("quantity", i64::from(self.quantity));
        sink.money("amount", i64::from(self.cents));
    }
}
