//! The contract over columnar batches (Parquet, Avro, Arrow IPC): the same conversion, the same rules. A column that keeps the
//! contract as a whole is taken as it is; the others go row by row over typed arrays.
//!
//! What the file knows as a number, a boolean, a date or an instant is taken as such; text is read as text cells are. An
//! instant without a zone is a local time of the source's zone. A value that does not fit costs its row, like anywhere else.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{CastOptions, cast_with_options, take};
use arrow::datatypes::{DataType, Field, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use cxmill_spec::Source;

use super::convert::{Cell, Kind};
use super::direct::direct;
use super::{ColumnPlan, Contract, ZoneCache};
use crate::decode::{Decoded, RawRows, Reject, RowSet};
use crate::error::IngestError;
use crate::private::PrivateKey;

/// Reads one batch of a columnar file. `first_row` is the number of its first row in the file, from 1. Columns are found by
/// their `from` names, through structs where it is a path; one that is not there is NULL.
pub fn enforce(
    source: &Source,
    key: Option<&PrivateKey>,
    batch: &RecordBatch,
    first_row: u64,
) -> Result<Decoded, IngestError> {
    Enforcer::new(source, key)?.enforce(batch, first_row)
}

/// [`enforce`] with the contract compiled once for all batches of a source.
#[derive(Debug, Clone)]
pub struct Enforcer {
    plan: Arc<Plan>,
}

/// [`direct`], or something in its place.
pub(super) type WholeColumn = fn(&ArrayRef, &ColumnPlan, &Field) -> Option<ArrayRef>;

#[derive(Debug)]
struct Plan {
    contract: Contract,
    paths: Vec<Vec<String>>,
}

impl Enforcer {
    /// Compiles the contract of a source. One with private columns and no key is a bug of the caller.
    pub fn new(source: &Source, key: Option<&PrivateKey>) -> Result<Self, IngestError> {
        let contract = Contract::new(source, key)?;
        let paths = source.columns.iter().map(|column| column.from.clone()).collect();
        Ok(Self { plan: Arc::new(Plan { contract, paths }) })
    }

    /// Reads one batch; see [`enforce`].
    pub fn enforce(&self, batch: &RecordBatch, first_row: u64) -> Result<Decoded, IngestError> {
        self.enforce_with(direct, batch, first_row)
    }

    /// Reads one batch; `whole` gives the landed array of the columns that need no look at each cell.
    pub(super) fn enforce_with(
        &self,
        whole: WholeColumn,
        batch: &RecordBatch,
        first_row: u64,
    ) -> Result<Decoded, IngestError> {
        let contract = &self.plan.contract;
        let schema = contract.schema();
        let mut ready: Vec<Option<ArrayRef>> = Vec::with_capacity(contract.columns.len());
        // Columns whose values are looked at one by one.
        let mut inputs: Vec<(usize, Input)> = Vec::new();
        for (column, ((path, plan), field)) in
            self.plan.paths.iter().zip(&contract.columns).zip(schema.fields()).enumerate()
        {
            let array = find(batch, path);
            let taken = array.as_ref().and_then(|array| whole(array, plan, field));
            if taken.is_none() {
                inputs.push((column, array.map_or(Ok(Input::Missing), |array| Input::new(&array, &plan.kind))?));
            }
            ready.push(taken);
        }
        let mut raw = ColumnarRows { plan: Arc::clone(&self.plan), batch: batch.clone(), rows: Vec::new() };
        let (mut lines, mut rejects) = (Vec::with_capacity(batch.num_rows()), Vec::new());
        let mut rows = RowSet::beside(contract, batch.num_rows(), &ready);
        let mut zone = ZoneCache::new(contract.zone);
        let singly = if inputs.is_empty() {
            // Every column keeps the contract as a whole, so every row does.
            lines.extend((first_row..).take(batch.num_rows()));
            raw.rows.extend(0..batch.num_rows());
            0..0
        } else {
            0..batch.num_rows()
        };
        for row in singly {
            for (column, input) in &inputs {
                let cell = input.cell(row, &mut zone);
                rows.put(*column, cell);
            }
            let line = first_row + row as u64;
            match rows.end_row() {
                Ok(()) => {
                    lines.push(line);
                    raw.rows.push(row);
                }
                Err(refusal) => rejects.push(Reject {
                    line,
                    offset: 0,
                    rule: refusal.rule,
                    column: refusal.column,
                    message: refusal.message,
                    raw: raw.record(row),
                }),
            }
        }
        let offsets = vec![0; lines.len()];
        if !rejects.is_empty() {
            let kept = UInt32Array::from_iter_values(raw.rows.iter().filter_map(|row| u32::try_from(*row).ok()));
            for array in ready.iter_mut().flatten() {
                *array = take(array.as_ref(), &kept, None)
                    .map_err(|error| IngestError::Bug(format!("cannot take rows of a column: {error}")))?;
            }
        }
        Ok(Decoded {
            batch: rows.finish_beside(ready),
            lines,
            offsets,
            raw: RawRows::columnar(raw),
            rejects,
            rows: batch.num_rows() as u64,
        })
    }
}

/// The array at a path, with the NULLs of the structs above it.
fn find(batch: &RecordBatch, path: &[String]) -> Option<ArrayRef> {
    let (first, rest) = path.split_first()?;
    // A flat column may have the whole path for its name.
    if let Some(array) = batch.column_by_name(&path.join(".")) {
        return Some(Arc::clone(array));
    }
    let mut array = Arc::clone(batch.column_by_name(first)?);
    for name in rest {
        let parent: &StructArray = array.as_struct_opt()?;
        let child = parent.column_by_name(name)?;
        let nulls = NullBuffer::union(parent.nulls(), child.nulls());
        let data = child.to_data().into_builder().nulls(nulls).build().ok()?;
        array = arrow::array::make_array(data);
    }
    Some(array)
}

/// A column of the file in one of the few shapes that cells are made from.
enum Input {
    Missing,
    Text(StringArray),
    Boolean(BooleanArray),
    Days(Date32Array),
    Instant(TimestampMicrosecondArray),
    /// A time without zone, in microseconds as if it were UTC.
    Local(TimestampMicrosecondArray),
    /// Numbers, as their shortest exact text.
    Number(StringArray),
    /// Something that no column holds; says what.
    Other(ArrayRef, &'static str),
}

impl Input {
    fn new(array: &ArrayRef, kind: &Kind) -> Result<Self, IngestError> {
        let micros = |zone: Option<Arc<str>>| {
            cast(array, &DataType::Timestamp(TimeUnit::Microsecond, zone))
                .map(|array| array.as_primitive::<arrow::datatypes::TimestampMicrosecondType>().clone())
        };
        Ok(match array.data_type() {
            DataType::Null => Self::Missing,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Self::Text(cast(array, &DataType::Utf8)?.as_string::<i32>().clone())
            }
            DataType::Dictionary(_, values) => {
                let flat = cast(array, values)?;
                return Self::new(&flat, kind);
            }
            // Older writers leave text unmarked.
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
                if matches!(kind, Kind::String) =>
            {
                let text = cast(&cast(array, &DataType::Binary)?, &DataType::Utf8)?;
                if text.null_count() == array.null_count() {
                    Self::Text(text.as_string::<i32>().clone())
                } else {
                    Self::Other(Arc::clone(array), "bytes that are not UTF-8")
                }
            }
            DataType::Boolean => Self::Boolean(array.as_boolean().clone()),
            DataType::Date32 => Self::Days(array.as_primitive::<arrow::datatypes::Date32Type>().clone()),
            DataType::Date64 => {
                Self::Days(cast(array, &DataType::Date32)?.as_primitive::<arrow::datatypes::Date32Type>().clone())
            }
            DataType::Timestamp(_, None) => Self::Local(micros(None)?),
            DataType::Timestamp(_, Some(zone)) => Self::Instant(micros(Some(Arc::clone(zone)))?),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Number(numbers(array)?),
            number if number.is_integer() || number.is_decimal() => Self::Number(numbers(array)?),
            DataType::Struct(_) | DataType::Map(..) => Self::Other(Arc::clone(array), "an object"),
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
                Self::Other(Arc::clone(array), "a list")
            }
            _ => Self::Other(Arc::clone(array), "a value of an unknown kind"),
        })
    }

    fn cell(&self, row: usize, zone: &mut ZoneCache) -> Cell<'_> {
        match self {
            Self::Missing => Cell::Null,
            Self::Text(array) if array.is_valid(row) => Cell::Text(array.value(row).as_bytes()),
            Self::Number(array) if array.is_valid(row) => Cell::Number(array.value(row).as_bytes()),
            Self::Boolean(array) if array.is_valid(row) => Cell::Boolean(array.value(row)),
            Self::Days(array) if array.is_valid(row) => Cell::Days(array.value(row)),
            Self::Instant(array) if array.is_valid(row) => Cell::Micros(array.value(row)),
            Self::Local(array) if array.is_valid(row) => match zone.instant(array.value(row)) {
                Ok(micros) => Cell::Micros(micros),
                Err(_) => Cell::Other("a local time that the clocks of the source's zone skipped"),
            },
            Self::Other(array, what) if array.is_valid(row) => Cell::Other(what),
            _ => Cell::Null,
        }
    }
}

