//! The page around what a project is made of.

use maud::{Markup, html};

use super::graph::{self, kind};
use super::parts::{Book, Kind, counted, figure_id, grid, id, listed, opened, table_id};
use super::{CheckDoc, ColumnDoc, Docs, FigureDoc, ManualDoc, TableDoc, TableKind};
use crate::page::{document, facts};

const STYLE: &str = include_str!("style.css");

/// One HTML page that needs nothing but itself. The same project gives the same bytes.
#[must_use]
pub fn docs(docs: &Docs) -> String {
    let book = Book::new(docs);
    let parts = parts(&book);
    let body = html! {
        header {
            h1 { (docs.title) }
            (facts(&docs.facts))
            nav aria-label="Parts" { ul { @for (id, title, _) in &parts { li { a href={"#" (id)} { (title) } } } } }
        }
        main id="main" {
            @for (id, title, content) in &parts {
                section id=(id) aria-labelledby={(id) "-h"} { h2 id={(id) "-h"} { (title) } (content) }
            }
        }
    };
    document(&docs.title, STYLE, &body)
}

/// The sections that have something in them: id, title and content.
fn parts(book: &Book<'_>) -> Vec<(&'static str, &'static str, Markup)> {
    let docs = book.docs;
    let sources: Vec<&TableDoc> = docs.tables.iter().filter(|table| table.kind == TableKind::Source).collect();
    let models: Vec<&TableDoc> = docs.tables.iter().filter(|table| table.kind != TableKind::Source).collect();
    let all = [
        ("lineage", "Lineage", (!docs.tables.is_empty()).then(|| graph::figure(book))),
        ("sources", "Sources", (!sources.is_empty()).then(|| self::sources(book, &sources))),
        ("vars", "Variables", (!docs.vars.is_empty()).then(|| vars(book))),
        ("models", "Models", (!models.is_empty()).then(|| self::models(book, &models))),
        ("figures", "Figures", (!docs.figures.is_empty()).then(|| figures(book))),
        ("functions", "Functions", (!docs.functions.is_empty()).then(|| functions(book))),
        ("tests", "Scenario tests", (!docs.tests.is_empty()).then(|| tests(book))),
    ];
    all.into_iter().filter_map(|(id, title, content)| Some((id, title, content?))).collect()
}

fn sources(book: &Book<'_>, sources: &[&TableDoc]) -> Markup {
    html! {
        (index(book, "All sources", sources))
        div.stack { @for source in sources { (table(book, source, html! { h3 id={(table_id(&source.name)) "-h"} { (source.name) } })) } }
    }
}

fn models(book: &Book<'_>, models: &[&TableDoc]) -> Markup {
    html! {
        (index(book, "All models", models))
        @for (number, (file, description)) in book.docs.files.iter().enumerate() {
            @let inside: Vec<&&TableDoc> = models.iter().filter(|model| model.file == *file).collect();
            @if !inside.is_empty() {
                section.file aria-labelledby={"file-" (number + 1)} {
                    h3 id={"file-" (number + 1)} { (file) }
                    @if let Some(description) = description { p dir="auto" { (description) } }
                    div.stack { @for model in inside {
                        (table(book, model, html! {
                            h4 id={(table_id(&model.name)) "-h"} {
                                (model.name) @if model.kind == TableKind::View { " " span.kind { (kind(model.kind)) } }
                            }
                        }))
                    } }
                }
            }
        }
    }
}

/// All tables of a kind with what each is, to find one.
fn index(book: &Book<'_>, caption: &str, tables: &[&TableDoc]) -> Markup {
    let rows = tables.iter().map(|table| {
        let description = html! { span dir="auto" { (table.description.as_deref().unwrap_or_default()) } };
        vec![book.table(&table.name), description]
    });
    html! { article { (grid(caption, &["name", "what a row is"], rows)) } }
}

fn table(book: &Book<'_>, table: &TableDoc, heading: Markup) -> Markup {
    let id = table_id(&table.name);
    html! {
        article id=(id) aria-labelledby={(id) "-h"} {
            (heading)
            @if let Some(description) = &table.description { p dir="auto" { (description) } }
            dl.about {
                @for fact in &table.facts { div { dt { (fact.name) } dd { (fact.value) } } }
                @if let Some(query) = &table.query {
                    (about("Reads", book.tables(query.reads.iter().map(String::as_str))))
                    (about("Variables", book.links(Kind::Var, query.vars.iter().map(String::as_str))))
                    (about("Functions", book.links(Kind::Function, query.functions.iter().map(String::as_str))))
                }
                (about("Is read by", book.users(&table.name, |query| &query.reads)))
                (about("Declared in", html! { (table.place) }))
            }
            (columns(book, table))
            @if !table.checks.is_empty() { (checks(table)) }
            @if let Some(query) = &table.query { (opened(&query.sql)) }
        }
    }
}

/// A fact that is written with links, where there is something to say.
fn about(name: &str, value: Markup) -> Markup {
    html! { @if !value.0.is_empty() { div { dt { (name) } dd { (value) } } } }
}

