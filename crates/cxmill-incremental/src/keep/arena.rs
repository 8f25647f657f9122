//! Rows of many groups in one buffer: encoded rows end to end, and for each its group and its place.

use std::ops::Range;

/// Encoded rows of many groups.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// One row: its group and its bytes.
#[derive(Debug, Clone, Copy)]
struct Entry {
    group: usize,
    start: usize,
    length: usize,
}

impl Entry {
    fn range(self) -> Range<usize> {
        self.start..self.start + self.length
    }
}

impl Arena {
    /// Adds a row and gives its place.
    pub(crate) fn push(&mut self, group: usize, row: &[u8]) -> usize {
        self.entries.push(Entry { group, start: self.bytes.len(), length: row.len() });
        self.bytes.extend_from_slice(row);
        self.entries.len() - 1
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of all encoded rows.
    pub(crate) fn row_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The group and the bytes of the row at a place; an empty row of group 0 where there is none.
    pub(crate) fn row(&self, place: usize) -> (usize, &[u8]) {
        match self.entries.get(place) {
            Some(entry) => (entry.group, self.bytes.get(entry.range()).unwrap_or_default()),
            None => (0, &[]),
        }
    }

    /// All rows, as (group, bytes).
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, &[u8])> {
        (0..self.len()).map(|place| self.row(place))
    }

    /// Orders the rows by group, then by their bytes.
    pub(crate) fn sort(&mut self) {
        let bytes = &self.bytes;
        let row = |entry: &Entry| bytes.get(entry.range()).unwrap_or_default();
        self.entries
            .sort_unstable_by(|left, right| left.group.cmp(&right.group).then_with(|| row(left).cmp(row(right))));
    }

    /// The rows of the first `groups` groups; the others stay, their groups counted from 0 again.
    pub(crate) fn split_off_first(&mut self, groups: usize) -> Arena {
        let whole = std::mem::take(self);
        let mut first = Arena::default();
        for (group, row) in whole.rows() {
            match group.checked_sub(groups) {
                None => first.push(group, row),
                Some(later) => self.push(later, row),
            };
        }
        first
    }

    /// Bytes allocated.
    pub(crate) fn size(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>()
    }
}
