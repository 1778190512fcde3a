//! `digests.txt`: for each case its name, how many numbers it computes, their digest, and a byte
//! of the digest after each number, by which the first that differs is found.

use crate::trace::Entry;

/// Name, count, digest and marks of each case: `build.rs` makes it of the file.
type Line = (&'static str, u32, u64, &'static [u8]);
const DIGESTS: &[Line] = include!(concat!(env!("OUT_DIR"), "/digests.rs"));

/// What a case must compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// How many numbers.
    pub count: u32,
    /// The digest of all.
    pub digest: u64,
    marks: &'static [u8],
}

/// What the case of this name must compute; none where the file does not know it.
pub fn find(name: &str) -> Option<Expected> {
    let line = DIGESTS.iter().find(|(known, ..)| *known == name);
    line.map(|&(_, count, digest, marks)| Expected { count, digest, marks })
}

impl Expected {
    /// Whether the number has the mark that is expected at its place.
    pub fn agrees(&self, entry: &Entry) -> bool {
        self.marks.get(entry.number as usize) == Some(&entry.mark())
    }
}
