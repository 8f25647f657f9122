//! A fingerprint that changes exactly when a model has to be built anew.
//!
//! It covers what decides the published rows besides the data: the query as a syntax tree (formatting and comments do not
//! count), layout, order, strategy, the values of the variables it reads, the columns of the sources it reads, the
//! fingerprints of the models it reads, the versions of the cxmill functions it calls and DataFusion's version. It does
//! not cover descriptions and where the project stands.
//!
//! Checks have a fingerprint of their own: a changed check does not change a row, so it is judged on the rows that stand,
//! and neither the model nor its readers are built anew for it.

use std::fmt::Write as _;
use std::sync::Arc;

use cxmill_incremental::aggregate_of;
use cxmill_ingest::landed_schema;
use cxmill_spec::{CheckKind, Model, Project, Strategy};
use xxhash_rust::xxh3::xxh3_128;

use super::CompiledModel;
use super::parsed::Parsed;
use super::sql::Query;
use super::types;

/// Version of what a fingerprint covers and how, and of what SQL means to sessions; a change here rebuilds all models. Since 2
/// `TIMESTAMP` and truncated dates are in microseconds, also in states.
const FINGERPRINT_VERSION: u32 = 2;

/// 32 hexadecimal digits.
pub(super) fn fingerprint(
    project: &Project,
    model: &Model,
    parsed: &Parsed,
    strategy: Strategy,
    upstream: &[Arc<CompiledModel>],
) -> String {
    hex(&canonical(project, model, parsed, strategy, upstream))
}

/// The fingerprints that a model has where it is built by one strategy or another.
pub(super) fn built(
    project: &Project,
    model: &Model,
    parsed: &Parsed,
    upstream: &[Arc<CompiledModel>],
) -> impl Iterator<Item = String> {
    let strategies = [Strategy::Full, Strategy::State, Strategy::Partition];
    strategies.into_iter().map(move |strategy| fingerprint(project, model, parsed, strategy, upstream))
}

/// Fingerprint of what a model's checks demand and how they are judged, 32 hexadecimal digits. `queries` are those of the
/// checks of kind `sql`, in order.
pub(super) fn of_checks(project: &Project, model: &Model, queries: &[Query]) -> String {
    let mut lines = vec![
        format!("checks {FINGERPRINT_VERSION}"),
        format!("datafusion {}", datafusion::DATAFUSION_VERSION),
        format!("time_zone {}", project.settings.time_zone.name()),
    ];
    let mut queries = queries.iter();
    for check in &model.checks {
        lines.push(format!("severity {:?}", check.severity));
        match &check.kind {
            CheckKind::Sql(_) => queries.next().into_iter().for_each(|query| lines.extend(query_lines(project, query))),
            kind => lines.push(format!("check {kind:?}")),
        }
    }
    hex(&lines.join("\n"))
}

fn hex(text: &str) -> String {
    format!("{:032x}", xxh3_128(text.as_bytes()))
}

fn canonical(
    project: &Project,
    model: &Model,
    parsed: &Parsed,
    strategy: Strategy,
    upstream: &[Arc<CompiledModel>],
) -> String {
    let mut lines = vec![
        format!("fingerprint {FINGERPRINT_VERSION}"),
        format!("datafusion {}", datafusion::DATAFUSION_VERSION),
        format!("time_zone {}", project.settings.time_zone.name()),
        format!("strategy {}", strategy.name()),
        format!("grain {:?}", model.grain),
        format!("sort_by {:?}", model.output.sort_by),
    ];
    for partition in &model.output.partition_by {
        lines.push(format!("partition {:?} {:?}", partition.column, partition.granularity.map(|g| g.name())));
    }
    if let Some(window) = model.window {
        lines.push(format!("window {} {}", window.before, window.after));
    }
    lines.extend(parsed.query.iter().flat_map(|query| query_lines(project, query)));
    for (name, source) in project.sources.iter().filter(|(name, _)| parsed.reads_table(name)) {
        lines.push(format!("source {name} {}", columns(source)));
    }
    for model in upstream {
        lines.push(format!("model {} {}", model.name, model.fingerprint));
    }
    lines.join("\n")
}

/// What decides the rows of a query besides the tables it reads.
fn query_lines(project: &Project, query: &Query) -> Vec<String> {
    let mut lines = vec![format!("sql {}", query.statement)];
    let versions = cxmill_functions::function_versions();
    // The state functions of an aggregate, as `nps_merge`, have its version.
    let called = query.functions.iter().map(|call| call.name.as_str());
    let mut functions: Vec<&str> = called.flat_map(|name| [Some(name), aggregate_of(name)]).flatten().collect();
    functions.sort_unstable();
    functions.dedup();
    for (name, version) in functions.iter().filter_map(|name| versions.get_key_value(name)) {
        lines.push(format!("function {name} {version}"));
    }
    let mut vars: Vec<&str> = query.placeholders.iter().map(|named| named.name.as_str()).collect();
    vars.sort_unstable();
    vars.dedup();
    for (name, var) in vars.iter().filter_map(|name| project.vars.get_key_value(*name)) {
        lines.push(format!("var {name} {} {:?}", types::name(&types::declared(&var.data_type)), var.value));
    }
    lines
}

fn columns(source: &cxmill_spec::Source) -> String {
    landed_schema(source).fields().iter().fold(String::new(), |mut text, field| {
        // Writing to a string cannot fail.
        let _written = write!(text, "{} {:?} {};", field.name(), field.data_type(), field.is_nullable());
        text
    })
}

#[cfg(test)]
mod tests {
    use super::super::sql::parse;
    use super::query_lines;
    use crate::fixture::Fixture;
    use crate::session::planning_session;

    #[test]
    fn state_functions_have_the_version_of_their_aggregate() {
        for (call, function) in [("nps_state(score)", "nps"), ("nps_merge(score)", "nps"), ("csat(score, 8)", "csat")] {
            let project = Fixture::shop().model("m", &format!("SELECT {call} AS a FROM survey_answers")).project();
            let state = planning_session(&project.settings).unwrap().state();
            let (query, _) = parse(&state, &project.models["m"].sql);
            let version = cxmill_functions::function_versions()[function];
            let lines = query_lines(&project, &query.unwrap());
            assert!(lines.contains(&format!("function {function} {version}")), "{lines:?}");
        }
    }
}
