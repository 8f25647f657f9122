//! Published types: the ones every reader of Parquet understands.
//!
//! Signed integers, double, decimal(≤38), boolean, utf8, binary, date32 and timestamp[us, UTC], alone or inside structs
//! and lists. Whatever DataFusion computes in another type is cast to the nearest of these, or is an error that says what
//! to write instead. All published fields are nullable: a reader must not depend on what a planner could prove.

use std::sync::Arc;

use cxmill_incremental::Origin;
use cxmill_spec::ColumnType;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};

/// Precision that fits the 128 bits every reader understands.
const DECIMAL128_DIGITS: u8 = 38;

/// Why a type cannot be published, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unpublishable {
    /// What is wrong, as in `its type is interval`.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: String,
}

/// Instants: microseconds since 1970, UTC.
pub(crate) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

/// Whether it is a timestamp whose calendar is that of UTC.
pub(crate) fn is_utc(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(_, zone) => zone.as_deref().is_none_or(|zone| matches!(zone, "UTC" | "+00:00")),
        _ => false,
    }
}

/// The type in which a column computed as `computed` is published.
pub(crate) fn published(computed: &DataType) -> Result<DataType, Unpublishable> {
    Ok(match computed {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float64
        | DataType::Utf8
        | DataType::Binary
        | DataType::Date32
        | DataType::Decimal128(..) => computed.clone(),
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 | DataType::Float32 => DataType::Float64,
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(..) => timestamp(),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Decimal256(precision, scale) if *precision <= DECIMAL128_DIGITS => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Decimal256(precision, scale) => {
            return Err(Unpublishable {
                message: format!("its type is decimal({precision}, {scale}), more than {DECIMAL128_DIGITS} digits"),
                help: format!("CAST(… AS DECIMAL({DECIMAL128_DIGITS}, {scale}))"),
            });
        }
        DataType::Dictionary(_, values) => published(values)?,
        DataType::RunEndEncoded(_, values) => published(values.data_type())?,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => {
            DataType::List(Arc::new(Field::new("item", published(item.data_type())?, true)))
        }
        DataType::Struct(fields) if is_state(computed) => {
            for field in fields {
                let plain = published(field.data_type()).is_ok_and(|plain| plain == *field.data_type());
                if !plain {
                    return Err(Unpublishable {
                        message: format!(
                            "its type is a state that holds {}, which not every reader understands",
                            name(field.data_type())
                        ),
                        help: "cast the argument of the state function, for example to double".to_owned(),
                    });
                }
            }
            // As it is: its first field says which function, of which version, it is a state of.
            computed.clone()
        }
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|field| Ok(Arc::new(Field::new(field.name(), published(field.data_type())?, true))))
                .collect::<Result<Vec<FieldRef>, Unpublishable>>()?
                .into(),
        ),
        DataType::Null => {
            return Err(Unpublishable {
                message: "it is always NULL and has no type".to_owned(),
                help: "give it a type: CAST(NULL AS …)".to_owned(),
            });
        }
        DataType::Interval(_) | DataType::Duration(_) => {
            return Err(Unpublishable {
                message: "its type is a span of time, which not every reader understands".to_owned(),
                help: "take a number of it, as in EXTRACT(EPOCH FROM …) for seconds".to_owned(),
            });
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            return Err(Unpublishable {
                message: "its type is a time of day, which not every reader understands".to_owned(),
                help: "keep the timestamp, or take the hour with date_part('hour', …)".to_owned(),
            });
        }
        DataType::Map(..) | DataType::Union(..) => {
            return Err(Unpublishable {
                message: format!("its type is {}, which not every reader understands", name(computed)),
                help: "take its values out into columns of their own".to_owned(),
            });
        }
    })
}

/// Whether a type is that of the state of an aggregate.
fn is_state(data_type: &DataType) -> bool {
    Origin::of(&Field::new("state", data_type.clone(), true)).is_ok()
}

/// A type in the words of SQL and of a contract, for messages.
pub(crate) fn name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "int8".to_owned(),
        DataType::Int16 => "int16".to_owned(),
        DataType::Int32 => "int32".to_owned(),
        DataType::Int64 => "int64".to_owned(),
        DataType::UInt8 => "uint8".to_owned(),
        DataType::UInt16 => "uint16".to_owned(),
        DataType::UInt32 => "uint32".to_owned(),
        DataType::UInt64 => "uint64".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Interval(_) => "interval".to_owned(),
        DataType::Null => "null".to_owned(),
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => format!("decimal({p}, {s})"),
        DataType::Dictionary(_, values) => name(values),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            format!("list of {}", name(item.data_type()))
        }
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields.iter().map(|f| format!("{} {}", f.name(), name(f.data_type()))).collect();
            format!("struct of {}", fields.join(", "))
        }
        DataType::Map(..) => "map".to_owned(),
        DataType::Union(..) => "union".to_owned(),
        other => other.to_string(),
    }
}

/// The Arrow type of a declared column, as landed rows hold it.
pub(crate) fn declared(column: &ColumnType) -> DataType {
    match column {
        ColumnType::String => DataType::Utf8,
        ColumnType::Int8 => DataType::Int8,
        ColumnType::Int16 => DataType::Int16,
        ColumnType::Int32 => DataType::Int32,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Double => DataType::Float64,
        ColumnType::Decimal { precision, scale } => DataType::Decimal128(*precision, *scale),
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date(_) => DataType::Date32,
        ColumnType::Timestamp(_) => timestamp(),
    }
}
