//! Collectors that keep the distinct keys of each group, with what was counted of each: customers alike, distinct durations,
//! purchases by period.
//!
//! Rows and states are put down as they come and now and then sorted into what is there already. So the memory is that of the
//! distinct keys, the time that of a sort, and nothing hangs on the order in which rows came. A state is a few lists a group,
//! side by side, in the order of the keys.

use std::fmt::Debug;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::buffer::NullBuffer;
use datafusion::common::{Result, exec_datafusion_err, internal_err};

use crate::collect::{Collector, Groups};

/// What is kept of a key.
pub(crate) trait Counted: Copy + Debug + Send + Sync + 'static {
    /// What one row adds.
    type Row: Copy + Debug + Send + Sync + 'static;

    fn of(row: Self::Row) -> Self;

    fn merge(&mut self, other: Self);

    /// Undoes a row that left a sliding window.
    fn remove(&mut self, row: Self::Row);

    /// No row is left.
    fn is_gone(&self) -> bool;
}

/// How many rows had the key.
impl Counted for i64 {
    type Row = ();

    fn of((): ()) -> Self {
        1
    }

    fn merge(&mut self, other: Self) {
        *self = self.saturating_add(other);
    }

    fn remove(&mut self, (): ()) {
        *self -= 1;
    }

    fn is_gone(&self) -> bool {
        *self == 0
    }
}

/// A key of a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<K, C> {
    group: u32,
    pub(crate) key: K,
    pub(crate) counted: C,
}

impl<K: Copy + Ord, C> Entry<K, C> {
    pub(crate) fn new(group: usize, key: K, counted: C) -> Result<Self> {
        match u32::try_from(group) {
            Ok(group) => Ok(Self { group, key, counted }),
            Err(_) => Err(exec_datafusion_err!("more than {} groups", u32::MAX)),
        }
    }

    /// What entries are sorted by.
    fn place(&self) -> (u32, K) {
        (self.group, self.key)
    }
}

pub(crate) type EntryOf<S> = Entry<<S as Summary>::Key, <S as Summary>::Counted>;

