//! Large payloads come back byte for byte.

use bytes::Bytes;
use ecq::event::Opcode;

use super::imported;
use crate::support::env::{QUERY, run};
use crate::support::frames::{frame, openssl};

/// Bytes without a pattern, the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[7]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn a_payload_of_20_mib_comes_back() {
    let who = "PID:1 TID:1 Comm:curl FD:3";
    let date = "2026-11-23 10:51:40.000";
    let sizes = [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 20 << 20, 100];
    let payloads: Vec<Bytes> = sizes.iter().map(|size| noise(*size).into()).collect();
    let mut frames: Vec<_> = payloads
        .iter()
        .map(|payload| frame(Opcode::Binary, openssl(date, who, "READ", payload)))
        .collect();
    let text = "words and words\n".repeat(1 << 19);
    frames.push(frame(
        Opcode::Binary,
        openssl(date, who, "WRITE", text.as_bytes()),
    ));
    let env = imported(&frames);
    for (id, payload) in (1..).zip(payloads) {
        let id = i32::to_string(&id);
        let shown = env.query(["show", &id, "--raw"]).exits(0);
        assert!(shown.stdout == payload, "event {id}");
    }
    // With memory for a fraction of it.
    let script = format!("ulimit -v {}; exec \"$@\"", 96 << 10);
    let ask = |args: &[&str]| {
        let mut command = env.command("/bin/sh", ["-c", &script, "sh", QUERY]);
        command.args(args).arg("--db").arg(env.db());
        run(command).exits(0)
    };
    assert_eq!(ask(&["show", "4", "--raw"]).stdout.len(), 20 << 20);
    assert_eq!(ask(&["show", "6", "--raw"]).stdout.len(), text.len());
    assert!(ask(&["-o", "jsonl"]).stdout.len() > 32 << 20);
    ask(&["--grep", "and words\nwords and"]);
    ask(&["stats"]);
    assert!(env.query(["show", "6", "--raw"]).stdout == text.as_bytes());
    assert_eq!(env.events(["--grep", "words and"])[0]["length"], text.len());
    crate::support::capture::check_digests(&env.db());
}
