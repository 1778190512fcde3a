//! The float32 exponential has libm's bits. `--example exponentials` compares for all arguments.

use aadl_core::math::{Libm, Math};

fn compare(x: f32) {
    let (found, expected): (f32, _) = (Libm::exp(x), libm::expf(x));
    let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
    assert!(same, "e^{x:e} ({:#x}): {found:e}, libm {expected:e}", x.to_bits());
}

#[test]
fn of_every_257th_argument() {
    (0..=u32::MAX).step_by(257).map(f32::from_bits).for_each(compare);
}

#[test]
fn where_the_method_changes() {
    let ln_2 = std::f64::consts::LN_2;
    // 2^-14; the ends of the range of normal numbers, and of all; our own ends.
    let mut places = vec![0.0, 6.103_515_6e-5, 87.336_55, 88.722_84, 103.972_08, 104.0, f32::MAX];
    // Where the power of two changes.
    places.extend((0..152).map(|k| ((f64::from(k) + 0.5) * ln_2) as f32));
    for place in places {
        let bits = place.to_bits();
        for bits in bits.saturating_sub(3000)..=bits + 3000 {
            compare(f32::from_bits(bits));
            compare(-f32::from_bits(bits));
        }
    }
    // A tie of x / ln 2 that must go away from zero, found by trying all arguments.
    compare(f32::from_bits(0x3fdd_ce9e));
}
