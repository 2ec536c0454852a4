//! Reading the files back, with the reader of the same crate. Others read them in `tests/it`.

use std::io::{self, Read};

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field as Value;

use super::*;
use crate::event::{
    ConnectionId, Endpoints, EventId, Process, RecordingId, Role, RunId, StoredEvent, StreamId,
    Timestamp, samples,
};
use crate::http::body::{Defect, State};
use crate::http::decode::BodyRead;
use crate::http::exchange::{
    Bodies, BodyForm, Defects, Ending, Exchange, Field, Message, MessageHead, Spans, Version,
};

/// The rows of a file, each as names and values without the nulls, and how many groups they are in.
fn read(file: Vec<u8>) -> (Vec<Vec<(String, Value)>>, usize) {
    let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let rows = rows.map(|row| {
        let row = row.unwrap();
        let columns = row.get_column_iter();
        columns
            .filter(|(_, value)| **value != Value::Null)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    });
    (rows.collect(), reader.metadata().num_row_groups())
}

fn events(events: impl IntoIterator<Item = (StoredEvent, Vec<Bytes>)>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = ParquetEvents::new(&mut file).unwrap();
    for (mut stored, pieces) in events {
        stored.payload_bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        let mut pieces = pieces.into_iter();
        writer
            .write::<io::Error>(Some("a.db"), &stored, || Ok(pieces.next()))
            .unwrap();
    }
    writer.finish().unwrap();
    file
}

fn shown(row: &[(String, Value)]) -> String {
    let values = row.iter().map(|(name, value)| match value {
        Value::Bytes(bytes) => format!("{name}={}", bytes.data().escape_ascii()),
        Value::Str(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    });
    values.collect::<Vec<_>>().join(" ")
}

fn value<'a>(row: &'a [(String, Value)], name: &str) -> &'a Value {
    &row.iter().find(|(found, _)| found == name).unwrap().1
}

#[test]
fn events_come_back_and_the_unknown_is_null() {
    let pieces = [Bytes::from_static(b"GET "), Bytes::from_static(b"/\r\n")];
    let file = events([
        (samples::request(), pieces.to_vec()),
        (samples::bare(), vec![]),
    ]);
    let (rows, groups) = read(file);
    assert_eq!((rows.len(), groups), (2, 1));
    assert_eq!(
        shown(&rows[0]),
        concat!(
            "capture=a.db id=7 time=1795431600000000000 time_source=field received=1795431601000000000 ",
            "received_estimated=false recording=1 run=2 stream=3 connection=4 pid=42 tid=43 pname=curl\x1b[31m fd=5 ",
            "direction=out kind=tls_data content=http1_request probe=openssl type=1 ",
            "client_ip=10.0.0.1 client_port=50000 server_ip=93.184.216.34 server_port=443 ",
            "local_ip=10.0.0.1 local_port=50000 remote_ip=93.184.216.34 remote_port=443 ",
            "address_source=field role_inferred=false src_ip=10.0.0.1 src_port=50000 ",
            "dst_ip=93.184.216.34 dst_port=443 tuple_sense=initiator_to_acceptor ",
            "http_method=GET http_host=example.com http_path=/a provenance=wire ",
            "payload_bytes=7 payload_truncated=false payload=GET /\\r\\n"
        )
    );
    assert_eq!(
        shown(&rows[1]),
        concat!(
            "capture=a.db id=8 time=1795431600000000000 time_source=received received=1795431601000000000 ",
            "received_estimated=false recording=1 run=2 stream=3 kind=unreadable content=empty provenance=wire ",
            "details_reason=not a message payload_bytes=0 payload_truncated=false payload="
        )
    );
}

#[test]
fn nothing_is_a_table_as_well() {
    assert_eq!(read(events([])), (vec![], 0));
}

#[test]
fn large_payloads_are_cut_and_say_so() {
    let piece = Bytes::from(vec![b'x'; MAX_CELL_BYTES - 1]);
    let two = || vec![piece.clone(), Bytes::from_static(b"yz")];
    let one = || vec![piece.clone(), Bytes::from_static(b"y")];
    let (rows, _) = read(events([
        (samples::request(), two()),
        (samples::request(), one()),
    ]));
    for (row, bytes, is_truncated) in [
        (&rows[0], MAX_CELL_BYTES + 1, true),
        (&rows[1], MAX_CELL_BYTES, false),
    ] {
        let Value::Bytes(payload) = value(row, "payload") else {
            panic!("no bytes");
        };
        assert_eq!(payload.len(), MAX_CELL_BYTES);
        assert_eq!(payload.data().last(), Some(&b'y'));
        assert_eq!(value(row, "payload_truncated"), &Value::Bool(is_truncated));
        let bytes = i64::try_from(bytes).unwrap();
        assert_eq!(value(row, "payload_bytes"), &Value::Long(bytes));
    }
}

