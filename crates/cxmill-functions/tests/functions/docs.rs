//! The reference is complete, and every example gives what it says.

use std::collections::{BTreeMap, BTreeSet};

use cxmill_functions::{
    FunctionKind, all_aggregate_functions, all_scalar_functions, all_window_functions, function_docs,
    function_reference, function_versions,
};
use datafusion::prelude::SessionContext;

use crate::{context, rows};

#[tokio::test]
async fn every_example_gives_the_rows_it_shows() {
    let ctx = context();
    for doc in function_docs() {
        let (query, expected): (Vec<&str>, Vec<&str>) = doc.example.lines().partition(|line| !line.starts_with("-- "));
        assert!(!expected.is_empty(), "{}: the example shows no rows", doc.name);
        assert!(doc.example.contains(&format!("{}(", doc.name)), "{}: the example does not call it", doc.name);
        let shown: Vec<String> = rows(&ctx, &query.join("\n")).await.iter().map(|row| format!("-- {row}")).collect();
        assert_eq!(shown, expected, "{}", doc.name);
    }
}

#[test]
fn no_two_functions_share_a_name_and_each_is_documented_once() {
    let registered: Vec<(String, FunctionKind)> = all_aggregate_functions()
        .iter()
        .map(|f| (f.name().to_owned(), FunctionKind::Aggregate))
        .chain(all_scalar_functions().iter().map(|f| (f.name().to_owned(), FunctionKind::Scalar)))
        .chain(all_window_functions().iter().map(|f| (f.name().to_owned(), FunctionKind::Window)))
        .collect();
    let names: BTreeMap<String, FunctionKind> = registered.iter().cloned().collect();
    assert_eq!(names.len(), registered.len(), "two functions share a name");
    let documented: BTreeMap<String, FunctionKind> =
        function_docs().into_iter().map(|doc| (doc.name, doc.kind)).collect();
    assert_eq!(names, documented);
    assert_eq!(function_docs().len(), documented.len());
}

#[test]
fn no_function_hides_one_of_datafusion() {
    let ctx = SessionContext::new();
    let state = ctx.state();
    for doc in function_docs() {
        assert!(!state.scalar_functions().contains_key(&doc.name), "{}", doc.name);
        assert!(!state.aggregate_functions().contains_key(&doc.name), "{}", doc.name);
        assert!(!state.window_functions().contains_key(&doc.name), "{}", doc.name);
    }
}

#[test]
fn every_entry_is_complete() {
    for doc in function_docs() {
        for text in [&doc.description, &doc.errors, &doc.source] {
            assert!(text.ends_with('.'), "{}: {text}", doc.name);
        }
        for call in doc.signature.lines() {
            assert!(call.starts_with(&format!("{}(", doc.name)) && call.contains(" → "), "{}: {call}", doc.name);
        }
        let longest = doc.signature.lines().last().unwrap();
        let (inside, _) = longest.split_once('(').unwrap().1.split_once(')').unwrap();
        let arguments: Vec<&str> = doc.arguments.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(inside.split(", ").collect::<Vec<_>>(), arguments, "{}", doc.name);
        assert_eq!(doc.kind.to_string(), doc.kind.as_str());
    }
}

#[test]
fn versions_cover_every_function() {
    let versions = function_versions();
    assert!(versions.values().all(|version| *version >= 1));
    let names: BTreeSet<String> = versions.keys().map(|name| (*name).to_owned()).collect();
    assert_eq!(names, function_docs().into_iter().map(|doc| doc.name).collect());
}

#[test]
fn datafusion_shows_the_same_words() {
    for function in all_aggregate_functions() {
        let documentation = function.documentation().unwrap();
        let doc = function_docs().into_iter().find(|doc| doc.name == function.name()).unwrap();
        assert!(documentation.description.starts_with(&doc.description));
        assert_eq!(documentation.arguments.as_ref(), Some(&doc.arguments));
    }
}

#[test]
fn the_page_in_the_repository_is_this() {
    let page = include_str!("../../../../docs/functions.md");
    assert!(
        page == function_reference(),
        "docs/functions.md is old: write what `cxmill functions --markdown` prints into it"
    );
}
