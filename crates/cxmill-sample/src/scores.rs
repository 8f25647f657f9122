//! How what happened becomes a score.

use rand_chacha::ChaCha8Rng;

use crate::customer::normal;
use crate::parameters::{PARAMETERS, Scale};
use crate::words::{Channel, Survey};

/// What happened to a customer at a touchpoint.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Experience {
    pub(crate) late_delivery: bool,
    pub(crate) long_wait: bool,
    pub(crate) unresolved: bool,
}

impl Experience {
    /// Points on the NPS scale that a score is moved by.
    pub(crate) fn effect(self, channel: Channel) -> f64 {
        let effects = PARAMETERS.effects;
        let mut sum = match channel {
            Channel::Web => effects.web,
            Channel::App => effects.app,
            Channel::Email => effects.email,
            Channel::Chat => effects.chat,
            Channel::Phone => effects.phone,
            Channel::Store => effects.store,
        };
        for (happened, effect) in [
            (self.late_delivery, effects.late_delivery),
            (self.long_wait, effects.long_wait),
            (self.unresolved, effects.unresolved),
        ] {
            if happened {
                sum += effect;
            }
        }
        sum
    }
}

/// The scale of a survey.
pub(crate) fn scale(survey: Survey) -> Scale {
    match survey {
        Survey::Nps => PARAMETERS.nps,
        Survey::Csat => PARAMETERS.csat,
        Survey::Ces => PARAMETERS.ces,
    }
}

/// A score on the scale; `points` are effects and taste in points of the NPS scale.
pub(crate) fn score(rng: &mut ChaCha8Rng, scale: Scale, points: f64) -> i8 {
    let value = scale.start + scale.effect * points + scale.noise * normal(rng);
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the scale")]
    let score = value.round().clamp(f64::from(scale.low), f64::from(scale.high)) as i8;
    score
}

/// The mood of a text that goes with a score: 0 bad, 1 mixed, 2 good.
pub(crate) fn mood(scale: Scale, score: i8) -> u8 {
    let share = f64::from(score - scale.low) / f64::from(scale.high - scale.low);
    if share < 0.55 {
        0
    } else if share < 0.85 {
        1
    } else {
        2
    }
}
