//! Every parameter of the behaviour, stated once; `_truth.json` repeats them.
//!
//! Purchases follow BG/NBD (Fader, Hardie & Lee 2005): a customer buys at a rate λ ~ Gamma(r, α) per week, and after each
//! repeat purchase leaves for good with probability p ~ Beta(a, b). The first purchase is the acquisition. Amounts follow
//! Gamma-Gamma (Fader & Hardie 2013): ν ~ Gamma(q, v) per customer, each amount ~ Gamma(p, ν).

use serde::Serialize;

/// BG/NBD with weeks as the unit of time.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct BgNbd {
    pub(crate) r: f64,
    pub(crate) alpha: f64,
    pub(crate) a: f64,
    pub(crate) b: f64,
}

/// Gamma-Gamma in units of the currency.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct GammaGamma {
    pub(crate) p: f64,
    pub(crate) q: f64,
    pub(crate) v: f64,
}

/// How a score comes about: `start` + channel + what happened + the customer's taste + noise, rounded and clipped.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Scale {
    /// Lowest score.
    pub(crate) low: i8,
    /// Highest score.
    pub(crate) high: i8,
    /// Mean before effects.
    pub(crate) start: f64,
    /// How many points of this scale one point of an effect moves.
    pub(crate) effect: f64,
    /// Standard deviation of the noise of one answer.
    pub(crate) noise: f64,
}

/// Points that what happened moves a score by, on the scale of NPS (0 to 10).
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Effects {
    /// The delivery came after the promised time.
    pub(crate) late_delivery: f64,
    /// The customer waited longer than `long_wait_s` of [`Behaviour`].
    pub(crate) long_wait: f64,
    /// The contact did not solve it.
    pub(crate) unresolved: f64,
    pub(crate) web: f64,
    pub(crate) app: f64,
    pub(crate) email: f64,
    pub(crate) chat: f64,
    pub(crate) phone: f64,
    pub(crate) store: f64,
}

/// Everything else that customers do. Shares are between 0 and 1.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Behaviour {
    /// Share of customers acquired in the first `launch_days`; the others come evenly over all days.
    pub(crate) launch_share: f64,
    pub(crate) launch_days: f64,
    /// Sessions a week on web or app, while the customer has not left.
    pub(crate) sessions_per_week: f64,
    /// Contacts a week for no special reason, while the customer has not left.
    pub(crate) contacts_per_week: f64,
    pub(crate) contact_after_late_delivery: f64,
    pub(crate) late_delivery_share: f64,
    /// Days from order to the promised time.
    pub(crate) promised_days: u32,
    pub(crate) long_wait_s: u32,
    pub(crate) call_resolved: f64,
    pub(crate) chat_resolved: f64,
    pub(crate) ticket_resolved: f64,
    /// Share of touchpoints after which a survey is answered (a tenth of it after a session).
    pub(crate) answer_share: f64,
    /// Share of survey answers with a comment only.
    pub(crate) score_missing: f64,
    pub(crate) review_share: f64,
    pub(crate) subscription_share: f64,
    /// Share of renewals that are a cancellation; the other one holds once the customer has left.
    pub(crate) cancel_share: f64,
    pub(crate) cancel_share_after_leaving: f64,
    /// Days without an order after which a customer counts as churned.
    pub(crate) inactive_days: u32,
}

/// How customers arrive and what they put into a basket; what the company thinks of itself.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Growth {
    /// Share of sessions after which a survey is offered; after other touchpoints it always is.
    pub(crate) invited_after_session: f64,
    /// Share of new customers whom another one may have brought. It has, if it came earlier and likes the company, and
    /// else in `referred_without_liking` of the cases.
    pub(crate) referral_share: f64,
    pub(crate) referred_without_liking: f64,
    /// Most prospects that never become a customer, for each one that does; any number up to it is as likely.
    pub(crate) most_other_prospects: u32,
    /// Cents that each prospect of a paid campaign costs.
    pub(crate) search_click_cents: u32,
    pub(crate) social_click_cents: u32,
    pub(crate) affiliate_click_cents: u32,
    /// Days of a trial.
    pub(crate) trial_days: u32,
    /// Share of subscribers with a trial before, and of other customers with a trial that leads to nothing.
    pub(crate) trial_before_subscription: f64,
    pub(crate) trial_without_subscription: f64,
    /// Share of trials that are put to use, where a subscription follows and where none does.
    pub(crate) activated_before_subscription: f64,
    pub(crate) activated_without_subscription: f64,
    /// Share of cancellations with a reason.
    pub(crate) reason_share: f64,
    /// Share of articles that are of the customer's favourite category, before those of all categories.
    pub(crate) favourite_share: f64,
    /// Share of baskets with a kettle and room for more that get a mug as well.
    pub(crate) mug_with_kettle: f64,
    /// What the company thinks that customers would answer to CSAT.
    pub(crate) own_browsing: f64,
    pub(crate) own_purchase: f64,
    pub(crate) own_delivery: f64,
    pub(crate) own_call: f64,
    pub(crate) own_chat: f64,
    pub(crate) own_ticket: f64,
    /// Standard deviation of these ratings.
    pub(crate) own_noise: f64,
}

