//! Distinct values of one type, each known by its place among them.
//!
//! A value is kept as Arrow's row format writes it: bytes that are in the order of the values, whatever their type.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, new_null_array};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{Row, RowConverter, Rows, SortField};
use datafusion::common::{Result, exec_datafusion_err, internal_datafusion_err};

/// The distinct values that were seen, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Values {
    converter: Arc<RowConverter>,
    places: HashMap<Arc<[u8]>, u32>,
    values: Vec<Arc<[u8]>>,
    /// What NULL is written as.
    null: Arc<[u8]>,
    /// Of all values together.
    bytes: usize,
}

impl Values {
    pub(crate) fn new(data_type: &DataType) -> Result<Self> {
        let converter = RowConverter::new(vec![SortField::new(data_type.clone())])?;
        let null = converter.convert_columns(&[new_null_array(data_type, 1)])?;
        let null = Arc::from(null.row(0).data());
        Ok(Self::none_of(Arc::new(converter), null))
    }

    /// None of the same type.
    pub(crate) fn none(&self) -> Self {
        Self::none_of(Arc::clone(&self.converter), Arc::clone(&self.null))
    }

    fn none_of(converter: Arc<RowConverter>, null: Arc<[u8]>) -> Self {
        Self { converter, places: HashMap::new(), values: Vec::new(), null, bytes: 0 }
    }

    /// A column of the type as [`Values::place_of`] takes it.
    pub(crate) fn read(&self, column: &ArrayRef) -> Result<Rows> {
        Ok(self.converter.convert_columns(std::slice::from_ref(column))?)
    }

    /// The place of a value, which is added if it is new.
    pub(crate) fn place_of(&mut self, value: Row<'_>) -> Result<u32> {
        if let Some(place) = self.places.get(value.data()) {
            return Ok(*place);
        }
        let place = u32::try_from(self.values.len())
            .map_err(|_| exec_datafusion_err!("more than {} distinct values", u32::MAX))?;
        let value: Arc<[u8]> = Arc::from(value.data());
        self.bytes += value.len();
        self.values.push(Arc::clone(&value));
        self.places.insert(value, place);
        Ok(place)
    }

    /// Bytes that are in the order of the values.
    pub(crate) fn order_of(&self, place: u32) -> &[u8] {
        &self.values[place as usize]
    }

    /// The values at these places; NULL where there is none.
    pub(crate) fn column(&self, places: impl Iterator<Item = Option<u32>>) -> Result<ArrayRef> {
        let parser = self.converter.parser();
        let bytes = places.map(|place| place.map_or(&*self.null, |place| self.order_of(place)));
        let columns = self.converter.convert_rows(bytes.map(|bytes| parser.parse(bytes)))?;
        columns.into_iter().next().ok_or_else(|| internal_datafusion_err!("values of no column"))
    }

    /// Bytes on the heap.
    pub(crate) fn heap(&self) -> usize {
        /// Of the counters of an `Arc`.
        const COUNTERS: usize = 2 * size_of::<usize>();
        let entry = size_of::<(Arc<[u8]>, u32)>() + 1;
        self.bytes
            + self.values.len() * COUNTERS
            + self.values.capacity() * size_of::<Arc<[u8]>>()
            + self.places.capacity() * entry
    }
}