fn numbers(array: &ArrayRef) -> Result<StringArray, IngestError> {
    Ok(cast(array, &DataType::Utf8)?.as_string::<i32>().clone())
}

fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, IngestError> {
    let options = CastOptions { safe: true, ..CastOptions::default() };
    cast_with_options(array, to, &options)
        .map_err(|error| IngestError::Bug(format!("cannot read {} as {to}: {error}", array.data_type())))
}

/// Rows of a columnar batch, for quarantine.
#[derive(Debug)]
pub(crate) struct ColumnarRows {
    plan: Arc<Plan>,
    batch: RecordBatch,
    /// The row of the batch behind each accepted row.
    rows: Vec<usize>,
}

impl ColumnarRows {
    /// The raw record of an accepted row.
    pub(crate) fn raw(&self, row: usize) -> Option<String> {
        self.record(*self.rows.get(row)?)
    }

    /// A row of the batch as JSON, private values hashed.
    fn record(&self, row: usize) -> Option<String> {
        let mut fields = serde_json::Map::new();
        for (field, array) in self.batch.schema_ref().fields().iter().zip(self.batch.columns()) {
            let path = vec![field.name().clone()];
            fields.insert(field.name().clone(), self.value(array, row, &path)?);
        }
        Some(crate::decode::capped(serde_json::Value::Object(fields).to_string()))
    }