/// What keeping a customer costs, and how customers take mailings, which change nothing of what they buy.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Care {
    pub(crate) call_cents: u64,
    pub(crate) chat_cents: u64,
    pub(crate) ticket_cents: u64,
    pub(crate) mail_cents: u64,
    /// Days from one mailing to the next; every third one is an offer.
    pub(crate) mailing_days: u32,
    /// Share of mailings that are opened.
    pub(crate) newsletter_opened: f64,
    pub(crate) offer_opened: f64,
    pub(crate) winback_opened: f64,
    /// Share of opened mailings with a click, and of those after which the customer wants no more of them.
    pub(crate) clicked_of_opened: f64,
    pub(crate) unsubscribed_of_opened: f64,
}

/// All parameters.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Parameters {
    pub(crate) time_unit: &'static str,
    pub(crate) bg_nbd: BgNbd,
    pub(crate) gamma_gamma: GammaGamma,
    pub(crate) nps: Scale,
    pub(crate) csat: Scale,
    pub(crate) ces: Scale,
    /// Standard deviation of a customer's taste, in points of the NPS scale.
    pub(crate) taste: f64,
    pub(crate) effects: Effects,
    pub(crate) behaviour: Behaviour,
    pub(crate) growth: Growth,
    pub(crate) care: Care,
}

/// The parameters of every sample.
pub(crate) const PARAMETERS: Parameters = Parameters {
    time_unit: "week",
    bg_nbd: BgNbd { r: 1.2, alpha: 2.0, a: 0.8, b: 5.0 },
    gamma_gamma: GammaGamma { p: 5.0, q: 4.0, v: 30.0 },
    nps: Scale { low: 0, high: 10, start: 8.6, effect: 1.0, noise: 1.3 },
    csat: Scale { low: 1, high: 5, start: 4.3, effect: 0.4, noise: 0.7 },
    ces: Scale { low: 1, high: 7, start: 5.9, effect: 0.6, noise: 0.9 },
    taste: 0.8,
    effects: Effects {
        late_delivery: -3.0,
        long_wait: -1.5,
        unresolved: -2.5,
        web: 0.0,
        app: 0.3,
        email: -0.2,
        chat: -0.1,
        phone: -0.4,
        store: 0.6,
    },
    behaviour: Behaviour {
        launch_share: 0.3,
        launch_days: 14.0,
        sessions_per_week: 2.4,
        contacts_per_week: 0.2,
        contact_after_late_delivery: 0.35,
        late_delivery_share: 0.12,
        promised_days: 3,
        long_wait_s: 300,
        call_resolved: 0.76,
        chat_resolved: 0.8,
        ticket_resolved: 0.82,
        answer_share: 0.4,
        score_missing: 0.02,
        review_share: 0.15,
        subscription_share: 0.35,
        cancel_share: 0.06,
        cancel_share_after_leaving: 0.5,
        inactive_days: 60,
    },
    growth: Growth {
        invited_after_session: 0.2,
        referral_share: 0.3,
        referred_without_liking: 0.2,
        most_other_prospects: 4,
        search_click_cents: 80,
        social_click_cents: 50,
        affiliate_click_cents: 120,
        trial_days: 7,
        trial_before_subscription: 0.6,
        trial_without_subscription: 0.2,
        activated_before_subscription: 0.9,
        activated_without_subscription: 0.35,
        reason_share: 0.7,
        favourite_share: 0.6,
        mug_with_kettle: 0.5,
        own_browsing: 4.2,
        own_purchase: 4.4,
        own_delivery: 4.6,
        own_call: 4.3,
        own_chat: 4.2,
        own_ticket: 4.4,
        own_noise: 0.6,
    },
    care: Care {
        call_cents: 650,
        chat_cents: 220,
        ticket_cents: 480,
        mail_cents: 3,
        mailing_days: 14,
        newsletter_opened: 0.3,
        offer_opened: 0.4,
        winback_opened: 0.2,
        clicked_of_opened: 0.25,
        unsubscribed_of_opened: 0.03,
    },
};
