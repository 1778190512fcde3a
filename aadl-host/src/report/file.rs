//! Files that are whole or not there.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use tempfile::NamedTempFile;

/// Writes `contents` to a temporary file beside `path`, then renames it: an interruption or a full
/// disk leaves the old file, or none, never half of one. Folders on the way are made; a link stays
/// one, and what is no file (`/dev/stdout`) is written to as it is.
///
/// # Errors
/// Those of the file system, with the path in the message.
pub fn write_whole(path: &Path, contents: &[u8]) -> io::Result<()> {
    let write = || {
        if is_special(path) {
            return std::fs::write(path, contents);
        }
        let target = path.canonicalize();
        let target = target.as_deref().unwrap_or(path);
        let mut file = beside(target)?;
        file.write_all(contents)?;
        file.as_file().sync_all()?;
        file.persist(target).map(drop).map_err(|error| error.error)
    };
    write().map_err(|error| named(path, error))
}

/// Writes a value as JSON text, by [`write_whole`].
///
/// # Errors
/// As [`write_whole`].
pub fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    write_whole(path, (serde_json::to_string_pretty(value)? + "\n").as_bytes())
}

/// Whether [`write_whole`] would have a place to write to, so that long work need not end with an
/// error. Makes the folders, and nothing else.
///
/// # Errors
/// As [`write_whole`].
pub fn check_writable(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(named(path, io::ErrorKind::IsADirectory.into()));
    }
    if is_special(path) {
        return Ok(());
    }
    beside(path).map(drop).map_err(|error| named(path, error))
}

/// Whether it is a device, a pipe or the like, which must not be replaced by a file.
fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// A new temporary file in the folder of `path`, removed when it is dropped.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    // Like any new file, not private to the user as temporary files are.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_a_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/folder/a.txt");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn names_the_path_where_it_fails() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        write_whole(&file, b"").unwrap();
        let below = file.join("below");
        for error in [write_whole(&below, b"").unwrap_err(), check_writable(&below).unwrap_err()] {
            assert!(error.to_string().contains("below"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_and_devices_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let link = |name: &str, to: &Path| {
            let link = folder.path().join(name);
            std::os::unix::fs::symlink(to, &link).unwrap();
            link
        };
        let file = folder.path().join("there/a.txt");
        write_whole(&file, b"one").unwrap();
        for link in [link("device", Path::new("/dev/null")), link("file", &file)] {
            check_writable(&link).unwrap();
            write_whole(&link, b"two").unwrap();
            assert!(link.is_symlink());
        }
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
    }

    #[test]
    fn a_check_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/a.json");
        check_writable(&path).unwrap();
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
        assert!(check_writable(folder.path()).is_err());
        assert!(write_whole(folder.path(), b"").is_err());
    }
}