/// A function of the keys of a group.
pub(crate) trait Summary: Clone + Debug + Send + Sync + 'static {
    type Key: Copy + Ord + Debug + Send + Sync + 'static;
    type Counted: Counted;

    /// The name of the function.
    fn function(&self) -> &'static str;

    /// One of the same call that knows no keys.
    fn fresh(&self) -> Self {
        self.clone()
    }

    /// Hands each row that counts to `take`. Rows that `counted` excludes must not raise errors, whatever they hold.
    fn each_row(
        &self,
        arguments: &[ArrayRef],
        counted: Option<NullBuffer>,
        take: impl FnMut(usize, Self::Key, <Self::Counted as Counted>::Row) -> Result<()>,
    ) -> Result<()>;

    /// Hands each key of state columns to `take`, with the row that it is in.
    fn each_kept(
        &self,
        states: &[ArrayRef],
        take: impl FnMut(usize, Self::Key, Self::Counted) -> Result<()>,
    ) -> Result<()>;

    /// State columns, a row a group.
    fn state(&self, groups: ByGroup<'_, Self>) -> Result<Vec<ArrayRef>>;

    /// Results, one a group.
    fn results(&self, groups: ByGroup<'_, Self>) -> Result<ArrayRef>;

    /// Bytes on the heap, beside the keys.
    fn heap(&self) -> usize {
        0
    }
}

/// The keys of all groups.
#[derive(Debug)]
pub(crate) struct Keyed<S: Summary> {
    summary: S,
    groups: usize,
    /// Rows as they came.
    rows: Vec<Entry<S::Key, <S::Counted as Counted>::Row>>,
    /// Keys of states as they came.
    states: Vec<EntryOf<S>>,
    /// Sorted, each key once.
    settled: Vec<EntryOf<S>>,
}

/// So many entries are put down before they are sorted in.
const FEW: usize = 1 << 16;

impl<S: Summary> Keyed<S> {
    pub(crate) fn new(summary: S) -> Self {
        Self { summary, groups: 0, rows: Vec::new(), states: Vec::new(), settled: Vec::new() }
    }

    /// Sorts in what has arrived once that is as much as is there: so the cost stays in proportion to what comes.
    fn settle_if_many(&mut self) {
        if self.rows.len() + self.states.len() >= FEW.max(self.settled.len()) {
            self.settle();
        }
    }

    fn settle(&mut self) {
        if !self.rows.is_empty() {
            self.rows.sort_unstable_by_key(Entry::place);
            let alike = self.rows.chunk_by(|a, b| a.place() == b.place());
            let distinct = alike.map(|alike| {
                let mut counted = S::Counted::of(alike[0].counted);
                alike[1..].iter().for_each(|row| counted.merge(S::Counted::of(row.counted)));
                Entry { group: alike[0].group, key: alike[0].key, counted }
            });
            let distinct = distinct.collect();
            self.rows.clear();
            self.absorb(distinct);
        }
        if !self.states.is_empty() {
            let mut states = std::mem::take(&mut self.states);
            states.sort_unstable_by_key(Entry::place);
            states.dedup_by(|later, earlier| {
                let are_alike = later.place() == earlier.place();
                if are_alike {
                    earlier.counted.merge(later.counted);
                }
                are_alike
            });
            self.absorb(states);
        }
    }

    /// Merges sorted, distinct entries in, from the last to the first, so that what is there makes room for them.
    fn absorb(&mut self, others: Vec<EntryOf<S>>) {
        let Some(filler) = others.first().filter(|_| !self.settled.is_empty()).copied() else {
            if !others.is_empty() {
                self.settled = others;
            }
            return;
        };
        let (mut own, mut other) = (self.settled.len(), others.len());
        let mut to = own + other;
        self.settled.reserve_exact(other);
        self.settled.resize(to, filler);
        while other > 0 {
            let mut last = others[other - 1];
            match own.checked_sub(1).map(|place| self.settled[place]) {
                Some(entry) if entry.place() > last.place() => {
                    last = entry;
                    own -= 1;
                }
                Some(entry) if entry.place() == last.place() => {
                    last = Entry { counted: entry.counted, ..last };
                    last.counted.merge(others[other - 1].counted);
                    own -= 1;
                    other -= 1;
                }
                _ => other -= 1,
            }
            to -= 1;
            self.settled[to] = last;
        }
        drop(self.settled.drain(own..to));
    }
}

/// The entries of each group, in the order of the groups and of the keys.
#[derive(Debug)]
pub(crate) struct ByGroup<'a, S: Summary> {
    rest: &'a [EntryOf<S>],
    groups: std::ops::Range<usize>,
}

impl<'a, S: Summary> Iterator for ByGroup<'a, S> {
    type Item = &'a [EntryOf<S>];

    fn next(&mut self) -> Option<Self::Item> {
        let group = self.groups.next()?;
        let end = self.rest.iter().take_while(|entry| entry.group as usize == group).count();
        let (own, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(own)
    }
}

impl<S: Summary> Collector for Keyed<S> {
    fn empty(&self) -> Self {
        Self::new(self.summary.fresh())
    }

    fn grow(&mut self, groups: usize) {
        self.groups = self.groups.max(groups);
    }

    fn add(&mut self, arguments: &[ArrayRef], groups: Groups<'_>, counted: Option<NullBuffer>) -> Result<()> {
        // A batch with a bad row leaves nothing behind.
        let before = self.rows.len();
        let rows = &mut self.rows;
        let added = self.summary.each_row(arguments, counted, |row, key, counted| {
            rows.push(Entry::new(groups.of(row), key, counted)?);
            Ok(())
        });
        if added.is_err() {
            rows.truncate(before);
        }
        self.settle_if_many();
        added
    }

    fn can_remove(&self) -> bool {
        true
    }

