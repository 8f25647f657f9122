//! Invitations to surveys, answered or not.

use rand::Rng;

use crate::journey::Journey;
use crate::parameters::PARAMETERS;
use crate::rows::Invitation;
use crate::words::{Channel, Survey, Touchpoint, pick};

/// Seconds from a touchpoint to the invitation; answers come an hour after the touchpoint or later.
const DELAY: u32 = 1_800;

impl Journey<'_> {
    /// Invites to the survey that will be answered, or to one that will not: then it is sent after every touchpoint but a
    /// session, and there as often as makes `invited_after_session` of all sessions.
    pub(super) fn invite(
        &mut self,
        after: u32,
        channel: Channel,
        touchpoint: Touchpoint,
        answered: Option<Survey>,
        share: f64,
    ) {
        let survey = match answered {
            Some(survey) => survey,
            None => {
                if touchpoint == Touchpoint::Browsing {
                    let invited = PARAMETERS.growth.invited_after_session;
                    if self.beside.random::<f64>() >= (invited - share) / (1.0 - share) {
                        return;
                    }
                }
                pick(&mut self.beside, SURVEYS, Survey::Nps)
            }
        };
        self.invitations += 1;
        let invitation = Invitation {
            customer: self.customer.number,
            number: self.invitations,
            at: after + DELAY,
            survey,
            channel,
            touchpoint,
        };
        if self.fate_beside.send(&mut self.bucket.invitations, invitation) == Some(true) {
            self.truth.growth.invitation(touchpoint);
        }
    }
}

/// Which survey is sent.
pub(super) const SURVEYS: &[(Survey, f64)] = &[(Survey::Nps, 0.4), (Survey::Csat, 0.35), (Survey::Ces, 0.25)];
