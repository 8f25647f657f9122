//! Rows of many groups in one buffer: encoded rows end to end, and for each its group. Where rows are not all of one length,
//! their ends are kept as well.

use std::ops::Range;

/// Encoded rows of many groups.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    bytes: Vec<u8>,
    groups: Vec<usize>,
    ends: Ends,
}

/// Where rows end.
#[derive(Debug)]
enum Ends {
    /// After so many bytes each.
    Alike(usize),
    /// Each at a place of its own.
    Each(Vec<usize>),
}

impl Default for Ends {
    fn default() -> Self {
        Self::Alike(0)
    }
}

impl Arena {
    /// Adds a row and gives its place.
    pub(crate) fn push(&mut self, group: usize, row: &[u8]) -> usize {
        let place = self.len();
        self.bytes.extend_from_slice(row);
        match &mut self.ends {
            Ends::Alike(length) if place == 0 => *length = row.len(),
            Ends::Alike(length) if *length == row.len() => {}
            Ends::Alike(length) => {
                let before = (1..=place).map(|rows| rows * *length);
                self.ends = Ends::Each(before.chain([self.bytes.len()]).collect());
            }
            Ends::Each(ends) => ends.push(self.bytes.len()),
        }
        self.groups.push(group);
        place
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Bytes of all encoded rows.
    pub(crate) fn row_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The group and the bytes of the row at a place; an empty row of group 0 where there is none.
    pub(crate) fn row(&self, place: usize) -> (usize, &[u8]) {
        let group = self.groups.get(place).copied().unwrap_or_default();
        (group, self.bytes.get(self.range(place)).unwrap_or_default())
    }

    fn range(&self, place: usize) -> Range<usize> {
        match &self.ends {
            Ends::Alike(length) => place * length..(place + 1) * length,
            Ends::Each(ends) => {
                let end = |place: usize| ends.get(place).copied().unwrap_or_default();
                place.checked_sub(1).map_or(0, end)..end(place)
            }
        }
    }

    /// All rows, as (group, bytes).
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, &[u8])> {
        (0..self.len()).map(|place| self.row(place))
    }

    /// Orders the rows by group, then by their bytes.
    pub(crate) fn sort(&mut self) {
        if self.rows().is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_unstable_by(|left, right| self.row(*left).cmp(&self.row(*right)));
        let mut sorted = Self::default();
        sorted.bytes.reserve_exact(self.bytes.len());
        sorted.groups.reserve_exact(order.len());
        for place in order {
            let (group, row) = self.row(place);
            sorted.push(group, row);
        }
        *self = sorted;
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
        let ends = match &self.ends {
            Ends::Alike(_) => 0,
            Ends::Each(ends) => ends.capacity(),
        };
        self.bytes.capacity() + (self.groups.capacity() + ends) * size_of::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Rows come out as they went in, whether or not they are all of one length, in the order of group and bytes after a sort.
        #[test]
        fn rows_stay_what_they_are(
            rows in prop_oneof![
                prop::collection::vec((0..4_usize, prop::collection::vec(any::<u8>(), 2..=2)), 0..40),
                prop::collection::vec((0..4_usize, prop::collection::vec(any::<u8>(), 0..4)), 0..40),
            ],
            first in 0..5_usize,
        ) {
            let mut arena = Arena::default();
            for (place, (group, row)) in rows.iter().enumerate() {
                prop_assert_eq!(arena.push(*group, row), place);
            }
            let owned = |arena: &Arena| arena.rows().map(|(group, row)| (group, row.to_vec())).collect::<Vec<_>>();
            prop_assert_eq!(owned(&arena), rows.clone());
            prop_assert_eq!(arena.row_bytes(), rows.iter().map(|(_, row)| row.len()).sum::<usize>());
            prop_assert_eq!(arena.row(rows.len()).1, &[] as &[u8]);
            arena.sort();
            let mut sorted = rows;
            sorted.sort();
            prop_assert_eq!(owned(&arena), sorted.clone());
            let taken = arena.split_off_first(first);
            let (gone, left): (Vec<_>, Vec<_>) = sorted.into_iter().partition(|(group, _)| *group < first);
            prop_assert_eq!(owned(&taken), gone);
            let left: Vec<_> = left.into_iter().map(|(group, row)| (group - first, row)).collect();
            prop_assert_eq!(owned(&arena), left);
        }
    }
}
