//! `report`: the figures of `report:` over the published tables, as a page.

use std::collections::BTreeSet;

use cxmill_ledger::Commit;
use cxmill_report::{Chart, Columns, Fact, Figure, Page, Rows};
use cxmill_spec::Diagnostic;
use cxmill_spec::figure::{self, Role};
use datafusion::error::DataFusionError;

use crate::clock::rfc3339;
use crate::compile::Compiled;
use crate::context::Context;
use crate::error::EngineError;
use crate::look::cells::cells;
use crate::look::published::Published;
use crate::look::status;

/// Most rows that a figure shows. A page is for reading: what has more rows is to be summed up in its SQL.
const MOST_ROWS: usize = 5000;

/// The page that `report` writes.
#[derive(Debug, Clone)]
pub struct ReportPage {
    /// The whole page.
    pub html: String,
    /// How many figures are on it.
    pub figures: usize,
    /// Titles of the figures that have no rows.
    pub empty: Vec<String>,
    /// The epoch it shows.
    pub epoch: u64,
    /// As-of of that epoch, RFC 3339.
    pub as_of: Option<String>,
}

/// The page of a project as of its newest commit. A figure whose tables are not all published has no rows.
///
/// # Errors
/// [`EngineError::Invalid`] where the project has no figures or nothing was committed yet, [`EngineError::Store`] where a
/// published object cannot be read, [`EngineError::Query`] where a query fails.
pub async fn report_page(context: &Context, compiled: &Compiled, title: &str) -> Result<ReportPage, EngineError> {
    if context.project.report.is_empty() {
        let help = "list figures under `report:` of a pipeline file, each with `title`, `chart` and `sql`: docs/pipelines.md \
                    has all of it, `chart: table` shows the rows of any query";
        let finding = Diagnostic::error("no-report", None, "the project has no figures to report");
        return Err(EngineError::Invalid(vec![finding.with_help(help)]));
    }
    let Some(published) = Published::open(context, compiled).await? else {
        let finding = Diagnostic::error("unpublished-model", None, "nothing is published yet");
        return Err(EngineError::Invalid(vec![finding.with_help("`cxmill run` publishes what a report reads")]));
    };
    published.register_all()?;
    let mut figures = Vec::new();
    let mut read = BTreeSet::new();
    for declared in &context.project.report {
        read.extend(published.tables_of(&declared.sql));
        let subject = format!("figure `{}`", declared.title);
        let rows = match published.query(&subject, &declared.sql, Some(MOST_ROWS + 1)).await? {
            Some(table) => {
                cells(&table, MOST_ROWS).map_err(|error| EngineError::query(&subject, &DataFusionError::from(error)))?
            }
            None => Rows::default(),
        };
        figures.push(drawn(context, declared, rows));
    }
    let facts = facts(compiled, &published.commit, &read);
    let empty =
        figures.iter().filter(|figure| figure.rows.rows.is_empty()).map(|figure| figure.title.clone()).collect();
    let page = Page { title: title.to_owned(), facts, figures };
    Ok(ReportPage {
        html: cxmill_report::html(&page),
        figures: page.figures.len(),
        empty,
        epoch: published.commit.epoch.0,
        as_of: published.commit.as_of.map(rfc3339),
    })
}

fn drawn(context: &Context, declared: &figure::Figure, rows: Rows) -> Figure {
    let all = |role: Role| {
        let named = declared.columns.iter().filter(move |drawn| drawn.role == role);
        named.filter_map(|drawn| rows.columns.iter().position(|column| *column == drawn.column))
    };
    let one = |role: Role| all(role).next();
    let columns = Columns {
        x: one(Role::X),
        y: all(Role::Y).collect(),
        low: one(Role::Low),
        high: one(Role::High),
        series: one(Role::Series),
        value: one(Role::Value),
        expected: one(Role::Expected),
        from: one(Role::From),
        to: one(Role::To),
        note: one(Role::Note),
    };
    Figure {
        section: declared.section.clone(),
        title: declared.title.clone(),
        question: declared.question.clone(),
        chart: chart(declared.chart),
        columns,
        unit: declared.unit.clone(),
        rows,
        sql: declared.sql.text.to_string(),
        place: context.project.texts.place(declared.sql.whole()),
    }
}

fn chart(chart: figure::Chart) -> Chart {
    match chart {
        figure::Chart::Numbers => Chart::Numbers,
        figure::Chart::Line => Chart::Line,
        figure::Chart::Bars => Chart::Bars,
        figure::Chart::Effects => Chart::Effects,
        figure::Chart::Heatmap => Chart::Heatmap,
        figure::Chart::Steps => Chart::Steps,
        figure::Chart::Histogram => Chart::Histogram,
        figure::Chart::Calibration => Chart::Calibration,
        figure::Chart::Funnel => Chart::Funnel,
        figure::Chart::Flow => Chart::Flow,
        figure::Chart::Percentiles => Chart::Percentiles,
        figure::Chart::Table => Chart::Table,
    }
}

/// What holds of all figures: their as-of and epoch, and which of the tables they read are not up to date.
fn facts(compiled: &Compiled, commit: &Commit, read: &BTreeSet<String>) -> Vec<Fact> {
    let fact = |name: &str, value: String| Fact { name: name.to_owned(), value };
    let mut facts = Vec::new();
    facts.extend(commit.as_of.map(|as_of| fact("As of", rfc3339(as_of))));
    facts.push(fact("Epoch", commit.epoch.0.to_string()));
    let standing = compiled.models.iter().filter(|model| read.contains(&model.name));
    let standing = standing.map(|model| status::model(compiled, model, Some(commit)));
    let late = standing.filter(|model| model.state != "current");
    let late: Vec<String> = late.map(|model| format!("{} ({})", model.name, model.state)).collect();
    if !late.is_empty() {
        facts.push(fact("Not up to date", late.join(", ")));
    }
    facts
}
