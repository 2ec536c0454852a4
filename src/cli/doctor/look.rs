//! What there is: read from the file system and the kernel, judged by nobody here.

use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use procfs::net::{TcpNetEntry, TcpState};
use procfs::process::{FDTarget, Process, all_processes};
use rustix::fs::{Access, access};

use crate::cli::exposure::{self, Exposure};
use crate::event::Timestamp;
use crate::record::{Error, local_port};
use crate::store::{self, Condition, Reader};

/// What was found.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) file: PathBuf,
    pub(super) condition: Result<Condition, store::Error>,
    /// Mode and owner of the file, if there is one.
    pub(super) file_mode: Option<(u32, u32)>,
    pub(super) user: u32,
    pub(super) folder: Folder,
    /// The newest commit of a capture that is at rest.
    pub(super) last_commit: Option<Timestamp>,
    pub(super) listener: Result<Listener, Error>,
    pub(super) processes: Sight,
}

/// What may be seen of processes of other users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Nothing: there is no `/proc`, or it is mounted so that they are hidden (`hidepid` of `proc(5)`).
    Nothing,
    /// All but the files that they run, which wants `CAP_SYS_PTRACE`.
    NoFiles,
    /// All of it.
    Everything,
}

/// The folder of the capture.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// What anyone can do in it; `None` if there is none.
    pub(super) exposure: Option<Exposure>,
    pub(super) is_writable: bool,
    /// Free bytes, all bytes, and the number of the file system's type.
    pub(super) disk: Option<(u64, u64, i64)>,
}

/// Who listens at eCapture's address.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Listener {
    /// It is on another host.
    Elsewhere,
    /// Nobody.
    Nobody(u16),
    /// Somebody; the process, where it may be seen.
    Somebody(u16, Option<String>),
    /// The kernel does not tell.
    Unknown,
}

/// Looks at everything that a recording to this file from this URL depends on.
pub(super) fn at(file: &Path, url: &str) -> Facts {
    let condition = store::condition(file);
    let last_commit = match condition {
        Ok(Condition::Finished) => Reader::open(file)
            .ok()
            .and_then(|reader| reader.last_commit().ok().flatten()),
        _ => None,
    };
    Facts {
        file: file.to_owned(),
        condition,
        file_mode: std::fs::symlink_metadata(file)
            .ok()
            .map(|metadata| (metadata.mode(), metadata.uid())),
        user: rustix::process::geteuid().as_raw(),
        folder: look_at_folder(exposure::folder_of(file)),
        last_commit,
        listener: local_port(url).map(look_for_listener),
        processes: look_at_processes(),
    }
}

fn look_at_folder(path: &Path) -> Folder {
    Folder {
        exposure: exposure::of(path),
        is_writable: access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok(),
        disk: rustix::fs::statfs(path).ok().map(|disk| {
            let unit = u64::try_from(disk.f_bsize).unwrap_or(0);
            (
                disk.f_bavail.saturating_mul(unit),
                disk.f_blocks.saturating_mul(unit),
                disk.f_type,
            )
        }),
        path: path.to_owned(),
    }
}

/// The first process is root's, and always there.
fn look_at_processes() -> Sight {
    let Some(first) = Process::new(1).ok().filter(|first| first.stat().is_ok()) else {
        return Sight::Nothing;
    };
    if first.exe().is_ok() {
        Sight::Everything
    } else {
        Sight::NoFiles
    }
}

fn look_for_listener(port: Option<u16>) -> Listener {
    let Some(port) = port else {
        return Listener::Elsewhere;
    };
    let tables = [procfs::net::tcp(), procfs::net::tcp6()];
    if tables.iter().all(Result::is_err) {
        return Listener::Unknown;
    }
    let is_reached = |address: IpAddr| address.is_loopback() || address.is_unspecified();
    let listens = |entry: &TcpNetEntry| {
        entry.state == TcpState::Listen
            && entry.local_address.port() == port
            && is_reached(entry.local_address.ip().to_canonical())
    };
    match tables.into_iter().flatten().flatten().find(listens) {
        None => Listener::Nobody(port),
        Some(entry) => Listener::Somebody(port, owner_of(entry.inode)),
    }
}

/// The process that has the socket, as far as this user may look.
fn owner_of(inode: u64) -> Option<String> {
    all_processes().ok()?.flatten().find_map(|process| {
        let has_it = process.fd().ok()?.flatten().any(
            |descriptor| matches!(descriptor.target, FDTarget::Socket(socket) if socket == inode),
        );
        if !has_it {
            return None;
        }
        let name = process.stat().ok()?.comm;
        Some(format!("{name} (pid {})", process.pid()))
    })
}
