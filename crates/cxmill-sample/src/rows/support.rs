//! How customers are helped: tickets, calls and chats.

use crate::damage::Damage;
use crate::rows::{FileFormat, Record};
use crate::sink::{Id, Sink, TimeFormat};
use crate::text;
use crate::words::{Channel, Topic};

/// A ticket, written when it is closed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    pub(crate) customer: u32,
    pub(crate) number: u32,
    pub(crate) opened: u32,
    pub(crate) at: u32,
    pub(crate) first_response_minutes: u16,
    pub(crate) topic: Topic,
    pub(crate) resolved: bool,
}

impl Record for Ticket {
    const NAME: &'static str = "tickets";
    const FORMAT: FileFormat = FileFormat::Csv(TimeFormat::Dotted);
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::GARBAGE,
        Damage::ENCODING,
        Damage::missing("closed_at"),
        Damage::unknown_value("topic", "weather"),
        Damage::wrong_type("resolved", "maybe"),
        Damage::wrong_type("first_response_minutes", "soon"),
        Damage::out_of_range("first_response_minutes", "-5"),
        Damage::invalid_timestamp("opened_at", "31.02.2026 10:00:00"),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("ticket_id", Id::row('t', self.customer, self.number));
        sink.id("customer_id", Id::customer(self.customer));
        sink.text("topic", self.topic.name());
        sink.text("subject", text::subject(self.topic));
        sink.time("opened_at", self.opened);
        sink.time("closed_at", self.at);
        sink.int("first_response_minutes", i64::from(self.first_response_minutes));
        sink.flag("resolved", self.resolved);
    }
}

/// A phone call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) customer: u32,
    pub(crate) number: u32,
    pub(crate) at: u32,
    pub(crate) waiting_s: u16,
    pub(crate) talk_s: u16,
    pub(crate) topic: Topic,
    pub(crate) answered: bool,
    pub(crate) resolved: bool,
}

impl Record for Call {
    const NAME: &'static str = "calls";
    const FORMAT: FileFormat = FileFormat::Csv(TimeFormat::Epoch);
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::GARBAGE,
        Damage::missing("customer_id"),
        Damage::missing("waiting_s"),
        Damage::unknown_value("topic", "weather"),
        Damage::wrong_type("talk_s", "12.5 min"),
        Damage::out_of_range("waiting_s", "-30"),
        Damage::invalid_timestamp("started_at", "noon"),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("call_id", Id::row('p', self.customer, self.number));
        sink.id("customer_id", Id::customer(self.customer));
        sink.text("topic", self.topic.name());
        sink.time("started_at", self.at);
        sink.int("waiting_s", i64::from(self.waiting_s));
        sink.int("talk_s", i64::from(self.talk_s));
        sink.flag("answered", self.answered);
        sink.flag("resolved", self.resolved);
    }
}

/// A chat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chat {
    pub(crate) customer: u32,
    pub(crate) number: u32,
    pub(crate) at: u32,
    pub(crate) waiting_s: u16,
    pub(crate) messages: u16,
    pub(crate) topic: Topic,
    /// Where the chat window was opened: web or app.
    pub(crate) opened_on: Channel,
    pub(crate) bot: bool,
    pub(crate) resolved: bool,
}

impl Record for Chat {
    const NAME: &'static str = "chats";
    const FORMAT: FileFormat = FileFormat::Csv(TimeFormat::Plain);
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::GARBAGE,
        Damage::missing("chat_id"),
        Damage::unknown_value("opened_on", "fridge"),
        Damage::wrong_type("messages", "many"),
        Damage::out_of_range("messages", "0"),
        Damage::out_of_range("waiting_s", "90000"),
        Damage::invalid_timestamp("started_at", "2026-01-32 10:00:00"),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("chat_id", Id::row('h', self.customer, self.number));
        sink.id("customer_id", Id::customer(self.customer));
        sink.text("topic", self.topic.name());
        sink.text("opened_on", self.opened_on.name());
        sink.time("started_at", self.at);
        sink.int("waiting_s", i64::from(self.waiting_s));
        sink.int("messages", i64::from(self.messages));
        sink.flag("bot", self.bot);
        sink.flag("resolved", self.resolved);
    }
}
