use super::*;
use crate::event::RecordingId;

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
