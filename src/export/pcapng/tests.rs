//! Reading the file back, with a reader of its own and etherparse for what is in the packets.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use proptest::prelude::*;

use super::*;
use crate::event::{
    ConnectionId, Content, Direction, Endpoints, Kind, Provenance, Role, StoredEvent, Timestamp,
    samples,
};

/// A packet of a file.
#[derive(Debug, Clone)]
struct Packet {
    interface: u32,
    nanos: u64,
    from: SocketAddr,
    to: SocketAddr,
    sequence: u32,
    acknowledged: Option<u32>,
    is_syn: bool,
    is_fin: bool,
    payload: Vec<u8>,
    comments: Vec<String>,
    flags: Option<u32>,
}

/// A file: how many interfaces, and the packets.
fn read(file: &[u8]) -> (usize, Vec<Packet>) {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let (mut at, mut interfaces, mut packets) = (0, 0, Vec::new());
    while at < file.len() {
        let length = usize::try_from(word(at + 4)).unwrap();
        assert!(length.is_multiple_of(4));
        assert_eq!(word(at + length - 4), word(at + 4));
        match word(at) {
            0x0a0d_0d0a => assert_eq!(at, 0),
            1 => interfaces += 1,
            6 => packets.push(packet(&file[at + 8..at + length - 4])),
            other => panic!("block {other:#x}"),
        }
        at += length;
    }
    (interfaces, packets)
}

fn packet(body: &[u8]) -> Packet {
    let word = |at: usize| u32::from_le_bytes(body[at..at + 4].try_into().unwrap());
    let length = usize::try_from(word(12)).unwrap();
    assert_eq!(word(16), word(12));
    let sliced = SlicedPacket::from_ethernet(&body[20..20 + length]).unwrap();
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
        panic!("no TCP");
    };
    let header = tcp.to_header();
    let (from, to, checksum): (IpAddr, IpAddr, u16) = match sliced.net.unwrap() {
        NetSlice::Ipv4(ip) => {
            let ip = ip.header().to_header();
            assert_eq!(ip.header_checksum, ip.calc_header_checksum());
            (
                ip.source.into(),
                ip.destination.into(),
                header.calc_checksum_ipv4(&ip, tcp.payload()).unwrap(),
            )
        }
        NetSlice::Ipv6(ip) => {
            let ip = ip.header().to_header();
            (
                ip.source.into(),
                ip.destination.into(),
                header.calc_checksum_ipv6(&ip, tcp.payload()).unwrap(),
            )
        }
        NetSlice::Arp(_) => panic!("ARP"),
    };
    assert_eq!(header.checksum, checksum);
    let mut packet = Packet {
        interface: word(0),
        nanos: u64::from(word(4)) << 32 | u64::from(word(8)),
        from: SocketAddr::new(from, header.source_port),
        to: SocketAddr::new(to, header.destination_port),
        sequence: header.sequence_number,
        acknowledged: header.ack.then_some(header.acknowledgment_number),
        is_syn: header.syn,
        is_fin: header.fin,
        payload: tcp.payload().to_vec(),
        comments: Vec::new(),
        flags: None,
    };
    let mut options = &body[20 + length.next_multiple_of(4)..];
    while options != [0; 4] {
        let code = u16::from_le_bytes([options[0], options[1]]);
        let length = usize::from(u16::from_le_bytes([options[2], options[3]]));
        let value = &options[4..4 + length];
        match code {
            1 => packet
                .comments
                .push(String::from_utf8(value.to_vec()).unwrap()),
            2 => packet.flags = Some(u32::from_le_bytes(value.try_into().unwrap())),
            other => panic!("option {other}"),
        }
        options = &options[4 + length.next_multiple_of(4)..];
    }
    packet
}

