//! Whether rows that are landed already and rows still to come meet the same contract.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use cxmill_ingest::PrivateKey;
use cxmill_ledger::SourceState;
use cxmill_spec::{Diagnostic, Source};

use crate::error::EngineError;

/// What becomes of the rows landed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Landed {
    /// They stay; new files are added to them.
    Stay,
    /// The source is read again from its raw files, all of which are there; the rows are dropped in the commit that lands
    /// the first new ones.
    ReadAgain,
}

/// Decides what becomes of the rows landed so far, or says why the source cannot be read as it is declared now.
pub(crate) fn reconcile(
    source: &Source,
    state: Option<&SourceState>,
    key: Option<&PrivateKey>,
    full_refresh: bool,
) -> Result<Landed, EngineError> {
    let private = source.columns.iter().any(|column| column.private);
    if private && key.is_none() {
        let message = format!("source {} has private columns, but there is no key to hash them with", source.name);
        let help = "set the environment variable CXMILL_PRIVATE_KEY to 64 hex digits, and keep it: another key gives other \
                    hashes";
        return Err(EngineError::Invalid(vec![Diagnostic::error("private-key", source.span, message).with_help(help)]));
    }
    let Some(state) = state else { return Ok(Landed::Stay) };
    let key_changed = private && state.private_key != key.map(PrivateKey::fingerprint);
    if !key_changed && source.keeps_rows_of(&state.contract) {
        return Ok(Landed::Stay);
    }
    if full_refresh {
        return Ok(Landed::ReadAgain);
    }
    let again = "run with --full-refresh to read the source again from its raw files";
    if key_changed {
        return Err(EngineError::Data {
            message: format!(
                "source {}: CXMILL_PRIVATE_KEY is not the key that landed rows were hashed with",
                source.name
            ),
            details: Vec::new(),
            help: Some(format!("give the old key, or {again}")),
        });
    }
    let changes = changes(&state.contract, &source.canonical());
    let mut ways: Vec<&str> = changes.iter().filter_map(Change::without_reading_again).collect();
    ways.sort_unstable();
    ways.dedup();
    let ways = ways.iter().map(|way| format!("; or {way}")).collect::<String>();
    Err(EngineError::Data {
        message: format!("source {}: the contract changed after rows were landed with it", source.name),
        details: changes.iter().map(ToString::to_string).collect(),
        help: Some(format!("{again}{ways}")),
    })
}

/// One difference between the contract that rows were landed with and the one of now.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    /// A required column that landed rows do not have.
    Added(String),
    /// A column that landed rows have. It is part of what tells a resent row from one that says something else.
    Removed(String),
    /// A column whose type changed: its name, the old and the new type.
    Type(String, String, String),
    /// A column whose rules, or the place its values come from, changed.
    Column(String),
    /// Another key of the source.
    Key(String),
}

impl Change {
    /// What else can be done about it than to read all raw files again.
    fn without_reading_again(&self) -> Option<&'static str> {
        match self {
            Self::Added(_) => Some("leave out `required` of what was added: rows that are landed then read NULL there"),
            Self::Removed(_) => Some("leave what was removed in the contract: no model has to read it"),
            Self::Type(..) => Some("add a column under another name with the new type, `from:` the same field"),
            Self::Column(_) | Self::Key(_) => None,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(name) => {
                write!(f, "column {name} was added and is required, and landed rows have no value of it")
            }
            Self::Removed(name) => write!(f, "column {name} was removed"),
            Self::Type(name, old, new) => write!(f, "column {name} was {old} and is {new}"),
            Self::Column(name) => write!(f, "column {name} has other rules, or another `from`, `format` or `private`"),
            Self::Key(key) => write!(f, "{key} is another"),
        }
    }
}

/// How two contracts differ, but for columns that were added and are not required. A contract as text has one fact a line: of a
/// column `<kind> <column> …`, of the source `<key> …`.
fn changes(old: &str, new: &str) -> Vec<Change> {
    let (old, new) = (facts(old), facts(new));
    let subjects: BTreeSet<&Subject<'_>> = old.keys().chain(new.keys()).collect();
    let change = |subject: &Subject<'_>| match (subject, old.get(subject), new.get(subject)) {
        (_, old, new) if old == new => None,
        (Subject::Column(name), None, Some(new)) => {
            new.contains_key("required").then(|| Change::Added((*name).to_owned()))
        }
        (Subject::Column(name), Some(_), None) => Some(Change::Removed((*name).to_owned())),
        (Subject::Column(name), Some(old), Some(new)) => Some(match (old.get("type"), new.get("type")) {
            (Some(old), Some(new)) if old != new => Change::Type((*name).to_owned(), old.join(" "), new.join(" ")),
            _ => Change::Column((*name).to_owned()),
        }),
        (Subject::Key(key), _, _) => Some(Change::Key((*key).to_owned())),
        (Subject::Column(_), None, None) => None,
    };
    subjects.into_iter().filter_map(change).collect()
}

/// Kinds of facts that are of the whole source; all others are of a column.
const OF_THE_SOURCE: [&str; 8] =
    ["contract", "format", "time_zone", "event_time", "unique_key", "unique_within", "unknown_fields", "late_after"];

/// What facts are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Subject<'a> {
    Key(&'a str),
    Column(&'a str),
}

/// Values of the facts of a subject by kind.
type Facts<'a> = BTreeMap<&'a str, Vec<&'a str>>;

fn facts(contract: &str) -> BTreeMap<Subject<'_>, Facts<'_>> {
    let mut facts: BTreeMap<Subject<'_>, Facts<'_>> = BTreeMap::new();
    for line in contract.lines() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (subject, value) = match rest.split_once(' ') {
            Some((column, value)) if !OF_THE_SOURCE.contains(&kind) => (Subject::Column(column), value),
            _ => (Subject::Key(kind), rest),
        };
        facts.entry(subject).or_default().entry(kind).or_default().push(value);
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "contract 2\nformat ndjson\ntime_zone UTC\nevent_time at\ncolumn id from=[\"id\"] private=false\n\
                       type id string\nrequired id true\ncolumn amount from=[\"amount\"] private=false\n\
                       type amount decimal(10, 2)\nat_least amount 0\n";

    fn of(new: &str) -> Vec<String> {
        changes(OLD, new).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_difference_is_told_by_its_column_or_key() {
        assert_eq!(of(OLD), [""; 0]);
        let mut lines: Vec<&str> = OLD.lines().collect();
        lines.reverse();
        assert_eq!(of(&lines.join("\n")), [""; 0], "the order of columns says nothing");
        assert_eq!(of(&OLD.replace("time_zone UTC", "time_zone Europe/Berlin")), ["time_zone is another"]);
        assert_eq!(
            of(&OLD.replace("decimal(10, 2)", "decimal(10, 3)")),
            ["column amount was decimal(10, 2) and is decimal(10, 3)"]
        );
        assert_eq!(
            of(&OLD.replace("at_least amount 0", "at_least amount 1")),
            ["column amount has other rules, or another `from`, `format` or `private`"]
        );
        assert_eq!(of(&(OLD.to_owned() + "column note from=[\"note\"] private=false\ntype note string\n")), [""; 0]);
        assert_eq!(
            of(&(OLD.replace(" amount ", " total ") + "required total true\n")),
            [
                "column amount was removed",
                "column total was added and is required, and landed rows have no value of it"
            ]
        );
    }
}
