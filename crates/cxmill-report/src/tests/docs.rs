//! What holds of every page of documentation, and what is on one.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::laws::{assert_harmless, body, text};
use crate::docs::table_id;
use crate::{
    CheckDoc, ColumnDoc, Docs, Fact, FigureDoc, FunctionDoc, ManualDoc, QueryDoc, TableDoc, TableKind, TestDoc, VarDoc,
    docs,
};

/// Names, some of which others use, and some of which are not there.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("orders".to_owned()), Just("customers".to_owned()), Just("a-b".to_owned()), "[a-c]{1,2}", text()]
}

fn names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(name(), 0..4)
}

fn query() -> impl Strategy<Value = QueryDoc> {
    (text(), names(), names(), names()).prop_map(|(sql, reads, vars, functions)| QueryDoc {
        sql,
        reads,
        vars,
        functions,
    })
}

fn column() -> impl Strategy<Value = ColumnDoc> {
    let origins = prop::collection::vec((name(), name()), 0..3);
    let words = (name(), text(), prop::option::of(text()));
    (words, any::<bool>(), names(), origins).prop_map(|((name, data_type, description), private, rules, origins)| {
        ColumnDoc { name, description, data_type, private, rules, origins }
    })
}

fn check() -> impl Strategy<Value = CheckDoc> {
    (text(), prop::option::of(text()), text(), text()).prop_map(|(demand, sql, severity, result)| CheckDoc {
        demand,
        sql,
        severity,
        result,
    })
}

fn table() -> impl Strategy<Value = TableDoc> {
    let kind = prop::sample::select(vec![TableKind::Source, TableKind::Model, TableKind::View]);
    let columns = prop::collection::vec(column(), 0..4);
    let checks = prop::collection::vec(check(), 0..3);
    let fact = (text(), text()).prop_map(|(name, value)| Fact { name, value });
    let words = (name(), prop::option::of(text()), "[ab]", text(), prop::collection::vec(fact, 0..2));
    (words, kind, columns, checks, query()).prop_map(
        |((name, description, file, place, facts), kind, columns, checks, query)| TableDoc {
            name,
            kind,
            description,
            file,
            place,
            facts,
            columns: distinct(columns, |column| &column.name),
            checks,
            query: (kind != TableKind::Source).then_some(query),
        },
    )
}

/// Names are told once in a project.
fn distinct<T>(all: Vec<T>, name: impl Fn(&T) -> &str) -> Vec<T> {
    let mut seen = BTreeSet::new();
    all.into_iter().filter(|item| seen.insert(name(item).to_owned())).collect()
}

