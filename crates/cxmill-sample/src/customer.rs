//! A customer: who it is, when it buys, when it leaves.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Beta, Distribution, Gamma, StandardNormal};

use crate::SampleError;
use crate::calendar::DAY;
use crate::options::Options;
use crate::parameters::{PARAMETERS, Parameters};
use crate::words::{Channel, Device, Language, Segment, pick};

/// Seconds of a week.
const WEEK: f64 = 7.0 * DAY as f64;

/// One customer's nature and purchases.
#[derive(Debug)]
pub(crate) struct Customer {
    pub(crate) number: u32,
    pub(crate) segment: Segment,
    pub(crate) language: Language,
    pub(crate) device: Device,
    /// Where it likes to buy: web, app or store.
    pub(crate) shop: Channel,
    /// Where it likes to ask: phone, chat or email.
    pub(crate) help: Channel,
    /// Points that all its scores are off by.
    pub(crate) taste: f64,
    /// Purchases in seconds since the first day, ascending; the first one is the acquisition. Never empty.
    pub(crate) purchases: Vec<u32>,
    /// When it left for good, if it did before the last day ended.
    pub(crate) left: Option<u32>,
    /// Rate ν of its amounts.
    amounts: Gamma<f64>,
}

/// The distributions that customers are drawn from, made once.
#[derive(Debug)]
pub(crate) struct Population {
    rate: Gamma<f64>,
    leaving: Beta<f64>,
    amount_rate: Gamma<f64>,
    end: f64,
    seed: u64,
}

fn bad_parameter(error: impl std::fmt::Display) -> SampleError {
    SampleError(format!("bug in the parameters of the sample: {error}"))
}

impl Population {
    pub(crate) fn new(options: &Options) -> Result<Self, SampleError> {
        let Parameters { bg_nbd, gamma_gamma, .. } = PARAMETERS;
        Ok(Self {
            rate: Gamma::new(bg_nbd.r, 1.0 / bg_nbd.alpha).map_err(bad_parameter)?,
            leaving: Beta::new(bg_nbd.a, bg_nbd.b).map_err(bad_parameter)?,
            amount_rate: Gamma::new(gamma_gamma.q, 1.0 / gamma_gamma.v).map_err(bad_parameter)?,
            end: f64::from(options.days) * f64::from(DAY),
            seed: options.seed,
        })
    }

    /// The n-th customer and the random numbers of the rest of its life. No customer's depend on another's.
    pub(crate) fn draw(&self, number: u32) -> Result<(Customer, ChaCha8Rng), SampleError> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(u64::from(number));
        let (purchases, left) = self.live(&mut rng);
        let amount_rate = self.amount_rate.sample(&mut rng).max(f64::MIN_POSITIVE);
        let mean_amount = PARAMETERS.gamma_gamma.p / amount_rate;
        let customer = Customer {
            number,
            segment: segment(&mut rng, mean_amount),
            language: language(&mut rng),
            device: pick(
                &mut rng,
                &[(Device::Mobile, 0.6), (Device::Desktop, 0.3), (Device::Tablet, 0.1)],
                Device::Mobile,
            ),
            shop: pick(&mut rng, &[(Channel::Web, 0.42), (Channel::App, 0.33), (Channel::Store, 0.25)], Channel::Web),
            help: pick(
                &mut rng,
                &[(Channel::Phone, 0.34), (Channel::Chat, 0.36), (Channel::Email, 0.3)],
                Channel::Chat,
            ),
            taste: PARAMETERS.taste * normal(&mut rng),
            purchases,
            left,
            amounts: Gamma::new(PARAMETERS.gamma_gamma.p, 1.0 / amount_rate).map_err(bad_parameter)?,
        };
        Ok((customer, rng))
    }

    /// Purchases and the time of leaving, by BG/NBD.
    fn live(&self, rng: &mut ChaCha8Rng) -> (Vec<u32>, Option<u32>) {
        let behaviour = PARAMETERS.behaviour;
        let span = if rng.random::<f64>() < behaviour.launch_share {
            self.end.min(behaviour.launch_days * f64::from(DAY))
        } else {
            self.end
        };
        let mut at = rng.random::<f64>() * span;
        let rate = self.rate.sample(rng).max(f64::MIN_POSITIVE);
        let leaving = self.leaving.sample(rng);
        let mut purchases = vec![opening_hours(at)];
        loop {
            at += exponential(rng) / rate * WEEK;
            if at >= self.end {
                return (purchases, None);
            }
            purchases.push(opening_hours(at));
            if rng.random::<f64>() < leaving {
                return (purchases, Some(opening_hours(at)));
            }
        }
    }
}

impl Customer {
    /// The amount of one purchase in cents, at least 1.
    pub(crate) fn amount(&self, rng: &mut ChaCha8Rng) -> u32 {
        let cents = (self.amounts.sample(rng) * 100.0).round();
        whole(cents).max(1)
    }
}

/// Segments differ in what they spend while the population stays Gamma-Gamma: who spends much is more likely a business.
fn segment(rng: &mut ChaCha8Rng, mean_amount: f64) -> Segment {
    let weights = if mean_amount > 55.0 {
        [0.15, 0.3, 0.5, 0.05]
    } else if mean_amount > 32.0 {
        [0.3, 0.4, 0.15, 0.15]
    } else {
        [0.35, 0.2, 0.05, 0.4]
    };
    let [new, family, business, student] = weights;
    pick(
        rng,
        &[(Segment::New, new), (Segment::Family, family), (Segment::Business, business), (Segment::Student, student)],
        Segment::New,
    )
}

fn language(rng: &mut ChaCha8Rng) -> Language {
    pick(
        rng,
        &[
            (Language::English, 0.4),
            (Language::Spanish, 0.2),
            (Language::Italian, 0.15),
            (Language::Swedish, 0.1),
            (Language::French, 0.15),
        ],
        Language::English,
    )
}

/// A draw of the standard normal distribution.
pub(crate) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// A draw of the exponential distribution with mean 1.
pub(crate) fn exponential(rng: &mut ChaCha8Rng) -> f64 {
    -(1.0 - rng.random::<f64>()).ln()
}

/// The nearest whole number that fits.
pub(crate) fn whole(value: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range of u32")]
    let whole = value.round().clamp(0.0, f64::from(u32::MAX)) as u32;
    whole
}

/// The same day, but between 7:00 and 22:00: nobody buys at night. Keeps the order of times.
pub(crate) fn opening_hours(at: f64) -> u32 {
    let day = (at / f64::from(DAY)).floor();
    let clock = at - day * f64::from(DAY);
    let open = 7.0 * 3_600.0 + clock * 15.0 / 24.0;
    whole(day * f64::from(DAY) + open.floor())
}
