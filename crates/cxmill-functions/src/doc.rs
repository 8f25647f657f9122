//! The words of each function, written once next to its code and read by the SQL reference, by DataFusion and by tests.
//!
//! An example is one query followed by the rows it must give, one comment line a row; a test runs every one of them.

use datafusion::logical_expr::{DocSection, Documentation, DocumentationBuilder};

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FunctionKind {
    /// Many rows to one value; may also be used with `OVER (…)`.
    Aggregate,
    /// One row to one value.
    Scalar,
    /// Only with `OVER (…)`.
    Window,
}

impl FunctionKind {
    /// `aggregate`, `scalar` or `window`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aggregate => "aggregate",
            Self::Scalar => "scalar",
            Self::Window => "window",
        }
    }
}

impl std::fmt::Display for FunctionKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The reference entry of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionDoc {
    /// The name in SQL.
    pub name: String,
    /// Aggregate, scalar or window.
    pub kind: FunctionKind,
    /// Every way to call it, one a line, with the type it returns: `nps(score) → double`.
    pub signature: String,
    /// What it computes, in which unit, and what it does with NULL and with no rows.
    pub description: String,
    /// Each argument: its name, and what it may be.
    pub arguments: Vec<(String, String)>,
    /// What is refused, and when.
    pub errors: String,
    /// A query, then the rows it gives as lines that begin with `-- `.
    pub example: String,
    /// Where the definition comes from.
    pub source: String,
    /// Raised whenever the function may give another value, or keep another state, for the same input.
    pub version: u32,
}

/// What a function's module says about it.
#[derive(Debug)]
pub(crate) struct Doc {
    pub(crate) name: &'static str,
    pub(crate) kind: FunctionKind,
    pub(crate) version: u32,
    pub(crate) signature: &'static str,
    pub(crate) description: &'static str,
    pub(crate) arguments: &'static [(&'static str, &'static str)],
    pub(crate) errors: &'static str,
    pub(crate) example: &'static str,
    pub(crate) source: &'static str,
}

impl Doc {
    pub(crate) fn entry(&self) -> FunctionDoc {
        FunctionDoc {
            name: self.name.to_owned(),
            kind: self.kind,
            signature: self.signature.to_owned(),
            description: self.description.to_owned(),
            arguments: self.arguments.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
            errors: self.errors.to_owned(),
            example: self.example.to_owned(),
            source: self.source.to_owned(),
            version: self.version,
        }
    }

    /// The same words in the form that DataFusion shows, for example in `information_schema.routines`.
    pub(crate) fn documentation(&self) -> Documentation {
        let section = DocSection { include: true, label: "Customer experience", description: None };
        let description = format!("{} {} Source: {}", self.description, self.errors, self.source);
        let mut calls = self.signature.lines();
        let builder = DocumentationBuilder::new_with_details(section, description, calls.next().unwrap_or(self.name));
        let builder = calls.fold(builder, |builder, call| builder.with_alternative_syntax(call));
        let builder = self.arguments.iter().fold(builder, |builder, (name, text)| builder.with_argument(*name, *text));
        builder.with_sql_example(format!("```sql\n{}\n```", self.example)).build()
    }
}
