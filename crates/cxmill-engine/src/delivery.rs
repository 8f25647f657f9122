//! Deliveries of a snapshot: a table that arrives whole again and again.
//!
//! A file is a delivery, and so is a folder with all that is in it, each right below the source's location. The newest is the last
//! in the order of their names, as in `2026-01-31.csv` or `date=2026-01-31/`: when a file was put says nothing, so that the same
//! files give the same table whenever they are read.

use cxmill_ingest::{Place, RawFile};

use crate::location;

/// The files of the newest delivery among all files of a snapshot.
pub(crate) fn newest(place: &Place, files: Vec<RawFile>) -> Vec<RawFile> {
    let of = |file: &RawFile| name(location::name(place, file.path.as_ref())).to_owned();
    let Some(newest) = files.iter().map(of).max() else { return Vec::new() };
    files.into_iter().filter(|file| of(file) == newest).collect()
}

/// The delivery that a file belongs to, by the file's path below the location.
pub(crate) fn name(path: &str) -> &str {
    path.split_once('/').map_or(path, |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_file_or_the_folder_it_lies_in_is_a_delivery() {
        assert_eq!(name("2026-01-31.csv.gz"), "2026-01-31.csv.gz");
        assert_eq!(name("date=2026-01-31/part-0.csv"), "date=2026-01-31");
        assert_eq!(name("date=2026-01-31/eu/part-0.csv"), "date=2026-01-31");
    }
}
