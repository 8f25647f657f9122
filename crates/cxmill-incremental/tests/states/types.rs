//! Keys and states of every type that can be kept come back from Parquet as they were.

use datafusion::arrow::datatypes::DataType;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::data::{parts, schema};
use crate::support::{at_once, by_parts, same, session, splitted, table};

/// What is cast, and to what.
const TYPES: &[(&str, &str)] = &[
    ("small", "UInt8"),
    ("small", "UInt16"),
    ("small", "UInt32"),
    ("large", "UInt64"),
    ("whole", "Int16"),
    ("other", "Float16"),
    ("other", "Float32"),
    ("text", "LargeUtf8"),
    ("text", "Utf8View"),
    ("text", "Dictionary(Int32, Utf8)"),
    ("text", "Binary"),
    ("text", "LargeBinary"),
    ("text", "BinaryView"),
    ("day", "Date64"),
    ("at", "Timestamp(Second, None)"),
    ("at", "Timestamp(Millisecond, Some(\"UTC\"))"),
    ("at", "Timestamp(Nanosecond, Some(\"+01:00\"))"),
    ("at", "Time64(Nanosecond)"),
    ("at", "Time32(Second)"),
    ("whole", "Duration(Second)"),
    ("money", "Decimal32(9, 2)"),
    ("money", "Decimal64(18, 2)"),
    ("money", "Decimal256(60, 2)"),
];

#[tokio::test]
async fn every_type_comes_back_as_it_was() {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[3; 32]));
    let parts = parts().new_tree(&mut runner).unwrap().current().0;
    let mut failures = Vec::new();
    for (column, data_type) in TYPES {
        let value = format!("arrow_cast({column}, '{data_type}')");
        let sql = format!(
            "SELECT {value} AS key, count(DISTINCT {value}) AS values, array_agg({value} ORDER BY id) AS all,
             last_value({value} ORDER BY {value}, id) AS last, max({value}) AS greatest FROM events GROUP BY 1"
        );
        // Not every type has a greatest value in DataFusion.
        let without = sql.replace(&format!(", max({value}) AS greatest"), "");
        let (sql, once) = match at_once(&sql, &schema(), &parts).await {
            Ok(once) => (sql, once),
            Err(_) => (without.clone(), at_once(&without, &schema(), &parts).await.unwrap()),
        };
        let outcome = match by_parts(&sql, &schema(), &parts).await {
            Ok(states) => same(&once, &states),
            Err(error) => Err(error.to_string()),
        };
        if let Err(difference) = outcome {
            failures.push(format!("{sql}: {difference}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Whatever the query's types, a table of states has only those that every reader understands.
#[tokio::test]
async fn a_table_of_states_has_plain_types_only() {
    fn is_plain(data_type: &DataType) -> bool {
        match data_type {
            DataType::Struct(fields) => fields.iter().all(|field| field.is_nullable() && is_plain(field.data_type())),
            DataType::List(item) => is_plain(item.data_type()),
            DataType::Timestamp(unit, _) | DataType::Time64(unit) => {
                *unit != datafusion::arrow::datatypes::TimeUnit::Nanosecond
            }
            other => {
                other.is_signed_integer()
                    || matches!(
                        other,
                        DataType::Boolean
                            | DataType::Float32
                            | DataType::Float64
                            | DataType::Utf8
                            | DataType::Binary
                            | DataType::Date32
                            | DataType::Time32(_)
                            | DataType::Decimal32(_, _)
                            | DataType::Decimal64(_, _)
                            | DataType::Decimal128(_, _)
                            | DataType::Decimal256(_, _)
                    )
            }
        }
    }
    let ctx = session();
    ctx.register_table("events", table(&schema(), &[])).unwrap();
    for (column, data_type) in TYPES {
        let value = format!("arrow_cast({column}, '{data_type}')");
        let sql =
            format!("SELECT {value} AS key, count(DISTINCT {value}) AS values, stddev(id) AS s FROM events GROUP BY 1");
        let split = splitted(&ctx, &sql).await.unwrap();
        for field in split.state_schema().fields() {
            assert!(field.is_nullable() && is_plain(field.data_type()), "{field}");
        }
    }
}
