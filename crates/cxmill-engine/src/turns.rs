//! Whose turn it is among the models of a DAG: one whose inputs are settled, as many at a time as there is room for. Pure.
//!
//! Models stand in the order of the DAG, and the first that may begin does. A model that needed more memory than was left beside others
//! takes another turn alone, once those that are under way have ended; no other begins meanwhile.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The models of a round, by number.
#[derive(Debug)]
pub(crate) struct Turns<'a> {
    /// What is yet to begin, with what it reads.
    open: BTreeMap<usize, (&'a str, BTreeSet<&'a str>)>,
    /// What is under way.
    busy: BTreeMap<usize, &'a str>,
    /// What is to begin again, alone.
    again: VecDeque<(usize, &'a str)>,
    /// Whether what is under way is to stay alone.
    alone: bool,
    /// The most that may be under way.
    slots: usize,
}

/// The turn of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Its number.
    pub(crate) number: usize,
    /// Whether nothing else is built at the same time.
    pub(crate) alone: bool,
}

impl<'a> Turns<'a> {
    /// The models of these names in the order of the DAG, each with what it reads; at most `slots` (and at least one) at a time.
    pub(crate) fn new(models: impl IntoIterator<Item = (&'a str, BTreeSet<&'a str>)>, slots: usize) -> Self {
        Self {
            open: models.into_iter().enumerate().collect(),
            busy: BTreeMap::new(),
            again: VecDeque::new(),
            alone: false,
            slots: slots.max(1),
        }
    }

    /// The next model to begin with, if one may.
    pub(crate) fn next(&mut self) -> Option<Turn> {
        if self.busy.is_empty() {
            self.alone = false;
        }
        if !self.again.is_empty() && self.busy.is_empty() {
            let (number, name) = self.again.pop_front()?;
            self.busy.insert(number, name);
            self.alone = true;
            return Some(Turn { number, alone: true });
        }
        if self.alone || !self.again.is_empty() || self.busy.len() >= self.slots {
            return None;
        }
        let unsettled: BTreeSet<&str> =
            self.open.values().map(|(name, _)| *name).chain(self.busy.values().copied()).collect();
        let number =
            self.open.iter().find(|(_, (_, reads))| reads.is_disjoint(&unsettled)).map(|(number, _)| *number)?;
        let (name, _) = self.open.remove(&number)?;
        self.busy.insert(number, name);
        Some(Turn { number, alone: self.slots == 1 })
    }

    /// It is known what became of a model.
    pub(crate) fn settled(&mut self, number: usize) {
        self.busy.remove(&number);
    }

    /// A model is to begin again, alone.
    pub(crate) fn again(&mut self, number: usize) {
        if let Some(name) = self.busy.remove(&number) {
            self.again.push_back((number, name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns<'a>(models: &[(&'a str, &[&'a str])], slots: usize) -> Turns<'a> {
        Turns::new(models.iter().map(|(name, reads)| (*name, reads.iter().copied().collect())), slots)
    }

    fn all(turns: &mut Turns<'_>) -> Vec<(usize, bool)> {
        std::iter::from_fn(|| turns.next()).map(|turn| (turn.number, turn.alone)).collect()
    }

    #[test]
    fn a_model_waits_for_what_it_reads_and_for_a_slot() {
        let mut turns =
            turns(&[("a", &["source"]), ("b", &["a"]), ("c", &["source"]), ("d", &[]), ("e", &["b", "c"])], 2);
        assert_eq!(all(&mut turns), [(0, false), (2, false)]);
        turns.settled(2);
        assert_eq!(all(&mut turns), [(3, false)]);
        turns.settled(0);
        assert_eq!(all(&mut turns), [(1, false)]);
        turns.settled(3);
        assert_eq!(all(&mut turns), []);
        turns.settled(1);
        assert_eq!(all(&mut turns), [(4, false)]);
        turns.settled(4);
        assert_eq!(all(&mut turns), []);
    }

    #[test]
    fn with_one_slot_the_order_of_the_dag_is_kept_and_each_is_alone() {
        for slots in [0, 1] {
            let mut turns = turns(&[("a", &[]), ("b", &["a"]), ("c", &[])], slots);
            for number in 0..3 {
                assert_eq!(all(&mut turns), [(number, true)]);
                turns.settled(number);
            }
            assert_eq!(turns.next(), None);
        }
    }

    #[test]
    fn what_needs_more_memory_takes_another_turn_alone_and_its_readers_wait() {
        let mut turns = turns(&[("a", &[]), ("b", &[]), ("c", &["a"]), ("d", &[])], 2);
        assert_eq!(all(&mut turns), [(0, false), (1, false)]);
        turns.again(0);
        // Nothing begins until it can be alone.
        assert_eq!(all(&mut turns), []);
        turns.settled(1);
        assert_eq!(all(&mut turns), [(0, true)]);
        turns.settled(0);
        assert_eq!(all(&mut turns), [(2, false), (3, false)]);
    }

    #[test]
    fn two_that_need_more_memory_are_alone_one_after_the_other() {
        let mut turns = turns(&[("a", &[]), ("b", &[]), ("c", &["b"])], 2);
        assert_eq!(all(&mut turns), [(0, false), (1, false)]);
        turns.again(1);
        turns.again(0);
        assert_eq!(all(&mut turns), [(1, true)]);
        turns.settled(1);
        assert_eq!(all(&mut turns), [(0, true)]);
        turns.settled(0);
        assert_eq!(all(&mut turns), [(2, false)]);
    }
}
