//! Boxes in layers, for a drawing of what reads what.
//!
//! Each box stands right of all that it reads. A line that goes on to a farther layer runs through a lane of its own in the layers
//! between, so that no line crosses a box; the lines that leave one box share their lanes.
//!
//! ```text
//! rank ─ lanes ─ order in each layer (few crossings) ─ heights (short lines, nothing overlaps)
//! ```

/// Height of a box.
pub(crate) const BOX: f64 = 22.0;
/// Height of the room around a line that passes a layer.
const LANE: f64 = 4.0;
/// Least distance of boxes and lanes below one another.
const GAP: f64 = 6.0;
/// Room for lines between two layers.
const ROOM: f64 = 56.0;
/// Space around the drawing, for outlines.
const EDGE: f64 = 2.0;
/// Times that every layer is brought into the order of what stands beside it.
const ORDERINGS: usize = 12;
/// Times that every layer is brought to the heights of what stands beside it.
const LEVELLINGS: usize = 8;

/// Where a box stands.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Spot {
    /// Left end.
    pub(crate) x: f64,
    /// Upper end.
    pub(crate) y: f64,
    /// Its width.
    pub(crate) width: f64,
}

/// A piece of a line, from the left to the right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    /// The box that all of it comes from, by index.
    pub(crate) from: usize,
    /// Left end.
    pub(crate) start: (f64, f64),
    /// Right end.
    pub(crate) end: (f64, f64),
}

/// A drawing.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The boxes in the order they were given.
    pub(crate) boxes: Vec<Spot>,
    /// The lines between them.
    pub(crate) lines: Vec<Line>,
    /// Who is read by whom, by index, each pair once.
    pub(crate) edges: Vec<(usize, usize)>,
    /// Number of layers.
    pub(crate) layers: usize,
    /// Width of all.
    pub(crate) width: f64,
    /// Height of all.
    pub(crate) height: f64,
}

/// A box, or the lane of a line that passes a layer.
#[derive(Debug)]
struct Slot {
    layer: usize,
    /// The box, or the one that the line comes from.
    node: usize,
    height: f64,
    /// Its middle.
    y: f64,
    /// Slots of the layer before that lead here.
    left: Vec<usize>,
    /// Slots of the layer after that this leads to.
    right: Vec<usize>,
}

/// Places boxes of these widths; `reads` are the boxes that each one reads. Where boxes read one another in a ring, one of the
/// lines is left out.
pub(crate) fn layout(widths: &[f64], reads: &[Vec<usize>]) -> Layout {
    let (ranks, edges) = ranked(reads);
    let mut slots = slots(&ranks, &edges);
    let layers = ranks.iter().max().map_or(0, |last| last + 1);
    let mut all: Vec<Vec<usize>> = vec![Vec::new(); layers];
    for (index, slot) in slots.iter().enumerate() {
        all.iter_mut().skip(slot.layer).take(1).for_each(|layer| layer.push(index));
    }
    order(&mut all, &mut slots);
    level(&all, &mut slots);

    let boxes = slots.iter().take(ranks.len());
    let widest = |layer: usize| {
        let inside = boxes.clone().zip(widths).filter(|(slot, _)| slot.layer == layer);
        inside.map(|(_, width)| *width).fold(0.0, f64::max)
    };
    // Left end and width of each layer.
    let mut columns: Vec<(f64, f64)> = Vec::new();
    for layer in 0..layers {
        let x = columns.last().map_or(EDGE, |(x, width)| x + width + ROOM);
        columns.push((x, widest(layer)));
    }
    let column = |slot: &Slot| columns.get(slot.layer).copied().unwrap_or_default();
    let spot = |slot: &Slot| {
        let (x, width) = column(slot);
        Spot { x, y: slot.y - BOX / 2.0, width }
    };
    let mut lines = Vec::new();
    for (index, slot) in slots.iter().enumerate() {
        let (x, width) = column(slot);
        let right = (x + width, slot.y);
        if index >= ranks.len() {
            lines.push(Line { from: slot.node, start: (x, slot.y), end: right });
        }
        for next in slot.right.iter().filter_map(|next| slots.get(*next)) {
            lines.push(Line { from: slot.node, start: right, end: (column(next).0, next.y) });
        }
    }
    Layout {
        boxes: boxes.clone().map(spot).collect(),
        lines,
        edges,
        layers,
        width: columns.last().map_or(0.0, |(x, width)| x + width) + EDGE,
        height: slots.iter().map(|slot| slot.y + slot.height / 2.0).fold(0.0, f64::max) + EDGE,
    }
}

