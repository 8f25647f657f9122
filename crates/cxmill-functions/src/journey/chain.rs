//! The chain of a funnel: which steps a customer took in order, within a window.
//!
//! A chain is one row for step 1, another for step 2, and so on: no row twice, no row earlier than the one before, and none
//! later than the window after the first. Rows at the same time may follow each other in any order. The best chain has the
//! most steps.
//!
//! Times are walked upwards once. For each number of steps only the latest start of a chain that has got so far is kept:
//! of two chains that are equally far, the one that started later has the window open for longer, so the other is never
//! needed. Rows at one time are a matching problem: from `k` steps, the chain gets to `reach[k]`, the most for which steps
//! `k+1…reach[k]` find a row each. `reach` never falls, so taking as many steps as possible at each time is always best.

/// The steps that one row is.
pub(crate) trait StepSet: Clone + Ord + Send + Sync + std::fmt::Debug + 'static {
    /// Numbers of 64 bits that a set of so many steps takes.
    fn words(steps: usize) -> usize;
    fn from_words(words: &[u64]) -> Self;
    fn as_words(&self) -> &[u64];
    /// Whether the row is step `step`, from 0.
    fn holds(&self, step: usize) -> bool;
    /// Bytes on the heap.
    fn heap(&self) -> usize;
}

/// Up to 64 steps.
impl StepSet for u64 {
    fn words(_steps: usize) -> usize {
        1
    }

    #[inline]
    fn from_words(words: &[u64]) -> Self {
        words.first().copied().unwrap_or_default()
    }

    #[inline]
    fn as_words(&self) -> &[u64] {
        std::slice::from_ref(self)
    }

    #[inline]
    fn holds(&self, step: usize) -> bool {
        self >> step & 1 == 1
    }

    fn heap(&self) -> usize {
        0
    }
}

/// Any number of steps.
impl StepSet for Box<[u64]> {
    fn words(steps: usize) -> usize {
        steps.div_ceil(64)
    }

    fn from_words(words: &[u64]) -> Self {
        words.into()
    }

    fn as_words(&self) -> &[u64] {
        self
    }

    fn holds(&self, step: usize) -> bool {
        self.get(step / 64).is_some_and(|word| word >> (step % 64) & 1 == 1)
    }

    fn heap(&self) -> usize {
        size_of_val::<[u64]>(self)
    }
}

/// Finds chains; its vectors are used again from customer to customer.
#[derive(Debug)]
pub(crate) struct Chains {
    steps: usize,
    /// How far the last row of a chain may be from the first, in units of the times.
    window: u64,
    /// By number of steps less one: the latest start of a chain that has got so far.
    starts: Vec<Option<i64>>,
    matching: Matching,
}

/// The best chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chain {
    /// How many steps it has, at least 1.
    pub(crate) steps: usize,
    /// When it began. Of the chains with the most steps this is the one that ends first, and of those the one that begins
    /// last.
    start: i64,
}

impl Chains {
    pub(crate) fn new(steps: usize, window: u64) -> Self {
        Self { steps, window, starts: vec![None; steps], matching: Matching::default() }
    }

    /// The best chain of rows that are sorted by time; `None` if no row is step 1.
    pub(crate) fn best<S: StepSet>(&mut self, rows: &[(i64, S)]) -> Option<Chain> {
        self.starts.fill(None);
        let mut best: Option<Chain> = None;
        for at_one_time in rows.chunk_by(|a, b| a.0 == b.0) {
            let now = at_one_time[0].0;
            match at_one_time {
                [(_, row)] => self.follow_one(now, row),
                tied => self.follow_tied(now, tied),
            }
            let reached = best.map_or(0, |chain| chain.steps);
            let further = (reached..self.steps).rev().find_map(|step| Some((step + 1, self.starts[step]?)));
            if let Some((steps, start)) = further {
                best = Some(Chain { steps, start });
                if steps == self.steps {
                    break;
                }
            }
        }
        best
    }

