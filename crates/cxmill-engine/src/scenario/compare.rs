//! Expected rows against the rows of a table, in any order.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use cxmill_spec::Rows;
use datafusion::arrow::datatypes::DataType;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::look::Table;

/// How far a double may be off, relative to its size (absolute below 1).
const TOLERANCE: f64 = 1e-9;

/// Rows of each kind that are looked through for pairs: nobody reads more.
const MOST_PAIRED: usize = 100;

/// Rows that differ, each with the columns that the expectation names.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows that are expected and not there; a column that the row does not name is null.
    pub missing: Vec<Vec<Value>>,
    /// Rows that are there and not expected.
    pub unexpected: Vec<Vec<Value>>,
    /// Rows of both that are most alike, each in one pair at most.
    pub pairs: Vec<Pair>,
}

/// A row that is missing, and one that stands there in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// Which of the missing rows.
    pub missing: usize,
    /// Which of the rows that are not expected.
    pub unexpected: usize,
    /// Columns in which they differ.
    pub differ: Vec<String>,
}

/// What differs, if anything does. Each row of the table answers one expected row; only named columns are compared.
pub(super) fn difference(expected: &Rows, table: &Table) -> Option<Difference> {
    let names = table.columns();
    let types: Vec<&DataType> = table.schema.fields().iter().map(|field| field.data_type()).collect();
    let mut rows: Vec<Option<Vec<Value>>> = table.rows().into_iter().map(Some).collect();
    let found = Columns { names: &names, types: &types };
    let fits =
        |row: &[Value], wanted: &Map<String, Value>| wanted.iter().all(|(name, wanted)| found.has(row, name, wanted));
    let mut missing = Vec::new();
    for (wanted, _) in &expected.rows {
        match rows.iter_mut().find(|row| row.as_ref().is_some_and(|row| fits(row, wanted))) {
            Some(row) => *row = None,
            None => missing.push(wanted),
        }
    }
    let unexpected: Vec<Vec<Value>> = rows.into_iter().flatten().collect();
    if missing.is_empty() && unexpected.is_empty() {
        return None;
    }
    let named = |name: &&String| expected.rows.iter().any(|(row, _)| row.contains_key(*name));
    let mut columns: Vec<String> = names.iter().filter(named).cloned().collect();
    if columns.is_empty() {
        columns.clone_from(&names);
    }
    let place = |name: &String| names.iter().position(|column| column == name);
    let places: Vec<Option<usize>> = columns.iter().map(place).collect();
    let cut = |row: &Vec<Value>| {
        places.iter().map(|place| place.and_then(|i| row.get(i)).cloned().unwrap_or(Value::Null)).collect()
    };
    Some(Difference {
        pairs: pairs(&missing, &unexpected, found),
        missing: missing
            .into_iter()
            .map(|row| columns.iter().map(|name| row.get(name).cloned().unwrap_or(Value::Null)).collect())
            .collect(),
        unexpected: unexpected.iter().map(cut).collect(),
        columns,
    })
}

/// The columns of the table that was found.
#[derive(Debug, Clone, Copy)]
struct Columns<'a> {
    names: &'a [String],
    types: &'a [&'a DataType],
}

impl Columns<'_> {
    /// Whether a row has the wanted value in the column of this name.
    fn has(&self, row: &[Value], name: &str, wanted: &Value) -> bool {
        let place = self.names.iter().position(|column| column == name);
        place.and_then(|i| row.get(i).zip(self.types.get(i))).is_some_and(|(found, kind)| same(wanted, found, kind))
    }
}

/// For each missing row the one that is there and shares most values with it, where they share any.
fn pairs(missing: &[&Map<String, Value>], unexpected: &[Vec<Value>], columns: Columns<'_>) -> Vec<Pair> {
    let differ = |wanted: &Map<String, Value>, row: &[Value]| -> Vec<String> {
        let differs = |(name, value): &(&String, &Value)| !columns.has(row, name, value);
        wanted.iter().filter(differs).map(|(name, _)| name.clone()).collect()
    };
    let mut pairs: Vec<Pair> = Vec::new();
    for (index, wanted) in missing.iter().enumerate().take(MOST_PAIRED) {
        let free = unexpected.iter().enumerate().take(MOST_PAIRED);
        let free = free.filter(|(other, _)| pairs.iter().all(|pair| pair.unexpected != *other));
        let nearest = free.map(|(other, row)| (other, differ(wanted, row))).min_by_key(|(_, differ)| differ.len());
        if let Some((other, differ)) = nearest.filter(|(_, differ)| differ.len() < wanted.len()) {
            pairs.push(Pair { missing: index, unexpected: other, differ });
        }
    }
    pairs
}

