//! The documentation of a project as one page: what it reads, what it makes of it, and what reads what.

mod graph;
mod page;
mod parts;

use crate::page::Fact;

pub use page::docs;
#[cfg(test)]
pub(crate) use parts::table_id;

/// What a project is made of. Names of tables are shared by sources and models; what is read but not listed is not linked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Docs {
    /// Title of the page.
    pub title: String,
    /// What holds of the project.
    pub facts: Vec<Fact>,
    /// The files that models stand in, with what each says it is for; models are shown by file, in this order.
    pub files: Vec<(String, Option<String>)>,
    /// Sources and models.
    pub tables: Vec<TableDoc>,
    /// Values that the SQL reads.
    pub vars: Vec<VarDoc>,
    /// Queries over models whose rows are shown.
    pub figures: Vec<FigureDoc>,
    /// Functions that the SQL calls.
    pub functions: Vec<FunctionDoc>,
    /// Scenario tests.
    pub tests: Vec<TestDoc>,
}

/// What kind of table it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TableKind {
    /// Raw files with a contract.
    Source,
    /// A query whose rows are published.
    #[default]
    Model,
    /// A query that its readers hold.
    View,
}

/// A source or a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableDoc {
    /// Name in SQL.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
    /// What a row is.
    pub description: Option<String>,
    /// The file it is declared in.
    pub file: String,
    /// Where it is declared.
    pub place: String,
    /// What holds of it.
    pub facts: Vec<Fact>,
    /// Its columns.
    pub columns: Vec<ColumnDoc>,
    /// What must hold of it.
    pub checks: Vec<CheckDoc>,
    /// Its query; none of a source.
    pub query: Option<QueryDoc>,
}

/// A query, and what it uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryDoc {
    /// The text.
    pub sql: String,
    /// Names of the tables it reads.
    pub reads: Vec<String>,
    /// Names of the variables it reads.
    pub vars: Vec<String>,
    /// Names of the functions it calls.
    pub functions: Vec<String>,
}

/// A column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnDoc {
    /// Name.
    pub name: String,
    /// Type.
    pub data_type: String,
    /// What it means.
    pub description: Option<String>,
    /// Whether it holds private values, which are hashed.
    pub private: bool,
    /// The rules of a contract.
    pub rules: Vec<String>,
    /// The tables and columns that the values of a model's column come from.
    pub origins: Vec<(String, String)>,
}

/// A check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckDoc {
    /// What must hold.
    pub demand: String,
    /// A query that must give no rows, where that is what is demanded.
    pub sql: Option<String>,
    /// What a failure does.
    pub severity: String,
    /// How it ended last.
    pub result: String,
}

/// A variable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VarDoc {
    /// Name.
    pub name: String,
    /// Type.
    pub data_type: String,
    /// Value.
    pub value: String,
    /// What it means.
    pub description: Option<String>,
}

/// A query over models whose rows are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FigureDoc {
    /// The line above it.
    pub title: String,
    /// What it answers.
    pub question: Option<String>,
    /// Where it is shown, and how.
    pub shown: String,
    /// Where it is declared.
    pub place: String,
    /// Its query.
    pub query: QueryDoc,
}

/// A function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionDoc {
    /// Name.
    pub name: String,
    /// How it is called; none where nothing is known of it but its name.
    pub manual: Option<ManualDoc>,
}

/// What is known of a function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManualDoc {
    /// Every way to call it, one a line.
    pub signature: String,
    /// What it gives.
    pub description: String,
    /// Its arguments, and what each may be.
    pub arguments: Vec<(String, String)>,
    /// What is refused.
    pub errors: String,
    /// A query with the rows it gives.
    pub example: String,
    /// Where its definition comes from.
    pub source: String,
}

/// A scenario test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestDoc {
    /// What it shows.
    pub name: String,
    /// Where it is written.
    pub place: String,
    /// How many runs it makes.
    pub runs: usize,
    /// The models whose rows it expects.
    pub models: Vec<String>,
}
