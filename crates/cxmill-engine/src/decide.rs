//! Whether a model is built: facts in, decision out. `plan` asks with what the next run will probably find, `run` asks
//! again, model by model, with what it found.

use chrono::{DateTime, Utc};
use cxmill_ledger::{Epoch, ModelState};

use crate::clock::rfc3339;

/// One input of a model: a source or another model, views looked through.
#[derive(Debug, Clone)]
pub(crate) struct Input<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Epoch in which its rows last changed.
    pub(crate) changed_at: Epoch,
    /// Why its rows may be others by the time the model is built; only a plan looks ahead.
    pub(crate) ahead: Option<String>,
}

/// What the decision is made of.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    /// Fingerprint of the model as it is written now.
    pub(crate) fingerprint: &'a str,
    /// Where the model stands; none if it was never built.
    pub(crate) previous: Option<&'a ModelState>,
    /// What it reads.
    pub(crate) inputs: Vec<Input<'a>>,
    /// Whether it reads the as-of.
    pub(crate) reads_as_of: bool,
    /// The as-of of the run.
    pub(crate) as_of: Option<DateTime<Utc>>,
    /// Whether new rows may move the as-of before the model is built; only a plan looks ahead.
    pub(crate) as_of_may_move: bool,
    /// Whether the caller wants everything built anew.
    pub(crate) full_refresh: bool,
}

/// A decision and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Whether the model is built.
    pub(crate) build: bool,
    /// Why.
    pub(crate) why: String,
}

/// Decides. The first reason that holds is the one that is given.
pub(crate) fn decide(facts: &Facts<'_>) -> Decision {
    let build = |why: String| Decision { build: true, why };
    let Some(previous) = facts.previous else { return build("never built".to_owned()) };
    if facts.full_refresh {
        return build("full refresh".to_owned());
    }
    if previous.fingerprint != facts.fingerprint {
        return build("it changed, or what it reads did, since it was built".to_owned());
    }
    for input in &facts.inputs {
        let seen = previous.position.get(input.name).copied();
        if seen != Some(input.changed_at) {
            return build(format!("new rows in {}", input.name));
        }
        if let Some(ahead) = &input.ahead {
            return build(ahead.clone());
        }
    }
    if facts.reads_as_of && previous.as_of != facts.as_of {
        let shown = |instant: Option<DateTime<Utc>>| instant.map_or_else(|| "none".to_owned(), rfc3339);
        return build(format!("as-of moved from {} to {}", shown(previous.as_of), shown(facts.as_of)));
    }
    if facts.reads_as_of && facts.as_of_may_move {
        return build("new events may move the as-of".to_owned());
    }
    Decision { build: false, why: "nothing new".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> ModelState {
        ModelState {
            fingerprint: "f".to_owned(),
            strategy: "full".to_owned(),
            position: [("orders".to_owned(), Epoch(3))].into(),
            as_of: DateTime::from_timestamp(100, 0),
            rows: 0,
            changed_at: Epoch(3),
            schema: Vec::new(),
            files: Vec::new(),
        }
    }

    fn facts(previous: Option<&ModelState>) -> Facts<'_> {
        Facts {
            fingerprint: "f",
            previous,
            inputs: vec![Input { name: "orders", changed_at: Epoch(3), ahead: None }],
            reads_as_of: true,
            as_of: DateTime::from_timestamp(100, 0),
            as_of_may_move: false,
            full_refresh: false,
        }
    }

    #[test]
    fn nothing_new_keeps_and_each_fact_builds() {
        let state = state();
        let base = facts(Some(&state));
        assert_eq!(decide(&base), Decision { build: false, why: "nothing new".to_owned() });
        let why = |facts: Facts<'_>| {
            let decision = decide(&facts);
            assert!(decision.build);
            decision.why
        };
        assert_eq!(why(facts(None)), "never built");
        assert_eq!(why(Facts { full_refresh: true, ..base.clone() }), "full refresh");
        assert_eq!(
            why(Facts { fingerprint: "g", ..base.clone() }),
            "it changed, or what it reads did, since it was built"
        );
        let moved = Input { name: "orders", changed_at: Epoch(4), ahead: None };
        assert_eq!(why(Facts { inputs: vec![moved], ..base.clone() }), "new rows in orders");
        let unseen = Input { name: "tickets", changed_at: Epoch(0), ahead: None };
        assert_eq!(why(Facts { inputs: vec![unseen], ..base.clone() }), "new rows in tickets");
        let later = DateTime::from_timestamp(200, 0);
        assert_eq!(
            why(Facts { as_of: later, ..base.clone() }),
            "as-of moved from 1970-01-01T00:01:40Z to 1970-01-01T00:03:20Z"
        );
        assert_eq!(why(Facts { as_of_may_move: true, ..base.clone() }), "new events may move the as-of");
        assert!(!decide(&Facts { as_of: later, reads_as_of: false, ..base }).build);
    }
}
