//! Subscriptions: started once, then renewed, changed or cancelled every 30 days.

use rand::Rng;

use crate::calendar::DAY;
use crate::journey::Journey;
use crate::parameters::PARAMETERS;
use crate::rows::SubscriptionEvent;
use crate::words::{Action, Plan, pick};

/// Seconds between renewals.
const TERM: u32 = 30 * DAY;

impl Journey<'_> {
    pub(super) fn subscribe(&mut self) {
        let behaviour = PARAMETERS.behaviour;
        if !self.chance(behaviour.subscription_share) {
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
}
