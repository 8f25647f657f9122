//! A model, in words: what it is, how it is brought up to date, where its columns come from, where it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cxmill_ingest::landed_schema;
use cxmill_ledger::{Commit, Withheld};
use cxmill_report::{ColumnDoc, Fact, QueryDoc, TableDoc, TableKind};
use cxmill_spec::{CheckKind, Granularity, Model, Project, Span, Strategy};
use datafusion::arrow::datatypes::SchemaRef;

use super::queries::Queries;
use super::{checks, fact};
use crate::check;
use crate::compile::lineage::Origins;
use crate::compile::private::Private;
use crate::compile::{Compiled, CompiledModel, types};
use crate::look::status;
use crate::strategy::view::table;

/// What models are described from.
pub(super) struct Models<'a> {
    project: &'a Project,
    compiled: &'a Compiled,
    commit: Option<&'a Commit>,
    queries: &'a Queries,
    columns: BTreeMap<String, SchemaRef>,
    lineage: BTreeMap<String, Vec<Origins>>,
}

impl<'a> Models<'a> {
    pub(super) fn new(
        project: &'a Project,
        compiled: &'a Compiled,
        commit: Option<&'a Commit>,
        queries: &'a Queries,
    ) -> Self {
        let sources = project.sources.iter().map(|(name, source)| (name.clone(), landed_schema(source)));
        let models = compiled.models.iter().map(|model| (model.name.clone(), Arc::clone(&model.schema)));
        let lineage = compiled.models.iter().map(|model| (model.name.clone(), model.lineage.clone()));
        Self {
            project,
            compiled,
            commit,
            queries,
            columns: sources.chain(models).collect(),
            lineage: lineage.collect(),
        }
    }

    /// These models; `place` gives the file of a place, and the place.
    pub(super) fn all(&self, models: &[&Model], place: impl Fn(Span) -> (String, String)) -> Vec<TableDoc> {
        let doc = |declared: &&Model| {
            let compiled = self.compiled.model(&declared.name)?;
            let (file, place) = place(declared.span);
            Some(TableDoc { file, place, ..self.one(declared, compiled) })
        };
        models.iter().filter_map(doc).collect()
    }

    fn one(&self, declared: &Model, compiled: &CompiledModel) -> TableDoc {
        let built = table(self.commit, compiled);
        let withheld = self.commit.and_then(|commit| commit.withheld.get(&declared.name));
        let mut facts = layout(declared, compiled);
        facts.extend(self.standing(declared, compiled, withheld));
        let is_view = compiled.strategy == Strategy::View;
        TableDoc {
            name: declared.name.clone(),
            kind: if is_view { TableKind::View } else { TableKind::Model },
            description: declared.description.as_ref().map(|text| text.trim_end().to_owned()),
            facts,
            columns: self.columns_of(compiled),
            checks: checks::checks(declared, compiled, built, withheld),
            query: Some(self.query(declared)),
            ..TableDoc::default()
        }
    }

    /// The query of a model; variables and functions are those of its checks as well.
    fn query(&self, declared: &Model) -> QueryDoc {
        let own = self.queries.of(&declared.sql);
        let (mut vars, mut functions) = (BTreeSet::from_iter(own.vars), BTreeSet::from_iter(own.functions));
        for check in &declared.checks {
            if let CheckKind::Sql(sql) = &check.kind {
                let query = self.queries.of(sql);
                vars.extend(query.vars);
                functions.extend(query.functions);
            }
        }
        QueryDoc {
            vars: vars.into_iter().collect(),
            functions: functions.into_iter().collect(),
            sql: own.sql,
            reads: own.reads,
        }
    }

    fn columns_of(&self, compiled: &CompiledModel) -> Vec<ColumnDoc> {
        let private = Private { project: self.project, columns: &self.columns, lineage: &self.lineage };
        let column = |(field, origins): (&Arc<_>, &Origins)| {
            let field: &datafusion::arrow::datatypes::Field = field;
            ColumnDoc {
                name: field.name().clone(),
                data_type: types::name(field.data_type()),
                description: None,
                private: private.origin(&compiled.name, field.name()).is_some(),
                rules: Vec::new(),
                origins: origins.iter().cloned().collect(),
            }
        };
        compiled.schema.fields().iter().zip(&compiled.lineage).map(column).collect()
    }

    /// Where a model stands in the newest commit.
    fn standing(&self, declared: &Model, compiled: &CompiledModel, withheld: Option<&Withheld>) -> Vec<Fact> {
        if compiled.strategy == Strategy::View {
            return vec![fact("Published", "no: it is inlined into its readers")];
        }
        let Some(commit) = self.commit else { return Vec::new() };
        let status = status::model(self.compiled, compiled, Some(commit));
        let state = match withheld {
            Some(withheld) => format!("withheld: {}", self.why(declared, withheld)),
            None => status.state,
        };
        let mut facts = vec![fact("Stands", state), fact("Rows", status.rows.to_string())];
        facts.extend(status.as_of.map(|as_of| fact("Built as of", as_of)));
        facts
    }

    /// Why a model is withheld. What its query ran into may hold values, which a page that goes from hand to hand does not show.
    fn why(&self, declared: &Model, withheld: &Withheld) -> String {
        let by_check = declared.checks.iter().any(|check| withheld.why == check::failed_by(&check::name(check)));
        let by_input =
            withheld.why.strip_suffix(" is withheld").is_some_and(|name| self.compiled.model(name).is_some());
        if by_check || by_input { withheld.why.clone() } else { "its query failed; cxmill status says why".to_owned() }
    }
}

/// How a model is built and laid out.
fn layout(declared: &Model, compiled: &CompiledModel) -> Vec<Fact> {
    let mut facts = vec![fact("Strategy", compiled.strategy.name()), fact("Because", &compiled.why)];
    if !declared.grain.is_empty() {
        facts.push(fact("Grain", format!("one row for each {}", declared.grain.join(", "))));
    }
    let parts: Vec<String> = declared
        .output
        .partition_by
        .iter()
        .map(|by| match by.granularity.map(Granularity::name) {
            Some(period) => format!("{period} of {}", by.column),
            None => by.column.clone(),
        })
        .collect();
    if !parts.is_empty() {
        facts.push(fact("Partitions", format!("one for each {}", parts.join(", "))));
    }
    if !declared.output.sort_by.is_empty() {
        facts.push(fact("Sorted by", declared.output.sort_by.join(", ")));
    }
    facts
}
