//! Rows as a page shows them.

use cxmill_report::{Cell, Rows};
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::compile::types::published;
use crate::look::show::Table;

/// The rows of a table, of which there are more where it holds more than these.
pub(crate) fn cells(table: &Table, most: usize) -> Result<Rows, ArrowError> {
    let columns = table.schema.fields().iter().map(|field| field.name().clone()).collect();
    let mut rows = Vec::new();
    for batch in &table.batches {
        let arrays = batch.columns().iter().map(plain).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            rows.push(arrays.iter().map(|array| cell(array, row)).collect::<Result<Vec<_>, _>>()?);
        }
    }
    let more = rows.len() > most;
    rows.truncate(most);
    Ok(Rows { columns, rows, more })
}

/// The column in the type in which it would be published: there are few of those.
fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match published(array.data_type()) {
        Ok(data_type) => cast(array, &data_type),
        Err(_) => Ok(ArrayRef::clone(array)),
    }
}

fn cell(array: &ArrayRef, row: usize) -> Result<Cell, ArrowError> {
    if array.is_null(row) {
        return Ok(Cell::Missing);
    }
    Ok(match array.data_type() {
        DataType::Null => Cell::Missing,
        DataType::Boolean => Cell::Truth(array.as_boolean().value(row)),
        DataType::Int8 => Cell::whole(array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => Cell::whole(array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => Cell::whole(array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => Cell::whole(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Cell::Number(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) if *scale >= 0 => {
            Cell::Exact { unscaled: array.as_primitive::<Decimal128Type>().value(row), digits: scale.unsigned_abs() }
        }
        DataType::Date32 => Cell::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Cell::Time(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        _ => Cell::Text(ArrayFormatter::try_new(array, &FormatOptions::default())?.value(row).to_string()),
    })
}
