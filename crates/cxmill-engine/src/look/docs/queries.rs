//! What queries use.

use std::collections::BTreeSet;

use cxmill_report::QueryDoc;
use cxmill_spec::{Project, Sql};
use datafusion::execution::SessionState;

use crate::compile::sql;
use crate::error::EngineError;
use crate::session::planning_session;

/// Reads queries. Those of a project that compiled can all be parsed.
pub(super) struct Queries {
    state: SessionState,
}

impl Queries {
    pub(super) fn new(project: &Project) -> Result<Self, EngineError> {
        let ctx = planning_session(&project.settings).map_err(|error| EngineError::query("session", &error))?;
        Ok(Self { state: ctx.state() })
    }

    /// A query with the tables, variables and functions in it.
    pub(super) fn of(&self, text: &Sql) -> QueryDoc {
        let query = sql::parse(&self.state, text).0;
        let query = query.as_ref();
        QueryDoc {
            sql: text.text.to_string(),
            reads: names(query.map(|query| query.tables.as_slice())),
            vars: names(query.map(|query| query.placeholders.as_slice())),
            functions: names(query.map(|query| query.functions.as_slice())),
        }
    }
}

/// Each name once, in order.
fn names(named: Option<&[sql::Named]>) -> Vec<String> {
    let names: BTreeSet<&String> = named.unwrap_or_default().iter().map(|named| &named.name).collect();
    names.into_iter().cloned().collect()
}
