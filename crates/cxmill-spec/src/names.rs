//! Names: what one may look like, and which one was probably meant.

use crate::diagnostic::Diagnostic;
use crate::text::Span;

#[cfg(test)]
mod tests;

/// Words that SQL would not read as the name of a table or a column unless they are quoted.
const RESERVED: &[&str] = &[
    "all",
    "and",
    "anti",
    "any",
    "array",
    "as",
    "asc",
    "asof",
    "between",
    "by",
    "case",
    "cast",
    "create",
    "cross",
    "current_date",
    "current_time",
    "current_timestamp",
    "default",
    "delete",
    "desc",
    "distinct",
    "drop",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "filter",
    "for",
    "from",
    "full",
    "group",
    "having",
    "ilike",
    "in",
    "inner",
    "insert",
    "intersect",
    "interval",
    "into",
    "is",
    "join",
    "lateral",
    "left",
    "like",
    "limit",
    "minus",
    "natural",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "pivot",
    "qualify",
    "returning",
    "right",
    "select",
    "semi",
    "set",
    "struct",
    "table",
    "tablesample",
    "then",
    "top",
    "trim",
    "true",
    "union",
    "unnest",
    "unpivot",
    "update",
    "using",
    "values",
    "when",
    "where",
    "window",
    "with",
];

/// Reports a name that SQL could not read without quotes. `what` is what it names, as in "a column".
pub(crate) fn check(name: &str, what: &str, span: Span, out: &mut Vec<Diagnostic>) {
    let error = |message: String| Diagnostic::error("bad-name", span, message);
    if name.starts_with('_') {
        out.push(
            error(format!("`{name}` cannot name {what}: names that start with `_` are cxmill's own"))
                .with_help("start it with a letter"),
        );
    } else if !is_snake_case(name) {
        let diagnostic =
            error(format!("`{}` cannot name {what}: SQL would need quotes to read it", crate::yaml::shorten(name)));
        let better = snake_case(name);
        out.push(if better.is_empty() {
            diagnostic.with_help("use lower-case letters, digits and `_`, starting with a letter")
        } else {
            diagnostic.with_help(format!("use lower-case letters, digits and `_`, as in `{better}`"))
        });
    } else if RESERVED.contains(&name) {
        out.push(
            error(format!("`{name}` cannot name {what}: it is a word of SQL itself"))
                .with_help(format!("choose another name, such as `the_{name}` or `{name}_name`")),
        );
    } else if name.len() > 100 {
        out.push(error(format!("the name of {what} is longer than 100 characters")).with_help("choose a shorter one"));
    }
}

fn is_snake_case(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The nearest good name; empty where there is none.
fn snake_case(name: &str) -> String {
    let mut better = String::new();
    let mut lower_before = false;
    for c in name.chars().take(100) {
        if c.is_ascii_uppercase() && lower_before {
            better.push('_');
        }
        if c.is_ascii_alphanumeric() {
            better.push(c.to_ascii_lowercase());
        } else if !better.ends_with('_') {
            better.push('_');
        }
        lower_before = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    let better = better.trim_matches('_');
    better.trim_start_matches(|c: char| !c.is_ascii_lowercase()).to_owned()
}

/// The candidate closest to a wrong name by edit distance, if one is near enough to have been meant: at most a third of the
/// letters differ, or it holds the name as a whole word (as `order_total` holds `total`). Ties go to the first in name order.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wrong.to_lowercase();
    let letters = wanted.chars().count();
    // One letter of two is no typo but another name.
    let limit = (letters / 3).max(usize::from(letters > 2));
    let holds = |candidate: &str| wanted.len() > 2 && candidate.split('_').any(|word| word == wanted);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != wrong)
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= limit || holds(candidate))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Help that names the nearest candidate, or else lists what there is (up to a dozen), as `what: a, b`.
pub fn suggestion<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>, what: &str) -> Option<String> {
    let mut all: Vec<&str> = candidates.into_iter().collect();
    all.sort_unstable();
    all.dedup();
    if let Some(near) = nearest(wrong, all.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    match all.len() {
        0 => None,
        1..=12 => Some(format!("{what}: {}", all.join(", "))),
        _ => Some(format!("{what}: {}, …", all.get(..12).unwrap_or_default().join(", "))),
    }
}

/// Names for a message: `` `a`, `b`, `c` ``.
pub(crate) fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The help for a name that is not among some names.
pub(crate) fn meant(wrong: &str, names: &[&str]) -> String {
    match nearest(wrong, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if names.is_empty() => "there are none".to_owned(),
        None => format!("known: {}", quoted(names)),
    }
}
