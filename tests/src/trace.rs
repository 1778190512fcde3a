//! What a case computes, number by number, and the digest of it.

use aadl_core::Real;

/// One number of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the case calls the number, or the slice that it is an element of.
    pub label: &'static str,
    /// Its place in that slice.
    pub index: usize,
    /// Its bits: of a real number as float64, which is exact; every NaN has the same.
    pub bits: u64,
    /// How many numbers came before, modulo 2^32.
    pub number: u32,
    /// Digest of all numbers up to this one. Its lowest byte is this number's mark in
    /// `digests.txt`: after the first number that differs, a mark is right by chance only, one
    /// time in 256.
    pub digest: u64,
}

impl Entry {
    /// The mark.
    pub const fn mark(&self) -> u8 {
        self.digest as u8
    }
}

/// Takes what a case computes.
pub struct Trace<'a> {
    digest: u64,
    count: u32,
    see: &'a mut dyn FnMut(&Entry),
}

impl<'a> Trace<'a> {
    /// An empty trace that shows every number to `see`.
    pub fn new(see: &'a mut dyn FnMut(&Entry)) -> Self {
        Self { digest: 0, count: 0, see }
    }

    /// How many numbers it has taken.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The digest of all of them. It depends on values and order, not on labels.
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// Takes an integer.
    pub fn integer(&mut self, label: &'static str, value: u64) {
        self.take(label, 0, value);
    }

    /// Takes a real number.
    pub fn real<T: Real>(&mut self, label: &'static str, value: T) {
        self.take(label, 0, bits(value));
    }

    /// Takes real numbers.
    pub fn reals<T: Real>(&mut self, label: &'static str, values: &[T]) {
        for (index, value) in values.iter().enumerate() {
            self.take(label, index, bits(*value));
        }
    }

    fn take(&mut self, label: &'static str, index: usize, bits: u64) {
        // A step of SplitMix64 on the sum: every bit of every number reaches every bit.
        let mut z = (self.digest ^ bits).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.digest = z ^ (z >> 31);
        let entry = Entry { label, index, bits, number: self.count, digest: self.digest };
        self.count = self.count.wrapping_add(1);
        (self.see)(&entry);
    }
}

fn bits<T: Real>(value: T) -> u64 {
    // The sign and payload of a NaN are no part of the contract.
    if value.magnitude_bits() > T::INFINITY_BITS {
        f64::NAN.to_bits()
    } else {
        value.to_f64().to_bits()
    }
}