/// The layer of each box, and who is read by whom. What a box on a ring reads of that ring is left out.
fn ranked(reads: &[Vec<usize>]) -> (Vec<usize>, Vec<(usize, usize)>) {
    let mut ranks: Vec<Option<usize>> = vec![None; reads.len()];
    let rank = |ranks: &[Option<usize>], of: usize| ranks.get(of).copied().flatten();
    let mut edges = Vec::new();
    for _ in reads {
        let waiting = || reads.iter().enumerate().filter(|(index, _)| rank(&ranks, *index).is_none());
        let is_free = |(_, read): &(usize, &Vec<usize>)| {
            read.iter().all(|other| *other >= reads.len() || rank(&ranks, *other).is_some())
        };
        let Some((index, read)) = waiting().find(is_free).or_else(|| waiting().next()) else { break };
        let mut known: Vec<usize> = read.iter().copied().filter(|other| rank(&ranks, *other).is_some()).collect();
        known.sort_unstable();
        known.dedup();
        let last = known.iter().filter_map(|other| rank(&ranks, *other)).max();
        edges.extend(known.into_iter().map(|other| (other, index)));
        ranks.iter_mut().skip(index).take(1).for_each(|own| *own = Some(last.map_or(0, |last| last + 1)));
    }
    (ranks.into_iter().flatten().collect(), edges)
}

/// A slot for each box, then the lanes.
fn slots(ranks: &[usize], edges: &[(usize, usize)]) -> Vec<Slot> {
    let slot = |layer, node, height| Slot { layer, node, height, y: 0.0, left: Vec::new(), right: Vec::new() };
    let mut slots: Vec<Slot> = ranks.iter().enumerate().map(|(node, layer)| slot(*layer, node, BOX)).collect();
    // The slots that the lines of each box pass, layer by layer, from the box on.
    let mut passed: Vec<Vec<usize>> = (0..ranks.len()).map(|node| vec![node]).collect();
    for (from, to) in edges {
        let (Some(first), Some(last), Some(passed)) = (ranks.get(*from), ranks.get(*to), passed.get_mut(*from)) else {
            continue;
        };
        while passed.len() < last - first {
            let lane = slots.len();
            slots.push(slot(first + passed.len(), *from, LANE));
            link(&mut slots, passed.last().copied().unwrap_or(*from), lane);
            passed.push(lane);
        }
        let before = passed.get(last - first - 1).copied().unwrap_or(*from);
        link(&mut slots, before, *to);
    }
    slots
}

fn link(slots: &mut [Slot], left: usize, right: usize) {
    slots.iter_mut().skip(left).take(1).for_each(|slot| slot.right.push(right));
    slots.iter_mut().skip(right).take(1).for_each(|slot| slot.left.push(left));
}

/// What a sweep looks at: from the left, each layer at the one before; from the right, at the one after.
fn beside(slots: &[Slot], slot: usize, from_left: bool) -> Option<f64> {
    let slot = slots.get(slot)?;
    let beside = if from_left { &slot.left } else { &slot.right };
    let heights = beside.iter().filter_map(|other| slots.get(*other)).map(|other| other.y);
    (!beside.is_empty()).then(|| heights.sum::<f64>() / beside.len() as f64)
}

