//! The order in which models are built, and the rings that have none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Who reads whom: model → models it reads.
pub(crate) type Edges = BTreeMap<String, BTreeSet<String>>;

/// Models so that each comes after what it reads (ties in name order). Models on a ring, and those that read them, are
/// left out. Names that are no key of `edges` are ignored.
pub(crate) fn order(edges: &Edges) -> Vec<String> {
    let mut waiting: BTreeMap<&str, BTreeSet<&str>> = edges
        .iter()
        .map(|(name, reads)| {
            (name.as_str(), reads.iter().map(String::as_str).filter(|read| edges.contains_key(*read)).collect())
        })
        .collect();
    let mut order = Vec::with_capacity(edges.len());
    while let Some(next) = waiting.iter().find(|(_, reads)| reads.is_empty()).map(|(name, _)| *name) {
        waiting.remove(next);
        for reads in waiting.values_mut() {
            reads.remove(next);
        }
        order.push(next.to_owned());
    }
    order
}

/// Every ring of models once, each starting at its first name and without repeating it at the end. A model that reads
/// itself is a ring of one. Rings that share a model are reported one at a time: by the shortest through their first name.
pub(crate) fn rings(edges: &Edges) -> Vec<Vec<String>> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut rings = Vec::new();
    for start in edges.keys() {
        if seen.contains(start.as_str()) {
            continue;
        }
        if let Some(ring) = shortest_way_back(edges, start) {
            seen.extend(ring.iter().copied());
            rings.push(ring.into_iter().map(str::to_owned).collect());
        }
    }
    rings
}

fn shortest_way_back<'a>(edges: &'a Edges, start: &'a str) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for read in edges.get(at).into_iter().flatten() {
            if read == start {
                let mut ring = vec![at];
                let mut step = at;
                while step != start {
                    step = came_from.get(step)?;
                    ring.push(step);
                }
                ring.reverse();
                return Some(ring);
            }
            if edges.contains_key(read) && !came_from.contains_key(read.as_str()) {
                came_from.insert(read, at);
                queue.push_back(read);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edges(pairs: &[(&str, &[&str])]) -> Edges {
        pairs
            .iter()
            .map(|(name, reads)| ((*name).to_owned(), reads.iter().map(|r| (*r).to_owned()).collect()))
            .collect()
    }

    #[test]
    fn order_puts_what_is_read_first_and_ties_by_name() {
        let edges = edges(&[("a", &["c"]), ("b", &["source"]), ("c", &["b"]), ("aa", &[])]);
        assert_eq!(order(&edges), ["aa", "b", "c", "a"]);
        assert!(rings(&edges).is_empty());
    }

    #[test]
    fn rings_are_named_whole_and_once() {
        let edges = edges(&[("c", &["a"]), ("a", &["b"]), ("b", &["c"]), ("d", &["d"]), ("e", &["a"])]);
        assert_eq!(rings(&edges), [vec!["a", "b", "c"], vec!["d"]]);
        assert!(order(&edges).is_empty());
    }

    proptest! {
        #[test]
        fn a_graph_has_an_order_of_all_or_a_ring(reads in proptest::collection::vec(proptest::collection::btree_set(0u8..9, 0..4), 9)) {
            let edges: Edges = reads.iter().enumerate()
                .map(|(i, set)| (format!("m{i}"), set.iter().map(|r| format!("m{r}")).collect())).collect();
            let order = order(&edges);
            prop_assert_eq!(order.len() == edges.len(), rings(&edges).is_empty());
            for (i, name) in order.iter().enumerate() {
                for read in &edges[name] {
                    prop_assert!(order[..i].contains(read));
                }
            }
        }
    }
}
