//! Asking, on captures made by import.

mod bundle;
mod coverage;
mod exchanges;
mod filters;
mod follow;
mod merged;
mod modes;
mod on_terminal;
mod output;
mod payloads;
mod places;
mod prune;
mod selection;
mod shell;
mod sql;
mod time;
mod untouched;
mod upgrades;

use ecq::event::{Frame, Opcode, Timestamp};

use crate::support::env::TestEnv;
use crate::support::frames::{RECEIVED, frame, openssl, save, text_event};

/// 2026-11-23T10:51:40Z: when the first event of [`sample`] was received; each comes a second after the one before.
const FIRST: Timestamp = RECEIVED;

/// A capture of ten events, numbered in the order of these lines.
fn sample() -> TestEnv {
    let curl = "PID:100 TID:101 Comm:curl FD:5";
    let nginx = "PID:200 TID:200 Comm:nginx FD:7";
    let request = b"GET /a?b=1 HTTP/1.1\r\nHost: Example.com\r\n\r\n";
    let response = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello";
    let login =
        b"POST /login HTTP/1.1\r\nHost: api.test:8443\r\nContent-Length: 11\r\n\r\npass=S3cr3t";
    let missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    let at = |second: i64| format!("2026-11-23 10:51:{second}.000");
    let messages = [
        text_event(
            b"PID:100, Comm:curl, TID:101, FD:5, Tuple: [10.0.0.1]:50000->[93.184.216.34]:443\n",
        ),
        openssl(&at(41), curl, "WRITE", request),
        openssl(&at(42), curl, "READ", response),
        text_event(
            b"PID:200, Comm:nginx, TID:200, FD:7, Tuple: [2001:db8::9]:40000->[2001:db8::2]:8443\n",
        ),
        openssl(&at(44), nginx, "READ", login),
        openssl(&at(45), nginx, "WRITE", missing),
        text_event(b"PID:1200, UID:1000, Comm:bash, Retvalue:3, Line:\nls -la\n"),
        text_event(b"MySQL Query[PID=777, Comm=mysqld, Len=8/40, Status=SUCCESS]: SELECT 1\n"),
        openssl(
            &at(48),
            "PID:300 TID:300 Comm:wget FD:0",
            "READ",
            b"\x00\xff\xfe\x01binary",
        ),
        openssl(
            &at(49),
            "PID:400 TID:400 Comm:ev\x1b[31mil FD:9",
            "WRITE",
            b"\x1b]0;title\x07\x1b[2Jtext\n",
        ),
    ];
    let frames: Vec<_> = (0..)
        .zip(messages)
        .map(|(second, message)| Frame {
            received: FIRST.plus_nanos(second * 1_000_000_000),
            ..frame(Opcode::Binary, message)
        })
        .collect();
    imported(&frames)
}

fn imported(frames: &[Frame]) -> TestEnv {
    let env = TestEnv::new();
    let file = env.path("frames");
    save(&file, frames);
    env.import::<&str>(&file, []).says(" 0 unreadable");
    env
}
