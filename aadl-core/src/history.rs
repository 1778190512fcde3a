//! A ring of iterates, with marks that keep residuals true.
//!
//! Only iterates are stored. A *residual* is the difference of two consecutive ones of the same
//! *chain*: the newer must be the map's value at the older. An iterate that came about otherwise (an
//! accepted accelerated point, parameters replaced by someone else) begins a new chain, so that no
//! false residual enters the least squares. `M` iterates in `c` chains hold `M - c` residuals, where
//! storing points and residuals as pairs would take `2 N` numbers for each.
//!
//! [`Ring`] is the bookkeeping alone; the numbers stay with the owner.

/// The most iterates a ring can hold (its marks are the bits of a `u32`).
pub const MAX_DEPTH: usize = 32;

/// Slot numbers, at most one a slot.
pub type Slots = heapless::Vec<u8, MAX_DEPTH>;

/// Which slots of a ring are in use, in what order, and which of them continue a chain.
///
/// ```
/// use aadl_core::history::Ring;
/// let mut ring = Ring::default();
/// ring.push(3, false); // x0 begins a chain
/// ring.push(3, true); //  g(x0) continues it: one residual
/// ring.push(3, true); //  g(g(x0)): two
/// ring.push(3, true); //  pushes x0 out, and with it the first residual
/// assert_eq!(ring.residuals(3).as_slice(), [2, 0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ring {
    next: u8,
    len: u8,
    /// Bit `s`: the iterate in slot `s` is the map's value at the one before it in the ring.
    chained: u32,
}

impl Ring {
    /// An empty ring: all zeros.
    pub const fn new() -> Self {
        Self { next: 0, len: 0, chained: 0 }
    }

    /// Iterates held.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// True where nothing is held.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The slot of the iterate of this age, 0 being the newest. `depth` is the number of slots,
    /// the same at every call; here and below it counts as 1 where it is 0 and as [`MAX_DEPTH`]
    /// where it is larger.
    pub const fn slot(&self, depth: usize, age: usize) -> Option<usize> {
        let depth = bounded(depth);
        if age < self.len as usize && age < depth {
            let back = self.next as usize + depth - 1 - age;
            Some(if back >= depth { back - depth } else { back })
        } else {
            None
        }
    }

    /// True where slot `s` holds the newer iterate of a residual; the older is in the slot before.
    pub const fn is_residual(&self, slot: usize) -> bool {
        slot < MAX_DEPTH && self.chained >> slot & 1 == 1
    }

    /// How many residuals there are.
    pub(crate) const fn count_residuals(&self) -> usize {
        self.chained.count_ones() as usize
    }

    /// True where the next [`Ring::push`] ends the oldest residual: all slots are in use, and the iterate after
    /// the oldest continues its chain.
    pub(crate) const fn push_loses_residual(&self, depth: usize) -> bool {
        let depth = bounded(depth);
        self.len() >= depth && self.is_residual(following(self.next as usize, depth))
    }

    /// Takes the next slot, pushing out the oldest iterate where all are in use, and returns it.
    /// `continues`: the new iterate is the map's value at the newest.
    pub fn push(&mut self, depth: usize, continues: bool) -> usize {
        let depth = bounded(depth);
        let slot = usize::from(self.next);
        if usize::from(self.len) >= depth {
            // The slot after the oldest loses its predecessor.
            self.chained &= !bit(slot) & !bit(following(slot, depth));
            self.len -= 1;
        }
        let chain = if continues && self.len > 0 { bit(slot) } else { 0 };
        self.chained = self.chained & !bit(slot) | chain;
        self.next = following(slot, depth) as u8;
        self.len += 1;
        slot
    }

    /// Keeps the iterates and forgets that any of them makes a residual.
    pub fn forget_residuals(&mut self) {
        self.chained = 0;
    }

    /// Forgets the newest iterate.
    pub fn pop(&mut self, depth: usize) {
        if let Some(slot) = self.slot(depth, 0) {
            self.chained &= !bit(slot);
            self.next = slot as u8;
            self.len -= 1;
        }
    }

    /// Whether this can be the state of a ring of `depth` slots.
    pub(crate) const fn fits(&self, depth: usize) -> bool {
        (self.next as usize) < depth && self.len as usize <= depth
    }

    /// The slots of all residuals (of their newer iterates), oldest first.
    pub fn residuals(&self, depth: usize) -> Slots {
        let mut slots = Slots::new();
        let Some(mut slot) = self.slot(depth, self.len().saturating_sub(1)) else { return slots };
        for _ in 0..self.len() {
            if self.is_residual(slot) {
                // Never full: a ring has at most MAX_DEPTH slots.
                let _ = slots.push(slot as u8);
            }
            slot = following(slot, bounded(depth));
        }
        slots
    }
}

/// The number of slots that `depth` stands for: counts and slots fit their bytes then.
const fn bounded(depth: usize) -> usize {
    if depth == 0 {
        1
    } else if depth > MAX_DEPTH {
        MAX_DEPTH
    } else {
        depth
    }
}

const fn bit(slot: usize) -> u32 {
    1 << (slot % MAX_DEPTH)
}

const fn following(slot: usize, depth: usize) -> usize {
    if slot + 1 >= depth { 0 } else { slot + 1 }
}

/// The slot before `slot` in a ring of `depth` slots.
///
/// ```
/// use aadl_core::history::preceding;
/// assert_eq!((preceding(2, 5), preceding(0, 5)), (1, 4));
/// ```
pub const fn preceding(slot: usize, depth: usize) -> usize {
    if slot == 0 { depth.saturating_sub(1) } else { slot - 1 }
}
