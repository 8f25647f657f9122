//! Which strategy a model has, and why.
//!
//! A model keeps states where its query, views looked through, reads one source, takes no as-of and can be split into
//! states. Where it cannot, it is computed in full, and the reason is told with its place; where `strategy: state` is
//! written all the same, that is an error. States that grow with the rows they count are no gain, so they are kept only
//! where the author asks for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::DateTime;
use cxmill_incremental::{Reason, Split, StateGrowth};
use cxmill_ingest::landed_schema;
use cxmill_spec::text::Span;
use cxmill_spec::{Diagnostic, Model, Project, Sql, Strategy};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{Span as DfSpan, TableReference};
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::Result;
use datafusion::prelude::SessionContext;

use super::bind::AS_OF;
use super::parsed::Parsed;
use super::query;
use super::sql::{Query, parse, place};
use crate::session::planning_session;

/// A strategy and why it is in force.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) strategy: Strategy,
    pub(super) why: String,
}

/// Why a model cannot keep states, and where its SQL (or that of a view it reads) says so.
#[derive(Debug)]
struct Forbidden {
    message: String,
    span: Span,
}

/// Chooses strategies. Its session knows sources and published models by their columns; views are inlined.
pub(super) struct Chooser<'a> {
    project: &'a Project,
    ctx: SessionContext,
}

impl<'a> Chooser<'a> {
    /// A chooser that knows the sources.
    pub(super) fn new(project: &'a Project) -> Result<Self> {
        let chooser = Self { project, ctx: planning_session(&project.settings)? };
        for (name, source) in &project.sources {
            chooser.register(name, landed_schema(source))?;
        }
        Ok(chooser)
    }

    /// Makes the columns of a published model known.
    pub(super) fn register(&self, name: &str, schema: SchemaRef) -> Result<()> {
        self.ctx.register_table(TableReference::bare(name), Arc::new(EmptyTable::new(schema)))?;
        Ok(())
    }

    /// The strategy of a sound model; `reads_as_of` tells whether it or a model that it reads takes the as-of.
    pub(super) async fn choose(
        &self,
        model: &Model,
        parsed: &Parsed,
        reads_as_of: bool,
    ) -> std::result::Result<Chosen, Box<Diagnostic>> {
        let chosen = |strategy, why: String| Ok(Chosen { strategy, why });
        match model.strategy {
            Some(Strategy::View) => {
                return chosen(Strategy::View, "pinned: inlined into its readers, not published".to_owned());
            }
            Some(Strategy::Full) => {
                return chosen(Strategy::Full, "pinned: computed anew whenever something it reads changes".to_owned());
            }
            Some(Strategy::State) | None => {}
        }
        let pinned = model.strategy.is_some();
        let full = "computed anew whenever something it reads changes";
        match self.split(model, parsed, reads_as_of).await {
            Ok(split) => {
                let grows = split.states().iter().filter(|state| state.growth() != StateGrowth::Constant);
                let grows: BTreeSet<String> = grows
                    .map(|state| format!("the state of {} {}", state.call().function_name(), state.growth().describe()))
                    .collect();
                let grows: Vec<String> = grows.into_iter().collect();
                if !pinned && split.states().iter().any(|state| state.growth() == StateGrowth::Rows) {
                    let why = format!("{full}: {}; `strategy: state` keeps it all the same", grows.join(", "));
                    return chosen(Strategy::Full, why);
                }
                let kept = "only new rows are read, and added to the states of the groups they belong to";
                let why = std::iter::once(kept.to_owned()).chain(grows).collect::<Vec<_>>().join("; ");
                chosen(Strategy::State, if pinned { format!("pinned: {why}") } else { why })
            }
            Err(Forbidden { message, span }) if pinned => {
                let name = &model.name;
                let finding = Diagnostic::error(
                    "strategy",
                    span,
                    format!("`{name}` cannot have the strategy `state`: {message}"),
                );
                Err(Box::new(finding.with_help("take `strategy: state` out: the model is then computed in full")))
            }
            Err(Forbidden { message, span }) => {
                chosen(Strategy::Full, format!("{full}: {message} ({})", self.project.texts.place(span)))
            }
        }
    }

    async fn split(&self, model: &Model, parsed: &Parsed, reads_as_of: bool) -> std::result::Result<Split, Forbidden> {
        if reads_as_of {
            let named = parsed.query.iter().flat_map(|query| &query.placeholders).find(|named| named.name == AS_OF);
            let span = named.map_or_else(|| model.sql.whole(), |named| place(&model.sql, named.span));
            let message =
                "$as_of moves from run to run, and rows that were counted under an earlier one are not read again";
            return Err(Forbidden { message: message.to_owned(), span });
        }
        let split = match query::split(&self.ctx, self.project, &model.name, Some(DateTime::UNIX_EPOCH)).await {
            Ok(split) => split,
            Err(error) => Err(Reason::from(error)),
        };
        let split = split.map_err(|reason| self.place(model, parsed, reason))?;
        let read = split.source().table();
        if self.project.models.contains_key(read) {
            let message = format!(
                "it reads the model `{read}`, whose rows are replaced, and states only take rows that are added"
            );
            return Err(Forbidden { message, span: parsed.place_of(&model.sql, read) });
        }
        if split.result_depends_on_run() {
            let message = "its result takes a value of the run, so that all groups may change with it".to_owned();
            return Err(Forbidden { message, span: model.sql.whole() });
        }
        Ok(split)
    }

    /// Where the words stand that forbid it: in the model's own SQL, else in that of a view it reads.
    fn place(&self, model: &Model, parsed: &Parsed, reason: Reason) -> Forbidden {
        // The place that the reason brings along may be one of a view, in another text.
        let unplaced = Reason { span: None, ..reason.clone() };
        let mut open: Vec<(&Sql, Option<Query>)> = vec![(&model.sql, parsed.query.clone())];
        let mut views = BTreeSet::new();
        while let Some((sql, query)) = open.pop() {
            let Some(query) = query else { continue };
            if let Some(span) = unplaced.locate(&query.statement) {
                return Forbidden { message: reason.message, span: in_text(sql, span) };
            }
            for name in query.table_names() {
                let view = self.project.models.get(&name).filter(|model| model.strategy == Some(Strategy::View));
                if let Some(view) = view.filter(|_| views.insert(name)) {
                    open.push((&view.sql, parse(&self.ctx.state(), &view.sql).0));
                }
            }
        }
        let own = reason.span.filter(|_| views.is_empty());
        let span = own.map_or_else(|| model.sql.whole(), |span| in_text(&model.sql, span));
        Forbidden { message: reason.message, span }
    }
}

fn in_text(sql: &Sql, span: DfSpan) -> Span {
    sql.span((span.start.line, span.start.column), (span.end.line, span.end.column))
}
