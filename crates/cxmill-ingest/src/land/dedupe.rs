//! Duplicates: of the rows with one unique key on one event date the first stays, or on event dates so many days apart as
//! `unique_within` says.
//!
//! A later row with the same content is a duplicate and dropped; one that says something else is a conflict and goes to
//! quarantine. "First" means: landed before, or else first in order of arrival.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use super::segment::Sealed;

/// Keys of rows of a segment, each with what stays of it, once that is known.
#[derive(Debug)]
pub(crate) struct Known<S> {
    rows: HashMap<u128, S, BuildHasherDefault<KeyHasher>>,
    /// How many days apart rows with one key may lie.
    within: u32,
}

/// The rows of one key that stay.
pub(crate) trait Stay: Default + Send + 'static {
    /// Adds one by its event date and the hash of what it says.
    fn add(&mut self, date: i32, hash: i64);

    /// Whether one of those near a date says the same; none where there is none near.
    fn same(&self, date: i32, within: u32, hash: i64) -> Option<bool>;
}

/// Where all rows are of one event date, one stays.
impl Stay for Option<i64> {
    fn add(&mut self, _date: i32, hash: i64) {
        *self = Some(hash);
    }

    fn same(&self, _date: i32, _within: u32, hash: i64) -> Option<bool> {
        self.map(|stays| stays == hash)
    }
}

/// Rows of any dates: mostly there is one.
#[derive(Debug, Default)]
pub(crate) struct Dated {
    first: Option<(i32, i64)>,
    more: Vec<(i32, i64)>,
}

impl Stay for Dated {
    fn add(&mut self, date: i32, hash: i64) {
        match self.first {
            None => self.first = Some((date, hash)),
            Some(_) => self.more.push((date, hash)),
        }
    }

    fn same(&self, date: i32, within: u32, hash: i64) -> Option<bool> {
        let near = |(other, _): &&(i32, i64)| other.abs_diff(date) <= within;
        let stays = self.first.iter().chain(&self.more).filter(near).map(|(_, stays)| *stays == hash);
        stays.reduce(|one, other| one || other)
    }
}

/// Rows of one event date by number, told apart; each list in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Sifted {
    pub(crate) accepted: Vec<u32>,
    pub(crate) duplicates: Vec<u32>,
    pub(crate) conflicts: Vec<u32>,
}

impl<S: Stay> Known<S> {
    /// The keys of these rows; none has been seen yet.
    pub(crate) fn of(segment: &Sealed, rows: impl ExactSizeIterator<Item = u32>, within: u32) -> Self {
        let mut known = HashMap::with_capacity_and_hasher(rows.len(), BuildHasherDefault::default());
        for row in rows {
            known.insert(segment.keys[row as usize], S::default());
        }
        Self { rows: known, within }
    }

    /// Tells of a row that was landed before. Keys that the segment does not have are passed over.
    pub(crate) fn landed(&mut self, key: u128, date: i32, hash: i64) {
        if let Some(stays) = self.rows.get_mut(&key) {
            stays.add(date, hash);
        }
    }

    /// Tells a row of a date apart; rows come in order of arrival.
    fn sift(&mut self, segment: &Sealed, date: i32, row: u32, sifted: &mut Sifted) {
        let hash = segment.hashes[row as usize];
        let stays = self.rows.entry(segment.keys[row as usize]).or_default();
        match stays.same(date, self.within, hash) {
            Some(true) => sifted.duplicates.push(row),
            Some(false) => sifted.conflicts.push(row),
            None => {
                stays.add(date, hash);
                sifted.accepted.push(row);
            }
        }
    }

    /// Tells all rows of one date apart.
    pub(crate) fn sift_date(mut self, segment: &Sealed, date: i32, rows: &[u32]) -> Sifted {
        let mut sifted = Sifted { accepted: Vec::with_capacity(rows.len()), ..Sifted::default() };
        rows.iter().for_each(|row| self.sift(segment, date, *row, &mut sifted));
        sifted
    }

    /// Tells rows of many dates apart; by date.
    pub(crate) fn sift_dates(mut self, segment: &Sealed, rows: &[(u32, i32)]) -> BTreeMap<i32, Sifted> {
        let mut sifted: BTreeMap<i32, Sifted> = BTreeMap::new();
        rows.iter().for_each(|(row, date)| self.sift(segment, *date, *row, sifted.entry(*date).or_default()));
        sifted
    }
}

/// Keys are hashes already.
#[derive(Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }
}