fn export<'a>(
    events: impl IntoIterator<Item = (Option<&'a str>, StoredEvent, Vec<Bytes>)>,
) -> (PcapngWriter, usize, Vec<Packet>) {
    let mut writer = PcapngWriter::new();
    let mut file = Vec::new();
    for (capture, mut stored, pieces) in events {
        stored.payload_bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        let mut pieces = pieces.into_iter();
        writer
            .write::<io::Error>(&mut file, capture, &stored, || Ok(pieces.next()))
            .unwrap();
    }
    writer.finish(&mut file).unwrap();
    let (interfaces, packets) = read(&file);
    (writer, interfaces, packets)
}

/// An event on a connection, between the ends of the sample.
fn event(connection: i64, direction: Direction, seconds: i64) -> StoredEvent {
    let mut stored = samples::request();
    stored.connection = Some(ConnectionId::new(connection));
    stored.role = Some(Role::Client);
    stored.event.direction = Some(direction);
    stored.event.time = Timestamp::from_seconds(seconds);
    stored
}

/// What was sent between two ends, each way; every sequence number is checked.
fn followed(packets: &[Packet]) -> HashMap<(SocketAddr, SocketAddr), Vec<u8>> {
    let mut next: HashMap<(SocketAddr, SocketAddr), u32> = HashMap::new();
    let mut bytes: HashMap<_, Vec<u8>> = HashMap::new();
    for packet in packets {
        let (way, back) = ((packet.from, packet.to), (packet.to, packet.from));
        if packet.is_syn {
            next.insert(way, packet.sequence);
            if packet.acknowledged.is_none() {
                next.remove(&back);
            }
        }
        assert_eq!(next.get(&way), Some(&packet.sequence), "{packet:?}");
        assert_eq!(packet.acknowledged, next.get(&back).copied());
        let length = u32::try_from(packet.payload.len()).unwrap();
        let counted = length + u32::from(packet.is_syn) + u32::from(packet.is_fin);
        next.insert(way, packet.sequence.wrapping_add(counted));
        bytes
            .entry(way)
            .or_default()
            .extend_from_slice(&packet.payload);
    }
    bytes
}

#[test]
fn one_request() {
    let (writer, interfaces, packets) = export([
        (
            Some("a.db"),
            samples::request(),
            vec![Bytes::from_static(b"GET ")],
        ),
        (Some("a.db"), samples::bare(), vec![]),
    ]);
    assert_eq!((writer.skipped(), interfaces, packets.len()), (1, 1, 7));
    let request = &packets[3];
    assert_eq!(request.from.to_string(), "10.0.0.1:50000");
    assert_eq!(request.to.to_string(), "93.184.216.34:443");
    assert_eq!(request.payload, b"GET ");
    assert_eq!(request.nanos, 1_795_431_600_000_000_000);
    assert_eq!((request.interface, request.flags), (0, Some(2)));
    assert_eq!(
        request.comments,
        ["pid 42 tid 43 curl\\u{1b}[31m fd 5 event 7 (received 2026-11-23T11:00:01.000000000Z)"]
    );
    assert_eq!(
        packets[0].comments,
        ["synthetic handshake: first event of connection 4"]
    );
    assert_eq!(
        packets[4].comments,
        ["synthetic end: no more of it was captured"]
    );
    followed(&packets);
}

#[test]
fn nothing_is_a_file_as_well() {
    let (_, interfaces, packets) = export([]);
    assert_eq!((interfaces, packets.len()), (1, 0));
}

