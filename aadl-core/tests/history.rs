//! The ring of iterates against a list that is shortened at its front.

use aadl_core::history::{MAX_DEPTH, Ring, preceding};
use aadl_core::random::Random;

/// An iterate of the list: its number, its slot, and whether it continues a chain.
type Entry = (u32, usize, bool);

fn compare(ring: &Ring, depth: usize, list: &[Entry], slots: &[u32]) {
    assert_eq!((ring.len(), ring.is_empty()), (list.len(), list.is_empty()));
    for (age, (number, slot, _)) in list.iter().rev().enumerate() {
        assert_eq!(ring.slot(depth, age), Some(*slot));
        assert_eq!(slots[*slot], *number, "an iterate in use was overwritten");
    }
    assert_eq!(ring.slot(depth, list.len()), None);
    let residuals: Vec<u8> = list.iter().filter(|e| e.2).map(|e| e.1 as u8).collect();
    assert_eq!(ring.residuals(depth).as_slice(), residuals);
    for pair in list.windows(2) {
        assert_eq!(preceding(pair[1].1, depth), pair[0].1);
    }
    for slot in 0..depth {
        assert_eq!(ring.is_residual(slot), residuals.contains(&(slot as u8)), "slot {slot}");
    }
}

#[test]
fn a_ring_is_a_list_without_its_front() {
    let mut random = Random::new(61);
    for depth in [1, 2, 3, 4, 5, 8, 31, MAX_DEPTH] {
        for _ in 0..20 {
            let mut ring = Ring::new();
            let mut list: Vec<Entry> = Vec::new();
            let mut slots = vec![0; depth];
            for number in 1..=200 {
                if random.below(5) == 0 {
                    ring.pop(depth);
                    list.pop();
                } else {
                    let continues = random.below(3) > 0;
                    let slot = ring.push(depth, continues);
                    slots[slot] = number;
                    let chained = continues && !list.is_empty();
                    if list.len() == depth {
                        list.remove(0);
                        if let Some(oldest) = list.first_mut() {
                            oldest.2 = false;
                        }
                    }
                    list.push((number, slot, chained && !list.is_empty()));
                }
                compare(&ring, depth, &list, &slots);
            }
        }
    }
}

#[test]
fn places_that_do_not_exist_hold_nothing() {
    let mut ring = Ring::default();
    assert!(!ring.is_residual(MAX_DEPTH) && !ring.is_residual(usize::MAX));
    assert_eq!(ring.slot(5, 0), None);
    ring.pop(5);
    assert_eq!(ring, Ring::new());
}

#[test]
fn no_depth_makes_a_ring_panic() {
    let depths = [0, 1, 3, MAX_DEPTH, MAX_DEPTH + 1, 300, usize::MAX];
    let mut random = Random::new(62);
    for depth in depths {
        let mut ring = Ring::new();
        for _ in 0..600 {
            assert!(ring.push(depth, true) < MAX_DEPTH);
        }
        assert_eq!(ring.len(), depth.clamp(1, MAX_DEPTH));
        assert_eq!(ring.residuals(depth).len(), ring.len() - 1);
    }
    let mut ring = Ring::new();
    for _ in 0..2000 {
        let depth = depths[random.below(depths.len())];
        match random.below(3) {
            0 => ring.pop(depth),
            _ => assert!(ring.push(depth, true) < MAX_DEPTH),
        }
        assert!(ring.slot(depth, random.below(40)).is_none_or(|slot| slot < MAX_DEPTH));
        assert!(ring.residuals(depth).len() <= MAX_DEPTH);
    }
}
