//! What a customer does and what happens to it, as rows.

mod arriving;
mod basket;
mod buying;
mod helping;
mod inviting;
mod subscribing;
mod visiting;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::bucket::{Bucket, Fate};
use crate::calendar::DAY;
use crate::customer::{Customer, exponential, whole};
use crate::journey::inviting::SURVEYS;
use crate::options::Options;
use crate::parameters::PARAMETERS;
use crate::rows::Answer;
use crate::scores::{Experience, mood, scale, score};
use crate::truth::Truth;
use crate::words::{Category, Channel, Survey, Touchpoint, any, pick};

/// Tells the random numbers of [`Journey::beside`] from those of lives.
const BESIDE: u64 = 0x6265_7369_6465;

/// A customer on its way through the channels.
pub(crate) struct Journey<'a> {
    customer: &'a Customer,
    rng: ChaCha8Rng,
    fate: Fate<'a>,
    /// Random numbers, and the fate of rows, of everything that came into the sample after the first ten sources: those
    /// stay as they are.
    beside: ChaCha8Rng,
    fate_beside: Fate<'a>,
    /// What the customer likes to buy.
    favourite: Category,
    bucket: &'a mut Bucket,
    truth: &'a mut Truth,
    /// The first second after the last day.
    end: u32,
    answers: u32,
    reviews: u32,
    interactions: u32,
    sessions: u16,
    tickets: u32,
    calls: u32,
    chats: u32,
    invitations: u32,
}

impl<'a> Journey<'a> {
    pub(crate) fn new(
        customer: &'a Customer,
        rng: ChaCha8Rng,
        options: &'a Options,
        bucket: &'a mut Bucket,
        truth: &'a mut Truth,
    ) -> Self {
        let mut beside = ChaCha8Rng::seed_from_u64(options.seed ^ BESIDE);
        beside.set_stream(u64::from(customer.number));
        let favourite = any(&mut beside, Category::ALL, Category::Home);
        Self {
            customer,
            rng,
            fate: Fate::new(options, customer.number),
            beside,
            fate_beside: Fate::beside(options, customer.number),
            favourite,
            bucket,
            truth,
            end: options.days * DAY,
            answers: 0,
            reviews: 0,
            interactions: 0,
            sessions: 0,
            tickets: 0,
            calls: 0,
            chats: 0,
            invitations: 0,
        }
    }

    /// Lives the customer's whole life.
    pub(crate) fn live(mut self, referrer: Option<u32>) {
        self.truth.begin_customer(self.customer);
        self.arrive(referrer);
        self.buy();
        self.visit();
        self.ask_for_help();
        self.subscribe();
        self.truth.end_customer();
    }

    /// The time during which the customer has not left.
    fn stays(&self) -> std::ops::Range<u32> {
        let first = self.customer.purchases.first().copied().unwrap_or(0);
        first..self.customer.left.unwrap_or(self.end)
    }

    fn chance(&mut self, share: f64) -> bool {
        self.rng.random::<f64>() < share
    }

    /// Seconds until something that takes `mean` seconds on average.
    fn about(&mut self, mean: f64) -> u32 {
        whole(mean * exponential(&mut self.rng))
    }

    /// Asks for a score after a touchpoint; a `share` of the touchpoints is answered, within two days.
    fn ask(&mut self, after: u32, channel: Channel, touchpoint: Touchpoint, experience: Experience, share: f64) {
        let answered = self.chance(share).then(|| pick(&mut self.rng, SURVEYS, Survey::Nps));
        self.invite(after, channel, touchpoint, answered, share);
        let Some(survey) = answered else { return };
        let scale = scale(survey);
        let points = experience.effect(channel) + self.customer.taste;
        let value = score(&mut self.rng, scale, points);
        let missing = self.chance(PARAMETERS.behaviour.score_missing);
        let comment = (missing || self.chance(0.3)).then(|| (mood(scale, value), self.rng.random_range(0..4)));
        self.answers += 1;
        let answer = Answer {
            customer: self.customer.number,
            number: self.answers,
            at: after + 3_600 + self.about(4.0 * 3_600.0).min(2 * DAY),
            survey,
            channel,
            touchpoint,
            segment: self.customer.segment,
            language: self.customer.language,
            score: (!missing).then_some(value),
            comment,
        };
        if self.fate.send(&mut self.bucket.answers, answer) == Some(true) {
            self.truth.answer(&answer);
        }
    }
}
