//! What holds of every drawing of what reads what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use crate::layers::{BOX, Layout, Spot, layout};

/// Boxes that read some of those before them, told in any order.
fn acyclic() -> impl Strategy<Value = (Vec<f64>, Vec<Vec<usize>>)> {
    let boxes = prop::collection::vec((20.0..260.0, prop::collection::vec(any::<prop::sample::Index>(), 0..5)), 1..40);
    (boxes, any::<u64>()).prop_map(|(boxes, seed)| {
        let count = boxes.len();
        let mut places: Vec<usize> = (0..count).collect();
        places.sort_by_key(|place| (seed ^ (*place as u64 + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (mut widths, mut reads) = (vec![0.0; count], vec![Vec::new(); count]);
        for (index, (width, read)) in boxes.into_iter().enumerate() {
            widths[places[index]] = width;
            if index > 0 {
                reads[places[index]] = read.iter().map(|other| places[other.index(index)]).collect();
            }
        }
        (widths, reads)
    })
}

/// Boxes that read any of all, themselves and some that are not there.
fn any_graph() -> impl Strategy<Value = (Vec<f64>, Vec<Vec<usize>>)> {
    prop::collection::vec((20.0..260.0, prop::collection::vec(0..24_usize, 0..5)), 0..20)
        .prop_map(|boxes| boxes.into_iter().unzip())
}

fn touch(a: &Spot, b: &Spot) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + BOX && b.y < a.y + BOX
}

/// What holds whatever is drawn.
fn assert_sound(drawn: &Layout) -> Result<(), TestCaseError> {
    let inside = |(x, y): (f64, f64)| x >= 0.0 && y >= 0.0 && x <= drawn.width && y <= drawn.height;
    for (index, spot) in drawn.boxes.iter().enumerate() {
        prop_assert!(inside((spot.x, spot.y)) && inside((spot.x + spot.width, spot.y + BOX)), "{spot:?}");
        for other in &drawn.boxes[..index] {
            prop_assert!(!touch(spot, other), "{spot:?} lies on {other:?}");
        }
    }
    for line in &drawn.lines {
        prop_assert!(inside(line.start) && inside(line.end), "{line:?}");
        prop_assert!(line.start.0 < line.end.0, "{line:?} does not point to the right");
        // Between its ends a line has the heights of both: it may not pass through the layer of a box.
        for spot in &drawn.boxes {
            let beside = line.end.0 <= spot.x || spot.x + spot.width <= line.start.0;
            let lane = line.start.1 == line.end.1 && !(spot.y..=spot.y + BOX).contains(&line.start.1);
            prop_assert!(beside || lane, "{line:?} crosses {spot:?}");
        }
    }
    for (from, to) in &drawn.edges {
        let (a, b) = (drawn.boxes[*from], drawn.boxes[*to]);
        prop_assert!(a.x + a.width < b.x, "box {from} does not stand left of {to}, which reads it");
    }
    // The lines of a box lead to those that read it, and to no others.
    let key = |(x, y): (f64, f64)| (x.to_bits(), y.to_bits());
    for (from, spot) in drawn.boxes.iter().enumerate() {
        let mut onward: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for line in drawn.lines.iter().filter(|line| line.from == from) {
            onward.entry(key(line.start)).or_default().push(key(line.end));
        }
        let mut open = VecDeque::from([key((spot.x + spot.width, spot.y + BOX / 2.0))]);
        let mut reached = BTreeSet::new();
        while let Some(place) = open.pop_front() {
            for next in onward.get(&place).into_iter().flatten() {
                if reached.insert(*next) {
                    open.push_back(*next);
                }
            }
        }
        let readers =
            drawn.boxes.iter().enumerate().filter(|(_, spot)| reached.contains(&key((spot.x, spot.y + BOX / 2.0))));
        let readers: BTreeSet<usize> = readers.map(|(index, _)| index).collect();
        let told: BTreeSet<usize> = drawn.edges.iter().filter(|(read, _)| *read == from).map(|(_, to)| *to).collect();
        prop_assert_eq!(readers, told, "of box {}", from);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_reads_stands_right_of_what_it_reads_and_nothing_overlaps((widths, reads) in acyclic()) {
        let drawn = layout(&widths, &reads);
        prop_assert_eq!(drawn.boxes.len(), widths.len());
        assert_sound(&drawn)?;
        let pairs = reads.iter().enumerate().flat_map(|(to, read)| read.iter().map(move |from| (*from, to)));
        prop_assert_eq!(drawn.edges.iter().copied().collect::<BTreeSet<_>>(), pairs.collect::<BTreeSet<_>>());
        for (spot, width) in drawn.boxes.iter().zip(&widths) {
            prop_assert!(spot.width >= *width);
        }
    }

    #[test]
    fn rings_are_drawn_without_one_of_their_lines((widths, reads) in any_graph()) {
        let drawn = layout(&widths, &reads);
        prop_assert_eq!(drawn.boxes.len(), widths.len());
        assert_sound(&drawn)?;
        for (from, to) in &drawn.edges {
            prop_assert!(reads[*to].contains(from));
        }
    }
}

#[test]
fn a_line_that_passes_a_layer_has_a_lane_there() {
    // 0 is read by 1 and 2; 1 by 2.
    let drawn = layout(&[50.0, 80.0, 60.0], &[vec![], vec![0], vec![1, 0]]);
    assert_eq!((drawn.layers, drawn.edges.len()), (3, 3));
    let lanes = drawn.lines.iter().filter(|line| line.from == 0 && line.start.0 == drawn.boxes[1].x);
    assert_eq!(lanes.count(), 1);
}
