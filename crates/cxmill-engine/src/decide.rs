//! Whether a model is built: facts in, decision out. `plan` asks with what the next run will probably find, `run` asks
//! again, model by model, with what it found.

mod rebuild;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use cxmill_ledger::{Epoch, ModelState, SourceState};
use cxmill_spec::Strategy;

pub(crate) use self::rebuild::{batches, begin, go_on, left, place, reads, under_way};
use crate::clock::rfc3339;
use crate::publish::in_grace;

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
    /// Fingerprint of its checks as they are written now.
    pub(crate) checks: &'a str,
    /// Whether its checks read the as-of.
    pub(crate) checks_read_as_of: bool,
    /// The as-of of the run.
    pub(crate) as_of: Option<DateTime<Utc>>,
    /// Whether new rows may move the as-of before the model is built; only a plan looks ahead.
    pub(crate) as_of_may_move: bool,
    /// Whether the caller wants it built anew.
    pub(crate) full_refresh: bool,
    /// Whether an earlier run began to build it anew and did not come to the end.
    pub(crate) under_way: bool,
}

/// What is done with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is built and its checks are judged.
    Build,
    /// Its rows stand; its checks are judged on them.
    Judge,
    /// It stands as it is.
    Keep,
}

/// A decision and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// What is done.
    pub(crate) step: Step,
    /// Why.
    pub(crate) why: String,
}

/// What is done with a table that the project no longer publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retirement {
    /// It stands a while longer.
    Begins,
    /// That was long ago: it is removed.
    Ends,
}

/// Decides over a table that the project no longer publishes; none where it stands until its time has come. A full refresh, which
/// would have to make again what is lost of it, does not wait.
pub(crate) fn retirement(state: &ModelState, now: DateTime<Utc>, full_refresh: bool) -> Option<Retirement> {
    match state.retired_at {
        _ if full_refresh => Some(Retirement::Ends),
        None => Some(Retirement::Begins),
        Some(at) if in_grace(at, now) => None,
        Some(_) => Some(Retirement::Ends),
    }
}

/// Decides. The first reason that holds is the one that is given.
pub(crate) fn decide(facts: &Facts<'_>) -> Decision {
    let build = |why: String| Decision { step: Step::Build, why };
    let judge = |why: String| Decision { step: Step::Judge, why };
    let Some(previous) = facts.previous else { return build("never built".to_owned()) };
    if facts.full_refresh {
        return build("full refresh".to_owned());
    }
    if previous.fingerprint != facts.fingerprint {
        return build("it changed, or what it reads did, since it was built".to_owned());
    }
    if facts.under_way {
        return build("an earlier run began to build it anew".to_owned());
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
        return build(moved(previous.as_of, facts.as_of));
    }
    if facts.reads_as_of && facts.as_of_may_move {
        return build("new events may move the as-of".to_owned());
    }
    if previous.judged.checks != facts.checks {
        return judge("its checks changed".to_owned());
    }
    if facts.checks_read_as_of && previous.judged.as_of != facts.as_of {
        return judge(format!("its checks read the as-of: {}", moved(previous.judged.as_of, facts.as_of)));
    }
    if facts.checks_read_as_of && facts.as_of_may_move {
        return judge("its checks read the as-of, which new events may move".to_owned());
    }
    Decision { step: Step::Keep, why: "nothing new".to_owned() }
}

/// Which rows of its source a model that keeps states takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// Those that landed after this epoch: the states that stand hold all others.
    After(Epoch),
    /// The same, but that the states also hold rows of some event dates that were dropped or replaced since.
    Revised(Epoch),
    /// All that are landed.
    All,
}

/// Which rows a model that keeps states takes of its one source, where it is built. States are of use only if they were kept
/// for the very same query, and if the source was not read as a whole since.
pub(crate) fn take(
    fingerprint: &str,
    previous: Option<&ModelState>,
    name: &str,
    source: Option<&SourceState>,
    full_refresh: bool,
) -> Take {
    let (Some(previous), Some(source)) = (previous, source) else { return Take::All };
    let same = previous.fingerprint == fingerprint && previous.strategy == Strategy::State.name();
    match previous.position.get(name) {
        Some(seen) if same && !full_refresh && only_added(source, *seen) => Take::After(*seen),
        Some(seen) if same && !full_refresh && source.added_since <= *seen => Take::Revised(*seen),
        _ => Take::All,
    }
}

