//! Calls, chats and tickets.

use rand::Rng;

use crate::calendar::DAY;
use crate::customer::{exponential, opening_hours};
use crate::journey::Journey;
use crate::parameters::PARAMETERS;
use crate::rows::{Call, Chat, Ticket};
use crate::scores::Experience;
use crate::words::{Channel, Topic, Touchpoint, any, pick};

impl Journey<'_> {
    /// Contacts for no special reason, for as long as the customer stays.
    pub(super) fn ask_for_help(&mut self) {
        let stays = self.stays();
        let mut at = f64::from(stays.start);
        loop {
            at += exponential(&mut self.rng) * 7.0 * f64::from(DAY) / PARAMETERS.behaviour.contacts_per_week;
            if at >= f64::from(stays.end) {
                return;
            }
            let topic = any(&mut self.rng, Topic::ALL, Topic::Product);
            self.contact(opening_hours(at), topic);
        }
    }

    /// One contact in the customer's own way or another.
    pub(super) fn contact(&mut self, at: u32, topic: Topic) {
        let way = if self.chance(0.7) {
            self.customer.help
        } else {
            pick(&mut self.rng, &[(Channel::Phone, 0.3), (Channel::Chat, 0.4), (Channel::Email, 0.3)], Channel::Chat)
        };
        match way {
            Channel::Phone => self.call(at, topic),
            Channel::Chat => self.chat(at, topic),
            _ => self.write(at, topic),
        }
    }

    fn call(&mut self, at: u32, topic: Topic) {
        let behaviour = PARAMETERS.behaviour;
        let busy = self.chance(0.2);
        let waiting = (self.about(110.0) + if busy { self.rng.random_range(240..900) } else { 0 }).min(3_600);
        let long_wait = waiting > behaviour.long_wait_s;
        let answered = !(long_wait && self.chance(0.35));
        let resolved = answered && self.chance(behaviour.call_resolved);
        let talk = if answered { 40 + self.about(240.0).min(7_200) } else { 0 };
        self.calls += 1;
        let call = Call {
            customer: self.customer.number,
            number: self.calls,
            at,
            waiting_s: u16::try_from(waiting).unwrap_or(u16::MAX),
            talk_s: u16::try_from(talk).unwrap_or(u16::MAX),
            topic,
            answered,
            resolved,
        };
        if self.fate.send(&mut self.bucket.calls, call) == Some(true) {
            self.truth.care.contact(Channel::Phone);
        }
        let experience = Experience { long_wait, unresolved: !resolved, ..Experience::default() };
        self.ask(at + waiting + talk, Channel::Phone, Touchpoint::Call, experience, behaviour.answer_share);
    }

    fn chat(&mut self, at: u32, topic: Topic) {
        let behaviour = PARAMETERS.behaviour;
        let bot = self.chance(0.4);
        let waiting = if bot { self.rng.random_range(0..3) } else { self.about(120.0).min(3_600) };
        let long_wait = waiting > behaviour.long_wait_s;
        let resolved = self.chance(behaviour.chat_resolved);
        self.chats += 1;
        let chat = Chat {
            customer: self.customer.number,
            number: self.chats,
            at,
            waiting_s: u16::try_from(waiting).unwrap_or(u16::MAX),
            messages: self.rng.random_range(2..40),
            topic,
            opened_on: if self.customer.shop == Channel::App { Channel::App } else { Channel::Web },
            bot,
            resolved,
        };
        if self.fate.send(&mut self.bucket.chats, chat) == Some(true) {
            self.truth.care.contact(Channel::Chat);
        }
        let experience = Experience { long_wait, unresolved: !resolved, ..Experience::default() };
        self.ask(at + waiting + 600, Channel::Chat, Touchpoint::Chat, experience, behaviour.answer_share);
    }

    fn write(&mut self, opened: u32, topic: Topic) {
        let behaviour = PARAMETERS.behaviour;
        let first_response = (5 + self.about(180.0)).min(4_320);
        let at = opened + first_response * 60 + self.about(20.0 * 3_600.0).min(10 * DAY);
        let resolved = self.chance(behaviour.ticket_resolved);
        self.tickets += 1;
        let ticket = Ticket {
            customer: self.customer.number,
            number: self.tickets,
            opened,
            at,
            first_response_minutes: u16::try_from(first_response).unwrap_or(u16::MAX),
            topic,
            resolved,
        };
        if self.fate.send(&mut self.bucket.tickets, ticket) == Some(true) {
            self.truth.care.contact(Channel::Email);
        }
        let experience = Experience { unresolved: !resolved, ..Experience::default() };
        self.ask(at, Channel::Email, Touchpoint::Ticket, experience, behaviour.answer_share);
    }
}