    /// When each step of the chain happened: each as early as possible after its start.
    pub(crate) fn times<S: StepSet>(&mut self, chain: Chain, rows: &[(i64, S)], times: &mut Vec<i64>) {
        let first = rows.partition_point(|(time, _)| *time < chain.start);
        let mut taken = 0;
        for at_one_time in rows[first..].chunk_by(|a, b| a.0 == b.0) {
            let reach = match at_one_time {
                [(_, row)] => taken + usize::from(row.holds(taken)),
                tied => {
                    self.matching.prepare(tied, self.steps);
                    self.matching.reach(taken)
                }
            };
            let reach = reach.min(chain.steps);
            times.extend(std::iter::repeat_n(at_one_time[0].0, reach - taken));
            taken = reach;
            if taken == chain.steps {
                break;
            }
        }
    }

    /// Lets every chain go on with a row that has its time for itself.
    #[inline]
    fn follow_one<S: StepSet>(&mut self, now: i64, row: &S) {
        // Downwards, so that the row serves each chain once.
        for step in (1..self.steps).rev() {
            if row.holds(step)
                && let Some(start) = self.starts[step - 1]
                && now.abs_diff(start) <= self.window
            {
                self.starts[step] = Some(start);
            }
        }
        if row.holds(0) {
            self.starts[0] = Some(now);
        }
    }

    fn follow_tied<S: StepSet>(&mut self, now: i64, rows: &[(i64, S)]) {
        self.matching.prepare(rows, self.steps);
        self.matching.reaches(self.steps);
        // The chain that goes on to `taken` steps comes from as few steps as possible, which have the latest start. Downwards,
        // so that only chains from before this time go on.
        for taken in (1..=self.steps).rev() {
            let from = self.matching.reach.partition_point(|reach| *reach < taken);
            if from >= taken {
                continue;
            }
            let start = if from == 0 { Some(now) } else { self.starts[from - 1] };
            if let Some(start) = start
                && now.abs_diff(start) <= self.window
            {
                self.starts[taken - 1] = Some(start);
            }
        }
    }
}

/// Rows at one time, and which of them stand for which steps: a bipartite matching by augmenting paths (Kuhn).
#[derive(Debug, Default)]
struct Matching {
    /// By step: rows that are it.
    rows_of: Vec<Vec<usize>>,
    /// By row: the step it stands for.
    step_of: Vec<Option<usize>>,
    visited: Vec<bool>,
    /// By steps taken before this time: steps taken after it, at most.
    reach: Vec<usize>,
}

impl Matching {
    fn prepare<S: StepSet>(&mut self, rows: &[(i64, S)], steps: usize) {
        self.rows_of.resize_with(steps, Vec::new);
        for (step, rows_of) in self.rows_of.iter_mut().enumerate() {
            rows_of.clear();
            // A step with as many rows as there are steps always finds a free one, so more are not needed.
            rows_of.extend((0..rows.len()).filter(|row| rows[*row].1.holds(step)).take(steps));
        }
        self.step_of.clear();
        self.step_of.resize(rows.len(), None);
    }

    /// How far a chain of `taken` steps gets.
    fn reach(&mut self, taken: usize) -> usize {
        let mut reach = taken;
        while reach < self.rows_of.len() && self.find_row(reach) {
            reach += 1;
        }
        reach
    }

    /// Fills `reach` for every number of steps taken.
    fn reaches(&mut self, steps: usize) {
        self.reach.clear();
        let mut reach = 0;
        for taken in 0..steps {
            reach = self.reach(reach.max(taken));
            self.reach.push(reach);
            // What was found for the later steps stays; the row of this one is free again.
            if let Some(row) = self.step_of.iter_mut().find(|step| **step == Some(taken)) {
                *row = None;
            }
        }
    }

    fn find_row(&mut self, step: usize) -> bool {
        self.visited.clear();
        self.visited.resize(self.step_of.len(), false);
        self.augment(step)
    }

    fn augment(&mut self, step: usize) -> bool {
        for i in 0..self.rows_of[step].len() {
            let row = self.rows_of[step][i];
            if std::mem::replace(&mut self.visited[row], true) {
                continue;
            }
            let is_free = match self.step_of[row] {
                None => true,
                Some(other) => self.augment(other),
            };
            if is_free {
                self.step_of[row] = Some(step);
                return true;
            }
        }
        false
    }
}
