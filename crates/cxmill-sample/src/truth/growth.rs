//! What is true of invitations, baskets, arrivals, reasons and the company's own ratings.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::company::click_cents;
use crate::truth::money;
use crate::words::{Article, Campaign, Reason, Touchpoint};

/// Tallies over clean rows, but for clicks, which the company pays whether their rows are clean or not.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    responses: BTreeMap<Touchpoint, Responses>,
    lines: BTreeMap<Article, u64>,
    baskets: Baskets,
    clicks: BTreeMap<(u32, Campaign), u32>,
    campaigns: BTreeMap<Campaign, Arrivals>,
    trials: Trials,
    reasons: BTreeMap<Reason, u64>,
    own: BTreeMap<Touchpoint, Ratings>,
}

/// Invitations and answers, with or without a score.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Responses {
    invitations: u64,
    answers: u64,
}

/// Orders with at least one clean line.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Baskets {
    orders: u64,
    with_kettle: u64,
    with_mug: u64,
    with_both: u64,
}

/// What a campaign brought. Cents in quotes as a decimal number.
#[derive(Debug, Default, Clone, Copy)]
struct Arrivals {
    prospects: u64,
    converted: u64,
    signups: u64,
    cents: u64,
}

#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Trials {
    trials: u64,
    activated: u64,
    /// A subscription followed.
    converted: u64,
}

#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Ratings {
    ratings: u64,
    sum: u64,
}

impl Growth {
    pub(crate) fn invitation(&mut self, touchpoint: Touchpoint) {
        self.responses.entry(touchpoint).or_default().invitations += 1;
    }

    pub(crate) fn answer(&mut self, touchpoint: Touchpoint) {
        self.responses.entry(touchpoint).or_default().answers += 1;
    }

    pub(crate) fn basket(&mut self, articles: &[Article]) {
        if articles.is_empty() {
            return;
        }
        for &article in articles {
            *self.lines.entry(article).or_default() += 1;
        }
        let (kettle, mug) = (articles.contains(&Article::Kettle), articles.contains(&Article::Mug));
        self.baskets.orders += 1;
        self.baskets.with_kettle += u64::from(kettle);
        self.baskets.with_mug += u64::from(mug);
        self.baskets.with_both += u64::from(kettle && mug);
    }

    pub(crate) fn click(&mut self, day: u32, campaign: Campaign) {
        if click_cents(campaign) > 0 {
            *self.clicks.entry((day, campaign)).or_default() += 1;
        }
    }

    /// Clicks of paid campaigns by day.
    pub(crate) fn clicks(&self) -> Vec<((u32, Campaign), u32)> {
        self.clicks.iter().map(|(&key, &clicks)| (key, clicks)).collect()
    }

    pub(crate) fn prospect(&mut self, campaign: Campaign, converted: bool) {
        let arrivals = self.campaigns.entry(campaign).or_default();
        arrivals.prospects += 1;
        arrivals.converted += u64::from(converted);
    }

    pub(crate) fn signup(&mut self, campaign: Campaign) {
        self.campaigns.entry(campaign).or_default().signups += 1;
    }

    pub(crate) fn cost(&mut self, campaign: Campaign, cents: u32) {
        self.campaigns.entry(campaign).or_default().cents += u64::from(cents);
    }

    pub(crate) fn trial(&mut self, activated: bool, converted: bool) {
        self.trials.trials += 1;
        self.trials.activated += u64::from(activated);
        self.trials.converted += u64::from(converted);
    }

    pub(crate) fn reason(&mut self, reason: Reason) {
        *self.reasons.entry(reason).or_default() += 1;
    }

    pub(crate) fn own_rating(&mut self, touchpoint: Touchpoint, rating: i8) {
        let ratings = self.own.entry(touchpoint).or_default();
        ratings.ratings += 1;
        ratings.sum += u64::try_from(rating).unwrap_or(0);
    }

    /// The part of `_truth.json`.
    pub(crate) fn document(&self) -> GrowthTruth {
        GrowthTruth {
            responses: self.responses.iter().map(|(touchpoint, &found)| (touchpoint.name(), found)).collect(),
            lines_by_article: self.lines.iter().map(|(article, &lines)| (article.name(), lines)).collect(),
            baskets: self.baskets,
            campaigns: self.campaigns.iter().map(|(campaign, &found)| (campaign.name(), arrivals(found))).collect(),
            trials: self.trials,
            leaving_reasons: self.reasons.iter().map(|(reason, &answers)| (reason.name(), answers)).collect(),
            own_ratings: self.own.iter().map(|(touchpoint, &found)| (touchpoint.name(), found)).collect(),
        }
    }
}

fn arrivals(found: Arrivals) -> ArrivalsTruth {
    let Arrivals { prospects, converted, signups, cents } = found;
    ArrivalsTruth { prospects, converted, signups, cost: money(cents) }
}

#[derive(Debug, Serialize)]
struct ArrivalsTruth {
    prospects: u64,
    converted: u64,
    signups: u64,
    /// A decimal number in quotes, so that no reader rounds it.
    cost: String,
}

/// `growth` of `_truth.json`.
#[derive(Debug, Serialize)]
pub(crate) struct GrowthTruth {
    responses: BTreeMap<&'static str, Responses>,
    lines_by_article: BTreeMap<&'static str, u64>,
    baskets: Baskets,
    campaigns: BTreeMap<&'static str, ArrivalsTruth>,
    trials: Trials,
    leaving_reasons: BTreeMap<&'static str, u64>,
    own_ratings: BTreeMap<&'static str, Ratings>,
}
