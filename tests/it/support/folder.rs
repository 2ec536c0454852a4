//! What is in a folder, byte for byte.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// SHA-256 over the folder's own times and every file's name, size, mode, times and bytes.
pub(crate) fn fingerprint(folder: &Path) -> String {
    let mut entries: Vec<_> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    let mut sha256 = Sha256::new();
    let mut listing = String::new();
    for path in std::iter::once(folder.to_owned()).chain(entries) {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let (mode, size) = (metadata.mode(), metadata.size());
        let times = (
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec(),
        );
        let line = format!("{} {mode:o} {size} {times:?}\n", path.display());
        sha256.update(&line);
        listing.push_str(&line);
        if metadata.is_file() {
            sha256.update(fs::read(&path).unwrap());
        }
    }
    let digest = sha256.finalize();
    digest
        .iter()
        .fold(listing, |text, byte| text + &format!("{byte:02x}"))
}

/// A file: its name, mode, time of change and bytes.
#[derive(PartialEq, Eq)]
pub(crate) struct Entry(String, u32, (i64, i64), Vec<u8>);

/// The same of a folder of some megabytes, without a digest, which takes long in a build for development.
pub(crate) fn contents(folder: &Path) -> Vec<Entry> {
    names(folder)
        .into_iter()
        .map(|name| {
            let path = folder.join(&name);
            let metadata = fs::symlink_metadata(&path).unwrap();
            let bytes = if metadata.is_file() {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            let changed = (metadata.ctime(), metadata.ctime_nsec());
            Entry(name, metadata.mode(), changed, bytes)
        })
        .collect()
}

/// The names in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = folder.read_dir().unwrap().map(name).collect();
    names.sort();
    names
}
