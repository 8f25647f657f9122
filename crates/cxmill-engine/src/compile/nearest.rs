//! The nearest right name for a wrong one.

/// The candidate closest to `name` by edit distance, if one is close enough to be meant: at most a third of the letters
/// differ. Ties go to the first in name order.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let letters = wanted.chars().count();
    // One letter of two is no typo but another name.
    let limit = (letters / 3).max(usize::from(letters > 2));
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= limit || contains(candidate, &wanted))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Whether one name holds the other as a whole word, as `order_total` holds `total`.
fn contains(candidate: &str, wanted: &str) -> bool {
    wanted.len() > 2 && candidate.split('_').any(|word| word == wanted)
}

/// Help that names the nearest candidate, or else lists what there is (up to a dozen).
pub(crate) fn suggestion<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>, what: &str) -> Option<String> {
    let mut all: Vec<&str> = candidates.into_iter().collect();
    all.sort_unstable();
    all.dedup();
    if let Some(near) = nearest(name, all.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    match all.len() {
        0 => None,
        1..=12 => Some(format!("{what}: {}", all.join(", "))),
        _ => Some(format!("{what}: {}, …", all.get(..12).unwrap_or_default().join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_takes_typos_and_nothing_far() {
        assert_eq!(nearest("chanel", ["channel", "score"]), Some("channel"));
        assert_eq!(nearest("socre", ["channel", "score"]), Some("score"));
        assert_eq!(nearest("total", ["order_total", "score"]), Some("order_total"));
        assert_eq!(nearest("zzz", ["channel", "score"]), None);
    }

    #[test]
    fn suggestion_lists_names_where_none_is_near() {
        assert_eq!(suggestion("zzz", ["b", "a"], "columns").unwrap(), "columns: a, b");
        assert_eq!(suggestion("zzz", [], "columns"), None);
    }
}
