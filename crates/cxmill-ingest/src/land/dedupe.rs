//! Duplicates: of the rows with one unique key on one event date the first stays.
//!
//! A later row with the same content is a duplicate and dropped; one that says something else is a conflict and goes to
//! quarantine. "First" means: landed before, or else first in order of arrival.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::segment::Sealed;

/// Keys of the rows of one event date of a segment, each with the hash of the row that stays, once that is known.
#[derive(Debug, Default)]
pub(crate) struct Known(HashMap<u128, Option<i64>, BuildHasherDefault<KeyHasher>>);

/// Rows of one event date by number, told apart; each list in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Sifted {
    pub(crate) accepted: Vec<u32>,
    pub(crate) duplicates: Vec<u32>,
    pub(crate) conflicts: Vec<u32>,
}

impl Known {
    /// The keys of these rows; none has been seen yet.
    pub(crate) fn of(segment: &Sealed, rows: &[u32]) -> Self {
        let mut known = Self(HashMap::with_capacity_and_hasher(rows.len(), BuildHasherDefault::default()));
        for row in rows {
            known.0.insert(segment.keys[*row as usize], None);
        }
        known
    }

    /// Tells of a row that was landed before. Keys that the segment does not have are passed over.
    pub(crate) fn landed(&mut self, key: u128, hash: i64) {
        if let Some(stays) = self.0.get_mut(&key) {
            *stays = Some(hash);
        }
    }

    /// Tells the rows of the date apart.
    pub(crate) fn sift(mut self, segment: &Sealed, rows: Vec<u32>) -> Sifted {
        let mut sifted = Sifted { accepted: Vec::with_capacity(rows.len()), ..Sifted::default() };
        for row in rows {
            let hash = segment.hashes[row as usize];
            match self.0.entry(segment.keys[row as usize]).or_default() {
                Some(stays) if *stays == hash => sifted.duplicates.push(row),
                Some(_) => sifted.conflicts.push(row),
                first => {
                    *first = Some(hash);
                    sifted.accepted.push(row);
                }
            }
        }
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
