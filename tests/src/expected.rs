//! `digests.txt`: for each case its name, how many numbers it computes, their digest, and a byte
//! of the digest after each number, by which the first that differs is found.

use crate::trace::Entry;

/// The file, in the program: a device has no other way to it.
const DIGESTS: &str = include_str!("../digests.txt");

/// What a case must compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected<'a> {
    /// How many numbers.
    pub count: u32,
    /// The digest of all.
    pub digest: u64,
    marks: &'a str,
}

/// What the case of this name must compute; none where the file does not know it.
pub fn find(name: &str) -> Option<Expected<'static>> {
    parse(DIGESTS, name)
}

fn parse<'a>(text: &'a str, name: &str) -> Option<Expected<'a>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut words = lines.map(str::split_whitespace).find_map(|mut words| {
        let found = words.next() == Some(name);
        found.then_some(words)
    })?;
    let count = words.next()?.parse().ok()?;
    let digest = u64::from_str_radix(words.next()?, 16).ok()?;
    Some(Expected { count, digest, marks: words.next().unwrap_or("") })
}

impl Expected<'_> {
    /// Whether the number has the mark that is expected at its place.
    pub fn agrees(&self, entry: &Entry) -> bool {
        let start = (entry.number as usize).saturating_mul(2);
        let mark = self.marks.get(start..start.saturating_add(2));
        mark.and_then(|mark| u8::from_str_radix(mark, 16).ok()) == Some(entry.mark())
    }
}