fn columns(book: &Book<'_>, table: &TableDoc) -> Markup {
    let details = if table.kind == TableKind::Source { "contract" } else { "comes from" };
    let described = table.columns.iter().any(|column| column.description.is_some());
    let row = |column: &ColumnDoc| {
        let name = html! { code id=(id(Kind::Column, &[&table.name, &column.name])) { (column.name) } };
        let rules = column.rules.iter().map(|rule| html! { (rule) });
        let origins = column.origins.iter().map(|(table, column)| book.column(table, column));
        let private = html! { @if column.private { strong { "private" } ": hashed" } };
        let computed = (table.kind != TableKind::Source && column.origins.is_empty()).then(|| html! { "no column" });
        let details = rules.chain(origins).chain(computed).chain(column.private.then_some(private));
        let description = html! { span dir="auto" { (column.description.as_deref().unwrap_or_default()) } };
        let meaning = described.then_some(description);
        [name, html! { (column.data_type) }, listed(details)].into_iter().chain(meaning).collect()
    };
    let columns = ["column", "type", details, "what it means"];
    let columns = columns.get(..if described { 4 } else { 3 }).unwrap_or_default();
    grid(&format!("Columns of {}", table.name), columns, table.columns.iter().map(row))
}

fn checks(table: &TableDoc) -> Markup {
    let row = |check: &CheckDoc| {
        let demand = html! {
            (check.demand)
            @if let Some(sql) = &check.sql { " " code.query { (sql.trim_end()) } }
        };
        vec![demand, html! { (check.severity) }, html! { (check.result) }]
    };
    grid(&format!("Checks of {}", table.name), &["check", "a failure", "last result"], table.checks.iter().map(row))
}

fn vars(book: &Book<'_>) -> Markup {
    let rows = book.docs.vars.iter().map(|var| {
        vec![
            html! { code id=(id(Kind::Var, &[&var.name])) { (var.name) } },
            html! { (var.data_type) },
            value(&var.value),
            html! { span dir="auto" { (var.description.as_deref().unwrap_or_default()) } },
            book.users(&var.name, |query| &query.vars),
        ]
    });
    html! {
        article {
            p { "SQL reads them as " code { "$name" } "." }
            (grid("Variables", &["variable", "type", "value", "what it means", "is read by"], rows))
        }
    }
}

/// A value; one of many lines, or a long one, is to be opened.
fn value(value: &str) -> Markup {
    const LONG: usize = 60;
    html! {
        @if value.trim_end().contains('\n') || value.chars().count() > LONG {
            details { summary { "Value" } pre tabindex="0" { code { (value.trim_end()) } } }
        } @else { bdi { (value) } }
    }
}

fn figures(book: &Book<'_>) -> Markup {
    let one = |(index, figure): (usize, &FigureDoc)| {
        let id = figure_id(index);
        html! {
            article id=(id) aria-labelledby={(id) "-h"} {
                h3 id={(id) "-h"} dir="auto" { (figure.title) }
                @if let Some(question) = &figure.question { p dir="auto" { (question) } }
                dl.about {
                    (about("Shown", html! { (figure.shown) }))
                    (about("Reads", book.tables(figure.query.reads.iter().map(String::as_str))))
                    (about("Declared in", html! { (figure.place) }))
                }
                (opened(&figure.query.sql))
            }
        }
    };
    html! { div.stack { @for figure in book.docs.figures.iter().enumerate() { (one(figure)) } } }
}

fn functions(book: &Book<'_>) -> Markup {
    let all = &book.docs.functions;
    let others = all
        .iter()
        .filter(|function| function.manual.is_none())
        .map(|function| vec![html! { code { (function.name) } }, book.users(&function.name, |query| &query.functions)]);
    let others: Vec<_> = others.collect();
    html! {
        div.stack {
            @for function in all { @if let Some(manual) = &function.manual { (self::manual(book, &function.name, manual)) } }
            @if !others.is_empty() {
                article {
                    h3 { "Other functions" }
                    p { "Those of the query engine, DataFusion, and states of aggregates." }
                    (grid("Other functions", &["function", "is called by"], others.into_iter()))
                }
            }
        }
    }
}

fn manual(book: &Book<'_>, name: &str, manual: &ManualDoc) -> Markup {
    let id = id(Kind::Function, &[name]);
    let arguments = manual.arguments.iter();
    let arguments = arguments.map(|(name, meaning)| vec![html! { code { (name) } }, html! { (meaning) }]);
    html! {
        article id=(id) aria-labelledby={(id) "-h"} {
            h3 id={(id) "-h"} { (name) }
            pre tabindex="0" { code { (manual.signature) } }
            p { (manual.description) }
            dl.about {
                (about("Is called by", book.users(name, |query| &query.functions)))
                (about("Errors", html! { (manual.errors) }))
                (about("Source", html! { (manual.source) }))
            }
            (grid(&format!("Arguments of {name}"), &["argument", "what it may be"], arguments))
            details { summary { "Example" } pre tabindex="0" { code { (manual.example.trim_end()) } } }
        }
    }
}

fn tests(book: &Book<'_>) -> Markup {
    let rows = book.docs.tests.iter().map(|test| {
        vec![
            html! { span dir="auto" { (test.name) } },
            html! { (counted(test.runs, "run")) },
            book.tables(test.models.iter().map(String::as_str)),
            html! { (test.place) },
        ]
    });
    html! {
        article {
            p { code { "cxmill test" } " runs them in memory." }
            (grid("Scenario tests", &["what it shows", "length", "expects rows of", "written in"], rows))
        }
    }
}
