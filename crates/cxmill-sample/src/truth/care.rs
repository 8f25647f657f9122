//! What is true of what keeping customers costs: contacts and mailings.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::parameters::PARAMETERS;
use crate::truth::money;
use crate::words::{Channel, MailAction, Mailing};

/// Tallies over clean rows.
#[derive(Debug, Default)]
pub(crate) struct Care {
    contacts: BTreeMap<Channel, u64>,
    mailings: BTreeMap<Mailing, Mailings>,
}

#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Mailings {
    sent: u64,
    opened: u64,
    clicked: u64,
    unsubscribed: u64,
}

impl Care {
    /// A call, a chat, or a ticket, which comes by email.
    pub(crate) fn contact(&mut self, channel: Channel) {
        *self.contacts.entry(channel).or_default() += 1;
    }

    pub(crate) fn mailing(&mut self, campaign: Mailing, action: MailAction) {
        let found = self.mailings.entry(campaign).or_default();
        let count = match action {
            MailAction::Sent => &mut found.sent,
            MailAction::Opened => &mut found.opened,
            MailAction::Clicked => &mut found.clicked,
            MailAction::Unsubscribed => &mut found.unsubscribed,
        };
        *count += 1;
    }

    /// The part of `_truth.json`.
    pub(crate) fn document(&self) -> CareTruth {
        let care = PARAMETERS.care;
        let contacts = |channel| self.contacts.get(&channel).copied().unwrap_or_default();
        let sent: u64 = self.mailings.values().map(|found| found.sent).sum();
        let cents = contacts(Channel::Phone) * care.call_cents
            + contacts(Channel::Chat) * care.chat_cents
            + contacts(Channel::Email) * care.ticket_cents
            + sent * care.mail_cents;
        CareTruth {
            contacts: self.contacts.iter().map(|(channel, &contacts)| (channel.name(), contacts)).collect(),
            mailings: self.mailings.iter().map(|(campaign, &found)| (campaign.name(), found)).collect(),
            cost: money(cents),
        }
    }
}

/// `care` of `_truth.json`.
#[derive(Debug, Serialize)]
pub(crate) struct CareTruth {
    contacts: BTreeMap<&'static str, u64>,
    mailings: BTreeMap<&'static str, Mailings>,
    /// Of all contacts and of all mailings sent. A decimal number in quotes, so that no reader rounds it.
    cost: String,
}
