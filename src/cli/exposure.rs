//! Who else gets at the folder of a capture. The file itself is its owner's alone; the folder decides who sees its name and
//! size, and who could put another file in its place.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::report::Advised;
use super::terminal::Terminal;

/// What anyone on the host can do in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exposure {
    /// Nothing: only the owner and the group may enter it, or a folder above it.
    Closed,
    /// See which files are there and how large they are, or ask for them by name.
    Seen,
    /// The same, and make files beside those of others, as in `/tmp`. The sticky bit keeps each file its owner's.
    Shared,
    /// Remove and replace each file in it.
    Replaceable,
}

impl Exposure {
    /// That of a folder of this mode that anyone can get to.
    fn of_mode(mode: u32) -> Self {
        let (is_writable, is_sticky) = (mode & 0o002 != 0, mode & 0o1000 != 0);
        match (is_writable, is_sticky) {
            // Without the right to enter it, neither reading nor writing its list of names gets anyone to a file.
            _ if mode & 0o005 == 0 => Self::Closed,
            (true, false) if mode & 0o001 != 0 => Self::Replaceable,
            (true, true) => Self::Shared,
            _ => Self::Seen,
        }
    }

    /// What it means for a capture in the folder; `None` if there is nothing to say.
    pub(super) fn meaning(self) -> Option<&'static str> {
        match self {
            Self::Closed => None,
            Self::Seen => Some(
                "can be entered by anyone: names and sizes of captures are seen, their contents are not",
            ),
            Self::Shared => Some(
                "can be written by anyone: names and sizes of captures are seen, their contents are not, and names can be taken \
                 before a capture has them",
            ),
            Self::Replaceable => Some(
                "can be written by anyone, who can replace the capture or read what comes next",
            ),
        }
    }
}

/// What there is to do about it.
pub(super) const ADVICE: &str = "keep captures in a directory of mode 0700";

/// What anyone can do in a folder; `None` if there is no such folder or it may not be looked at.
pub(super) fn of(folder: &Path) -> Option<Exposure> {
    let folder = folder.canonicalize().ok()?;
    let mode = std::fs::metadata(&folder).ok()?.mode();
    // Nobody gets past a folder that only its owner or its group may enter.
    let is_closed =
        |above: &Path| std::fs::metadata(above).is_ok_and(|above| above.mode() & 0o001 == 0);
    Some(if folder.ancestors().skip(1).any(is_closed) {
        Exposure::Closed
    } else {
        Exposure::of_mode(mode)
    })
}

/// The folder that a file is in, or is to be.
pub(super) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Before a capture is written to `file`: refuses a folder in which anyone can replace it, and warns of one that anyone
/// looks into.
pub(super) fn check(file: &Path, terminal: &mut Terminal) -> Result<(), Advised> {
    let folder = folder_of(file);
    let Some(exposure) = of(folder) else {
        // Whoever writes the file says what is wrong.
        return Ok(());
    };
    let Some(meaning) = exposure.meaning() else {
        return Ok(());
    };
    let folder = folder.display();
    let message = format!("the folder {folder} {meaning}");
    if exposure == Exposure::Replaceable {
        return Err(Advised {
            message,
            hint: format!(
                "take that right away with `chmod o-w {folder}`, or name a file elsewhere; best, {ADVICE}"
            ),
        });
    }
    terminal.note(crate::render::escape::line(&message));
    terminal.advice(ADVICE);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        for (mode, expected) in [
            (0o700, Exposure::Closed),
            (0o770, Exposure::Closed),
            (0o2775, Exposure::Seen),
            (0o755, Exposure::Seen),
            (0o711, Exposure::Seen),
            (0o704, Exposure::Seen),
            (0o1777, Exposure::Shared),
            (0o777, Exposure::Replaceable),
            (0o703, Exposure::Replaceable),
            (0o702, Exposure::Closed),
            (0o706, Exposure::Seen),
        ] {
            assert_eq!(Exposure::of_mode(mode), expected, "{mode:o}");
        }
    }
}
