//! Rows under construction, the same for every format: a row is appended column by column, and taken back whole where it
//! breaks the contract.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StructArray};
use bytes::Bytes;

use super::csv::PrivateCells;
use super::raw::{RawRows, TextRows};
use super::{Block, Decoded, Reject, TextPlan};
use crate::contract::{Cell, ColumnData, Contract, Fault, ZoneCache};

/// Accepted rows so far and the row in progress.
pub(crate) struct RowSet<'a> {
    contract: &'a Contract,
    columns: Vec<ColumnData>,
    /// Columns that are built elsewhere: they take no value here.
    elsewhere: Vec<bool>,
    /// Number of columns that take a value here.
    here: usize,
    zone: ZoneCache,
    /// Accepted rows.
    rows: usize,
    /// Columns that the row in progress has a value or an explicit NULL for.
    filled: usize,
    /// What is wrong with the row in progress: the fault of its first column in declared order.
    fault: Option<(usize, Box<Fault>)>,
    /// Set once a row broke a rule for which no column is at fault.
    row_fault: Option<(&'static str, String)>,
}

/// Why a row was not accepted.
pub(crate) struct Refusal {
    pub(crate) rule: &'static str,
    pub(crate) column: Option<String>,
    pub(crate) message: String,
}

impl<'a> RowSet<'a> {
    pub(crate) fn new(contract: &'a Contract, rows: usize) -> Self {
        Self {
            contract,
            columns: contract.columns_for(rows),
            elsewhere: vec![false; contract.columns.len()],
            here: contract.columns.len(),
            zone: ZoneCache::new(contract.zone),
            rows: 0,
            filled: 0,
            fault: None,
            row_fault: None,
        }
    }

    /// The same beside columns that are ready as a whole.
    pub(crate) fn beside(contract: &'a Contract, rows: usize, ready: &[Option<ArrayRef>]) -> Self {
        let columns = contract.columns.iter().zip(ready);
        let columns = columns.map(|(plan, ready)| ColumnData::new(plan, if ready.is_some() { 0 } else { rows }));
        Self {
            columns: columns.collect(),
            elsewhere: ready.iter().map(Option::is_some).collect(),
            here: ready.iter().filter(|ready| ready.is_none()).count(),
            ..Self::new(contract, 0)
        }
    }

    /// Gives the row in progress its value for a column. A column takes one value a row.
    #[inline]
    pub(crate) fn put(&mut self, column: usize, cell: Cell<'_>) {
        let (Some(data), Some(plan)) = (self.columns.get_mut(column), self.contract.columns.get(column)) else {
            return;
        };
        match data.append(self.contract, plan, cell, &mut self.zone) {
            Ok(()) => self.filled += 1,
            Err(fault) => self.fault_at(column, fault),
        }
    }

    #[cold]
    fn fault_at(&mut self, column: usize, fault: Box<Fault>) {
        if self.fault.as_ref().is_none_or(|(first, _)| column < *first) {
            self.fault = Some((column, fault));
        }
    }

    /// Notes that the way to a column is no object.
    #[cold]
    pub(crate) fn not_an_object(&mut self, column: usize, path: &str) {
        if let Some(plan) = self.contract.columns.get(column) {
            let fault = plan.fault("type", format!("expected an object at \"{path}\", found something else"));
            self.fault_at(column, fault);
        }
    }

    /// Marks the row in progress as broken by something other than a column.
    #[cold]
    pub(crate) fn fault_row(&mut self, rule: &'static str, message: String) {
        self.row_fault.get_or_insert((rule, message));
    }

    /// Ends the row in progress: columns without a value become NULL, and the row is accepted or taken back.
    #[inline]
    pub(crate) fn end_row(&mut self) -> Result<(), Refusal> {
        if self.filled < self.here {
            self.fill();
        }
        self.filled = 0;
        if self.fault.is_none() && self.row_fault.is_none() {
            self.rows += 1;
            return Ok(());
        }
        Err(self.take_back())
    }

