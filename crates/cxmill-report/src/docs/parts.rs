//! What the sections of the page share: links, and tables of them.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{Docs, QueryDoc};

/// What can be linked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Table,
    Column,
    Var,
    Function,
}

/// A project with what is looked up in it again and again.
pub(super) struct Book<'a> {
    pub(super) docs: &'a Docs,
    /// What is explained on the page.
    known: BTreeSet<(Kind, &'a str)>,
}

impl<'a> Book<'a> {
    pub(super) fn new(docs: &'a Docs) -> Self {
        let tables = docs.tables.iter().map(|table| (Kind::Table, table.name.as_str()));
        let vars = docs.vars.iter().map(|var| (Kind::Var, var.name.as_str()));
        let functions = docs.functions.iter().filter(|function| function.manual.is_some());
        let functions = functions.map(|function| (Kind::Function, function.name.as_str()));
        Self { docs, known: tables.chain(vars).chain(functions).collect() }
    }

    /// A name that leads to where it is explained, where that is on the page.
    pub(super) fn link(&self, kind: Kind, name: &str) -> Markup {
        html! {
            @if self.known.contains(&(kind, name)) { a href={"#" (id(kind, &[name]))} { code { (name) } } }
            @else { code { (name) } }
        }
    }

    /// Names one after the other.
    pub(super) fn links<'n>(&self, kind: Kind, names: impl IntoIterator<Item = &'n str>) -> Markup {
        listed(names.into_iter().map(|name| self.link(kind, name)))
    }

    /// A table by name.
    pub(super) fn table(&self, name: &str) -> Markup {
        self.link(Kind::Table, name)
    }

    /// Tables by name.
    pub(super) fn tables<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Markup {
        self.links(Kind::Table, names)
    }

    /// A column of a table.
    pub(super) fn column(&self, table: &str, column: &str) -> Markup {
        let known = self.docs.tables.iter().find(|known| known.name == table);
        let known = known.is_some_and(|known| known.columns.iter().any(|known| known.name == column));
        html! {
            @if known { a href={"#" (id(Kind::Column, &[table, column]))} { code { (table) "." (column) } } }
            @else { code { (table) "." (column) } }
        }
    }

    /// The queries of models, with the names of these.
    fn queries(&self) -> impl Iterator<Item = (&'a str, &'a QueryDoc)> {
        self.docs.tables.iter().filter_map(|table| Some((table.name.as_str(), table.query.as_ref()?)))
    }

    /// Names of the models that read a table.
    pub(super) fn readers(&self, table: &str) -> impl Iterator<Item = &'a str> {
        self.using(table, |query| &query.reads)
    }

    /// Names of the models whose query uses something.
    pub(super) fn using(&self, name: &str, what: fn(&QueryDoc) -> &[String]) -> impl Iterator<Item = &'a str> {
        self.queries().filter(move |(_, query)| what(query).iter().any(|used| used == name)).map(|(model, _)| model)
    }

    /// Titles of the figures whose query uses something, as links.
    pub(super) fn figures(&self, name: &str, what: fn(&QueryDoc) -> &[String]) -> Vec<Markup> {
        let all = self.docs.figures.iter().enumerate();
        let all = all.filter(|(_, figure)| what(&figure.query).iter().any(|used| used == name));
        all.map(|(index, figure)| html! { a href={"#" (figure_id(index))} dir="auto" { (figure.title) } }).collect()
    }

    /// Models and figures that use something.
    pub(super) fn users(&self, name: &str, what: fn(&QueryDoc) -> &[String]) -> Markup {
        let models = self.using(name, what).map(|model| self.table(model));
        listed(models.chain(self.figures(name, what)))
    }
}

/// The id of a figure.
pub(super) fn figure_id(index: usize) -> String {
    format!("figure-{}", index + 1)
}

/// An id that tells names apart, whatever stands in them.
pub(super) fn id(kind: Kind, names: &[&str]) -> String {
    let word = match kind {
        Kind::Table => "table",
        Kind::Column => "column",
        Kind::Var => "var",
        Kind::Function => "function",
    };
    let mut id = word.to_owned();
    for name in names {
        id.push('-');
        for character in name.chars() {
            match character {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => id.push(character),
                other => id.push_str(&format!(".{:x}.", u32::from(other))),
            }
        }
    }
    id
}

/// The id of a table.
pub(crate) fn table_id(name: &str) -> String {
    id(Kind::Table, &[name])
}

/// How many there are of something.
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Items one after the other.
pub(super) fn listed(items: impl Iterator<Item = Markup>) -> Markup {
    html! { @for (index, item) in items.enumerate() { @if index > 0 { ", " } (item) } }
}

/// A table whose first column names its rows.
pub(super) fn grid(caption: &str, columns: &[&str], rows: impl Iterator<Item = Vec<Markup>>) -> Markup {
    html! {
        div.scroll { table {
            caption { (caption) }
            thead { tr { @for column in columns { th scope="col" { (column) } } } }
            tbody { @for row in rows { tr {
                @for (index, cell) in row.iter().enumerate() {
                    @if index == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                }
            } } }
        } }
    }
}

/// A query, to be opened.
pub(super) fn opened(sql: &str) -> Markup {
    html! { details.sql { summary { "SQL" } pre tabindex="0" { code { (sql.trim_end()) } } } }
}
