//! The JSON schemas for editors.

use std::collections::BTreeSet;

use cxmill_spec::figure::{Chart, Role};
use serde_json::Value;

/// Every key of a schema, however deep, is described.
fn undescribed(schema: &Value, path: &str, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if value["description"].as_str().is_none_or(str::is_empty) {
                    found.push(format!("{path}.{key}"));
                }
            }
            for (key, value) in map {
                undescribed(value, &format!("{path}.{key}"), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| undescribed(item, path, found)),
        _ => {}
    }
}

#[test]
fn every_key_is_described() {
    for schema in [cxmill_spec::pipeline_schema(), cxmill_spec::config_schema()] {
        let mut found = Vec::new();
        undescribed(&schema, "", &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}

#[test]
fn the_schema_knows_the_keys_of_a_column() {
    let schema = cxmill_spec::pipeline_schema();
    let source = &schema["properties"]["sources"]["additionalProperties"];
    assert_eq!(source["required"], serde_json::json!(["location", "columns"]));
    let column = &source["properties"]["columns"]["additionalProperties"]["anyOf"][1];
    let keys: Vec<_> = column["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["type", "required", "private", "from", "one_of", "between", "matches", "length", "format", "description"]
    );
    assert_eq!(column["additionalProperties"], false);
}

#[test]
fn the_schema_knows_every_chart_and_every_role() {
    let figure = &cxmill_spec::pipeline_schema()["properties"]["report"]["items"];
    let charts = Chart::ALL.map(Chart::name);
    assert_eq!(figure["properties"]["chart"]["enum"], serde_json::json!(charts));
    let keys: BTreeSet<&str> = figure["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let others = ["title", "section", "question", "chart", "unit", "sql"];
    assert_eq!(keys, others.into_iter().chain(Role::ALL.map(Role::name)).collect());
    for chart in Chart::ALL {
        // Each role is told once, and each chart is told apart by its word.
        let roles: BTreeSet<&str> = chart.parts().iter().map(|part| part.role.name()).collect();
        assert_eq!(roles.len(), chart.parts().len(), "{chart:?}");
    }
    assert_eq!(charts.iter().collect::<BTreeSet<_>>().len(), charts.len());
}

#[test]
fn the_schemas_in_the_repository_are_these() {
    let pipeline = include_str!("../../../../schemas/pipeline.json");
    let config = include_str!("../../../../schemas/config.json");
    for (name, text, schema) in
        [("pipeline", pipeline, cxmill_spec::pipeline_schema()), ("config", config, cxmill_spec::config_schema())]
    {
        let written: Value = serde_json::from_str(text).unwrap();
        assert_eq!(written, schema, "schemas/{name}.json is old: write what `cxmill schema {name}` prints into it");
    }
}
