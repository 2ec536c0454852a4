//! Which capture file is meant when none, or one, is named.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// The capture of the whole system.
pub const SYSTEM_CAPTURE: &str = "/var/lib/ecq/caps.db";
/// What a capture in the current directory is called.
const LOCAL_CAPTURE: &str = "./caps.db";

/// A capture file, and why it is this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturePath {
    /// Where it is, or is to be.
    pub path: PathBuf,
    /// Why this one.
    pub origin: Origin,
}

/// Why a capture file was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `--db` names it.
    Named,
    /// `$ECQ_DB` names it.
    Environment,
    /// It is the first that there is of the places where one is looked for.
    Found,
    /// It is where the recorder keeps its capture.
    Default,
}

/// What of the environment decides.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `$ECQ_DB`.
    pub ecq_db: Option<OsString>,
    /// `$XDG_DATA_HOME`.
    pub xdg_data_home: Option<OsString>,
    /// `$HOME`.
    pub home: Option<OsString>,
    /// Whether this process is root's.
    pub is_root: bool,
}

/// No capture was found in any of the usual places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFound {
    /// Where it was looked for.
    pub looked_at: Vec<PathBuf>,
}

impl std::error::Error for NotFound {}

impl fmt::Display for NotFound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("there is none at ")?;
        for (place, path) in self.looked_at.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(formatter, "{separator}{}", path.display())?;
        }
        Ok(())
    }
}

impl Surroundings {
    /// Those of this process.
    #[expect(
        clippy::disallowed_methods,
        reason = "cli is where the environment is read"
    )]
    pub fn read() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            ecq_db: variable("ECQ_DB"),
            xdg_data_home: variable("XDG_DATA_HOME"),
            home: variable("HOME"),
            is_root: is_root(),
        }
    }

    /// The capture of this user. A relative `$XDG_DATA_HOME` does not count, as the XDG base directory
    /// specification has it.
    fn user_capture(&self) -> Option<PathBuf> {
        let data = self.xdg_data_home.as_ref().map(PathBuf::from);
        let home = || Some(PathBuf::from(self.home.as_ref()?).join(".local/share"));
        let data = data.filter(|path| path.is_absolute()).or_else(home)?;
        Some(data.join("ecq/caps.db"))
    }
}

/// The owner of this process's directory in `/proc` is the effective user.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// The capture that `ecq-query` reads: the one that `--db` or `$ECQ_DB` names, else the first there is of
/// `./caps.db`, the user's and the system's. `is_there` is also true for a file that one may not look at.
///
/// # Errors
///
/// If none is named and there is none.
pub fn for_query(
    named: Option<&Path>,
    surroundings: &Surroundings,
    is_there: impl Fn(&Path) -> bool,
) -> Result<CapturePath, NotFound> {
    if let Some(chosen) = chosen(named, surroundings) {
        return Ok(chosen);
    }
    let looked_at: Vec<_> = [
        Some(PathBuf::from(LOCAL_CAPTURE)),
        surroundings.user_capture(),
        Some(PathBuf::from(SYSTEM_CAPTURE)),
    ]
    .into_iter()
    .flatten()
    .collect();
    match looked_at.iter().find(|path| is_there(path)) {
        Some(path) => Ok(CapturePath {
            path: path.clone(),
            origin: Origin::Found,
        }),
        None => Err(NotFound { looked_at }),
    }
}

/// The capture that `ecq-record` writes: the one that `--db` or `$ECQ_DB` names, else root's is the system's and
/// anyone else's their own. Never a `./caps.db` that was not asked for. `None` if the user has no home.
pub fn for_record(named: Option<&Path>, surroundings: &Surroundings) -> Option<CapturePath> {
    chosen(named, surroundings).or_else(|| {
        let path = if surroundings.is_root {
            PathBuf::from(SYSTEM_CAPTURE)
        } else {
            surroundings.user_capture()?
        };
        Some(CapturePath {
            path,
            origin: Origin::Default,
        })
    })
}

fn chosen(named: Option<&Path>, surroundings: &Surroundings) -> Option<CapturePath> {
    let named = named.map(|path| (path.to_owned(), Origin::Named));
    let environment = || {
        let path = surroundings.ecq_db.as_ref()?;
        Some((PathBuf::from(path), Origin::Environment))
    };
    let (path, origin) = named.or_else(environment)?;
    Some(CapturePath { path, origin })
}

/// Whether there is a file, as far as one may look. One that may not be looked at counts: to pass over it would be
/// to answer from another capture without a word.
pub fn is_there(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(ecq_db: &str, xdg: &str, home: &str, is_root: bool) -> Surroundings {
        let value = |text: &str| (!text.is_empty()).then(|| OsString::from(text));
        Surroundings {
            ecq_db: value(ecq_db),
            xdg_data_home: value(xdg),
            home: value(home),
            is_root,
        }
    }

    #[test]
    fn the_first_there_is_gets_read() {
        let plain = surroundings("", "", "/home/a", false);
        let user = "/home/a/.local/share/ecq/caps.db";
        let cases: [(&Surroundings, Option<&str>, &[&str], &str); 7] = [
            (&plain, Some("x.db"), &["./caps.db"], "x.db"),
            (
                &surroundings("e.db", "", "", false),
                Some("x.db"),
                &[],
                "x.db",
            ),
            (
                &surroundings("e.db", "", "", false),
                None,
                &["./caps.db"],
                "e.db",
            ),
            (&plain, None, &["./caps.db", user], "./caps.db"),
            (&plain, None, &[user, SYSTEM_CAPTURE], user),
            (&plain, None, &[SYSTEM_CAPTURE], SYSTEM_CAPTURE),
            (
                &surroundings("", "/d", "/home/a", false),
                None,
                &["/d/ecq/caps.db"],
                "/d/ecq/caps.db",
            ),
        ];
        for (surroundings, named, there, expected) in cases {
            let found = for_query(named.map(Path::new), surroundings, |path| {
                there.iter().any(|each| Path::new(each) == path)
            });
            assert_eq!(found.unwrap().path, Path::new(expected));
        }
        let none = for_query(None, &plain, |_| false).unwrap_err();
        assert_eq!(
            none.to_string(),
            format!("there is none at ./caps.db, {user}, {SYSTEM_CAPTURE}")
        );
    }

    #[test]
    fn the_recorder_never_writes_an_unnamed_local_file() {
        let path = |surroundings: &Surroundings| Some(for_record(None, surroundings)?.path);
        let user = Some(PathBuf::from("/home/a/.local/share/ecq/caps.db"));
        assert_eq!(path(&surroundings("", "", "/home/a", false)), user);
        assert_eq!(path(&surroundings("", "relative", "/home/a", false)), user);
        assert_eq!(
            path(&surroundings("", "", "/root", true)),
            Some(SYSTEM_CAPTURE.into())
        );
        assert_eq!(
            path(&surroundings("e.db", "", "/root", true)),
            Some("e.db".into())
        );
        assert_eq!(path(&Surroundings::default()), None);
    }
}
