//! Mailings that a customer gets: news and offers in turn, and one to win it back once it has not bought for long.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::bucket::{Bucket, Fate};
use crate::calendar::DAY;
use crate::customer::{Customer, exponential, whole};
use crate::options::Options;
use crate::parameters::PARAMETERS;
use crate::rows::MailEvent;
use crate::truth::Truth;
use crate::words::{MailAction, Mailing};

/// Tells the random numbers of mailings from all others.
const MAILING: u64 = 0x006d_6169_6c69_6e67;

/// Second of the day at which mailings are sent.
const MORNING: u32 = 9 * 3_600;

/// Sends a customer its mailings, until it wants no more of them.
pub(crate) fn mail(customer: &Customer, options: &Options, bucket: &mut Bucket, truth: &mut Truth) {
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed ^ MAILING);
    rng.set_stream(u64::from(customer.number));
    let fate = Fate::mailed(options, customer.number);
    let mut post = Post { customer: customer.number, rng, fate, bucket, truth, events: 0, mailings: 0 };
    for (at, campaign) in due(customer, options.days * DAY) {
        if post.send(at, campaign) {
            return;
        }
    }
}

/// When which mailing is due, in the order of time.
fn due(customer: &Customer, end: u32) -> Vec<(u32, Mailing)> {
    let morning = |at: u32| at / DAY * DAY + MORNING;
    let first = customer.purchases.first().copied().unwrap_or(0);
    let regular = (1..).map(|turn| {
        let campaign = if turn % 3 == 0 { Mailing::Offer } else { Mailing::Newsletter };
        (morning(first) + turn * PARAMETERS.care.mailing_days * DAY, campaign)
    });
    let mut due: Vec<(u32, Mailing)> = regular.take_while(|(at, _)| *at < end).collect();
    let next = customer.purchases.iter().skip(1).copied().chain([end]);
    for (&purchase, next) in customer.purchases.iter().zip(next) {
        let lost = morning(purchase) + (PARAMETERS.behaviour.inactive_days + 1) * DAY;
        if lost < next {
            due.push((lost, Mailing::Winback));
        }
    }
    due.sort_unstable();
    due
}

/// The mailings of one customer.
struct Post<'a> {
    customer: u32,
    rng: ChaCha8Rng,
    fate: Fate<'a>,
    bucket: &'a mut Bucket,
    truth: &'a mut Truth,
    events: u32,
    mailings: u32,
}

impl Post<'_> {
    /// Sends one, which may be opened, clicked, and the last one: then it is true.
    fn send(&mut self, at: u32, campaign: Mailing) -> bool {
        let care = PARAMETERS.care;
        self.mailings += 1;
        self.happens(at, campaign, MailAction::Sent);
        let opened = match campaign {
            Mailing::Newsletter => care.newsletter_opened,
            Mailing::Offer => care.offer_opened,
            Mailing::Winback => care.winback_opened,
        };
        if self.rng.random::<f64>() >= opened {
            return false;
        }
        let at = at + 60 + whole(6.0 * 3_600.0 * exponential(&mut self.rng)).min(3 * DAY);
        self.happens(at, campaign, MailAction::Opened);
        if self.rng.random::<f64>() < care.clicked_of_opened {
            self.happens(at + 30, campaign, MailAction::Clicked);
        }
        let is_last = self.rng.random::<f64>() < care.unsubscribed_of_opened;
        if is_last {
            self.happens(at + 90, campaign, MailAction::Unsubscribed);
        }
        is_last
    }

    fn happens(&mut self, at: u32, campaign: Mailing, action: MailAction) {
        self.events += 1;
        let event =
            MailEvent { customer: self.customer, number: self.events, mailing: self.mailings, at, campaign, action };
        if self.fate.send(&mut self.bucket.mailings, event) == Some(true) {
            self.truth.care.mailing(campaign, action);
        }
    }
}