/// Whether a value as YAML writes it (numbers are text) is the value that was found.
fn same(wanted: &Value, found: &Value, kind: &DataType) -> bool {
    match (wanted, found, kind) {
        (Value::String(wanted), Value::Number(found), _) => match found.as_i64() {
            Some(whole) => {
                wanted.trim().parse::<i64>().map_or_else(|_| near(wanted, whole as f64), |text| text == whole)
            }
            None => found.as_f64().is_some_and(|found| near(wanted, found)),
        },
        (Value::String(wanted), Value::String(found), DataType::Decimal128(..)) => plain(wanted) == plain(found),
        (Value::String(wanted), Value::String(found), DataType::Timestamp(..)) => {
            instant(wanted).is_some_and(|wanted| instant(found) == Some(wanted))
        }
        (Value::Object(wanted), Value::Object(found), DataType::Struct(fields)) => {
            wanted.iter().all(|(name, wanted)| {
                let field = fields.iter().find(|field| field.name() == name);
                field.zip(found.get(name)).is_some_and(|(field, found)| same(wanted, found, field.data_type()))
            })
        }
        (Value::Array(wanted), Value::Array(found), DataType::List(item)) => {
            wanted.len() == found.len()
                && wanted.iter().zip(found).all(|(wanted, found)| same(wanted, found, item.data_type()))
        }
        _ => wanted == found,
    }
}

fn near(wanted: &str, found: f64) -> bool {
    let close = |wanted: f64| (wanted - found).abs() <= TOLERANCE * wanted.abs().max(1.0);
    wanted.trim().parse::<f64>().is_ok_and(close)
}

/// A decimal number without what does not count: a plus sign, zeros at the ends.
fn plain(text: &str) -> String {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    if whole.is_empty() && fraction.is_empty() { "0".to_owned() } else { format!("{sign}{whole}.{fraction}") }
}

/// Microseconds of a timestamp; UTC where it has no offset, midnight where it has no time.
fn instant(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.timestamp_micros());
    }
    let naive = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let naive = naive.or_else(|| text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0))?;
    Some(naive.and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{Field, Fields, TimeUnit};
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_that_are_most_alike_are_paired() {
        let row = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let wanted =
            [row(r#"{"day": "1", "n": "2"}"#), row(r#"{"day": "2", "n": "2"}"#), row(r#"{"day": "3", "n": "9"}"#)];
        let names = ["day".to_owned(), "n".to_owned()];
        let columns = Columns { names: &names, types: &[&DataType::Int64, &DataType::Int64] };
        let there = [vec![json!(2), json!(7)], vec![json!(1), json!(3)], vec![json!(5), json!(5)]];
        let found = pairs(&wanted.iter().collect::<Vec<_>>(), &there, columns);
        let pair = |missing, unexpected| Pair { missing, unexpected, differ: vec!["n".to_owned()] };
        assert_eq!(found, [pair(0, 1), pair(1, 0)], "the third shares nothing with any");
    }

    #[test]
    fn values_are_compared_in_the_type_of_the_column() {
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let range: Fields = vec![Field::new("low", DataType::Float64, true)].into();
        for (wanted, found, kind, equal) in [
            (json!("2"), json!(2), DataType::Int64, true),
            (json!("2.5"), json!(2), DataType::Int64, false),
            (json!("0.1"), json!(0.100_000_000_000_1), DataType::Float64, true),
            (json!("0.1"), json!(0.1001), DataType::Float64, false),
            (json!("1.5"), json!("1.50"), DataType::Decimal128(4, 2), true),
            (json!("1.5"), json!("1.50"), DataType::Utf8, false),
            (json!("-0.0"), json!("0.00"), DataType::Decimal128(4, 2), true),
            (json!("2026-01-01"), json!("2026-01-01"), DataType::Date32, true),
            (json!("2026-01-01T01:00:00+01:00"), json!("2026-01-01T00:00:00Z"), utc.clone(), true),
            (json!("2026-01-01"), json!("2026-01-01T00:00:01Z"), utc, false),
            (json!({"low": "1"}), json!({"low": 1.0, "high": 2.0}), DataType::Struct(range), true),
            (json!(null), json!(null), DataType::Int64, true),
            (json!(null), json!(0), DataType::Int64, false),
            (json!("0"), json!(null), DataType::Int64, false),
            (json!(true), json!(true), DataType::Boolean, true),
        ] {
            assert_eq!(same(&wanted, &found, &kind), equal, "{wanted} and {found} as {kind}");
        }
    }
}
