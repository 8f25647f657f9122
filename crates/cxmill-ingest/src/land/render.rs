//! A landed row as JSON, for the raw record of a conflict.
//!
//! The text a row was read from is not kept until its duplicates are known: it would take most of the memory. So the raw
//! record of a conflict holds the declared columns, under the names they have in raw rows, and nothing else; private
//! columns are hashed in it because they are hashed in the row.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use cxmill_spec::Column;
use serde_json::{Map, Value};

/// The row as one line of JSON.
pub(crate) fn render(columns: &[Column], values: &[ArrayRef], row: usize) -> String {
    let mut object = Map::new();
    for (column, array) in columns.iter().zip(values) {
        put(&mut object, &column.from, value(array.as_ref(), row));
    }
    Value::Object(object).to_string()
}

fn put(object: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            object.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let inner = object.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

fn value(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Utf8 => Value::from(array.as_string::<i32>().value(row)),
        DataType::Int8 => Value::from(array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => Value::from(array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => Value::from(array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => Value::from(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Value::from(array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Value::from(array.as_boolean().value(row)),
        _ => {
            // Dates, instants and decimals have no JSON form of their own: their text is exact.
            let text = ArrayFormatter::try_new(array, &FormatOptions::default());
            text.map_or(Value::Null, |text| Value::from(text.value(row).to_string()))
        }
    }
}
