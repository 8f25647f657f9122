//! The queries of `summary:` and `report:`: they may read published models, and nothing else is there when they run.

use std::collections::BTreeMap;
use std::sync::Arc;

use cxmill_spec::figure::{Chart, Drawn, Figure, Takes};
use cxmill_spec::{Diagnostic, Project, Sql, Strategy, Unreadable, suggestion};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::runtime::SpawnedTask;
use datafusion::prelude::SessionContext;
use futures::{StreamExt, stream};

use super::analyse::Analysis;
use super::parsed::{self, Parsed};
use super::private::Private;
use super::proven::Depth;
use super::types;

/// What the queries that are shown are held against.
pub(super) struct Shown<'a> {
    pub(super) ctx: &'a SessionContext,
    pub(super) project: &'a Arc<Project>,
    pub(super) unreadable: &'a Unreadable,
    /// Columns of the tables that could be analysed: a query is not blamed for the mistakes of its models.
    pub(super) columns: &'a BTreeMap<String, SchemaRef>,
    pub(super) private: &'a Private<'a>,
}

impl Shown<'_> {
    /// All findings on the summaries and figures of a project.
    pub(super) async fn check(&self) -> Vec<Diagnostic> {
        let Project { summary, report, .. } = self.project.as_ref();
        let summaries = summary.iter().map(|summary| self.query("summary", "summary-reads-unpublished", &summary.sql));
        let figures = report.iter().map(|figure| self.query("figure", "figure-reads-unpublished", &figure.sql));
        let queries = summaries.chain(figures).collect();
        let mut analyses = self.analyses(queries).await.into_iter();
        let mut all: Vec<Diagnostic> = analyses.by_ref().take(summary.len()).flat_map(|one| one.diagnostics).collect();
        for (figure, analysis) in report.iter().zip(analyses) {
            all.extend(analysis.diagnostics);
            if let Some(columns) = analysis.columns {
                all.extend(self.figure(figure, &columns));
                all.extend(self.private.shown(figure, &columns, &analysis.lineage));
            }
        }
        all
    }

    /// A query that can be planned, or what is wrong with the tables it reads.
    fn query<'a>(&self, what: &str, code: &'static str, sql: &'a Sql) -> Result<(&'a Sql, Parsed), Analysis> {
        let Self { ctx, project, unreadable, .. } = self;
        let (parsed, mut findings) = parsed::parse(&ctx.state(), project, unreadable, "", sql);
        let unpublished = parsed.reads(|table| {
            let view = project.models.get(table).is_some_and(|model| model.strategy == Some(Strategy::View));
            view || project.sources.contains_key(table)
        });
        for table in &unpublished {
            let place = parsed.place_of(sql, table);
            findings.push(
                Diagnostic::error(code, place, format!("a {what} cannot read `{table}`"))
                    .with_help(format!("a {what} reads published models; sources and views are not published")),
            );
        }
        let known = parsed.reads(|table| !self.columns.contains_key(table)).is_empty();
        if findings.is_empty() && known {
            return Ok((sql, parsed));
        }
        Err(Analysis { diagnostics: findings, ..Analysis::default() })
    }

    /// What comes of the queries, in their order. As many are planned at a time as the project has threads.
    async fn analyses(&self, queries: Vec<Result<(&Sql, Parsed), Analysis>>) -> Vec<Analysis> {
        let planned = queries.into_iter().map(|query| {
            let task = query.map(|(sql, parsed)| {
                let (ctx, project, sql) = (self.ctx.clone(), Arc::clone(self.project), sql.clone());
                async move { Box::pin(parsed::analyse(&ctx, &project, &sql, &parsed, Depth::Whole)).await }
            });
            async move {
                match task {
                    // It fails only where the runtime is shutting down, and with it this.
                    Ok(task) => SpawnedTask::spawn(task).join_unwind().await.unwrap_or_default(),
                    Err(analysis) => analysis,
                }
            }
        });
        stream::iter(planned).buffered(self.project.settings.threads.max(1)).collect().await
    }

    /// Whether the columns that a figure draws are there, in types that can be drawn.
    fn figure(&self, figure: &Figure, columns: &[(String, DataType)]) -> Vec<Diagnostic> {
        let wrong = |drawn: &Drawn| {
            let Drawn { role, column, span } = drawn;
            let Some((_, data_type)) = columns.iter().find(|(name, _)| name == column) else {
                let message = format!("the query of this figure has no column `{column}`");
                let help = suggestion(column, columns.iter().map(|(name, _)| name.as_str()), "columns");
                return Some(Diagnostic { help, ..Diagnostic::error("unknown-column", *span, message) });
            };
            let takes = figure.chart.parts().iter().find(|part| part.role == *role)?.takes;
            let help = mismatch(takes, data_type)?;
            let (role, chart) = (role.name(), figure.chart.name());
            let message =
                format!("column `{column}` is a {}, which `{chart}` cannot draw as `{role}`", types::name(data_type));
            Some(Diagnostic::error("type-mismatch", *span, message).with_help(help))
        };
        let mut findings: Vec<Diagnostic> = figure.columns.iter().filter_map(wrong).collect();
        if figure.chart == Chart::Table {
            let nested = columns.iter().filter(|(_, data_type)| mismatch(Takes::Label, data_type).is_some());
            findings.extend(nested.map(|(name, data_type)| {
                let message = format!("column `{name}` is a {}, which a table cannot show", types::name(data_type));
                Diagnostic::error("type-mismatch", figure.span, message)
                    .with_help("take its parts out, as in `interval['low']`")
            }));
        }
        findings
    }
}

/// What to do where a column of this type cannot stand there.
fn mismatch(takes: Takes, data_type: &DataType) -> Option<&'static str> {
    let number = data_type.is_numeric();
    let date = matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
    match takes {
        Takes::Number if number => None,
        Takes::Number => Some("it takes a number"),
        Takes::Place if number || date => None,
        Takes::Place => Some("it takes a number, a date or a timestamp"),
        Takes::Label if data_type.is_nested() => {
            Some("it takes a single value; take a part out, as in `interval['low']`")
        }
        Takes::Label => None,
    }
}
