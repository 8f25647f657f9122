//! Variables: typed values that SQL reads as `$name`.

use std::collections::BTreeMap;

use crate::compile::Scope;
use crate::compile::config::Given;
use crate::contract::ColumnType;
use crate::literal::{infer, literal};
use crate::names::{self, meant};
use crate::project::Var;
use crate::yaml::Entry;

/// All variables, with the values that settings give them.
pub(super) fn compile(
    entries: &[(&'static str, &Entry)],
    given: &BTreeMap<String, Given>,
    scope: &mut Scope<'_>,
) -> BTreeMap<String, Var> {
    let mut vars = BTreeMap::new();
    for (_, entry) in entries {
        if entry.key == "as_of" {
            scope.error(
                "bad-name",
                entry.key_span,
                "`as_of` cannot name a variable: it is the logical time of the run",
                "set it with `--as-of`, or choose another name",
            );
            continue;
        }
        names::check(&entry.key, "a variable", entry.key_span, &mut scope.out);
        if let Some(mut var) = one(entry, scope) {
            if let Some(given) = given.get(&entry.key) {
                match literal(&given.scalar, &var.data_type, scope.settings.time_zone) {
                    Ok(value) => var.value = value,
                    Err(wrong) => scope.out.push(given.error(
                        "bad-value",
                        &format!("variable `{}`: {wrong}", entry.key),
                        format!("the variable is declared at {}", scope.texts.place(entry.key_span)),
                    )),
                }
            }
            vars.insert(entry.key.clone(), var);
        }
    }
    if !scope.all_read {
        return vars;
    }
    let known: Vec<&str> = entries.iter().map(|(_, entry)| entry.key.as_str()).collect();
    for (name, given) in given.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
        scope.out.push(given.error(
            "unknown-variable",
            &format!("no pipeline declares the variable `{name}`"),
            meant(name, &known),
        ));
    }
    vars
}

fn one(entry: &Entry, scope: &mut Scope<'_>) -> Option<Var> {
    let time_zone = scope.settings.time_zone;
    if let Some(scalar) = entry.node.scalar() {
        let (data_type, value) = infer(scalar, time_zone);
        return Some(Var { data_type, value, description: None, span: entry.key_span });
    }
    let value_node = entry.node.get("value");
    let scalar = value_node.and_then(|node| node.scalar())?;
    let description = entry.node.get("description").and_then(|node| node.text()).map(str::to_owned);
    let (data_type, value) = match entry.node.get("type") {
        None => infer(scalar, time_zone),
        Some(node) => {
            let text = node.text()?;
            let data_type = match ColumnType::parse(text) {
                Ok(data_type) => data_type,
                Err(help) => {
                    scope.error("unknown-type", node.span, format!("unknown type `{text}`"), help);
                    return None;
                }
            };
            match literal(scalar, &data_type, time_zone) {
                Ok(value) => (data_type, value),
                Err(wrong) => {
                    let span = value_node.map_or(entry.key_span, |node| node.span);
                    scope.error(
                        "bad-value",
                        span,
                        format!("variable `{}`: {wrong}", entry.key),
                        "change the value or the type",
                    );
                    return None;
                }
            }
        }
    };
    Some(Var { data_type, value, description, span: entry.key_span })
}
