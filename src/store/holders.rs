//! Which processes read a capture at this moment, so that its log cannot be written back.
//!
//! A reader of a database in WAL mode holds a POSIX lock on one of five bytes of the `-shm` file (SQLite's documentation, "WAL-mode
//! File Format", section 2.3.1: bytes 123 to 127), and Linux lists all locks in `/proc/locks`.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::open;

/// A process that reads the capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub pid: u32,
    /// Its command name, where the system tells it.
    pub name: Option<String>,
}

/// The bytes of the `-shm` file that readers lock.
const READERS: std::ops::RangeInclusive<u64> = 123..=127;

/// How many are named.
const MAX_HOLDERS: usize = 8;

/// The processes that read the capture at `path` now, this one included; none where the system does not tell.
pub fn holders(path: &Path) -> Vec<Holder> {
    let Ok(index) = std::fs::metadata(open::beside(path, "-shm")) else {
        return Vec::new();
    };
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut pids = readers(&locks, index.ino());
    pids.truncate(MAX_HOLDERS);
    pids.into_iter()
        .map(|pid| Holder {
            pid,
            name: std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .ok()
                .map(|name| name.trim_end().to_owned()),
        })
        .collect()
}

/// Who locks one of the readers' bytes of this file. A line is `1: POSIX  ADVISORY  READ 4242 fd:00:1234 124 124` (proc(5)).
fn readers(locks: &str, inode: u64) -> Vec<u32> {
    let mut pids: Vec<_> = locks
        .lines()
        .filter_map(|line| {
            let mut words = line
                .split_whitespace()
                .skip(1)
                .skip_while(|word| *word == "->");
            let (kind, _, mode) = (words.next()?, words.next()?, words.next()?);
            let pid = words.next()?.parse().ok()?;
            let of: u64 = words.next()?.rsplit(':').next()?.parse().ok()?;
            let (first, last): (u64, u64) =
                (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            let is_reader = kind == "POSIX"
                && mode == "READ"
                && of == inode
                && first <= *READERS.end()
                && last >= *READERS.start();
            is_reader.then_some(pid)
        })
        .collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_told_from_others() {
        let locks = "\
1: POSIX  ADVISORY  READ 4242 fd:00:77 124 124
2: POSIX  ADVISORY  READ 4243 fd:00:77 128 128
3: POSIX  ADVISORY  WRITE 4244 fd:00:77 120 120
4: POSIX  ADVISORY  READ 4245 fd:00:78 124 124
5: FLOCK  ADVISORY  WRITE 4246 fd:00:77 0 EOF
6: POSIX  ADVISORY  READ 4241 fd:00:77 123 123
6: -> POSIX  ADVISORY  READ 4247 fd:00:77 125 125
nonsense
";
        assert_eq!(readers(locks, 77), [4241, 4242, 4247]);
    }
}