fn height(slots: &[Slot], slot: usize) -> f64 {
    slots.get(slot).map_or(0.0, |slot| slot.height)
}

fn put(slots: &mut [Slot], slot: usize, y: f64) {
    slots.iter_mut().skip(slot).take(1).for_each(|slot| slot.y = y);
}

/// The layers from the left to the right, or back.
fn sweep(layers: usize, from_left: bool) -> Box<dyn Iterator<Item = usize>> {
    if from_left { Box::new(0..layers) } else { Box::new((0..layers).rev()) }
}

/// Brings each layer into an order in which few lines cross.
fn order(layers: &mut [Vec<usize>], slots: &mut [Slot]) {
    let rows = |layer: &[usize], slots: &mut [Slot]| {
        for (row, slot) in layer.iter().enumerate() {
            put(slots, *slot, (row as f64 + 0.5) / layer.len() as f64);
        }
    };
    layers.iter().for_each(|layer| rows(layer, slots));
    for round in 0..ORDERINGS {
        let from_left = round % 2 == 0;
        for index in sweep(layers.len(), from_left) {
            let Some(layer) = layers.get_mut(index) else { continue };
            let own = |slot: usize| slots.get(slot).map_or(0.0, |slot| slot.y);
            let wanted = |slot: usize| beside(slots, slot, from_left).unwrap_or_else(|| own(slot));
            layer.sort_by(|a, b| wanted(*a).total_cmp(&wanted(*b)).then(own(*a).total_cmp(&own(*b))).then(a.cmp(b)));
            rows(layer, slots);
        }
    }
}

/// Gives each slot its height on the page: near what stands beside it, in the order of its layer, apart from its neighbours.
fn level(layers: &[Vec<usize>], slots: &mut [Slot]) {
    // How far each slot of a layer is below the first one at least.
    let offsets = |layer: &[usize], slots: &[Slot]| -> Vec<f64> {
        let mut below = 0.0;
        let mut before: Option<usize> = None;
        let offset = |slot: &usize| {
            below += before.map_or(0.0, |before| (height(slots, before) + height(slots, *slot)) / 2.0 + GAP);
            before = Some(*slot);
            below
        };
        layer.iter().map(offset).collect()
    };
    for layer in layers {
        let offsets = offsets(layer, slots);
        let middle = offsets.last().map_or(0.0, |last| last / 2.0);
        layer.iter().zip(offsets).for_each(|(slot, offset)| put(slots, *slot, offset - middle));
    }
    for round in 0..LEVELLINGS {
        let from_left = round % 2 == 0;
        for layer in sweep(layers.len(), from_left).filter_map(|index| layers.get(index)) {
            let offsets = offsets(layer, slots);
            let own = |slot: usize| slots.get(slot).map_or(0.0, |slot| slot.y);
            let wanted = layer.iter().map(|slot| beside(slots, *slot, from_left).unwrap_or_else(|| own(*slot)));
            let wanted: Vec<f64> = wanted.zip(&offsets).map(|(y, offset)| y - offset).collect();
            let rising = rising(&wanted);
            layer.iter().zip(rising).zip(offsets).for_each(|((slot, y), offset)| put(slots, *slot, y + offset));
        }
    }
    let top = slots.iter().map(|slot| slot.y - slot.height / 2.0).fold(f64::INFINITY, f64::min);
    slots.iter_mut().for_each(|slot| slot.y += EDGE - top);
}

/// The values that never fall and are nearest to these by least squares: neighbours that would fall are pooled at their mean.
fn rising(values: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for value in values {
        let mut pool = (*value, 1);
        while let Some((sum, count)) = pools.pop_if(|(sum, count)| *sum / *count as f64 > pool.0 / pool.1 as f64) {
            pool = (pool.0 + sum, pool.1 + count);
        }
        pools.push(pool);
    }
    pools.into_iter().flat_map(|(sum, count)| std::iter::repeat_n(sum / count as f64, count)).collect()
}
