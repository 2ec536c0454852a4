//! What the files of a recording are called, as dumpcap calls them: a number and the time at which the file was begun come
//! between the name and its ending, `caps_00002_20261128140000.db`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::event::{Timestamp, Zone};

/// How many digits the number has at least.
const DIGITS: usize = 5;

/// How many digits the time has: year, month, day, hour, minute and second.
const TIME_DIGITS: usize = 14;

/// Gives names.
#[derive(Debug, Clone)]
pub(super) struct FileNames {
    base: PathBuf,
    zone: Zone,
    number: u32,
}

impl FileNames {
    /// Names that are made of this one. Times are those of a clock on the wall of this zone.
    pub(super) fn new(base: PathBuf, zone: Zone) -> Self {
        Self {
            base,
            zone,
            number: 0,
        }
    }

    /// The same in the folder of a file that is open, however that was named.
    pub(super) fn beside(self, open: &Path) -> Self {
        let name = self.base.file_name().unwrap_or_default();
        Self {
            base: open.with_file_name(name),
            ..self
        }
    }

    /// The name that the others are made of.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// The next name that nothing has; `began` is when the file is begun, or was.
    pub(super) fn next(&mut self, began: Timestamp) -> PathBuf {
        loop {
            self.number = self.number.saturating_add(1);
            let path = numbered(&self.base, self.number, began, self.zone);
            if self.number == u32::MAX || std::fs::symlink_metadata(&path).is_err() {
                return path;
            }
        }
    }
}

fn numbered(base: &Path, number: u32, began: Timestamp, zone: Zone) -> PathBuf {
    let time = zone.at(began).format("%Y%m%d%H%M%S");
    let mut name = base.file_stem().unwrap_or_default().to_owned();
    name.push(format!("_{number:0DIGITS$}_{time}"));
    if let Some(ending) = base.extension() {
        name.push(".");
        name.push(ending);
    }
    base.with_file_name(name)
}

/// What a name says, if it is one of those.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Numbered {
    /// The name that it was made of.
    base: OsString,
    /// The digits of its time, which order as the time does.
    time: String,
    number: u32,
}

impl Numbered {
    fn read(path: &Path) -> Option<Self> {
        let stem = path.file_stem()?.to_str()?;
        let (rest, time) = stem.rsplit_once('_')?;
        let (base, number) = rest.rsplit_once('_')?;
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if time.len() != TIME_DIGITS || number.len() < DIGITS || !is_number(time) {
            return None;
        }
        let mut base = OsString::from(base);
        if let Some(ending) = path.extension() {
            base.push(".");
            base.push(ending);
        }
        Some(Self {
            base,
            time: time.to_owned(),
            number: number.parse().ok().filter(|_| is_number(number))?,
        })
    }
}

/// The file of a recording that comes behind this one, where there is one: the next with a number of the same name.
pub fn next_file(path: &Path) -> Option<PathBuf> {
    let this = Numbered::read(path)?;
    let others = others(path, &this.base);
    others
        .filter(|(other, _)| *other > this)
        .min()
        .map(|(_, path)| path)
}

/// The numbered files of a name, beside `path`.
fn others<'a>(
    path: &'a Path,
    base: &'a std::ffi::OsStr,
) -> impl Iterator<Item = (Numbered, PathBuf)> + 'a {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let name = PathBuf::from(entry.file_name());
        let read = Numbered::read(&name).filter(|read| read.base == base)?;
        Some((read, path.with_file_name(name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        // 2026-11-28 14:00 UTC.
        Timestamp::from_seconds(1_795_874_400 + second)
    }

    #[test]
    fn names_are_those_of_dumpcap() {
        for (base, expected) in [
            ("caps.db", "caps_00003_20261128140001.db"),
            ("/x.y/caps", "/x.y/caps_00003_20261128140001"),
            ("a/b.tar.db", "a/b.tar_00003_20261128140001.db"),
        ] {
            let name = numbered(Path::new(base), 3, at(1), Zone::Utc);
            assert_eq!(name, Path::new(expected));
            let read = Numbered::read(&name).unwrap();
            assert_eq!(Some(read.base.as_os_str()), Path::new(base).file_name());
            assert_eq!((read.number, read.time.as_str()), (3, "20261128140001"));
        }
    }

    #[test]
    fn other_names_are_not_of_a_ring() {
        for name in [
            "caps.db",
            "caps_00003.db",
            "caps_3_20261128140000.db",
            "caps_00003_2026112814000.db",
            "caps_00003_2026112814000x.db",
            "caps_0000x_20261128140000.db",
            "caps_-0003_20261128140000.db",
        ] {
            assert_eq!(Numbered::read(Path::new(name)), None, "{name}");
        }
    }

    #[test]
    fn files_follow_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("caps.db");
        let mut names = FileNames::new(base.clone(), Zone::Utc);
        let mut files = Vec::new();
        for second in [0, 0, 9] {
            let name = names.next(at(second));
            std::fs::write(&name, "").unwrap();
            files.push(name);
        }
        // A later recording counts from 1 again.
        let mut names = FileNames::new(base.clone(), Zone::Utc);
        files.push(names.next(at(10)));
        std::fs::write(&files[3], "").unwrap();
        std::fs::write(folder.path().join("other_00009_20261128140000.db"), "").unwrap();
        for pair in files.windows(2) {
            assert_eq!(next_file(&pair[0]).as_ref(), Some(&pair[1]));
        }
        assert_eq!(next_file(&files[3]), None);
        assert_eq!(next_file(&base), None);
        // Nothing is written over.
        let mut names = FileNames::new(base, Zone::Utc);
        assert!(!files.contains(&names.next(at(10))));
    }
}
