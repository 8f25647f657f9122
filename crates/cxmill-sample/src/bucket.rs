//! The rows of a sample while they wait for the file of the day they arrive in.
//!
//! All rows are held until every customer has lived, since a file has rows of many customers: about 30 bytes a row.

use std::collections::BTreeMap;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::calendar::DAY;
use crate::options::Options;
use crate::rows::{
    Answer, Call, CampaignCost, Chat, Delivery, Interaction, Invitation, LeavingAnswer, MailEvent, OnlineOrder,
    OrderLine, OwnRating, Prospect, Record, Review, Signup, StoreOrder, SubscriptionEvent, Ticket, Trial,
};

/// Most days that a row is late, or that a duplicate comes after the first.
const MOST_LATE_DAYS: u32 = 10;

/// Tells the random numbers of fates from those of lives, so that a sample with other shares has the same clean history.
const FATE: u64 = 0x6661_7465;

/// Tells the random numbers of [`Fate::beside`] from those.
const BESIDE: u64 = 0x6265_7369_6465;

/// Tells the random numbers of [`Fate::mailed`] from those.
const MAILED: u64 = 0x6d61_696c;

/// A row in the file of a day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<T> {
    pub(crate) row: T,
    /// Number of the damage in the source's list, from 1; 0 for a clean row.
    pub(crate) damage: u8,
}

/// What became of the rows of a source.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    pub(crate) clean: u64,
    pub(crate) late: u64,
    pub(crate) duplicates: u64,
    pub(crate) bad: BTreeMap<&'static str, u64>,
}

/// The rows of one source by day of arrival.
#[derive(Debug)]
pub(crate) struct Arrivals<T> {
    pub(crate) days: Vec<Vec<Entry<T>>>,
    pub(crate) counts: Counts,
}

impl<T: Record> Arrivals<T> {
    fn new(days: u32) -> Self {
        Self { days: (0..days).map(|_| Vec::new()).collect(), counts: Counts::default() }
    }

    fn put(&mut self, day: u32, row: T, damage: u8) {
        if let Some(entries) = self.days.get_mut(day as usize) {
            entries.push(Entry { row, damage });
        }
    }
}

/// Decides which rows of a customer are bad, late or sent twice.
#[derive(Debug)]
pub(crate) struct Fate<'a> {
    rng: ChaCha8Rng,
    options: &'a Options,
}

impl<'a> Fate<'a> {
    pub(crate) fn new(options: &'a Options, customer: u32) -> Self {
        Self::salted(options, customer, FATE)
    }

    /// The fate of rows that have random numbers of their own, so that those of the first ten sources stay as they are.
    pub(crate) fn beside(options: &'a Options, customer: u32) -> Self {
        Self::salted(options, customer, FATE ^ BESIDE)
    }

    /// The fate of mailings, which came later still.
    pub(crate) fn mailed(options: &'a Options, customer: u32) -> Self {
        Self::salted(options, customer, FATE ^ MAILED)
    }

    fn salted(options: &'a Options, customer: u32, salt: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed ^ salt);
        rng.set_stream(u64::from(customer));
        Self { rng, options }
    }

    /// Puts a row into the files it arrives in. Says whether it is clean; `None` if it happens after the last day.
    pub(crate) fn send<T: Record>(&mut self, arrivals: &mut Arrivals<T>, row: T) -> Option<bool> {
        let day = row.at() / DAY;
        let last = self.options.days - 1;
        if day > last {
            return None;
        }
        if self.rng.random::<f64>() < self.options.bad && !T::DAMAGE.is_empty() {
            let choice = self.rng.random_range(0..T::DAMAGE.len());
            if let Some(damage) = T::DAMAGE.get(choice) {
                *arrivals.counts.bad.entry(damage.kind).or_default() += 1;
            }
            arrivals.put(day, row, u8::try_from(choice + 1).unwrap_or(1));
            return Some(false);
        }
        let mut arrival = day;
        if day < last && self.rng.random::<f64>() < self.options.late {
            arrival += self.rng.random_range(1..=MOST_LATE_DAYS.min(last - day));
            arrivals.counts.late += 1;
        }
        arrivals.put(arrival, row, 0);
        arrivals.counts.clean += 1;
        if self.rng.random::<f64>() < self.options.duplicates {
            let lag = if self.rng.random() { self.rng.random_range(0..=MOST_LATE_DAYS.min(last - arrival)) } else { 0 };
            arrivals.put(arrival + lag, row, 0);
            arrivals.counts.duplicates += 1;
        }
        Some(true)
    }
}

/// All rows of a sample.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) interactions: Arrivals<Interaction>,
    pub(crate) orders_online: Arrivals<OnlineOrder>,
    pub(crate) orders_store: Arrivals<StoreOrder>,
    pub(crate) deliveries: Arrivals<Delivery>,
    pub(crate) subscriptions: Arrivals<SubscriptionEvent>,
    pub(crate) tickets: Arrivals<Ticket>,
    pub(crate) calls: Arrivals<Call>,
    pub(crate) chats: Arrivals<Chat>,
    pub(crate) answers: Arrivals<Answer>,
    pub(crate) reviews: Arrivals<Review>,
    pub(crate) invitations: Arrivals<Invitation>,
    pub(crate) order_lines: Arrivals<OrderLine>,
    pub(crate) signups: Arrivals<Signup>,
    pub(crate) prospects: Arrivals<Prospect>,
    pub(crate) campaign_costs: Arrivals<CampaignCost>,
    pub(crate) trials: Arrivals<Trial>,
    pub(crate) leaving_answers: Arrivals<LeavingAnswer>,
    pub(crate) own_ratings: Arrivals<OwnRating>,
    pub(crate) mailings: Arrivals<MailEvent>,
}

impl Bucket {
    pub(crate) fn new(days: u32) -> Self {
        Self {
            interactions: Arrivals::new(days),
            orders_online: Arrivals::new(days),
            orders_store: Arrivals::new(days),
            deliveries: Arrivals::new(days),
            subscriptions: Arrivals::new(days),
            tickets: Arrivals::new(days),
            calls: Arrivals::new(days),
            chats: Arrivals::new(days),
            answers: Arrivals::new(days),
            reviews: Arrivals::new(days),
            invitations: Arrivals::new(days),
            order_lines: Arrivals::new(days),
            signups: Arrivals::new(days),
            prospects: Arrivals::new(days),
            campaign_costs: Arrivals::new(days),
            trials: Arrivals::new(days),
            leaving_answers: Arrivals::new(days),
            own_ratings: Arrivals::new(days),
            mailings: Arrivals::new(days),
        }
    }
}