/// Whether rows of a source were only added since an epoch: none that was landed by then was dropped or replaced.
fn only_added(source: &SourceState, since: Epoch) -> bool {
    source.added_since <= since && source.dropped_on.values().all(|drop| *drop <= since)
}

/// The inputs whose new rows touch a model's partitions, each with the epoch up to which the model has seen it; none where all
/// partitions are to be computed: where one of them cannot be gone on from, or where the rows of an input changed that says
/// nothing of dates. `dated` names those that say it, each with the epoch since which every change of it can be told.
pub(crate) fn touching<'a>(
    fingerprint: &str,
    previous: Option<&ModelState>,
    dated: &[(&'a str, Epoch)],
    others: &[(&str, Epoch)],
    full_refresh: bool,
) -> Option<BTreeMap<&'a str, Epoch>> {
    let previous = previous.filter(|previous| {
        previous.fingerprint == fingerprint && previous.strategy == Strategy::Partition.name() && !full_refresh
    })?;
    let seen = |name: &str| previous.position.get(name).copied();
    if others.iter().any(|(name, changed_at)| seen(name) != Some(*changed_at)) {
        return None;
    }
    let after = |(name, since): &(&'a str, Epoch)| Some((*name, seen(name).filter(|seen| since <= seen)?));
    dated.iter().map(after).collect()
}

fn moved(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> String {
    let shown = |instant: Option<DateTime<Utc>>| instant.map_or_else(|| "none".to_owned(), rfc3339);
    format!("as-of moved from {} to {}", shown(from), shown(to))
}

#[cfg(test)]
mod tests {
    use cxmill_ledger::Judged;

    use super::*;

    fn state() -> ModelState {
        ModelState {
            fingerprint: "f".to_owned(),
            strategy: "full".to_owned(),
            position: [("orders".to_owned(), Epoch(3))].into(),
            as_of: DateTime::from_timestamp(100, 0),
            judged: Judged { checks: "c".to_owned(), as_of: DateTime::from_timestamp(100, 0), warned: None },
            rows: 0,
            changed_at: Epoch(3),
            schema: Vec::new(),
            files: Vec::new(),
            forgotten: Epoch::default(),
            states: Vec::new(),
            retired_at: None,
        }
    }

    fn facts(previous: Option<&ModelState>) -> Facts<'_> {
        Facts {
            fingerprint: "f",
            previous,
            inputs: vec![Input { name: "orders", changed_at: Epoch(3), ahead: None }],
            reads_as_of: true,
            checks: "c",
            checks_read_as_of: false,
            as_of: DateTime::from_timestamp(100, 0),
            as_of_may_move: false,
            full_refresh: false,
            under_way: false,
        }
    }

    #[test]
    fn nothing_new_keeps_and_each_fact_builds() {
        let state = state();
        let base = facts(Some(&state));
        assert_eq!(decide(&base), Decision { step: Step::Keep, why: "nothing new".to_owned() });
        let why = |facts: Facts<'_>| {
            let decision = decide(&facts);
            assert_eq!(decision.step, Step::Build);
            decision.why
        };
        assert_eq!(why(facts(None)), "never built");
        assert_eq!(why(Facts { full_refresh: true, ..base.clone() }), "full refresh");
        assert_eq!(why(Facts { under_way: true, ..base.clone() }), "an earlier run began to build it anew");
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
        assert_eq!(decide(&Facts { as_of: later, reads_as_of: false, ..base }).step, Step::Keep);
    }

    #[test]
    fn states_are_added_to_only_where_they_hold_all_that_was_landed_before() {
        let (full, kept) = (state(), ModelState { strategy: "state".to_owned(), ..state() });
        let source = SourceState { changed_at: Epoch(5), added_since: Epoch(3), ..SourceState::default() };
        let dropped = SourceState { added_since: Epoch(4), ..source.clone() };
        let of = |previous, source, full_refresh| take("f", previous, "orders", source, full_refresh);
        assert_eq!(of(Some(&kept), Some(&source), false), Take::After(Epoch(3)));
        assert_eq!(of(None, Some(&source), false), Take::All, "never built");
        assert_eq!(of(Some(&full), Some(&source), false), Take::All, "built in full");
        assert_eq!(of(Some(&kept), Some(&source), true), Take::All);
        assert_eq!(take("g", Some(&kept), "orders", Some(&source), false), Take::All, "changed");
        assert_eq!(take("f", Some(&kept), "tickets", Some(&source), false), Take::All, "never read");
        assert_eq!(of(Some(&kept), Some(&dropped), false), Take::All, "rows were dropped after they were counted");
        let day = chrono::NaiveDate::default();
        let [seen, since] =
            [3, 4].map(|epoch| SourceState { dropped_on: [(day, Epoch(epoch))].into(), ..source.clone() });
        assert_eq!(of(Some(&kept), Some(&seen), false), Take::After(Epoch(3)), "that was seen");
        assert_eq!(of(Some(&kept), Some(&since), false), Take::Revised(Epoch(3)), "rows of a day were replaced since");
        let read_again = SourceState { added_since: Epoch(4), ..since.clone() };
        assert_eq!(of(Some(&kept), Some(&read_again), false), Take::All, "and then it was read as a whole");
    }

    #[test]
    fn new_rows_touch_single_partitions_only_where_nothing_else_changed() {
        let state = ModelState {
            strategy: "partition".to_owned(),
            position: [("orders".to_owned(), Epoch(3)), ("customers".to_owned(), Epoch(2))].into(),
            ..state()
        };
        let of = |previous, since, customers| {
            touching("f", previous, &[("orders", Epoch(since))], &[("customers", Epoch(customers))], false)
        };
        assert_eq!(of(Some(&state), 3, 2), Some([("orders", Epoch(3))].into()));
        assert_eq!(of(None, 3, 2), None, "never built");
        assert_eq!(of(Some(&state), 3, 4), None, "the customers are others");
        assert_eq!(of(Some(&state), 4, 2), None, "rows were dropped, and nothing tells which");
        let full = ModelState { strategy: "full".to_owned(), ..state.clone() };
        assert_eq!(of(Some(&full), 3, 2), None, "built in full");
        assert_eq!(touching("f", Some(&state), &[("orders", Epoch(3))], &[("tickets", Epoch(0))], false), None);
        assert_eq!(touching("g", Some(&state), &[("orders", Epoch(3))], &[], false), None, "changed");
        assert_eq!(touching("f", Some(&state), &[("orders", Epoch(3))], &[], true), None);
        assert_eq!(touching("f", Some(&state), &[("tickets", Epoch(0))], &[], false), None, "never read");
    }

    #[test]
    fn changed_checks_and_a_moved_as_of_that_they_read_are_judged_alone() {
        let state = state();
        let base = Facts { reads_as_of: false, ..facts(Some(&state)) };
        let later = DateTime::from_timestamp(200, 0);
        let steps = [
            (Facts { checks: "d", ..base.clone() }, "its checks changed"),
            (
                Facts { checks_read_as_of: true, as_of: later, ..base.clone() },
                "its checks read the as-of: as-of moved from 1970-01-01T00:01:40Z to 1970-01-01T00:03:20Z",
            ),
            (
                Facts { checks_read_as_of: true, as_of_may_move: true, ..base.clone() },
                "its checks read the as-of, which new events may move",
            ),
        ];
        for (facts, why) in steps {
            assert_eq!(decide(&facts), Decision { step: Step::Judge, why: why.to_owned() });
        }
        assert_eq!(decide(&Facts { checks_read_as_of: true, ..base.clone() }).step, Step::Keep);
        assert_eq!(decide(&Facts { checks: "d", fingerprint: "g", ..base }).step, Step::Build, "a build judges too");
    }
}
