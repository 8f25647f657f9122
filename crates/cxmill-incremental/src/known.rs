//! What is known of each aggregate function: how its state is kept, how large that gets, and its version.
//!
//! A function that is not in the table is taken at its word: its own state is kept if it folds rows in any order, else its rows.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::arrow::datatypes::DataType;

use crate::error::StateError;

/// How the state of one group grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateGrowth {
    /// It does not: at most some kilobytes, however many rows there are.
    Constant,
    /// With the number of distinct values: a resent value adds nothing.
    DistinctValues,
    /// With the number of rows.
    Rows,
}

impl StateGrowth {
    /// Reads on after "the state of median".
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            StateGrowth::Constant => "has a fixed size",
            StateGrowth::DistinctValues => "grows with the number of distinct values",
            StateGrowth::Rows => "grows with the number of rows",
        }
    }
}

/// How the state of a call is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Method {
    /// The function's own state.
    Own,
    /// Every row, in the order of ORDER BY, then of the arguments.
    Rows,
    /// Every distinct row, in that order.
    DistinctRows,
    /// The first row in that order.
    FirstRow,
    /// The last row in that order.
    LastRow,
}

impl Method {
    /// Its name in the state's metadata.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::Own => "own",
            Method::Rows => "rows",
            Method::DistinctRows => "distinct rows",
            Method::FirstRow => "first row",
            Method::LastRow => "last row",
        }
    }
}

/// What a function does with its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    /// Neither order nor place matter; each row counts.
    Folds(StateGrowth),
    /// As above, and seeing a value twice changes nothing.
    Idempotent,
    /// Lists rows: without ORDER BY in the order of the values, which no order of arrival can change.
    Lists,
    /// Takes one row by its place, so it needs ORDER BY.
    Picks(Method),
    /// Takes any row: the smallest value, which no order of arrival can change.
    TakesAny,
    /// Has no state that could be kept; why, and what to do.
    Refused(&'static str),
}

const CONSTANT: Behaviour = Behaviour::Folds(StateGrowth::Constant);
const DIGEST: Behaviour = Behaviour::Refused(
    "keeps a sketch that depends on the order in which rows arrive, so its result would change with every batching; use percentile_cont or median",
);

/// Every aggregate of a default DataFusion 55 session, by name.
const BUILT_IN: &[(&str, Behaviour)] = &[
    ("any_value", Behaviour::TakesAny),
    ("approx_distinct", Behaviour::Idempotent),
    ("approx_median", DIGEST),
    ("approx_percentile_cont", DIGEST),
    ("approx_percentile_cont_with_weight", DIGEST),
    ("array_agg", Behaviour::Lists),
    ("avg", CONSTANT),
    ("bit_and", Behaviour::Idempotent),
    ("bit_or", Behaviour::Idempotent),
    ("bit_xor", CONSTANT),
    ("bool_and", Behaviour::Idempotent),
    ("bool_or", Behaviour::Idempotent),
    ("corr", CONSTANT),
    ("count", CONSTANT),
    ("covar_pop", CONSTANT),
    ("covar_samp", CONSTANT),
    ("first_value", Behaviour::Picks(Method::FirstRow)),
    (
        "grouping",
        Behaviour::Refused("is settled by DataFusion's analyzer; split the plan after the analyzer has seen it"),
    ),
    ("last_value", Behaviour::Picks(Method::LastRow)),
    ("max", Behaviour::Idempotent),
    ("median", Behaviour::Folds(StateGrowth::Rows)),
    ("min", Behaviour::Idempotent),
    ("nth_value", Behaviour::Picks(Method::Rows)),
    ("percentile_cont", Behaviour::Folds(StateGrowth::Rows)),
    ("regr_avgx", CONSTANT),
    ("regr_avgy", CONSTANT),
    ("regr_count", CONSTANT),
    ("regr_intercept", CONSTANT),
    ("regr_r2", CONSTANT),
    ("regr_slope", CONSTANT),
    ("regr_sxx", CONSTANT),
    ("regr_sxy", CONSTANT),
    ("regr_syy", CONSTANT),
    ("stddev", CONSTANT),
    ("stddev_pop", CONSTANT),
    ("string_agg", Behaviour::Lists),
    ("sum", CONSTANT),
    ("var", CONSTANT),
    ("var_pop", CONSTANT),
];

/// One row of the table of aggregates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// Name of the function.
    pub name: &'static str,
    /// How the state of a plain call grows; none where the function has no state that could be kept.
    pub growth: Option<StateGrowth>,
    /// How the state of a call with DISTINCT grows; none as above.
    pub growth_distinct: Option<StateGrowth>,
    /// Whether the call must have an ORDER BY of its own.
    pub needs_order: bool,
    /// Why there is no state, and what to do instead; reads on after the name.
    pub refused: Option<&'static str>,
}

