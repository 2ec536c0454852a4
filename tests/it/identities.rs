//! Who a process was, in the file: whatever becomes known when, and what is taken out of the file or put into another.

use std::path::Path;
use std::sync::Arc;

use ecq::event::{
    Captured, ConnectionId, Direction, EventId, Identity, IdentityId, Kind, RecordingId, RunId,
    Timestamp, Zone,
};
use ecq::filter::parse;
use ecq::store::{
    Batch, Identified, NewEvent, Order, Reader, SubsetOptions, Wanted, Writer, export_subset,
};

use crate::equivalence::NOW;
use crate::support::batches;
use crate::support::capture::{check_digests, check_sound, check_swept, copy};
use crate::support::env::TestEnv;

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(second)
}

/// A process that started in this second.
fn identity(id: i64, pid: u32, exe: &str, started: i64) -> Arc<Identity> {
    Arc::new(Identity {
        id: IdentityId::new(id),
        recording: RecordingId::new(1),
        pid,
        started: at(started),
        read: at(started + 1),
        exe: Some(exe.to_owned()),
        ppid: Some(1),
        parent: None,
        uid: Some(1000),
        cgroup: Some("/docker/x".to_owned()),
        container: Some(format!("container of {exe}")),
        cmdline: Some(b"a\0b\0".to_vec()),
    })
}

/// An event of curl's that was received in the second of its number.
fn event(id: i64, pid: u32, connection: i64, identity: Option<&Arc<Identity>>) -> NewEvent {
    let payload = format!("GET /{id} HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let mut captured: Captured = batches::captured(Kind::TlsData, payload.into(), at(id));
    captured.event.direction = Some(Direction::Outbound);
    captured.event.process.pid = Some(pid);
    captured.event.process.pname = Some("curl".to_owned());
    captured.event.process.uid = None;
    NewEvent {
        id: EventId::new(id),
        run: RunId::new(1),
        identity: identity.cloned(),
        connection: Some(ConnectionId::new(connection)),
        captured,
    }
}

/// A batch of events, and the connections that begin with it.
fn batch(connections: &[i64], events: Vec<NewEvent>) -> Batch {
    let mut batch = Batch {
        events,
        ..Batch::default()
    };
    batch.connections = connections
        .iter()
        .map(|id| batches::connection(*id))
        .collect();
    batch
}

fn became_known(identity: &Arc<Identity>) -> Identified {
    Identified {
        pname: "curl".to_owned(),
        identity: Arc::clone(identity),
    }
}

/// A capture with these batches, one commit each.
fn write(path: &Path, batches: &[Batch]) {
    let mut writer = Writer::open(path, &batches::start("ws://test/")).unwrap();
    let mut first = Batch::default();
    first.runs.push(batches::first_run());
    writer.commit(&first, at(1)).unwrap();
    for (second, batch) in (2..).zip(batches) {
        writer.commit(batch, at(second)).unwrap();
        first.counters.stored_events += batch.events.len() as u64;
    }
    writer.end(&first.counters, at(99)).unwrap();
    writer.seal().unwrap();
    check_sound(path);
    check_digests(path);
}

/// The events that a filter is true of.
#[track_caller]
fn found(path: &Path, filter: &str) -> Vec<i64> {
    let filter = parse(filter, NOW, Zone::Utc).unwrap();
    let reader = Reader::open(path).unwrap();
    let mut rows = reader
        .events(Some(&filter), Order::OldestFirst, None)
        .unwrap();
    let mut ids = Vec::new();
    while let Some(event) = rows.next_event().unwrap() {
        ids.push(event.id.number());
    }
    ids.sort_unstable();
    ids
}

/// What becomes known after the commit is true of what is in the file, as far as that came after the start.
#[test]
fn late_answers_are_true_of_what_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let curl = identity(1, 7, "/curl", 10);
    let mut late = batch(&[], vec![event(14, 7, 2, Some(&curl))]);
    late.identified.push(became_known(&curl));
    write(
        &path,
        &[
            // The first connection has events from before: the pid was another process's then.
            batch(
                &[1, 2, 3],
                vec![
                    event(9, 7, 1, None),
                    event(10, 7, 1, None),
                    event(11, 7, 2, None),
                ],
            ),
            batch(&[], vec![event(12, 7, 2, None), event(13, 8, 3, None)]),
            late,
            batch(&[], vec![event(15, 7, 1, Some(&curl))]),
        ],
    );
    assert_eq!(found(&path, "exe == \"/curl\""), [11, 12, 14, 15]);
    assert_eq!(found(&path, "not exe"), [9, 10, 13]);
    assert_eq!(found(&path, "ppid == 1 and conn == 2"), [11, 12, 14]);
    assert_eq!(
        found(&path, "container contains \"of /curl\" || pid == 8"),
        [11, 12, 13, 14, 15]
    );
    assert_eq!(found(&path, "uid == 1000"), [11, 12, 14, 15]);
    // The stream was not cut in two: what goes over from one event to the next is found.
    let copy = copy(&path);
    assert_eq!(
        copy.number("SELECT COUNT(*) FROM streams WHERE connection_id = 2"),
        1
    );
    assert_eq!(
        found(&path, "any contains \"a.test\\r\\n\\r\\nGET /14\""),
        [14]
    );
}