#[test]
fn both_sides_of_a_connection_do_not_merge() {
    let mut server = event(5, Direction::Inbound, 100);
    server.role = Some(Role::Server);
    server.endpoints.local = server.endpoints.server;
    server.endpoints.remote = server.endpoints.client;
    let mut copied = event(4, Direction::Outbound, 100);
    copied.endpoints = Endpoints {
        source: None,
        ..copied.endpoints
    };
    let bytes = || vec![Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n")];
    let (_, interfaces, packets) = export([
        (Some("a"), event(4, Direction::Outbound, 90), bytes()),
        (Some("a"), server, bytes()),
        (Some("b"), copied, bytes()),
    ]);
    assert_eq!(interfaces, 2);
    let streams = followed(&packets);
    let clients: Vec<_> = packets
        .iter()
        .filter(|packet| packet.is_syn && packet.acknowledged.is_none())
        .map(|packet| packet.from.to_string())
        .collect();
    assert_eq!(
        clients,
        ["10.0.0.1:50000", "192.0.2.1:49152", "192.0.2.1:49153"]
    );
    assert!(packets[7].comments[1].contains("as another connection has the same ends"));
    assert!(
        streams
            .values()
            .all(|bytes| bytes.len() == 18 || bytes.is_empty())
    );
}

#[test]
fn a_port_that_is_used_again_is_the_true_one() {
    let bytes = || vec![Bytes::from_static(b"x")];
    let (_, _, packets) = export([
        (None, event(4, Direction::Outbound, 100), bytes()),
        (None, event(5, Direction::Outbound, 200), bytes()),
        (None, event(6, Direction::Outbound, 200), bytes()),
        (None, event(4, Direction::Outbound, 300), bytes()),
    ]);
    let clients: Vec<_> = packets
        .iter()
        .filter(|packet| packet.is_syn && packet.acknowledged.is_none())
        .map(|packet| packet.from.to_string())
        .collect();
    let first = "10.0.0.1:50000";
    assert_eq!(clients, [first, first, "192.0.2.1:49152", first]);
    assert_eq!(
        packets[4].comments,
        ["synthetic end: another connection took its ends"]
    );
    followed(&packets);
}

#[test]
fn the_connection_that_is_silent_longest_gives_way() {
    let event_of = |number: usize| {
        let mut stored = event(i64::try_from(number).unwrap(), Direction::Outbound, 1);
        stored.endpoints = Endpoints::default();
        (None, stored, vec![Bytes::from_static(b"x")])
    };
    let last = MAX_OPEN_CONNECTIONS;
    let numbers = (0..last).chain([0, last, 1]);
    let (_, _, packets) = export(numbers.map(event_of));
    let begun = packets.iter().filter(|packet| packet.is_syn).count() / 2;
    // The second was ended for the last, and began anew.
    assert_eq!(begun, last + 2);
    followed(&packets);
}

#[test]
fn what_was_decoded_can_be_read_by_others() {
    let mut stored = event(4, Direction::Inbound, 1);
    stored.event.content = Content::Http1Response;
    stored.event.provenance = Provenance::RESERIALIZED;
    let pieces = [
        &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhel"[..],
        b"lo",
    ];
    let (_, _, packets) = export([(None, stored, pieces.map(Bytes::from_static).to_vec())]);
    assert_eq!(
        packets[3].payload,
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"
    );
    assert_eq!(packets[4].payload, b"lo");
    assert_eq!(packets[3].comments.len(), 3);
    assert_eq!(packets[3].flags, Some(1));
}

/// One that eCapture 1.x wrote anew.
fn rewritten(seconds: i64, text: &str) -> (Option<&'static str>, StoredEvent, Vec<Bytes>) {
    let is_response = text.starts_with("HTTP/");
    let (direction, content) = if is_response {
        (Direction::Inbound, Content::Http1Response)
    } else {
        (Direction::Outbound, Content::Http1Request)
    };
    let mut stored = event(1, direction, seconds);
    stored.event.content = content;
    stored.event.provenance = Provenance::RESERIALIZED;
    (None, stored, vec![Bytes::copy_from_slice(text.as_bytes())])
}

#[test]
fn a_repeated_head_is_no_message() {
    const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const PUT: &str = "PUT / HTTP/1.1\r\nContent-Length: 500\r\n\r\n";
    let events = [
        GET.to_owned(),
        format!("{CHUNKED}data"),
        CHUNKED.to_owned(),
        CHUNKED.to_owned(),
        format!("{PUT}abc"),
        PUT.to_owned(),
        CHUNKED.to_owned(),
        // A request without a body may well be repeated, and answered alike.
        GET.to_owned(),
        CHUNKED.to_owned(),
        GET.to_owned(),
        CHUNKED.to_owned(),
    ];
    let (writer, _, packets) = export((0..).zip(&events).map(|(at, text)| rewritten(at, text)));
    assert_eq!((writer.repeats(), writer.skipped()), (3, 0));
    let sent: Vec<_> = packets
        .iter()
        .filter(|packet| !packet.payload.is_empty())
        .collect();
    let starts: Vec<_> = sent.iter().map(|packet| packet.payload[0]).collect();
    assert_eq!(starts, *b"GHPHGHGH");
    let said = |number: usize, words: &str| {
        sent[number]
            .comments
            .iter()
            .any(|comment| comment.starts_with(words))
    };
    assert!(said(
        2,
        "before this, eCapture did not pass on bytes 2 times"
    ));
    assert!(said(
        3,
        "before this, eCapture did not pass on bytes 1 times"
    ));
    assert!(!said(1, "before this") && !said(4, "before this"));
    // Without their requests, these may be two responses.
    let (writer, _, packets) = export([rewritten(0, CHUNKED), rewritten(1, CHUNKED)]);
    let sent = packets.iter().filter(|packet| !packet.payload.is_empty());
    assert_eq!((writer.repeats(), sent.count()), (0, 2));
}

#[test]
fn the_answer_to_head_keeps_its_length() {
    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    for (method, expected) in [
        ("HEAD", OK),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let request = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        let (_, _, packets) = export([rewritten(0, &request), rewritten(1, OK)]);
        let answer = packets
            .iter()
            .rfind(|packet| !packet.payload.is_empty())
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&answer.payload),
            expected,
            "{method}"
        );
    }
}

