//! Which strategy a model has, and why.
//!
//! A model keeps states where its query, views looked through, reads one source, takes no as-of and can be split into
//! states. States that grow with the rows they count are no gain, so they are kept only where the author asks for them. Where
//! no states are kept, single partitions are computed where its rows belong to dates (see [`super::dates`]). Else it is
//! computed in full, and the reasons are told with their places; where a strategy is written that cannot be, that is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use chrono::DateTime;
use cxmill_incremental::{Reason, Split, StateGrowth};
use cxmill_ingest::landed_schema;
use cxmill_spec::text::Span;
use cxmill_spec::{Diagnostic, Model, OnChange, Project, Sql, Strategy};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{Span as DfSpan, TableReference};
use datafusion::datasource::TableProvider;
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use tokio::sync::OnceCell;

use super::bind::{AS_OF, Values};
use super::dates::{self, Dated, Dates, Undated};
use super::parsed::Parsed;
use super::query;
use super::sql::{Query, parse, place};
use crate::session::planning_session;

/// What is done with a model for which nothing better can be.
const FULL: &str = "computed anew whenever something it reads changes";

/// A strategy and why it is in force.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) strategy: Strategy,
    pub(super) why: String,
    /// How its rows belong to dates, where the strategy goes by them.
    pub(super) dates: Option<Dates>,
    /// How its published files belong to dates, where they do.
    pub(super) dated: Option<Dated>,
}

impl Chosen {
    fn new(strategy: Strategy, why: impl Into<String>) -> Self {
        Self { strategy, why: why.into(), dates: None, dated: None }
    }
}

/// Why a model cannot have a strategy, and where its SQL (or that of a view it reads) says so.
#[derive(Debug)]
struct Forbidden {
    message: String,
    span: Span,
}

/// Chooses strategies. Its session knows sources and published models by their columns, and views by their queries.
pub(super) struct Chooser {
    project: Arc<Project>,
    ctx: SessionContext,
    /// Published models whose files belong to dates.
    dated: RwLock<BTreeMap<String, Dated>>,
}

/// A sound model whose strategy is asked for.
struct Asked<'a> {
    model: &'a Model,
    parsed: &'a Parsed,
    schema: &'a SchemaRef,
    /// Whether its SQL or that of a view it reads takes the as-of.
    takes_as_of: bool,
    /// Its plan, views inlined, as the analyser leaves it; made when it is first looked at.
    plan: OnceCell<std::result::Result<LogicalPlan, Reason>>,
}

impl Chooser {
    /// A chooser that knows the sources.
    pub(super) fn new(project: &Arc<Project>) -> Result<Self> {
        let ctx = planning_session(&project.settings)?;
        let chooser = Self { project: Arc::clone(project), ctx, dated: RwLock::default() };
        for (name, source) in &project.sources {
            chooser.register(name, Arc::new(EmptyTable::new(landed_schema(source))))?;
        }
        Ok(chooser)
    }

    /// Makes a model known for which a strategy was chosen: its columns and how its files belong to dates, or the query of a view. Every
    /// model that reads it is asked for after that.
    pub(super) async fn publish(
        &self,
        model: &Model,
        parsed: &Parsed,
        schema: &SchemaRef,
        chosen: &Chosen,
    ) -> Result<()> {
        if chosen.strategy == Strategy::View {
            return self.register(&model.name, query::view(self.plan(parsed).await?)?);
        }
        if let Some(dated) = &chosen.dated {
            let mut known = self.dated.write().unwrap_or_else(PoisonError::into_inner);
            known.insert(model.name.clone(), dated.clone());
        }
        self.register(&model.name, Arc::new(EmptyTable::new(Arc::clone(schema))))
    }

    fn register(&self, name: &str, table: Arc<dyn TableProvider>) -> Result<()> {
        self.ctx.register_table(TableReference::bare(name), table)?;
        Ok(())
    }

    async fn plan(&self, parsed: &Parsed) -> Result<LogicalPlan> {
        let Some(query) = &parsed.query else {
            return Err(DataFusionError::Plan("it was not parsed".to_owned()));
        };
        let values = Values { vars: &self.project.vars, as_of: Some(DateTime::UNIX_EPOCH) };
        let plan = query::plan(&self.ctx, query.statement.clone(), values).await?;
        query::analysed(&self.ctx.state(), plan)
    }