    fn remove(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        self.settle();
        let settled = &mut self.settled;
        let function = self.summary.function();
        self.summary.each_row(arguments, None, |_, key, row| {
            match settled.binary_search_by(|entry| entry.place().cmp(&(0, key))) {
                Ok(place) => settled[place].counted.remove(row),
                Err(_) => return internal_err!("{function}: a row left that never came"),
            }
            Ok(())
        })?;
        settled.retain(|entry| !entry.counted.is_gone());
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], groups: Groups<'_>) -> Result<()> {
        let kept = &mut self.states;
        self.summary.each_kept(states, |row, key, counted| {
            kept.push(Entry::new(groups.of(row), key, counted)?);
            Ok(())
        })?;
        self.settle_if_many();
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        self.settle();
        self.summary.state(ByGroup { rest: &self.settled, groups: 0..self.groups })
    }

    fn results(&mut self) -> Result<ArrayRef> {
        self.settle();
        self.summary.results(ByGroup { rest: &self.settled, groups: 0..self.groups })
    }

    fn take_first(&mut self, groups: usize) -> Self {
        self.settle();
        // Its keys are those of the summary that is here.
        let mut first = Self::new(self.summary.clone());
        first.grow(groups);
        let rest = self.settled.split_off(self.settled.partition_point(|entry| (entry.group as usize) < groups));
        first.settled = std::mem::replace(&mut self.settled, rest);
        for entry in &mut self.settled {
            // No group of the rest has a smaller number than was taken.
            entry.group -= u32::try_from(groups).unwrap_or(entry.group);
        }
        self.groups = self.groups.saturating_sub(groups);
        first
    }

    fn heap(&self) -> usize {
        self.summary.heap()
            + self.rows.capacity() * size_of::<Entry<S::Key, <S::Counted as Counted>::Row>>()
            + (self.states.capacity() + self.settled.capacity()) * size_of::<EntryOf<S>>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Array, Int64Array};
    use datafusion::common::cast::as_int64_array;

    use super::*;
    use crate::lists::{Lists, lists_of};

    /// Counts how often each number came.
    #[derive(Debug, Clone)]
    struct Numbers;

    impl Summary for Numbers {
        type Key = i64;
        type Counted = i64;

        fn function(&self) -> &'static str {
            "numbers"
        }

        fn each_row(
            &self,
            arguments: &[ArrayRef],
            _counted: Option<NullBuffer>,
            mut take: impl FnMut(usize, i64, ()) -> Result<()>,
        ) -> Result<()> {
            as_int64_array(&arguments[0])?.values().iter().enumerate().try_for_each(|(row, key)| take(row, *key, ()))
        }

        fn each_kept(&self, states: &[ArrayRef], mut take: impl FnMut(usize, i64, i64) -> Result<()>) -> Result<()> {
            let lists = Lists::read(states)?;
            let (keys, counts) = (as_int64_array(lists.values()[0])?, as_int64_array(lists.values()[1])?);
            lists.each(|row, at| take(row, keys.value(at[0]), counts.value(at[1])))
        }

        fn state(&self, groups: ByGroup<'_, Self>) -> Result<Vec<ArrayRef>> {
            let (mut keys, mut counts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
            for entry in groups.inspect(|group| ends.push(group.len() as i32)).flatten() {
                keys.push(entry.key);
                counts.push(entry.counted);
            }
            let ends = ends.iter().scan(0, |end, len| {
                *end += len;
                Some(*end)
            });
            lists_of(ends.collect(), vec![Arc::new(Int64Array::from(keys)), Arc::new(Int64Array::from(counts))])
        }

        fn results(&self, groups: ByGroup<'_, Self>) -> Result<ArrayRef> {
            let shown = groups.map(|group| group.iter().map(|entry| entry.key * 1_000 + entry.counted).sum::<i64>());
            Ok(Arc::new(shown.collect::<Int64Array>()))
        }
    }

    fn column(numbers: impl IntoIterator<Item = i64>) -> [ArrayRef; 1] {
        [Arc::new(Int64Array::from_iter_values(numbers))]
    }

