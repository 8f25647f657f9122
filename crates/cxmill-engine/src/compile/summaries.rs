//! The queries of `summary:`: they may read published models, and nothing else is there when they run.

use cxmill_spec::{Diagnostic, Project, Strategy, Unreadable};
use datafusion::prelude::SessionContext;

use super::parsed;

/// All findings on the summaries of a project. `has_columns` tells whether a model could be analysed: a summary is not blamed
/// for the mistakes of its models.
pub(super) async fn check(
    ctx: &SessionContext,
    project: &Project,
    unreadable: &Unreadable,
    has_columns: impl Fn(&str) -> bool,
) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for summary in &project.summary {
        let (parsed, mut findings) = parsed::parse(&ctx.state(), project, unreadable, "", &summary.sql);
        let unpublished = parsed.reads(|table| {
            let view = project.models.get(table).is_some_and(|model| model.strategy == Some(Strategy::View));
            view || project.sources.contains_key(table)
        });
        for table in &unpublished {
            let place = parsed.place_of(&summary.sql, table);
            findings.push(
                Diagnostic::error("summary-reads-unpublished", place, format!("a summary cannot read `{table}`"))
                    .with_help("a summary reads published models; sources and views are not published"),
            );
        }
        let known = parsed.reads(|table| !has_columns(table)).is_empty();
        if findings.is_empty() && known {
            findings.extend(parsed::analyse(ctx, project, &summary.sql, &parsed).await.diagnostics);
        }
        all.extend(findings);
    }
    all
}