#[test]
fn a_pid_that_is_used_again_is_two_processes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let (one, two) = (identity(1, 7, "/one", 1), identity(2, 7, "/two", 12));
    write(
        &path,
        &[batch(
            &[1],
            vec![
                event(10, 7, 1, Some(&one)),
                event(11, 7, 1, Some(&one)),
                event(12, 7, 1, Some(&two)),
                event(13, 7, 1, Some(&two)),
            ],
        )],
    );
    assert_eq!(found(&path, "exe == \"/one\""), [10, 11]);
    assert_eq!(found(&path, "exe == \"/two\""), [12, 13]);
    assert_eq!(
        found(&path, "exe in {\"/one\", \"/two\"} && pid == 7"),
        [10, 11, 12, 13]
    );
    let reader = Reader::open(&path).unwrap();
    let event = reader.event(EventId::new(12)).unwrap().unwrap();
    assert_eq!(event.identity, Some(two));
    assert_eq!(event.uid(), Some(1000));
}

/// A subset has the identities of its events, and a pruned capture those of what is left.
#[test]
fn identities_go_where_their_events_go() {
    let env = TestEnv::new();
    let path = env.db();
    let (one, two, three) = (
        identity(1, 7, "/one", 1),
        identity(2, 8, "/two", 1),
        identity(3, 9, "/three", 1),
    );
    write(
        &path,
        &[batch(
            &[1, 2, 3],
            vec![
                event(1, 7, 1, Some(&one)),
                event(2, 8, 2, Some(&two)),
                event(3, 9, 3, Some(&three)),
            ],
        )],
    );
    let output = env.path("subset.db");
    let wanted = parse("exe == \"/two\"", NOW, Zone::Utc).unwrap();
    let options = SubsetOptions {
        output: output.clone(),
        is_decrypted: false,
        program: "ecq-query test".to_owned(),
        now: at(77),
    };
    let reader = Reader::open(&path).unwrap();
    export_subset(&reader, Wanted::Events(Some(&wanted)), &options, None)
        .unwrap()
        .unwrap();
    check_sound(&output);
    assert_eq!(found(&output, "exe"), [2]);
    assert_eq!(copy(&output).texts("SELECT exe FROM identities"), ["/two"]);
    let stored = |path: &Path| {
        let reader = Reader::open(path).unwrap();
        reader.event(EventId::new(2)).unwrap().unwrap()
    };
    assert_eq!(stored(&output).identity, stored(&path).identity);
    drop(reader);

    let rescued = env.path("rescued.db");
    let salvaged = env.query(["salvage", "--output", rescued.to_str().unwrap()]);
    salvaged.exits(0);
    check_sound(&rescued);
    assert_eq!(found(&rescued, "exe"), [1, 2, 3]);
    env.query(["verify"]).exits(0);

    let rule = "exe == \"/three\"=40000d";
    env.query(["prune", "--yes", "--keep", "7d", "--keep-where", rule])
        .exits(0);
    check_sound(&path);
    check_swept(&path);
    assert_eq!(found(&path, "exe"), [3]);
    let left = copy(&path).texts("SELECT exe FROM identities ORDER BY id");
    assert_eq!(left, ["/three"]);
}
