//! Finished runs on disk, so that an interrupted benchmark goes on where it was.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::objective::TARGETS;

/// Costs by run. Each finished run is a line of a file: its key, a tab, and its costs.
pub struct Records {
    known: HashMap<String, [f64; TARGETS]>,
    file: Mutex<File>,
}

impl Records {
    /// The runs in `path`, to which new ones are added. Lines that are not whole are ignored.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            bytes => bytes?,
        };
        let text = String::from_utf8_lossy(&text);
        let known = text.split_inclusive('\n').filter_map(parse).collect();
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n")?;
        }
        Ok(Self { known, file: Mutex::new(file) })
    }

    /// The file of this program: another one, even by a byte, has another.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn path() -> io::Result<PathBuf> {
        let mut hasher = DefaultHasher::new();
        hasher.write(&fs::read(std::env::current_exe()?)?);
        let name = format!("{:016x}.tsv", hasher.finish());
        Ok(Path::new("target").join("benchmarks").join(name))
    }

    /// How many runs there were.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The costs of a run: from the file, or else by running it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn get(
        &self,
        key: &str,
        run: impl FnOnce() -> [f64; TARGETS],
    ) -> io::Result<[f64; TARGETS]> {
        if let Some(costs) = self.known.get(key) {
            return Ok(*costs);
        }
        let costs = run();
        let line = format!("{key}\t{} {} {}\n", costs[0], costs[1], costs[2]);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())?;
        Ok(costs)
    }
}

fn parse(line: &str) -> Option<(String, [f64; TARGETS])> {
    let (key, costs) = line.strip_suffix('\n')?.split_once('\t')?;
    let costs: Vec<f64> = costs.split(' ').map_while(|cost| cost.parse().ok()).collect();
    Some((key.to_owned(), costs.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_is_run_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("runs.tsv");
        let records = Records::open(&path).unwrap();
        assert!(records.is_empty());
        let infinite = [1.0, 2.0 / 3.0, f64::INFINITY];
        assert_eq!(records.get("a", || infinite).unwrap(), infinite);
        assert_eq!(records.get("b", || [3.0; 3]).unwrap(), [3.0; 3]);
        drop(records);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        let records = Records::open(&path).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records.get("a", || unreachable!()).unwrap(), infinite);
        assert_eq!(records.get("b", || [4.0; 3]).unwrap(), [4.0; 3]);
        drop(records);
        let records = Records::open(&path).unwrap();
        assert_eq!(records.get("b", || unreachable!()).unwrap(), [4.0; 3]);
    }
}
