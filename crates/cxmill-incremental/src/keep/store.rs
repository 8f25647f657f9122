//! Which rows of each group are kept: all, the distinct ones, or the least one.

use datafusion::logical_expr::EmitTo;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::arena::Arena;

/// The rows kept of all groups.
#[derive(Debug)]
pub(crate) enum Store {
    /// Every row.
    All(Arena),
    /// Every distinct row.
    Distinct(DistinctRows),
    /// The least row of each group, by the order of encoded bytes.
    Least(LeastRows),
}

impl Store {
    /// Takes a row of a group into account.
    pub(crate) fn add(&mut self, group: usize, row: &[u8]) {
        match self {
            Store::All(rows) => {
                rows.push(group, row);
            }
            Store::Distinct(rows) => rows.add(group, row),
            Store::Least(rows) => rows.add(group, row),
        }
    }

    /// The kept rows of the groups to emit, in order of group and bytes. Groups that stay are counted from 0 again.
    pub(crate) fn take(&mut self, emit: EmitTo) -> Arena {
        let mut rows = match (self, emit) {
            (Store::All(rows), EmitTo::All) => std::mem::take(rows),
            (Store::All(rows), EmitTo::First(groups)) => rows.split_off_first(groups),
            (Store::Distinct(rows), emit) => rows.take(emit),
            (Store::Least(rows), emit) => rows.take(emit),
        };
        rows.sort();
        rows
    }

    /// Bytes allocated.
    pub(crate) fn size(&self) -> usize {
        match self {
            Store::All(rows) => rows.size(),
            Store::Distinct(rows) => rows.rows.size() + rows.places.allocation_size(),
            Store::Least(rows) => rows.row_bytes + rows.rows.capacity() * size_of::<Option<Box<[u8]>>>(),
        }
    }
}

/// Distinct rows: each once in the arena, and a table of their places.
#[derive(Debug, Default)]
pub(crate) struct DistinctRows {
    rows: Arena,
    places: HashTable<usize>,
}

impl DistinctRows {
    fn add(&mut self, group: usize, row: &[u8]) {
        let Self { rows, places } = self;
        if places.find(hash(group, row), |place| rows.row(*place) == (group, row)).is_some() {
            return;
        }
        let place = rows.push(group, row);
        places.insert_unique(hash(group, row), place, |place| {
            let (group, row) = rows.row(*place);
            hash(group, row)
        });
    }

    fn take(&mut self, emit: EmitTo) -> Arena {
        let Self { mut rows, .. } = std::mem::take(self);
        let EmitTo::First(groups) = emit else { return rows };
        let first = rows.split_off_first(groups);
        for (group, row) in rows.rows() {
            self.add(group, row);
        }
        first
    }
}

/// The hash only lives as long as the table: nothing on disk depends on it.
fn hash(group: usize, row: &[u8]) -> u64 {
    xxh3_64_with_seed(row, group as u64)
}

/// The least row of each group.
#[derive(Debug, Default)]
pub(crate) struct LeastRows {
    rows: Vec<Option<Box<[u8]>>>,
    row_bytes: usize,
}

impl LeastRows {
    fn add(&mut self, group: usize, row: &[u8]) {
        if self.rows.len() <= group {
            self.rows.resize(group + 1, None);
        }
        let Some(least) = self.rows.get_mut(group) else { return };
        if least.as_deref().is_some_and(|least| least <= row) {
            return;
        }
        self.row_bytes = self.row_bytes + row.len() - least.as_ref().map_or(0, |least| least.len());
        *least = Some(row.into());
    }

    fn take(&mut self, emit: EmitTo) -> Arena {
        // A group may have had no row yet, so there may be fewer slots than groups.
        let emit = match emit {
            EmitTo::First(groups) if groups < self.rows.len() => EmitTo::First(groups),
            _ => EmitTo::All,
        };
        let mut first = Arena::default();
        for (group, row) in emit.take_needed(&mut self.rows).into_iter().enumerate() {
            if let Some(row) = row {
                self.row_bytes -= row.len();
                first.push(group, &row);
            }
        }
        first
    }
}
