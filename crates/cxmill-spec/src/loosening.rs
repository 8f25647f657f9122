//! Whether rows that were landed under an older contract meet a newer one as they stand.
//!
//! Contracts are held against each other as text ([`Source::canonical`]), since all that is known of the older one is the
//! text that the ledger keeps. A fact forbids rows (a type, a rule, `required`) or says how rows look. Facts of the second kind
//! have to be the same; one that forbids may go, or forbid less. A column may come, if rows can do without it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::source::Source;

/// Facts that forbid rows, each of one column.
const OF_A_COLUMN: &[&str] = &["type", "required", "one_of", "at_least", "at_most", "matches", "shortest", "longest"];
/// Facts that forbid rows of the whole source.
const OF_THE_SOURCE: &[&str] = &["unknown_fields", "late_after"];
/// Types of whole numbers, each of which holds all values of those before it.
const WHOLE_NUMBERS: &[&str] = &["int8", "int16", "int32", "int64"];

impl Source {
    /// Whether every row that was landed under a contract, given as [`Source::canonical`] wrote it, meets this one as it
    /// stands: nothing is forbidden that was allowed, and nothing is read in another way.
    #[must_use]
    pub fn keeps_rows_of(&self, older: &str) -> bool {
        let newer = self.canonical();
        let (old, new) = (Facts::of(older), Facts::of(&newer));
        let added = |name: &str| !old.columns.contains(name);
        let optional = |name: &str| self.column(name).is_some_and(|column| !column.required);
        old.fixed.is_subset(&new.fixed)
            && new
                .fixed
                .difference(&old.fixed)
                .all(|fact| column_of(fact).is_some_and(|name| added(name) && optional(name)))
            && new.forbid.iter().all(|((kind, subject), new)| {
                added(subject) && OF_A_COLUMN.contains(kind)
                    || old.forbid.get(&(*kind, *subject)).is_some_and(|old| forbids_no_more(kind, old, new))
            })
    }
}

/// A contract, read again from its text.
#[derive(Default)]
struct Facts<'a> {
    /// How rows look.
    fixed: BTreeSet<&'a str>,
    columns: BTreeSet<&'a str>,
    /// What is forbidden, by kind and column: the values of all facts of that kind.
    forbid: BTreeMap<(&'a str, &'a str), Vec<&'a str>>,
}

impl<'a> Facts<'a> {
    fn of(text: &'a str) -> Self {
        let mut facts = Self::default();
        for line in text.lines() {
            facts.columns.extend(column_of(line));
            let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
            let (subject, value) = match kind {
                _ if OF_A_COLUMN.contains(&kind) => rest.split_once(' ').unwrap_or((rest, "")),
                _ if OF_THE_SOURCE.contains(&kind) => ("", rest),
                _ => {
                    facts.fixed.insert(line);
                    continue;
                }
            };
            facts.forbid.entry((kind, subject)).or_default().push(value);
        }
        facts
    }
}

/// The column that a fact declares.
fn column_of(fact: &str) -> Option<&str> {
    fact.strip_prefix("column ")?.split(' ').next()
}

/// Whether what is forbidden now was forbidden before.
fn forbids_no_more(kind: &str, old: &[&str], new: &[&str]) -> bool {
    if old == new {
        return true;
    }
    match (kind, old, new) {
        ("one_of", ..) => old.iter().all(|value| new.contains(value)),
        ("type", [old], [new]) => is_wider(old, new),
        ("at_least" | "shortest", [old], [new]) => order(new, old).is_some_and(Ordering::is_le),
        ("at_most" | "longest" | "late_after", [old], [new]) => order(new, old).is_some_and(Ordering::is_ge),
        _ => false,
    }
}

/// The order of two bounds of one column; none where it cannot be told from their texts.
fn order(one: &str, other: &str) -> Option<Ordering> {
    fn both<T: std::str::FromStr>(one: &str, other: &str) -> Option<(T, T)> {
        one.parse().ok().zip(other.parse().ok())
    }
    if let Some((one, other)) = both::<i128>(one, other) {
        return Some(one.cmp(&other));
    }
    if let Some((one, other)) = both::<f64>(one, other) {
        return one.partial_cmp(&other);
    }
    both::<NaiveDate>(one, other).map(|(one, other)| one.cmp(&other))
}

/// Whether a type holds all values of another one, and lands them so that what was landed before reads the same.
fn is_wider(old: &str, new: &str) -> bool {
    let place = |name: &str| WHOLE_NUMBERS.iter().position(|known| *known == name);
    let decimal = |name: &str| {
        let (precision, scale) = name.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
        Some((precision.trim().parse::<u8>().ok()?, scale.trim().parse::<u8>().ok()?))
    };
    let whole = place(old).zip(place(new)).is_some_and(|(old, new)| old <= new);
    whole || decimal(old).zip(decimal(new)).is_some_and(|(old, new)| old.1 == new.1 && old.0 <= new.0)
}
