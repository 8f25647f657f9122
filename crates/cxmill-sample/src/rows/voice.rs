//! What customers say: survey answers and reviews.

use crate::damage::Damage;
use crate::rows::{FileFormat, Record};
use crate::sink::{Id, Sink};
use crate::text;
use crate::words::{Channel, Language, Product, Segment, Survey, Touchpoint};

/// An answer to a survey.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) customer: u32,
    pub(crate) number: u32,
    pub(crate) at: u32,
    pub(crate) survey: Survey,
    pub(crate) channel: Channel,
    pub(crate) touchpoint: Touchpoint,
    pub(crate) segment: Segment,
    pub(crate) language: Language,
    /// `None` where the customer left a comment only.
    pub(crate) score: Option<i8>,
    /// Mood (0 bad, 1 mixed, 2 good) and wording of the comment, if there is one.
    pub(crate) comment: Option<(u8, u8)>,
}

impl Record for Answer {
    const NAME: &'static str = "survey_answers";
    const FORMAT: FileFormat = FileFormat::Ndjson;
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::GARBAGE,
        Damage::ENCODING,
        Damage::missing("answer_id"),
        Damage::missing("customer_id"),
        Damage::unknown_value("survey", "\"mood\""),
        Damage::unknown_value("channel", "\"fax\""),
        Damage::wrong_type("score", "\"ten\""),
        Damage::wrong_type("score", "7.5"),
        Damage::out_of_range("score", "11"),
        Damage::out_of_range("score", "-1"),
        Damage::invalid_timestamp("at", "\"2026-02-30T10:00:00Z\""),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("answer_id", Id::row('a', self.customer, self.number));
        sink.id("customer_id", Id::customer(self.customer));
        sink.text("survey", self.survey.name());
        sink.open("submitted");
        sink.time("at", self.at);
        sink.close();
        sink.text("channel", self.channel.name());
        sink.text("touchpoint", self.touchpoint.name());
        sink.text("segment", self.segment.name());
        match self.score {
            Some(score) => sink.int("score", i64::from(score)),
            None => sink.null("score"),
        }
        match self.comment {
            Some((mood, wording)) => sink.text("comment", text::opening(self.language, mood, wording)),
            None => sink.null("comment"),
        }
    }
}

/// A review of a product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Review {
    pub(crate) customer: u32,
    pub(crate) number: u32,
    /// Number of the order that brought the product.
    pub(crate) order: u32,
    pub(crate) at: u32,
    pub(crate) rating: u8,
    pub(crate) wording: u8,
    pub(crate) product: Product,
    pub(crate) language: Language,
}

impl Record for Review {
    const NAME: &'static str = "reviews";
    const FORMAT: FileFormat = FileFormat::Ndjson;
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::ENCODING,
        Damage::missing("text"),
        Damage::unknown_value("language", "\"tlh\""),
        Damage::wrong_type("rating", "\"five\""),
        Damage::out_of_range("rating", "6"),
        Damage::out_of_range("rating", "0"),
        Damage::invalid_timestamp("written_at", "\"last week\""),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("review_id", Id::row('r', self.customer, self.number));
        sink.id("customer_id", Id::customer(self.customer));
        sink.id("order_id", Id::row('o', self.customer, self.order));
        sink.text("product", self.product.name());
        sink.time("written_at", self.at);
        sink.int("rating", i64::from(self.rating));
        sink.text("language", self.language.name());
        let mood = match self.rating {
            1 | 2 => 0,
            3 => 1,
            _ => 2,
        };
        let opening = text::opening(self.language, mood, self.wording);
        let closing = text::closing(self.language, mood, self.wording / 4);
        sink.text("text", &format!("{opening} {closing}"));
    }
}