#[test]
fn only_plaintext_with_bytes_becomes_packets() {
    let of = |kind: Kind, bytes: &'static [u8]| {
        let mut stored = event(4, Direction::Inbound, 1);
        stored.event.kind = kind;
        (None, stored, vec![Bytes::from_static(bytes)])
    };
    let (writer, _, packets) = export(Kind::ALL.map(|kind| of(kind, b"x")));
    assert_eq!((writer.skipped(), packets.len()), (7, 7));
    let (writer, _, packets) = export([of(Kind::TlsData, b"")]);
    assert_eq!((writer.skipped(), packets.len()), (1, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn streams_are_the_payloads(
        events in proptest::collection::vec(
            (0_i64..4, any::<bool>(), any::<bool>(), proptest::collection::vec(1_usize..200_000, 1..3)),
            1..20,
        ),
        is_v6 in any::<bool>(),
    ) {
        let mut expected: HashMap<(i64, bool), Vec<u8>> = HashMap::new();
        let mut list = Vec::new();
        for (number, (connection, is_out, has_ends, lengths)) in events.into_iter().enumerate() {
            let direction = if is_out { Direction::Outbound } else { Direction::Inbound };
            let mut stored = event(connection, direction, i64::try_from(number).unwrap());
            stored.endpoints.local = None;
            if is_v6 {
                stored.endpoints.server = Some("[2001:db8:5::1]:443".parse().unwrap());
            }
            if !has_ends {
                stored.endpoints = Endpoints::default();
            }
            let byte = u8::try_from(number).unwrap();
            let pieces: Vec<_> = lengths.iter().map(|length| Bytes::from(vec![byte; *length])).collect();
            expected.entry((connection, is_out)).or_default().extend(pieces.concat());
            list.push((None, stored, pieces));
        }
        let (_, _, packets) = export(list);
        let mut found: Vec<_> = followed(&packets).into_values().filter(|bytes| !bytes.is_empty()).collect();
        let mut expected: Vec<_> = expected.into_values().collect();
        found.sort();
        expected.sort();
        prop_assert!(found == expected);
    }
}
