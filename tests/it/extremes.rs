//! Times and numbers at the ends of their ranges: what was received comes back whatever it says.

use bytes::Bytes;
use ecq::event::{Frame, Opcode, Timestamp};

use crate::support::capture::{check_digests, events};
use crate::support::env::TestEnv;
use crate::support::frames::{RECEIVED, frame, openssl, save, text_event, vectors};

const TIMES: [i64; 7] = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];

fn check(frames: &[Frame]) {
    let env = TestEnv::new();
    let file = env.path("frames");
    save(&file, frames);
    env.import(&file, ["--keep-keys"]).says(" 0 unreadable");
    let stored = events(&env.db());
    let expected: Vec<_> = frames.iter().map(|frame| &frame.message).collect();
    assert_eq!(stored.len(), expected.len());
    for ((event, message), frame) in stored.iter().zip(expected).zip(frames) {
        assert_eq!(Bytes::from(event.frame()), *message);
        assert_eq!(
            event.stored.event.received, frame.received,
            "event {}",
            event.stored.id
        );
    }
    check_digests(&env.db());
    for args in [
        &["-n", "all"][..],
        &["-n", "all", "-o", "jsonl", "-r"],
        &["stats"],
        &["show", "1"],
    ] {
        env.query(args).exits(0);
    }
    env.query(["--relative-to", "last", "--since", "10m"])
        .exits(0);
}

/// Frames of events only.
fn sample() -> Vec<Frame> {
    let is_event = |kind: &str| !["log", "heartbeat", "conn_destroy"].contains(&kind);
    let all = vectors()
        .into_iter()
        .filter(|vector| is_event(vector.expect["kind"].as_str().unwrap()));
    all.map(|vector| vector.frame).collect()
}

#[test]
fn receive_times_at_the_ends_of_their_range() {
    for time in TIMES {
        let at = Timestamp::from_nanos(time);
        check(
            &sample()
                .into_iter()
                .map(|frame| Frame {
                    received: at,
                    ..frame
                })
                .collect::<Vec<_>>(),
        );
    }
    let mixed = (0..).zip(sample());
    let mixed = mixed.map(|(number, frame): (usize, _)| Frame {
        received: Timestamp::from_nanos(TIMES[number % TIMES.len()]),
        ..frame
    });
    check(&mixed.collect::<Vec<_>>());
}

#[test]
fn dates_and_numbers_that_no_clock_or_kernel_gives() {
    let who = "PID:4294967295 TID:4294967295 Comm:x FD:4294967295";
    let dates = [
        "0000-01-01 00:00:00.000",
        "1677-09-21 00:12:43.145",
        "2262-04-11 23:47:16.854",
        "9999-12-31 23:59:59.999",
        "127045-06-09 18:15:58.000",
        "99999999999-12-31 23:59:59.999",
        "2026-02-30 25:61:61.000",
        "2026-11-23 10:51:40.000",
    ];
    let mut messages: Vec<_> = dates
        .iter()
        .map(|date| openssl(date, who, "READ", b"x"))
        .collect();
    for text in [
        "PID:4294967296, Comm:x, TID:1, FD:1, Tuple: [10.0.0.1]:70000->[10.0.0.2]:443\n",
        "PID:-1, Comm:x, TID:-1, FD:-1, Tuple: [10.0.0.1]:1->[10.0.0.2]:443\n",
        "PID:1, UID:4294967295, Comm:bash, Retvalue:-9223372036854775808, Line:\nls\n",
        "PID:1, UID:99999999999999999999, Comm:bash, Retvalue:99999999999999999999, Line:\nls\n",
        "MySQL Query[PID=1, Comm=m, Len=18446744073709551615/18446744073709551615, Status=S]: x\n",
        "Packet captured: len=4294967295 bytes, timestamp=18446744073709551615, interface=4294967295\n",
        "PID=0xffffffff Timestamp=0xffffffffffffffff Query=00 Comm=00\n",
        "",
        "\n",
    ] {
        messages.push(text_event(text.as_bytes()));
    }
    check(
        &messages
            .iter()
            .map(|message| frame(Opcode::Binary, message.clone()))
            .collect::<Vec<_>>(),
    );
    let early = messages.into_iter().map(|message| Frame {
        received: RECEIVED.plus_nanos(i64::MIN),
        ..frame(Opcode::Binary, message)
    });
    check(&early.collect::<Vec<_>>());
}
