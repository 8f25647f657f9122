//! What the company itself does: pay for campaigns, and rate its touchpoints.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::bucket::{Bucket, Fate};
use crate::calendar::DAY;
use crate::customer::{normal, whole};
use crate::options::Options;
use crate::parameters::PARAMETERS;
use crate::rows::{CampaignCost, OwnRating};
use crate::truth::Truth;
use crate::words::{Campaign, Role, Touchpoint};

/// Tells the random numbers of the company from those of customers.
const COMPANY: u64 = 0x6669_726d;

/// Days from one round of own ratings to the next.
const ROUND: u32 = 30;

/// Cents that a prospect of a campaign costs; nothing for those that are not paid for.
pub(crate) fn click_cents(campaign: Campaign) -> u32 {
    let growth = PARAMETERS.growth;
    match campaign {
        Campaign::Search => growth.search_click_cents,
        Campaign::Social => growth.social_click_cents,
        Campaign::Affiliate => growth.affiliate_click_cents,
        Campaign::Referral | Campaign::Direct => 0,
    }
}

fn opinion(touchpoint: Touchpoint) -> f64 {
    let growth = PARAMETERS.growth;
    match touchpoint {
        Touchpoint::Browsing => growth.own_browsing,
        Touchpoint::Purchase => growth.own_purchase,
        Touchpoint::Delivery => growth.own_delivery,
        Touchpoint::Call => growth.own_call,
        Touchpoint::Chat => growth.own_chat,
        Touchpoint::Ticket => growth.own_ticket,
    }
}

/// Puts the company's own rows into the bucket, once all customers have lived.
pub(crate) fn report(options: &Options, bucket: &mut Bucket, truth: &mut Truth) {
    let mut fate = Fate::beside(options, 0);
    for (number, ((day, campaign), clicks)) in (1..).zip(truth.growth.clicks()) {
        let cents = clicks * click_cents(campaign);
        let cost = CampaignCost { number, at: day * DAY, campaign, clicks, cents };
        if fate.send(&mut bucket.campaign_costs, cost) == Some(true) {
            truth.growth.cost(campaign, cents);
        }
    }
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed ^ COMPANY);
    let mut number = 0;
    for round in 0..options.days.div_ceil(ROUND) {
        for &touchpoint in Touchpoint::ALL {
            for &role in Role::ALL {
                number += 1;
                let rating = (opinion(touchpoint) + PARAMETERS.growth.own_noise * normal(&mut rng)).clamp(1.0, 5.0);
                let rating = i8::try_from(whole(rating)).unwrap_or(5);
                let row = OwnRating { number, at: round * ROUND * DAY + 9 * 3_600, touchpoint, role, rating };
                if fate.send(&mut bucket.own_ratings, row) == Some(true) {
                    truth.growth.own_rating(touchpoint, rating);
                }
            }
        }
    }
}
