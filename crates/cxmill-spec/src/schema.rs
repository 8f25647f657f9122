//! JSON schemas of pipeline and config files, for editors: made from the same tables that the reader uses.

use serde_json::{Map, Value, json};

use crate::keys;
use crate::shape::{Object, Shape};

/// The JSON schema of a pipeline file.
#[must_use]
pub fn pipeline_schema() -> Value {
    document("cxmill pipeline file", &keys::PIPELINE)
}

/// The JSON schema of a config file.
#[must_use]
pub fn config_schema() -> Value {
    document("cxmill config file", &keys::CONFIG)
}

fn document(title: &str, object: &Object) -> Value {
    let mut schema = self::object(object);
    if let Value::Object(map) = &mut schema {
        map.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        map.insert("title".to_owned(), json!(title));
    }
    schema
}

fn object(object: &Object) -> Value {
    let mut properties = Map::new();
    for key in object.keys {
        let mut schema = shape(&key.shape);
        if let Value::Object(map) = &mut schema {
            map.insert("description".to_owned(), json!(key.doc));
        }
        properties.insert(key.name.to_owned(), schema);
    }
    let required: Vec<&str> = object.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if let (false, Value::Object(map)) = (required.is_empty(), &mut schema) {
        map.insert("required".to_owned(), json!(required));
    }
    schema
}

fn shape(shape: &Shape) -> Value {
    match shape {
        // YAML takes `2026` for a number and `true` for a boolean; as text they are what is written.
        Shape::Text => json!({"type": ["string", "number", "boolean"]}),
        Shape::Scalar => json!({"type": ["string", "number", "boolean", "null"]}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Whole => json!({"type": "integer", "minimum": 0}),
        Shape::Word(words) => json!({"enum": words}),
        Shape::Notation(_, pattern) => json!({"type": ["string", "integer"], "pattern": pattern}),
        Shape::Range => {
            let end = json!({"type": ["string", "number", "null"]});
            json!({"type": "array", "items": end, "minItems": 2, "maxItems": 2})
        }
        Shape::List(item) => json!({"type": "array", "items": self::shape(item)}),
        Shape::Map(value) => json!({"type": ["object", "null"], "additionalProperties": self::shape(value)}),
        Shape::Object(object) => self::object(object),
        Shape::Any => json!({}),
        Shape::Either(shapes) => json!({"anyOf": shapes.iter().map(self::shape).collect::<Vec<_>>()}),
    }
}