/// The built-in aggregates of DataFusion and what their states cost.
#[must_use]
pub fn built_in() -> Vec<BuiltIn> {
    BUILT_IN
        .iter()
        .map(|(name, behaviour)| {
            let growth = |distinct| {
                let ordered = matches!(behaviour, Behaviour::Picks(_));
                choose(name, *behaviour, distinct, ordered).ok().map(|method| growth(*behaviour, method))
            };
            let refused = match behaviour {
                Behaviour::Refused(why) => Some(*why),
                _ => None,
            };
            let needs_order = matches!(behaviour, Behaviour::Picks(_));
            BuiltIn { name, growth: growth(false), growth_distinct: growth(true), needs_order, refused }
        })
        .collect()
}

/// What is known of functions, beside what this crate knows of them by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownFunctions {
    versions: BTreeMap<String, u32>,
    settled: BTreeSet<String>,
}

impl KnownFunctions {
    /// DataFusion's own functions, all of version 1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the versions of functions by name. A version is raised whenever the function keeps another state, or gives another
    /// value, for the same rows; a state of another version is refused. A function without one has version 1.
    #[must_use]
    pub fn with_versions<N: Into<String>>(mut self, versions: impl IntoIterator<Item = (N, u32)>) -> Self {
        self.versions.extend(versions.into_iter().map(|(name, version)| (name.into(), version)));
        self
    }

    /// Names scalar functions that are declared stable and yet give the same in every run: what they depend on beside their
    /// arguments (as the time zone of the session) is never changed, or the states are built again when it is. Other stable
    /// functions may only show finished groups.
    #[must_use]
    pub fn with_settled<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.settled.extend(names.into_iter().map(Into::into));
        self
    }

    /// Whether a stable function gives the same in every run.
    #[must_use]
    pub fn is_settled(&self, function: &str) -> bool {
        self.settled.contains(function)
    }

    /// The version of a function.
    #[must_use]
    pub fn version(&self, function: &str) -> u32 {
        self.versions.get(function).copied().unwrap_or(1)
    }
}

/// What matters of a call to choose how its state is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// DISTINCT is written.
    pub(crate) distinct: bool,
    /// ORDER BY is written, and the function heeds it.
    pub(crate) ordered: bool,
}

/// How the state of a call is kept.
pub(crate) fn method(function: &str, kind: Kind) -> Result<Method, StateError> {
    choose(function, behaviour(function, kind), kind.distinct, kind.ordered)
}

/// How the state of a call grows; `state` are the types of its own state.
pub(crate) fn state_growth(function: &str, kind: Kind, method: Method, state: &[DataType]) -> StateGrowth {
    if method == Method::Own && !BUILT_IN.iter().any(|(name, _)| *name == function) {
        let collects =
            state.iter().any(|column| matches!(column, DataType::Binary | DataType::Utf8) || column.is_nested());
        return if collects { StateGrowth::Rows } else { StateGrowth::Constant };
    }
    growth(behaviour(function, kind), method)
}

/// Whether ORDER BY of a call to this function can change its result; none where the function itself must be asked.
pub(crate) fn heeds_order(function: &str) -> Option<bool> {
    let (_, behaviour) = BUILT_IN.iter().find(|(name, _)| *name == function)?;
    Some(matches!(behaviour, Behaviour::Lists | Behaviour::Picks(_)))
}

/// Whether rows whose first argument is NULL never count.
pub(crate) fn skips_nulls(function: &str, ignore_nulls: bool) -> bool {
    match BUILT_IN.iter().find(|(name, _)| *name == function) {
        Some((_, Behaviour::TakesAny)) => true,
        Some((_, Behaviour::Picks(Method::FirstRow | Method::LastRow))) => ignore_nulls,
        _ => false,
    }
}

fn behaviour(function: &str, kind: Kind) -> Behaviour {
    let known = BUILT_IN.iter().find(|(name, _)| *name == function).map(|(_, behaviour)| *behaviour);
    known.unwrap_or(if kind.ordered { Behaviour::Lists } else { CONSTANT })
}

fn choose(function: &str, behaviour: Behaviour, distinct: bool, ordered: bool) -> Result<Method, StateError> {
    let refused = |why: &str| StateError::NoState { function: function.to_owned(), why: why.to_owned() };
    match behaviour {
        Behaviour::Folds(_) if distinct => Ok(Method::DistinctRows),
        Behaviour::Folds(_) | Behaviour::Idempotent => Ok(Method::Own),
        Behaviour::Lists if distinct => Ok(Method::DistinctRows),
        Behaviour::Lists => Ok(Method::Rows),
        Behaviour::Picks(_) if !ordered => {
            Err(refused("takes a row by its place, and rows have no order of their own; add ORDER BY inside the call"))
        }
        Behaviour::Picks(Method::Rows) if distinct => Ok(Method::DistinctRows),
        Behaviour::Picks(method) => Ok(method),
        Behaviour::TakesAny => Ok(Method::FirstRow),
        Behaviour::Refused(why) => Err(refused(why)),
    }
}

fn growth(behaviour: Behaviour, method: Method) -> StateGrowth {
    match (method, behaviour) {
        (Method::Own, Behaviour::Folds(growth)) => growth,
        (Method::Own | Method::FirstRow | Method::LastRow, _) => StateGrowth::Constant,
        (Method::Rows, _) => StateGrowth::Rows,
        (Method::DistinctRows, _) => StateGrowth::DistinctValues,
    }
}
