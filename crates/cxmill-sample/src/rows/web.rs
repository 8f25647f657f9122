//! Pages and screens that customers look at.

use crate::damage::Damage;
use crate::rows::{FileFormat, Record};
use crate::sink::{Id, Sink};
use crate::words::{Channel, Device, Page};

/// One page or screen of a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interaction {
    pub(crate) customer: u32,
    pub(crate) number: u32,
    pub(crate) at: u32,
    pub(crate) session: u16,
    pub(crate) seconds: u16,
    pub(crate) channel: Channel,
    pub(crate) device: Device,
    pub(crate) page: Page,
}

impl Record for Interaction {
    const NAME: &'static str = "interactions";
    const FORMAT: FileFormat = FileFormat::NdjsonGz;
    const DAMAGE: &'static [Damage] = &[
        Damage::CUT_SHORT,
        Damage::GARBAGE,
        Damage::ENCODING,
        Damage::missing("event_id"),
        Damage::bad_pattern("event_id", "\"event 7\""),
        Damage::unknown_value("channel", "\"fax\""),
        Damage::unknown_value("touchpoint", "\"/index.html\""),
        Damage::wrong_type("seconds_on_page", "\"a while\""),
        Damage::out_of_range("seconds_on_page", "-1"),
        Damage::invalid_timestamp("at", "\"2026-02-30T25:61:00Z\""),
    ];

    fn at(&self) -> u32 {
        self.at
    }

    fn key(&self) -> (u32, u32) {
        (self.customer, self.number)
    }

    fn fields(&self, sink: &mut impl Sink) {
        sink.id("event_id", Id::row('i', self.customer, self.number));
        sink.open("customer");
        sink.id("id", Id::customer(self.customer));
        sink.close();
        sink.open("session");
        sink.id("id", Id::row('s', self.customer, u32::from(self.session)));
        sink.text("device", self.device.name());
        sink.close();
        sink.text("touchpoint", self.page.name());
        sink.text("channel", self.channel.name());
        sink.time("at", self.at);
        sink.int("seconds_on_page", i64::from(self.seconds));
    }
}