    /// The strategy of a sound model, and what its readers may know of its dates.
    pub(super) async fn choose(
        &self,
        model: &Model,
        parsed: &Parsed,
        takes_as_of: bool,
        schema: &SchemaRef,
    ) -> std::result::Result<Chosen, Box<Diagnostic>> {
        let asked = Asked { model, parsed, schema, takes_as_of, plan: OnceCell::new() };
        let chosen = self.strategy(&asked).await?;
        let dates = match (&chosen.dates, chosen.strategy) {
            (Some(dates), _) => Some(dates.clone()),
            (None, Strategy::View) => return Ok(chosen),
            // What is known of the dates of such rows has no bearing on how they are made.
            (None, _) if model.output.partition_by.is_empty() => None,
            (None, _) => self.dates(&asked).await.ok(),
        };
        Ok(Chosen { dated: Dated::of(model, schema, dates.as_ref()), ..chosen })
    }

    async fn strategy(&self, asked: &Asked<'_>) -> std::result::Result<Chosen, Box<Diagnostic>> {
        let Asked { model, parsed, .. } = *asked;
        // Only of single partitions can some stay as they were built with an older delivery.
        let kept = self.keeps_history(parsed);
        if let (Some(pinned @ (Strategy::Full | Strategy::State)), Some(table)) = (model.strategy, &kept) {
            let message = format!("all of it is made again where `{table}` changes, which has `history: keep`");
            return Err(refusal(model, pinned, Forbidden { message, span: parsed.place_of(&model.sql, table) }));
        }
        match model.strategy {
            Some(Strategy::View) => {
                return Ok(Chosen::new(Strategy::View, "pinned: inlined into its readers, not published"));
            }
            Some(Strategy::Full) => return Ok(Chosen::new(Strategy::Full, format!("pinned: {FULL}"))),
            Some(Strategy::State | Strategy::Partition) | None => {}
        }
        let pinned = model.strategy.is_some();
        // Only `partition` looks as far as a window says.
        if model.strategy == Some(Strategy::Partition) || model.window.is_some() || kept.is_some() {
            return match (self.dates_of_rows(asked).await, kept) {
                (Ok(dates), _) => Ok(partition(dates, pinned)),
                (Err(Forbidden { message, span }), Some(table)) => {
                    let message = format!("{message}; it needs that strategy, since `{table}` has `history: keep`");
                    Err(refusal(model, Strategy::Partition, Forbidden { message, span }))
                }
                (Err(forbidden), None) => Err(refusal(model, Strategy::Partition, forbidden)),
            };
        }
        let no_state = match self.split(asked).await {
            Ok(split) => {
                let grows = split.states().iter().filter(|state| state.growth() != StateGrowth::Constant);
                let grows: BTreeSet<String> = grows
                    .map(|state| format!("the state of {} {}", state.call().function_name(), state.growth().describe()))
                    .collect();
                let grows: Vec<String> = grows.into_iter().collect();
                if pinned || split.states().iter().all(|state| state.growth() != StateGrowth::Rows) {
                    let kept = "only new rows are read, and added to the states of the groups they belong to";
                    let (dates, restated) = self.restated(asked, &split).await.unzip();
                    let told = std::iter::once(kept.to_owned()).chain(grows).chain(restated);
                    let why = told.collect::<Vec<_>>().join("; ");
                    let why = if pinned { format!("pinned: {why}") } else { why };
                    return Ok(Chosen { dates: dates.flatten(), ..Chosen::new(Strategy::State, why) });
                }
                format!("{}; `strategy: state` keeps it all the same", grows.join(", "))
            }
            Err(forbidden) if pinned => return Err(refusal(model, Strategy::State, forbidden)),
            Err(forbidden) => self.told(forbidden),
        };
        let no_partition = match self.dates_of_rows(asked).await {
            Ok(dates) => {
                let is_source = |name: &&str| self.project.sources.contains_key(*name);
                let whole: Vec<&str> = dates.whole().filter(is_source).collect();
                if whole.is_empty() {
                    return Ok(partition(dates, pinned));
                }
                format!("new rows of {} would touch every partition", whole.join(" and "))
            }
            Err(forbidden) => self.told(forbidden),
        };
        let why = match no_state == no_partition {
            true => format!("{FULL}: {no_state}"),
            false => format!("{FULL}: {no_state}; single partitions are not computed, since {no_partition}"),
        };
        Ok(Chosen::new(Strategy::Full, why))
    }

    /// Where files of the source may be restated: how the states of the query belong to dates, if they do, and what comes of that.
    async fn restated(&self, asked: &Asked<'_>, split: &Split) -> Option<(Option<Dates>, String)> {
        let source = self.project.sources.get(split.source().table())?;
        if source.on_change != OnChange::Restate {
            return None;
        }
        let whole = match self.dates(asked).await {
            Ok(dates) if query::keys_of_partitions(split, &asked.model.output, asked.schema).is_some() => {
                let read = dates.describe();
                let told = format!("where a file is restated, the partitions it touches are made again, from {read}");
                return Some((Some(dates), told));
            }
            Ok(_) => {
                "its states are not cut as its output, which is partitioned by more than keys of its groups".to_owned()
            }
            Err(forbidden) => self.told(forbidden),
        };
        Some((None, format!("where a file is restated, all of it is built again: {whole}")))
    }

