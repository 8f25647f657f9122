//! Sessions on web and app.

use rand::Rng;

use crate::calendar::DAY;
use crate::customer::{exponential, opening_hours, whole};
use crate::journey::Journey;
use crate::parameters::PARAMETERS;
use crate::rows::Interaction;
use crate::scores::Experience;
use crate::words::{Channel, Device, Page, Touchpoint, any, pick};

/// Pages of a visit that ends in an order.
const CHECK_OUT: [Page; 5] = [Page::Home, Page::Search, Page::Product, Page::Cart, Page::Checkout];

impl Journey<'_> {
    /// Visits without an order, for as long as the customer stays.
    pub(super) fn visit(&mut self) {
        let behaviour = PARAMETERS.behaviour;
        let stays = self.stays();
        let mut at = f64::from(stays.start);
        loop {
            at += exponential(&mut self.rng) * 7.0 * f64::from(DAY) / behaviour.sessions_per_week;
            if at >= f64::from(stays.end) {
                return;
            }
            let channel = match self.customer.shop {
                Channel::App => Channel::App,
                Channel::Web => Channel::Web,
                _ => pick(&mut self.rng, &[(Channel::Web, 0.5), (Channel::App, 0.5)], Channel::Web),
            };
            let pages = self.rng.random_range(2..=9);
            let mut clock = opening_hours(at);
            self.sessions += 1;
            for step in 0..pages {
                let page = if step == 0 {
                    Page::Home
                } else {
                    any(
                        &mut self.rng,
                        &[Page::Search, Page::Product, Page::Product, Page::Cart, Page::Account, Page::Help],
                        Page::Product,
                    )
                };
                clock += self.look(clock, channel, page);
            }
            self.ask(clock, channel, Touchpoint::Browsing, Experience::default(), behaviour.answer_share / 10.0);
        }
    }

    /// The visit that ends with an order at `ordered`.
    pub(super) fn check_out(&mut self, ordered: u32, channel: Channel) {
        self.sessions += 1;
        let mut clock = ordered.saturating_sub(1_800);
        for page in CHECK_OUT {
            clock += self.look(clock, channel, page);
        }
    }

    /// Looks at one page and returns the seconds spent on it.
    fn look(&mut self, at: u32, channel: Channel, page: Page) -> u32 {
        let seconds = whole(2.0 + 40.0 * exponential(&mut self.rng)).min(350);
        self.interactions += 1;
        let interaction = Interaction {
            customer: self.customer.number,
            number: self.interactions,
            at,
            session: self.sessions,
            seconds: u16::try_from(seconds).unwrap_or(u16::MAX),
            channel,
            device: if channel == Channel::App && self.customer.device == Device::Desktop {
                Device::Mobile
            } else {
                self.customer.device
            },
            page,
        };
        self.fate.send(&mut self.bucket.interactions, interaction);
        seconds
    }
}