    fn fill(&mut self) {
        let before = self.fault.as_ref().map_or(usize::MAX, |(column, _)| *column);
        for (i, (data, plan)) in self.columns.iter_mut().zip(&self.contract.columns).enumerate().take(before) {
            if data.len() == self.rows && !self.elsewhere.get(i).is_some_and(|elsewhere| *elsewhere) {
                if plan.required {
                    self.fault = Some((i, plan.missing()));
                    return;
                }
                data.push_null();
            }
        }
    }

    /// Takes back the row in progress and says what was wrong with it.
    #[cold]
    pub(crate) fn take_back(&mut self) -> Refusal {
        for column in &mut self.columns {
            column.truncate(self.rows);
        }
        self.filled = 0;
        let fault = self.fault.take();
        match (self.row_fault.take(), fault) {
            (Some((rule, message)), _) => Refusal { rule, column: None, message },
            (None, Some((column, fault))) => Refusal {
                rule: fault.rule,
                column: self.contract.columns.get(column).map(|plan| plan.name.clone()),
                message: fault.message,
            },
            (None, None) => Refusal { rule: "malformed", column: None, message: String::new() },
        }
    }

    /// The batch of accepted rows.
    pub(crate) fn finish(self) -> RecordBatch {
        let ready = vec![None; self.columns.len()];
        self.finish_beside(ready)
    }

    /// The batch of accepted rows with the columns that were ready; these hold the accepted rows only.
    pub(crate) fn finish_beside(self, ready: Vec<Option<ArrayRef>>) -> RecordBatch {
        let schema = self.contract.schema();
        let columns = self.columns.into_iter().zip(&self.contract.columns).zip(ready);
        let arrays = columns.map(|((data, plan), ready)| ready.unwrap_or_else(|| data.finish(plan))).collect();
        // Lengths, types and required columns hold by construction: what this checks could only be broken by a bug here.
        RecordBatch::from(StructArray::new(schema.fields().clone(), arrays, None))
    }
}

/// Where accepted and rejected records lie in their block.
pub(crate) struct Places<'a> {
    plan: &'a Arc<TextPlan>,
    block: &'a Block,
    /// Indices of the cells that hold private values, for delimited text.
    private_cells: PrivateCells,
    lines: Vec<u64>,
    offsets: Vec<u64>,
    /// Start in the block and length of each accepted record.
    places: Vec<(u32, u32)>,
    rejects: Vec<Reject>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(plan: &'a Arc<TextPlan>, block: &'a Block, private_cells: PrivateCells, rows: usize) -> Self {
        Self {
            plan,
            block,
            private_cells,
            lines: Vec::with_capacity(rows),
            offsets: Vec::with_capacity(rows),
            places: Vec::with_capacity(rows),
            rejects: Vec::new(),
        }
    }

    /// Notes an accepted record.
    #[inline]
    pub(crate) fn accept(&mut self, line: u64, start: usize, length: usize) {
        self.lines.push(line);
        self.offsets.push(self.block.offset + start as u64);
        // A block holds at most `MAX_RECORD` and a little more.
        self.places.push((u32::try_from(start).unwrap_or(u32::MAX), u32::try_from(length).unwrap_or(u32::MAX)));
    }

    /// Notes a rejected record.
    #[cold]
    pub(crate) fn reject(&mut self, line: u64, start: usize, record: &[u8], refusal: Refusal) {
        self.rejects.push(Reject {
            line,
            offset: self.block.offset + start as u64,
            rule: refusal.rule,
            column: refusal.column,
            message: refusal.message,
            raw: super::raw::raw_text(self.plan, record, &self.private_cells),
        });
    }

    pub(crate) fn finish(self, batch: RecordBatch) -> Decoded {
        let rows = batch.num_rows() as u64 + self.rejects.len() as u64;
        let raw = RawRows::text(TextRows {
            plan: Arc::clone(self.plan),
            block: Bytes::clone(&self.block.bytes),
            places: self.places,
            private_cells: self.private_cells,
        });
        Decoded { batch, lines: self.lines, offsets: self.offsets, raw, rejects: self.rejects, rows }
    }
}