    fn entries(keyed: &mut Keyed<Numbers>) -> Vec<(u32, i64, i64)> {
        keyed.settle();
        keyed.settled.iter().map(|entry| (entry.group, entry.key, entry.counted)).collect()
    }

    #[test]
    fn batches_that_interleave_are_sorted_in() {
        let mut keyed = Keyed::new(Numbers);
        keyed.grow(3);
        let mut all = std::collections::BTreeMap::new();
        for batch in 0..40_i64 {
            let numbers: Vec<i64> = (0..100).map(|i| (i * batch * 7 + batch) % (batch + 3)).collect();
            let groups: Vec<usize> = (0..100).map(|i| (i * i + 1) % 3).collect();
            for (number, group) in numbers.iter().zip(&groups) {
                *all.entry((*group as u32, *number)).or_insert(0) += 1;
            }
            keyed.add(&column(numbers), Groups::Of(&groups), None).unwrap();
            if batch % 3 == 0 {
                keyed.settle();
            }
        }
        let expected: Vec<_> = all.into_iter().map(|((group, number), count)| (group, number, count)).collect();
        assert_eq!(entries(&mut keyed), expected);
    }

    #[test]
    fn what_is_added_and_removed_leaves_nothing() {
        let mut keyed = Keyed::new(Numbers);
        keyed.grow(1);
        keyed.add(&column([1, 1, 0]), Groups::One, None).unwrap();
        assert_eq!(entries(&mut keyed), [(0, 0, 1), (0, 1, 2)]);
        keyed.remove(&column([1, 0, 1])).unwrap();
        assert!(entries(&mut keyed).is_empty());
        let error = keyed.remove(&column([7])).unwrap_err().to_string();
        assert!(error.contains("numbers: a row left that never came"), "{error}");
    }

    #[test]
    fn states_are_read_back_from_any_slice() {
        let mut keyed = Keyed::new(Numbers);
        keyed.grow(4);
        keyed
            .add(&column((0..40).map(|i| i % 7)), Groups::Of(&(0..40).map(|i| i % 3).collect::<Vec<_>>()), None)
            .unwrap();
        let (states, all) = (keyed.state().unwrap(), entries(&mut keyed));
        for (from, len) in [(0, 4), (1, 2), (2, 2)] {
            let sliced: Vec<ArrayRef> = states.iter().map(|column| column.slice(from, len)).collect();
            let mut read = keyed.empty();
            read.grow(len);
            read.merge(&sliced, Groups::Each).unwrap();
            let within = all.iter().filter(|(group, ..)| (from..from + len).contains(&(*group as usize)));
            let expected: Vec<_> = within.map(|(group, key, count)| (*group - from as u32, *key, *count)).collect();
            assert_eq!(entries(&mut read), expected);
        }
    }

    #[test]
    fn many_small_states_cost_no_more_than_a_sort() {
        let mut keyed = Keyed::new(Numbers);
        let groups: Vec<usize> = (0..64).collect();
        let mut one = Keyed::new(Numbers);
        one.grow(64);
        one.add(&column(0..64), Groups::Each, None).unwrap();
        let state = one.state().unwrap();
        keyed.grow(64);
        for _ in 0..500 {
            keyed.merge(&state, Groups::Of(&groups)).unwrap();
        }
        // Nothing was sorted in yet: merging it state by state would walk through all that is there each time.
        assert_eq!((keyed.states.len(), keyed.settled.len()), (32_000, 0));
        assert!(entries(&mut keyed).iter().all(|(_, _, count)| *count == 500));
    }

    #[test]
    fn a_batch_with_a_bad_row_leaves_nothing() {
        let mut keyed = Keyed::new(Numbers);
        keyed.grow(1);
        assert!(keyed.add(&column([1, 2]), Groups::Of(&[0, usize::MAX]), None).is_err());
        assert!(entries(&mut keyed).is_empty());
    }
}
