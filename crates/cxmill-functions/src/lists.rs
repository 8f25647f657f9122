//! State columns that are lists side by side: how they are written and read.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::cast::as_list_array;
use datafusion::common::{Result, exec_datafusion_err, internal_err};

/// The type of a state column.
pub(crate) fn list_of(data_type: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(data_type, true)))
}

/// Lists that end at these places of each of the value columns.
pub(crate) fn lists_of(ends: Vec<i32>, values: Vec<ArrayRef>) -> Result<Vec<ArrayRef>> {
    let offsets = OffsetBuffer::new(std::iter::once(0).chain(ends).collect());
    values
        .into_iter()
        .map(|values| -> Result<ArrayRef> {
            let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
            Ok(Arc::new(ListArray::try_new(field, offsets.clone(), values, None)?))
        })
        .collect()
}

/// The end of a list as Arrow counts it.
pub(crate) fn end_of(len: usize) -> Result<i32> {
    i32::try_from(len).map_err(|_| exec_datafusion_err!("more than {} elements of lists in one batch", i32::MAX))
}

/// State columns that are lists side by side.
#[derive(Debug)]
pub(crate) struct Lists<'a>(Vec<&'a ListArray>);

impl<'a> Lists<'a> {
    pub(crate) fn read(columns: &'a [ArrayRef]) -> Result<Self> {
        Ok(Self(columns.iter().map(|column| as_list_array(column)).collect::<Result<_>>()?))
    }

    /// The elements of each column, all lists in one.
    pub(crate) fn values(&self) -> Vec<&'a ArrayRef> {
        self.0.iter().map(|list| list.values()).collect()
    }

    /// Hands on each element: its row, and its place in each of [`Lists::values`]. A row with a NULL list is empty.
    pub(crate) fn each(&self, mut take: impl FnMut(usize, &[usize]) -> Result<()>) -> Result<()> {
        let Some(first) = self.0.first() else { return Ok(()) };
        let mut places = vec![0; self.0.len()];
        for row in (0..first.len()).filter(|row| self.0.iter().all(|list| list.is_valid(*row))) {
            let length = first.value_length(row);
            for (place, list) in places.iter_mut().zip(&self.0) {
                if list.value_length(row) != length {
                    return internal_err!("the lists of a state differ in length");
                }
                *place = list.value_offsets()[row] as usize;
            }
            for _ in 0..length {
                take(row, &places)?;
                places.iter_mut().for_each(|place| *place += 1);
            }
        }
        Ok(())
    }
}
