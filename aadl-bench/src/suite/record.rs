//! Finished runs on disk, so that an interrupted benchmark goes on where it was.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Costs by run. Each finished run is a line of a file: its key, a tab, and its costs.
pub struct Records {
    known: HashMap<String, Vec<f64>>,
    file: Mutex<File>,
}

impl Records {
    /// The runs in `path`, to which new ones are added. A last line that is not whole is cut off:
    /// ended later, its last number could be taken for one that is.
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
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        file.set_len(whole as u64)?;
        let text = String::from_utf8_lossy(&text[..whole]);
        let known = text.lines().filter_map(parse).collect();
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
    pub fn get<const K: usize>(
        &self,
        key: &str,
        run: impl FnOnce() -> [f64; K],
    ) -> io::Result<[f64; K]> {
        self.try_get(key, || Ok(run()))
    }

    /// [`Records::get`] of a run that can fail; nothing is recorded then.
    ///
    /// # Errors
    /// Those of the file system and of the run.
    pub fn try_get<const K: usize, E: From<io::Error>>(
        &self,
        key: &str,
        run: impl FnOnce() -> Result<[f64; K], E>,
    ) -> Result<[f64; K], E> {
        if let Some(costs) = self.known.get(key).and_then(|costs| costs.as_slice().try_into().ok())
        {
            return Ok(costs);
        }
        let costs = run()?;
        let line = format!("{key}\t{}\n", costs.map(|cost| cost.to_string()).join(" "));
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())?;
        Ok(costs)
    }
}

fn parse(line: &str) -> Option<(String, Vec<f64>)> {
    let (key, costs) = line.split_once('\t')?;
    let costs = costs.split(' ').map(|cost| cost.parse().ok()).collect::<Option<_>>()?;
    Some((key.to_owned(), costs))
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
        assert_eq!(records.get("b", || [3.25; 3]).unwrap(), [3.25; 3]);
        drop(records);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        // Opened and left at once: the torn line must not come back as a whole one.
        drop(Records::open(&path).unwrap());
        let records = Records::open(&path).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records.get("a", || unreachable!()).unwrap(), infinite);
        assert_eq!(records.get("b", || [4.0; 3]).unwrap(), [4.0; 3]);
        drop(records);
        let records = Records::open(&path).unwrap();
        assert_eq!(records.get("b", || unreachable!()).unwrap(), [4.0; 3]);
    }
}