fn project() -> impl Strategy<Value = Docs> {
    let tables = prop::collection::vec(table(), 0..7).prop_map(|all| distinct(all, |table| &table.name));
    let var = (name(), text(), text(), prop::option::of(text()))
        .prop_map(|(name, data_type, value, description)| VarDoc { name, data_type, value, description });
    let figure = (text(), prop::option::of(text()), text(), text(), query())
        .prop_map(|(title, question, shown, place, query)| FigureDoc { title, question, shown, place, query });
    let manual = (text(), text(), prop::collection::vec((text(), text()), 0..2), text()).prop_map(
        |(signature, description, arguments, other)| ManualDoc {
            signature,
            description,
            arguments,
            errors: other.clone(),
            example: other.clone(),
            source: other,
        },
    );
    let function = (name(), prop::option::of(manual)).prop_map(|(name, manual)| FunctionDoc { name, manual });
    let test = (text(), text(), 0..4_usize, names()).prop_map(|(name, place, runs, models)| TestDoc {
        name,
        place,
        runs,
        models,
    });
    let vars = prop::collection::vec(var, 0..3).prop_map(|all| distinct(all, |var| &var.name));
    let functions = prop::collection::vec(function, 0..3).prop_map(|all| distinct(all, |function| &function.name));
    let rest = (prop::collection::vec(figure, 0..3), prop::collection::vec(test, 0..2), prop::option::of(text()));
    (text(), tables, vars, functions, rest).prop_map(|(title, tables, vars, functions, (figures, tests, described))| {
        Docs {
            title,
            facts: Vec::new(),
            files: vec![("a".to_owned(), described), ("b".to_owned(), None)],
            tables,
            vars,
            figures,
            functions,
            tests,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_page_is_well_formed_harmless_and_its_links_lead_somewhere(project in project()) {
        let written = docs(&project);
        prop_assert_eq!(&written, &docs(&project));
        let document = roxmltree::Document::parse(body(&written));
        prop_assert!(document.is_ok(), "{}\n{}", document.err().map(|e| e.to_string()).unwrap_or_default(), body(&written));
        let document = document.expect("checked");
        assert_harmless(&document)?;
        let ids: BTreeSet<&str> = document.descendants().filter_map(|node| node.attribute("id")).collect();
        for node in document.descendants().filter(|node| node.is_element()) {
            for named in ["href", "aria-labelledby"] {
                for target in node.attribute(named).into_iter().flat_map(str::split_whitespace) {
                    prop_assert!(ids.contains(target.trim_start_matches('#')), "{}={} leads nowhere", named, target);
                }
            }
        }
        // Headings go down one step at a time.
        let levels = document.descendants().filter_map(|node| node.tag_name().name().strip_prefix('h')?.parse::<u8>().ok());
        let levels: Vec<u8> = levels.collect();
        prop_assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
        prop_assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{:?}", levels);
        for table in document.descendants().filter(|node| node.has_tag_name("table")) {
            prop_assert!(table.children().any(|node| node.has_tag_name("caption")));
            for cell in table.descendants().filter(|node| node.has_tag_name("th")) {
                prop_assert!(cell.attribute("scope").is_some());
            }
        }
        for svg in document.descendants().filter(|node| node.has_tag_name("svg")) {
            prop_assert!(["title", "desc"].iter().all(|tag| svg.children().any(|node| node.has_tag_name(*tag))));
        }
        for table in &project.tables {
            let article = document.descendants().filter(|node| node.has_tag_name("article")).find(|article| {
                article.attribute("id") == Some(&table_id(&table.name))
            });
            prop_assert!(article.is_some(), "{:?} is not on the page", table.name);
            let count = |tag: &str| article.iter().flat_map(|node| node.descendants()).filter(|node| node.has_tag_name(tag)).count();
            prop_assert_eq!(count("pre"), usize::from(table.query.is_some()));
            prop_assert_eq!(count("table"), 1 + usize::from(!table.checks.is_empty()));
        }
    }
}

fn fact(name: &str, value: &str) -> Fact {
    Fact { name: name.to_owned(), value: value.to_owned() }
}

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}

/// A shop with one of everything.
fn shop() -> Docs {
    let column = |name: &str, data_type: &str| ColumnDoc {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        ..ColumnDoc::default()
    };
    let orders = TableDoc {
        name: "orders".to_owned(),
        kind: TableKind::Source,
        description: Some("One row per order.".to_owned()),
        file: "pipelines/shop.yaml".to_owned(),
        place: "pipelines/shop.yaml:4:3".to_owned(),
        facts: vec![fact("Location", "raw/orders/")],
        columns: vec![
            ColumnDoc { rules: words(&["required", "one of web, store"]), ..column("channel", "string") },
            ColumnDoc {
                private: true,
                rules: words(&["required"]),
                description: Some("Who ordered.".to_owned()),
                ..column("customer", "string")
            },
        ],
        ..TableDoc::default()
    };
    let daily = TableDoc {
        name: "orders_daily".to_owned(),
        kind: TableKind::Model,
        description: Some("One row per day & channel.".to_owned()),
        file: "pipelines/shop.yaml".to_owned(),
        place: "pipelines/shop.yaml:20:3".to_owned(),
        facts: vec![fact("Strategy", "state"), fact("Because", "it groups the rows of one source")],
        columns: vec![
            ColumnDoc { origins: vec![("orders".to_owned(), "channel".to_owned())], ..column("channel", "string") },
            column("orders", "int64"),
        ],
        checks: vec![CheckDoc {
            demand: "gives no rows:".to_owned(),
            sql: Some("SELECT * FROM orders_daily WHERE orders < 1".to_owned()),
            severity: "withholds the model and its readers".to_owned(),
            result: "holds".to_owned(),
        }],
        query: Some(QueryDoc {
            sql: "SELECT channel, count(*) AS orders FROM orders WHERE amount > $least GROUP BY 1\n".to_owned(),
            reads: words(&["orders"]),
            vars: words(&["as_of", "least"]),
            functions: words(&["count", "nps"]),
        }),
    };
    Docs {
        title: "Shop".to_owned(),
        facts: vec![fact("Epoch", "3")],
        files: vec![("pipelines/shop.yaml".to_owned(), Some("A shop.".to_owned()))],
        tables: vec![orders, daily],
        vars: vec![VarDoc {
            name: "least".to_owned(),
            data_type: "decimal(5, 2)".to_owned(),
            value: "1.50".to_owned(),
            description: Some("Smaller orders do not count.".to_owned()),
        }],
        figures: vec![FigureDoc {
            title: "Orders by channel".to_owned(),
            question: Some("Where do they buy?".to_owned()),
            shown: "in the report, as bars".to_owned(),
            place: "pipelines/shop.yaml:40:5".to_owned(),
            query: QueryDoc {
                sql: "SELECT channel, orders FROM orders_daily".to_owned(),
                reads: words(&["orders_daily"]),
                ..QueryDoc::default()
            },
        }],
        functions: vec![
            FunctionDoc { name: "count".to_owned(), manual: None },
            FunctionDoc {
                name: "nps".to_owned(),
                manual: Some(ManualDoc {
                    signature: "nps(score) → double".to_owned(),
                    description: "Promoters less detractors.".to_owned(),
                    arguments: vec![("score".to_owned(), "0 to 10".to_owned())],
                    errors: "none".to_owned(),
                    example: "SELECT nps(10)\n-- 100".to_owned(),
                    source: "Reichheld 2003".to_owned(),
                }),
            },
        ],
        tests: vec![TestDoc {
            name: "an order counts once".to_owned(),
            place: "pipelines/shop.yaml:50:11".to_owned(),
            runs: 2,
            models: words(&["orders_daily"]),
        }],
    }
}

#[test]
fn the_page_of_a_small_project() {
    let page = docs(&shop());
    assert_snapshot!("docs_of_a_shop", body(&page).replace("><", ">\n<"));
}

#[test]
fn sections_without_anything_in_them_are_left_out() {
    let mut project = shop();
    project.vars.clear();
    project.tests.clear();
    let page = docs(&project);
    assert!(!page.contains("Variables</h2>") && !page.contains("Scenario tests</h2>"));
    assert!(page.contains("Models</h2>"));
    // A name that is not explained on the page is no link.
    assert!(page.contains("<code>least</code>") && !page.contains("<a href=\"#var-least\">"));
    let empty = docs(&Docs { title: "Nothing".to_owned(), ..Docs::default() });
    assert!(empty.contains("<h1>Nothing</h1>") && !empty.contains("<h2"));
}
