use super::*;
use crate::event::{Opcode, RecordingId};
use crate::record::queue::Dropped;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_nanos(millis * 1_000_000)
}

fn dropped(frames: u64, first: i64, last: i64) -> Item {
    Item::Dropped(Dropped {
        frames,
        bytes: frames * 100,
        first: at(first),
        last: at(last),
    })
}

/// What recording these is: the rows of gaps of each commit, as id, reason, beginning, end and frames.
struct Recording(Intake);

impl Recording {
    fn linked() -> Self {
        let next = NextIds {
            recording: RecordingId::new(1),
            event: 1,
            connection: 1,
            run: 1,
            link: 1,
            gap: 7,
            identity: 1,
        };
        let mut intake = Intake::new(IntakeOptions::default(), next, None, at(0));
        intake.take(&Item::LinkBegan {
            number: 1,
            at: at(0),
        });
        Self(intake)
    }

    fn commit(&mut self, items: &[Item]) -> Vec<(i64, i64, i64, u64)> {
        for item in items {
            self.0.take(item);
        }
        let rows = self.0.batch().gaps.iter().filter_map(|gap| {
            assert_eq!(gap.bytes, gap.frames.map(|frames| frames * 100));
            let millis = |time: Timestamp| time.as_nanos() / 1_000_000;
            Some((gap.id, millis(gap.started), millis(gap.ended?), gap.frames?))
        });
        let rows = rows.collect();
        self.0.committed();
        rows
    }
}

#[test]
fn overflows_that_follow_each_other_are_one_gap() {
    let mut recording = Recording::linked();
    let rows = recording.commit(&[
        dropped(3, 5000, 5010),
        dropped(1, 5011, 5011),
        dropped(2, 6010, 6020),
    ]);
    assert_eq!(rows, [(8, 5000, 6020, 6)]);
    // In the next commit it goes on, and a second later there is another.
    let rows = recording.commit(&[dropped(1, 7019, 7019), dropped(4, 8019, 8030)]);
    assert_eq!(rows, [(8, 5000, 7019, 7), (9, 8019, 8030, 4)]);
    assert_eq!(recording.commit(&[]), []);
    let rows = recording.commit(&[dropped(1, 8031, 8031)]);
    assert_eq!(rows, [(9, 8019, 8031, 5)]);
    assert_eq!(recording.0.gaps(), 2);
    assert_eq!(recording.0.counters().dropped_frames, 12);
    assert_eq!(recording.0.take_notices().len(), 2, "one a gap");
}

#[test]
fn an_overflow_ends_with_the_link_and_begins_no_earlier() {
    let mut recording = Recording::linked();
    let rows = recording.commit(&[
        dropped(1, 5000, 5010),
        // The clock went back, a little and then a lot.
        dropped(1, 5005, 5006),
        dropped(1, 4000, 4001),
    ]);
    assert_eq!(rows, [(8, 5000, 5010, 2), (9, 4000, 4001, 1)]);
    recording.0.take(&Item::LinkEnded {
        at: at(4002),
        end: LinkEnd::Closed,
    });
    recording.0.take(&Item::LinkBegan {
        number: 2,
        at: at(4003),
    });
    let rows = recording.commit(&[dropped(1, 4004, 4004)]);
    assert_eq!(rows.last(), Some(&(11, 4004, 4004, 1)));
    assert_eq!(recording.0.gaps(), 4);
}

fn read(millis: i64, payload: &str) -> Item {
    let who = "[2026-11-23 10:40:40.000] PID:10 TID:10 Comm:curl FD:5 READ";
    let message = format!("{who} ({} bytes):\n{payload}\n", payload.len());
    Item::Frame(Frame {
        link: 1,
        received: at(millis),
        opcode: Opcode::Binary,
        message: message.into(),
    })
}

/// A secret goes on in the next event, unless something is missing: then nothing is taken for known.
#[test]
fn redaction_knows_of_gaps() {
    let begun = read(1, "HTTP/1.1 200 OK\r\n\r\n{\"token\":\"abcdefgh");
    let rest = read(3, "ijklmnop\",\"a\":1}\nmore");
    let payloads = |between: &[Item]| -> Vec<String> {
        let mut recording = Recording::linked();
        recording.0.redact(Redactor::new(&[1; 32], Vec::new()));
        recording.0.take(&begun);
        for item in between {
            recording.0.take(item);
        }
        recording.0.take(&rest);
        let counters = recording.0.counters();
        assert_eq!(
            (counters.redacted_secrets, counters.opaque_events),
            (1 + u64::from(!between.is_empty()), 0)
        );
        let events = recording.0.batch().events.iter();
        let text = |event: &NewEvent| String::from_utf8(event.captured.payload.to_vec()).unwrap();
        events.map(text).collect()
    };
    let whole = payloads(&[]);
    assert!(
        whole[1].ends_with("\",\"a\":1}\nmore") && !whole.concat().contains("abc"),
        "{whole:?}"
    );
    let ended = Item::LinkEnded {
        at: at(2),
        end: LinkEnd::Closed,
    };
    let begun = Item::LinkBegan {
        number: 2,
        at: at(2),
    };
    for between in [&[dropped(1, 2, 2)][..], &[ended, begun]] {
        assert_eq!(payloads(between)[1], "****************\nmore");
    }
}