#[test]
fn groups_have_limits_of_bytes_and_rows() {
    // With its other cells, four of them are too much.
    let piece = Bytes::from(vec![b'x'; MAX_GROUP_BYTES / 4]);
    let large = (0..9).map(|_| (samples::request(), vec![piece.clone()]));
    let (rows, groups) = read(events(large));
    assert_eq!((rows.len(), groups), (9, 3));

    let mut file = Vec::new();
    let mut table =
        table::Table::new(&mut file, "t", [("number", table::Sort::Int)].into_iter()).unwrap();
    for number in 0..=MAX_GROUP_ROWS {
        let number = i64::try_from(number).unwrap();
        table.push(&[table::Cell::Int(number)]).unwrap();
    }
    table.finish().unwrap();
    let (rows, groups) = read(file);
    assert_eq!((rows.len(), groups), (MAX_GROUP_ROWS + 1, 2));
    let last = i64::try_from(MAX_GROUP_ROWS).unwrap();
    assert_eq!(rows.last().unwrap()[0].1, Value::Long(last));
}

#[test]
fn a_closed_pipe_is_told_from_a_failure() {
    struct Closed;
    impl io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let finished = ParquetEvents::new(Closed).and_then(ParquetEvents::finish);
    let error = finished.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

/// The same body for all.
struct Same(Vec<u8>, State);

struct Reading<'a>(&'a [u8], State);

impl Bodies for Same {
    fn open<'a>(&'a self, _: &'a Message, form: BodyForm) -> io::Result<Box<dyn BodyRead + 'a>> {
        assert_eq!(form, BodyForm::Decoded);
        Ok(Box::new(Reading(&self.0, self.1)))
    }

    fn tunnels(&self) -> Option<&dyn Spans> {
        None
    }
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl BodyRead for Reading<'_> {
    fn state(&self) -> State {
        self.1
    }
}

fn message(head: Option<MessageHead>, event: i64) -> Message {
    let at = (EventId::new(event), Timestamp::from_nanos(event * 10));
    Message {
        head,
        interim: Vec::new(),
        trailers: Vec::new(),
        first: at,
        last: at,
        body_bytes: 3,
        body: Vec::new(),
        tunnel_bytes: 0,
        tunnel: Vec::new(),
        ending: Ending::Complete,
        defects: Defects::empty(),
    }
}

fn exchange() -> Exchange {
    let request = MessageHead {
        method: Some("GET".into()),
        target: Some("/a".into()),
        fields: vec![
            Field::known("Host", "example.com"),
            Field::known("X", &b"\xff"[..]),
        ],
        ..MessageHead::empty(Version::Http11)
    };
    let response = MessageHead {
        status: Some(200),
        fields: vec![Field {
            name: Some("a".into()),
            value: None,
        }],
        ..MessageHead::empty(Version::Http2)
    };
    Exchange {
        id: 1,
        recording: RecordingId::new(2),
        run: RunId::new(3),
        stream: StreamId::new(4),
        connection: Some(ConnectionId::new(5)),
        number: 0,
        http2_stream: None,
        process: Process {
            pid: Some(42),
            ..Process::default()
        },
        identity: None,
        fd: None,
        endpoints: Endpoints::default(),
        role: Some(Role::Client),
        request: Some(message(Some(request), 6)),
        response: Some(Message {
            defects: Defects::LOST_BYTES | Defects::RESET,
            trailers: vec![Field::known("t", "1")],
            ending: Ending::Broken,
            ..message(Some(response), 7)
        }),
    }
}

#[test]
fn exchanges_come_back() {
    let mut file = Vec::new();
    let mut writer = ParquetExchanges::new(&mut file).unwrap();
    let bodies = Same(b"abc\xff".to_vec(), State::Decoded);
    writer.write(None, &exchange(), &bodies).unwrap();
    let half = Exchange {
        request: None,
        response: Some(message(None, 8)),
        ..exchange()
    };
    let large = Same(
        vec![b'x'; MAX_CELL_BYTES + 5],
        State::Partial(Defect::CutOff),
    );
    writer.write(None, &half, &large).unwrap();
    writer.finish().unwrap();
    let (rows, _) = read(file);
    assert_eq!(
        shown(&rows[0]),
        concat!(
            "id=1 time=60 elapsed_ns=10 recording=2 run=3 stream=4 connection=5 number=0 pid=42 role=client ",
            "method=GET host=example.com target=/a url=https://example.com/a status=200 ",
            "request_version=1.1 response_version=2 request_first_event=6 response_first_event=7 ",
            "request_last_event=6 response_last_event=7 request_started=60 response_started=70 ",
            "request_ended=60 response_ended=70 ",
            r#"request_headers=[["Host","example.com"],["X",{"base64":"/w=="}]] response_headers=[["a",null]] "#,
            r#"response_trailers=[["t","1"]] request_ending=complete response_ending=broken "#,
            "response_defects=lost_bytes,reset request_tunnel_bytes=0 response_tunnel_bytes=0 ",
            "request_body_sent_bytes=3 response_body_sent_bytes=3 request_body_bytes=4 response_body_bytes=4 ",
            "request_body_state=decoded response_body_state=decoded ",
            "request_body_truncated=false response_body_truncated=false ",
            "request_body=abc\\xff response_body=abc\\xff",
        )
    );
    let row = &rows[1];
    assert_eq!(value(row, "response_body_truncated"), &Value::Bool(true));
    let bytes = i64::try_from(MAX_CELL_BYTES + 5).unwrap();
    assert_eq!(value(row, "response_body_bytes"), &Value::Long(bytes));
    assert_eq!(
        value(row, "response_body_state"),
        &Value::Str("cut_off".to_owned())
    );
    assert!(row.iter().all(|(name, _)| !name.starts_with("request_")));
}