    /// A snapshot that the query reads, directly or through views, of which rows made with an older delivery stay.
    fn keeps_history(&self, parsed: &Parsed) -> Option<String> {
        let mut open: Vec<String> = parsed.query.iter().flat_map(Query::table_names).collect();
        let mut seen = BTreeSet::new();
        while let Some(table) = open.pop() {
            if self.project.keeps_history(&table) {
                return Some(table);
            }
            let view = self.project.models.get(&table).filter(|model| model.strategy == Some(Strategy::View));
            if let Some(view) = view.filter(|_| seen.insert(table)) {
                open.extend(parse(&self.ctx.state(), &view.sql).0.iter().flat_map(Query::table_names));
            }
        }
        None
    }

    /// A reason with its place.
    fn told(&self, Forbidden { message, span }: Forbidden) -> String {
        format!("{message} ({})", self.project.texts.place(span))
    }

    /// How the rows of a model belong to dates where nothing but rows decides them.
    async fn dates_of_rows(&self, asked: &Asked<'_>) -> std::result::Result<Dates, Forbidden> {
        takes_no_as_of(asked)?;
        self.dates(asked).await
    }

    async fn dates(&self, asked: &Asked<'_>) -> std::result::Result<Dates, Forbidden> {
        let plan = self.planned(asked).await?;
        let undated = BTreeMap::new();
        let known = self.dated.read().unwrap_or_else(PoisonError::into_inner);
        let of = |models| dates::dates(&self.project, models, asked.model, plan, asked.schema);
        // Where the dates of a model are of no use, every change of it makes all partitions anew.
        let dates = of(&known).or_else(|reason| of(&undated).map_err(|_| reason));
        dates.map_err(|undated| match undated {
            Undated::Yaml(message, span) => Forbidden { message, span },
            Undated::Sql(reason) => self.place(asked, reason),
        })
    }

    async fn split(&self, asked: &Asked<'_>) -> std::result::Result<Split, Forbidden> {
        takes_no_as_of(asked)?;
        let plan = self.planned(asked).await?;
        let split = query::split_plan(plan).map_err(|reason| self.place(asked, reason))?;
        let Asked { model, parsed, .. } = *asked;
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

    async fn planned<'a>(&self, asked: &'a Asked<'_>) -> std::result::Result<&'a LogicalPlan, Forbidden> {
        let plan = asked.plan.get_or_init(|| async { self.plan(asked.parsed).await.map_err(Reason::from) }).await;
        plan.as_ref().map_err(|reason| self.place(asked, reason.clone()))
    }

    /// Where the words stand that forbid it: in the model's own SQL, else in that of a view it reads.
    fn place(&self, asked: &Asked<'_>, reason: Reason) -> Forbidden {
        let Asked { model, parsed, .. } = *asked;
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

fn takes_no_as_of(Asked { model, parsed, takes_as_of, .. }: &Asked<'_>) -> std::result::Result<(), Forbidden> {
    if !takes_as_of {
        return Ok(());
    }
    let named = parsed.query.iter().flat_map(|query| &query.placeholders).find(|named| named.name == AS_OF);
    let span = named.map_or_else(|| model.sql.whole(), |named| place(&model.sql, named.span));
    let message = "$as_of moves from run to run, and rows that were counted under an earlier one are not read again";
    Err(Forbidden { message: message.to_owned(), span })
}

fn in_text(sql: &Sql, span: DfSpan) -> Span {
    sql.span((span.start.line, span.start.column), (span.end.line, span.end.column))
}

fn partition(dates: Dates, pinned: bool) -> Chosen {
    let why =
        format!("only the partitions that new rows touch are computed, each from the rows of {}", dates.describe());
    let why = if pinned { format!("pinned: {why}") } else { why };
    Chosen { dates: Some(dates), ..Chosen::new(Strategy::Partition, why) }
}

/// The error where a strategy is asked for that cannot be.
fn refusal(model: &Model, strategy: Strategy, Forbidden { message, span }: Forbidden) -> Box<Diagnostic> {
    let (name, strategy_name) = (&model.name, strategy.name());
    let message = format!("`{name}` cannot have the strategy `{strategy_name}`: {message}");
    let help = match (model.strategy, model.window) {
        (None, None) => "take `history: keep` out: the model is then made again where the snapshot changes".to_owned(),
        (Some(_), None) => format!("take `strategy: {strategy_name}` out: the model is then computed as it can be"),
        (_, Some(_)) => "take `window` and `strategy` out: the model is then computed as it can be".to_owned(),
    };
    Box::new(Diagnostic::error("strategy", span, message).with_help(help))
}