    fn value(&self, array: &ArrayRef, row: usize, path: &[String]) -> Option<serde_json::Value> {
        use serde_json::Value;
        if array.is_null(row) || *array.data_type() == DataType::Null {
            return Some(Value::Null);
        }
        let private = self.plan.paths.iter().zip(&self.plan.contract.columns).any(|(known, column)| {
            // Where a struct with private fields should be, anything else may be what should be hidden.
            let instead = array.as_struct_opt().is_none() && known.starts_with(path);
            column.private && (known == path || known.join(".") == path.join(".") || instead)
        });
        if !private && let Some(object) = array.as_struct_opt() {
            let mut fields = serde_json::Map::new();
            for (name, child) in object.column_names().into_iter().zip(object.columns()) {
                let mut path = path.to_vec();
                path.push(name.to_owned());
                fields.insert(name.to_owned(), self.value(child, row, &path)?);
            }
            return Some(Value::Object(fields));
        }
        let options = FormatOptions::default();
        let text = ArrayFormatter::try_new(array, &options).ok()?.value(row).try_to_string().ok()?;
        Some(match array.data_type() {
            _ if private => Value::String(self.plan.contract.hash(text.as_bytes())),
            DataType::Boolean => Value::Bool(text == "true"),
            number if number.is_numeric() => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            _ => Value::String(text),
        })
    }
}
