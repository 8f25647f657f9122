//! Subscriptions: started once, then renewed, changed or cancelled every 30 days.

use rand::Rng;

use crate::calendar::DAY;
use crate::journey::Journey;
use crate::parameters::PARAMETERS;
use crate::rows::{LeavingAnswer, SubscriptionEvent};
use crate::words::{Action, Plan, Reason, pick};

/// Seconds between renewals.
const TERM: u32 = 30 * DAY;

impl Journey<'_> {
    pub(super) fn subscribe(&mut self) {
        let behaviour = PARAMETERS.behaviour;
        if !self.chance(behaviour.subscription_share) {
            self.try_out(None, false);
            return;
        }
        let stays = self.stays();
        let mut at = stays.start + self.rng.random_range(0..7 * DAY);
        let mut plan =
            pick(&mut self.rng, &[(Plan::Basic, 0.5), (Plan::Plus, 0.35), (Plan::Premium, 0.15)], Plan::Basic);
        let mut action = Action::Started;
        for number in 1.. {
            let event = SubscriptionEvent { customer: self.customer.number, number, at, action, plan };
            let sent = self.fate.send(&mut self.bucket.subscriptions, event);
            if action == Action::Started {
                self.try_out(Some(at), sent == Some(true));
            }
            if action == Action::Cancelled && sent.is_some() {
                self.say_why(at);
            }
            if action == Action::Cancelled || sent.is_none() {
                return;
            }
            at += TERM;
            let has_left = self.customer.left.is_some_and(|left| left < at);
            let cancel = if has_left { behaviour.cancel_share_after_leaving } else { behaviour.cancel_share };
            let other = 1.0 - cancel;
            action = pick(
                &mut self.rng,
                &[
                    (Action::Cancelled, cancel),
                    (Action::Renewed, 0.88 * other),
                    (Action::Upgraded, 0.08 * other),
                    (Action::Downgraded, 0.04 * other),
                ],
                Action::Renewed,
            );
            (action, plan) = match (action, plan) {
                (Action::Upgraded, Plan::Basic) => (action, Plan::Plus),
                (Action::Upgraded, Plan::Plus) => (action, Plan::Premium),
                (Action::Downgraded, Plan::Premium) => (action, Plan::Plus),
                (Action::Downgraded, Plan::Plus) => (action, Plan::Basic),
                (Action::Upgraded | Action::Downgraded, _) => (Action::Renewed, plan),
                _ => (action, plan),
            };
        }
    }

    /// Gives a reason for cancelling, or not.
    fn say_why(&mut self, at: u32) {
        if self.beside.random::<f64>() >= PARAMETERS.growth.reason_share {
            return;
        }
        let has_left = self.customer.left.is_some_and(|left| left < at);
        let weights: [(Reason, f64); 6] = if has_left {
            [
                (Reason::NoNeed, 0.35),
                (Reason::Competitor, 0.25),
                (Reason::Price, 0.15),
                (Reason::Service, 0.1),
                (Reason::Quality, 0.1),
                (Reason::Delivery, 0.05),
            ]
        } else {
            [
                (Reason::Price, 0.5),
                (Reason::Quality, 0.15),
                (Reason::Service, 0.15),
                (Reason::Delivery, 0.1),
                (Reason::Competitor, 0.05),
                (Reason::NoNeed, 0.05),
            ]
        };
        let reason = pick(&mut self.beside, &weights, Reason::Price);
        let answer = LeavingAnswer { customer: self.customer.number, at: at + 60, reason };
        if self.fate_beside.send(&mut self.bucket.leaving_answers, answer) == Some(true) {
            self.truth.growth.reason(reason);
        }
    }
}
