//! eCapture's `uuid`, which is a stream key (`docs/wire.md` section 2.2).

use std::net::SocketAddr;

use super::tuple::dashed;
use crate::event::{Direction, Layout};

/// The kernel's buffer for a command name, which some probes print whole, NUL bytes and all.
const PADDED_BYTES: usize = 16;

/// What a stream key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StreamKey {
    /// `OpensslFields` for either form of a known connection of openssl's.
    pub(super) layout: Layout,
    pub(super) pid: Option<u64>,
    pub(super) tid: Option<u64>,
    pub(super) fd: Option<u32>,
    pub(super) direction: Option<Direction>,
    /// The command name, NUL bytes and all.
    pub(super) command: Option<String>,
    pub(super) tuple: Option<(SocketAddr, SocketAddr)>,
}

impl StreamKey {
    fn new(layout: Layout, pid: u64, tid: Option<u64>) -> Self {
        Self {
            layout,
            pid: Some(pid),
            tid,
            fd: None,
            direction: None,
            command: None,
            tuple: None,
        }
    }

    /// Reads any of the five shapes. A command name can hold `_`, so that openssl's is read from both ends.
    pub(super) fn parse(uuid: &str) -> Option<Self> {
        if let Some(rest) = uuid.strip_prefix("sock:") {
            let (rest, socket) = rest.rsplit_once('_')?;
            socket.parse::<u64>().ok()?;
            return Self::openssl(rest, Layout::OpensslUnknown);
        }
        Self::openssl(uuid, Layout::OpensslFields).or_else(|| Self::padded(uuid))
    }

    /// `PID_TID_COMM_FD_DIR_SRC:SPORT-DST:DPORT`.
    fn openssl(uuid: &str, layout: Layout) -> Option<Self> {
        let (pid, tid, rest) = ids(uuid)?;
        let (rest, tuple) = rest.rsplit_once('_')?;
        let (rest, direction) = rest.rsplit_once('_')?;
        let (command, fd) = rest.rsplit_once('_')?;
        Some(Self {
            fd: Some(fd.parse().ok()?),
            command: Some(command.to_owned()),
            direction: Some(direction_of(direction)?),
            tuple: Some(dashed(tuple)?),
            ..Self::new(layout, pid, Some(tid))
        })
    }

    /// `PID_TID_COMM16_DIR` (gnutls, nspr), `PID_TID_COMM16` (gotls), `PID_COMM16` (mysqld, postgres).
    fn padded(uuid: &str) -> Option<Self> {
        let (pid, rest) = number(uuid)?;
        if let Some((tid, command)) = number(rest) {
            if let Some((command, direction)) = command.rsplit_once('_')
                && let Some(direction) = direction_of(direction)
                && is_padded(command)
            {
                return Some(Self {
                    direction: Some(direction),
                    command: Some(command.to_owned()),
                    ..Self::new(Layout::Gnutls, pid, Some(tid))
                });
            }
            if is_padded(command) {
                return Some(Self {
                    command: Some(command.to_owned()),
                    ..Self::new(Layout::Gotls, pid, Some(tid))
                });
            }
        }
        is_padded(rest).then(|| Self {
            command: Some(rest.to_owned()),
            ..Self::new(Layout::Sql, pid, None)
        })
    }

    /// `PID_TID_COMM_FD_DIR`, as in event files up to 0.8 (`user/event/event_openssl.go:123@v0.8.0`).
    pub(super) fn parse_short(uuid: &str) -> Option<Self> {
        let (pid, tid, rest) = ids(uuid)?;
        let (rest, direction) = rest.rsplit_once('_')?;
        let (command, fd) = rest.rsplit_once('_')?;
        Some(Self {
            fd: Some(fd.parse().ok()?),
            direction: Some(direction_of(direction)?),
            command: Some(command.to_owned()),
            ..Self::new(Layout::OpensslFields, pid, Some(tid))
        })
    }
}

fn ids(uuid: &str) -> Option<(u64, u64, &str)> {
    let (pid, rest) = number(uuid)?;
    let (tid, rest) = number(rest)?;
    Some((pid, tid, rest))
}

fn number(text: &str) -> Option<(u64, &str)> {
    let (number, rest) = text.split_once('_')?;
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    Some((digits.then(|| number.parse().ok())??, rest))
}

fn direction_of(text: &str) -> Option<Direction> {
    match text {
        "0" => Some(Direction::Inbound),
        "1" => Some(Direction::Outbound),
        _ => None,
    }
}

/// Whether `command` fills the kernel's buffer. Its bytes that are no UTF-8 have become U+FFFD.
fn is_padded(command: &str) -> bool {
    padded_bytes(command) == PADDED_BYTES
}

/// How many bytes of the kernel's buffer `command` stands for.
pub(super) fn padded_bytes(command: &str) -> usize {
    command
        .chars()
        .map(|char| match char {
            char::REPLACEMENT_CHARACTER => 1,
            char => char.len_utf8(),
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_shapes_apart() {
        let padded = |name: &str| format!("{name}{}", "\0".repeat(16 - padded_bytes(name)));
        for (uuid, layout, tid, fd) in [
            (
                "1_2_curl_5_1_1.1.1.1:1-2.2.2.2:2".to_owned(),
                Some(Layout::OpensslFields),
                Some(2),
                Some(5),
            ),
            (
                "1_2_my_app x_5_1_[::1]:1-[::2]:2".to_owned(),
                Some(Layout::OpensslFields),
                Some(2),
                Some(5),
            ),
            (
                "sock:1_2_curl_0_1_0.0.0.0:0-0.0.0.0:0_0".to_owned(),
                Some(Layout::OpensslUnknown),
                Some(2),
                Some(0),
            ),
            (
                format!("1_2_{}_1", padded("wget")),
                Some(Layout::Gnutls),
                Some(2),
                None,
            ),
            (
                format!("1_2_{}", padded("ca\u{fffd}dy_1")),
                Some(Layout::Gotls),
                Some(2),
                None,
            ),
            (
                format!("1_{}", padded("2_mysqld")),
                Some(Layout::Sql),
                None,
                None,
            ),
            (String::new(), None, None, None),
            ("1_2_short".to_owned(), None, None, None),
            ("sock:".to_owned(), None, None, None),
        ] {
            let key = StreamKey::parse(&uuid);
            assert_eq!(key.as_ref().map(|key| key.layout), layout, "{uuid:?}");
            assert_eq!(key.as_ref().and_then(|key| key.tid), tid, "{uuid:?}");
            assert_eq!(key.as_ref().and_then(|key| key.fd), fd, "{uuid:?}");
        }
    }
}
