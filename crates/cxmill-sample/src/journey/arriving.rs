//! How a customer came: as a prospect of a campaign or brought by another customer, then signing up, and perhaps a trial.

use rand::Rng;

use crate::calendar::DAY;
use crate::customer::{exponential, opening_hours, whole};
use crate::journey::Journey;
use crate::parameters::PARAMETERS;
use crate::rows::{Prospect, Signup, Trial};
use crate::words::{Campaign, Category, Device, any, pick};

impl Journey<'_> {
    /// Signs up shortly before the first order; others look at the same offers and do not.
    pub(super) fn arrive(&mut self, referrer: Option<u32>) {
        let first = self.customer.purchases.first().copied().unwrap_or(0);
        let at = first.saturating_sub(self.beside.random_range(60..900));
        let campaign = if referrer.is_some() {
            Campaign::Referral
        } else {
            pick(
                &mut self.beside,
                &[
                    (Campaign::Search, 0.3),
                    (Campaign::Social, 0.25),
                    (Campaign::Affiliate, 0.15),
                    (Campaign::Direct, 0.3),
                ],
                Campaign::Direct,
            )
        };
        let signup = Signup { customer: self.customer.number, at, campaign, referrer };
        if self.fate_beside.send(&mut self.bucket.signups, signup) == Some(true) {
            self.truth.growth.signup(campaign);
        }
        let seen = at.saturating_sub(self.beside.random_range(0..5 * DAY));
        self.prospect(1, seen, campaign, true);
        let others = self.beside.random_range(0..=PARAMETERS.growth.most_other_prospects);
        for number in 0..others {
            let seen = opening_hours(self.beside.random::<f64>() * f64::from(self.end));
            let campaign = pick(
                &mut self.beside,
                &[
                    (Campaign::Search, 0.3),
                    (Campaign::Social, 0.45),
                    (Campaign::Affiliate, 0.1),
                    (Campaign::Direct, 0.15),
                ],
                Campaign::Direct,
            );
            self.prospect(number + 2, seen, campaign, false);
        }
    }

    fn prospect(&mut self, number: u32, at: u32, campaign: Campaign, converted: bool) {
        let interest = if converted { self.favourite } else { any(&mut self.beside, Category::ALL, Category::Home) };
        let device = if converted {
            self.customer.device
        } else {
            pick(&mut self.beside, &[(Device::Mobile, 0.7), (Device::Desktop, 0.3)], Device::Mobile)
        };
        let opted_in = self.beside.random::<f64>() < if converted { 0.6 } else { 0.25 };
        let prospect =
            Prospect { customer: self.customer.number, number, at, campaign, device, interest, opted_in, converted };
        let sent = self.fate_beside.send(&mut self.bucket.prospects, prospect);
        if sent.is_some() {
            self.truth.growth.click(at / DAY, campaign);
        }
        if sent == Some(true) {
            self.truth.growth.prospect(campaign, converted);
        }
    }

    /// A trial before the subscription that began at `subscribed`, or one that leads to nothing. `is_known` says whether
    /// the row of that beginning is clean.
    pub(super) fn try_out(&mut self, subscribed: Option<u32>, is_known: bool) {
        let growth = PARAMETERS.growth;
        let length = growth.trial_days * DAY;
        let (started, share, activated_share) = match subscribed {
            Some(at) if at < length => return,
            Some(at) => (at - length, growth.trial_before_subscription, growth.activated_before_subscription),
            None => (
                self.stays().start + self.beside.random_range(0..20 * DAY),
                growth.trial_without_subscription,
                growth.activated_without_subscription,
            ),
        };
        if self.beside.random::<f64>() >= share {
            return;
        }
        let activated = (self.beside.random::<f64>() < activated_share)
            .then(|| started + whole(0.5 * f64::from(DAY) * exponential(&mut self.beside)).min(length - 1));
        let trial = Trial { customer: self.customer.number, started, activated, at: started + length };
        if self.fate_beside.send(&mut self.bucket.trials, trial) == Some(true) {
            self.truth.growth.trial(activated.is_some(), subscribed.is_some() && is_known);
        }
    }
}
