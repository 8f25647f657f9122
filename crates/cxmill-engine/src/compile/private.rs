//! Columns that carry private values: they are hashed before anything is written, and even so no report shows them.

use std::collections::BTreeMap;

use cxmill_spec::figure::Figure;
use cxmill_spec::{Diagnostic, Project};
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use super::lineage::Origins;

/// What is known of where columns come from.
pub(crate) struct Private<'a> {
    pub(crate) project: &'a Project,
    /// Columns of tables, with their types.
    pub(crate) columns: &'a BTreeMap<String, SchemaRef>,
    /// By model, the origins of each column in order.
    pub(crate) lineage: &'a BTreeMap<String, Vec<Origins>>,
}

impl Private<'_> {
    /// The findings on a figure that would show private values: every column of its rows stands in its table.
    pub(super) fn shown(
        &self,
        figure: &Figure,
        columns: &[(String, DataType)],
        lineage: &[Origins],
    ) -> Vec<Diagnostic> {
        let carries = |(_, data_type): &(String, DataType)| holds_text(data_type);
        let all = columns.iter().zip(lineage).filter(|(column, _)| carries(column));
        all.filter_map(|((name, _), origins)| {
            let (source, column) = origins.iter().find_map(|(table, column)| self.origin(table, column))?;
            let drawn = figure.columns.iter().find(|drawn| drawn.column == *name);
            let message = format!("column `{name}` comes from `{source}.{column}`, which is private");
            let place = drawn.map_or_else(|| figure.sql.whole(), |drawn| drawn.span);
            Some(Diagnostic::error("shows-private", place, message).with_help(
                "a report goes from hand to hand: take the column out of the query, or count what it tells apart",
            ))
        })
        .collect()
    }

    /// The private column of a source whose values a column of a table shows, if it does. This ends: a model has a lineage only if
    /// what it reads was compiled before it.
    pub(crate) fn origin(&self, table: &str, column: &str) -> Option<(String, String)> {
        if let Some(source) = self.project.sources.get(table) {
            let private = source.columns.iter().any(|declared| declared.name == column && declared.private);
            return private.then(|| (table.to_owned(), column.to_owned()));
        }
        let (index, field) = self.columns.get(table)?.column_with_name(column)?;
        if !holds_text(field.data_type()) {
            return None;
        }
        let origins = self.lineage.get(table)?.get(index)?;
        origins.iter().find_map(|(table, column)| self.origin(table, column))
    }
}

/// Whether values of a type can hold text. Private columns are text: what is counted or measured of them does not show them.
fn holds_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => true,
        DataType::Dictionary(_, values) => holds_text(values),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            holds_text(item.data_type())
        }
        DataType::Struct(fields) => fields.iter().any(|field| holds_text(field.data_type())),
        _ => false,
    }
}
