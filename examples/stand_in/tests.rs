//! The encoders against frames that eCapture's own code sent; the names are those of the vectors they were taken from.

use std::net::SocketAddr;

use bytes::Bytes;

use super::dialect::{Dialect, Encoder, Message, Release};
use super::event::{Ends, GeneratedEvent, Probe};
use super::traffic::{Corpus, Traffic};
use super::{START_NS, frames};

fn encoder(release: Release, hex: bool) -> Encoder {
    Encoder {
        release,
        hex,
        zone_seconds: 0,
        boot_ns: 0,
    }
}

fn ends(initiator: &str, acceptor: &str, local_is_initiator: bool) -> Ends {
    let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
    Ends {
        initiator: parse(initiator),
        acceptor: parse(acceptor),
        local_is_initiator,
    }
}

fn curl(written: bool, payload: &'static [u8]) -> GeneratedEvent {
    GeneratedEvent {
        offset_ns: 0,
        pid: 4711,
        tid: 4712,
        uid: 0,
        comm: Bytes::from_static(b"curl"),
        fd: 5,
        written,
        tuple: Some(ends("192.168.1.10:51514", "93.184.216.34:443", true)),
        probe: Probe::OpenSsl,
        payload: Bytes::from_static(payload),
    }
}

const REQUEST: &[u8] =
    b"GET /a?b=1 HTTP/1.1\r\nHost: example.com\r\nUser-Agent: curl/8.5.0\r\nX-B: 2\r\nAccept: */*\r\nX-A: 1\r\n\r\n";

fn check(encoder: Encoder, event: &GeneratedEvent, unix_ns: i64, expected: &[u8]) {
    let message = encoder.encode(event, unix_ns).unwrap();
    assert_eq!(
        message.bytes.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
}

const D: Release = Release::new(2, 5, 1);

#[test]
fn v2_5_1_text() {
    let d = encoder(D, false);
    let mut event = curl(false, b"");
    // -tls_data-openssl-05
    check(
        d,
        &event,
        1_795_430_438_046_000_000,
        b"\x08\x02\x12OPKZK[2026-11-23 10:40:38.046] PID:4711 TID:4712 Comm:curl FD:5 READ (0 bytes):\n",
    );
    // -tls_data-openssl-04
    event.comm = Bytes::from_static(b"Socket Thread");
    event.fd = 0;
    event.payload = Bytes::from_static(b"\0\0\x12\x04\xff\xfe\0\0\0");
    check(
        d,
        &event,
        1_795_430_438_043_000_000,
        b"\x08\x02\x12bP^Z^[2026-11-23 10:40:38.043] PID:4711 TID:4712 Comm:Socket Thread FD:0 READ (9 bytes):\n\x00\x00\x12\x04\xff\xfe\x00\x00\x00\n",
    );
    // -conn-01
    event = curl(false, b"");
    event.probe = Probe::Connect;
    check(
        d,
        &event,
        0,
        b"\x08\x02\x12ZPVZVPID:4711, Comm:curl, TID:4712, FD:5, Tuple: [192.168.1.10]:51514->[93.184.216.34]:443\n",
    );
    // -conn_destroy-01
    event.probe = Probe::Destroy;
    check(
        d,
        &event,
        0,
        b"\x08\x02\x125P1Z1PID:0, Comm:, TID:0, FD:0, Tuple: [::]:0->[::]:0\n",
    );
    // -tls_data-gotls-02
    event = GeneratedEvent {
        pid: 88,
        tid: 91,
        comm: Bytes::from_static(b"caddy"),
        fd: 9,
        probe: Probe::GoTls,
        tuple: Some(ends("10.0.0.5:43122", "140.82.112.5:443", true)),
        ..curl(false, b"HTTP/1.1 204 No Content\r\n\r\n")
    };
    check(
        d,
        &event,
        0,
        b"\x08\x02\x12\x87\x01P\x81\x01Z\x81\x01PID:88, TID:91, Comm:caddy, FD:9, Tuple:[140.82.112.5]:443->[10.0.0.5]:43122, Type:READ, Len:27\nData:\nHTTP/1.1 204 No Content\r\n\r\n",
    );
    // -tls_data-gotls-05
    event.tuple = None;
    event.fd = 0;
    event.payload = Bytes::from_static(b"z");
    check(
        d,
        &event,
        0,
        b"\x08\x02\x12ZPVZVPID:88, TID:91, Comm:caddy, FD:0, Tuple:0.0.0.0:0-0.0.0.0:0, Type:READ, Len:1\nData:\nz\n",
    );
}

#[test]
fn v2_5_1_shells_sql_and_packets() {
    let d = encoder(D, false);
    let of = |pid, comm: &'static [u8], probe, payload| GeneratedEvent {
        pid,
        uid: 1000,
        comm: Bytes::from_static(comm),
        probe,
        ..curl(true, payload)
    };
    let bash = of(
        1200,
        b"bash",
        Probe::Bash(0),
        b"for i in 1 2; do\necho $i; done",
    );
    check(
        d,
        &bash,
        0,
        b"\x08\x02\x12TPPZPPID:1200, UID:1000, Comm:bash, Retvalue:0, Line:\nfor i in 1 2; do\necho $i; done\n",
    );
    let zsh = of(1300, b"zsh", Probe::Zsh, b"ls -la /tmp");
    check(
        d,
        &zsh,
        0,
        b"\x08\x02\x126P2Z2PID:1300, UID:1000, \tComm:zsh, \tLine:\nls -la /tmp\n",
    );
    let probe = Probe::MySql {
        total_bytes: 40,
        status: "V57_FAILED",
    };
    let mysql = of(
        777,
        b"mysqld",
        probe,
        b"SELECT * FROM users WHERE name = 'a]: b'",
    );
    check(
        d,
        &mysql,
        0,
        b"\x08\x02\x12nPjZjMySQL Query[PID=777, Comm=mysqld, Len=40/40, Status=V57_FAILED]: SELECT * FROM users WHERE name = 'a]: b'\n",
    );
    // v2.5.1-hex-sql-postgres-01
    let postgres = of(
        778,
        b"postgres",
        Probe::Postgres,
        b"select 1 /* pppppppppppppppppppppppppppp",
    );
    check(
        encoder(D, true),
        &postgres,
        0x0396_ff76_c34e,
        b"\x08\x02\x12\x95\x01P\x8f\x01Z\x8f\x01PID=0x30a Timestamp=0x396ff76c34e Query=73656c6563742031202f2a207070707070707070707070707070707070707070 Comm=706f7374677265730000000000000000\n",
    );
    let probe = Probe::Packet {
        bytes: 74,
        interface: 2,
    };
    check(
        d,
        &of(0, b"", probe, b""),
        1_234_567_890,
        b"\x08\x02\x12EPAZAPacket captured: len=74 bytes, timestamp=1234567890, interface=2\n",
    );
    let random: &[u8] = b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20";
    check(
        d,
        &of(0, b"", Probe::OpenSslKey, random),
        0,
        b"\x08\x02\x12iPeZeTLS Version: TLS 1.3, ClientRandom: 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20\n",
    );
}

#[test]
fn v2_5_1_hex() {
    let mut d = encoder(D, true);
    d.zone_seconds = 8 * 3600;
    // -tls_data-openssl-03: the monotonic reading in nanoseconds, printed as if it were seconds.
    check(
        d,
        &curl(false, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n"),
        3_947_007_096_306,
        b"\x08\x02\x12\xa0\x02P\x9a\x02Z\x9a\x02[127045-09-04 20:05:06.000] PID:4711 TID:4712 Comm:curl FD:5 READ (41 bytes, hex):\n0000  485454502F312E31 20323030204F4B0D  0A436F6E74656E74 2D4C656E6774683A    HTTP/1.1 200 OK..Content-Length:\n0020  20330D0A0D0A6869 0A                               3....hi.                       \n",
    );
}

#[test]
fn v1_5_2() {
    let b = encoder(Release::new(1, 5, 2), false);
    let mut event = curl(true, REQUEST);
    (event.pid, event.tid) = (100, 101);
    // -tls_data-openssl-01
    check(
        b,
        &event,
        1_795_430_937_784_096_686,
        b"\x08\x02\x12\xd2\x01\x08\xae\xaf\xf8\x8a\xce\xdd\xa9\xf5\x18\x125100_101_curl_5_1_192.168.1.10:51514-93.184.216.34:443\x1a\x0c192.168.1.10 \xba\x92\x03*\r93.184.216.340\xbb\x038dB\x04curlH\x01P_Z_GET /a?b=1 HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\nUser-Agent: curl/8.5.0\r\nX-A: 1\r\nX-B: 2\r\n\r\n",
    );
    // -shell-bash-01
    event = GeneratedEvent {
        pid: 1200,
        uid: 1000,
        comm: Bytes::from_static(b"bash"),
        probe: Probe::Bash(0),
        ..curl(true, b"ls -la")
    };
    check(
        b,
        &event,
        0,
        b"PID:1200, UID:1000, \tComm:bash\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00, \tRetvalue:0, \tLine:\nls -la",
    );
}

#[test]
fn v1_4() {
    // v1.4.3-text-tls_data-gotls-01
    let mut event = GeneratedEvent {
        pid: 88,
        tid: 91,
        comm: Bytes::from_static(b"caddy"),
        probe: Probe::GoTls,
        ..curl(false, b"hello")
    };
    check(
        encoder(Release::new(1, 4, 3), false),
        &event,
        1_795_431_059_094_474_307,
        br#"{"timestamp":1795431059094474307,"uuid":"88_91_caddy\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000","src_ip":"127.0.0.1","src_port":0,"dst_ip":"127.0.0.1","dst_port":0,"pid":88,"pname":"caddy\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000","type":1,"length":8,"payload":"aGVsbG8="}"#,
    );
    // v1.4.0-text-tls_data-openssl-03 and -04
    let a = encoder(Release::new(1, 4, 0), false);
    event = curl(true, REQUEST);
    (event.pid, event.tid, event.fd) = (200, 200, 0);
    check(
        a,
        &event,
        1_795_431_066_000_000_000,
        br#"{"log_type":2,"payload":{"timestamp":1795431066,"uuid":"sock:200_200_curl_0_1_0.0.0.0:0-0.0.0.0:0_0","src_ip":"0.0.0.0","src_port":0,"dst_ip":"0.0.0.0","dst_port":0,"pid":200,"pname":"curl","type":1,"length":128,"payload_base64":"R0VUIC9hP2I9MSBIVFRQLzEuMQ0KSG9zdDogZXhhbXBsZS5jb20NCkFjY2VwdDogKi8qDQpVc2VyLUFnZW50OiBjdXJsLzguNS4wDQpYLUE6IDENClgtQjogMg0KDQo="}}"#,
    );
    (event.pid, event.tid, event.fd) = (300, 300, 6);
    event.tuple = Some(ends("[2001:db8::1]:51516", "[2001:db8::2]:443", true));
    check(
        a,
        &event,
        1_795_431_066_000_000_000,
        br#"{"log_type":2,"payload":{"timestamp":1795431066,"uuid":"300_300_curl_6_1_[2001:db8::1]:51516-[2001:db8::2]:443","src_ip":"","src_port":0,"dst_ip":"","dst_port":0,"pid":300,"pname":"curl","type":1,"length":128,"payload_base64":"R0VUIC9hP2I9MSBIVFRQLzEuMQ0KSG9zdDogZXhhbXBsZS5jb20NCkFjY2VwdDogKi8qDQpVc2VyLUFnZW50OiBjdXJsLzguNS4wDQpYLUE6IDENClgtQjogMg0KDQo="}}"#,
    );
}

#[test]
fn the_same_seed_gives_the_same_traffic() {
    let some = |seed| {
        Traffic::new(seed, Corpus::Realistic)
            .take(500)
            .collect::<Vec<_>>()
    };
    assert_eq!(some(1), some(1));
    assert_ne!(some(1), some(2));
}

#[test]
fn every_dialect_but_one_has_frames() {
    for (dialect, opcode) in [(Dialect::Json, 1), (Dialect::Fields, 2), (Dialect::Text, 2)] {
        let all: Vec<_> = frames(dialect, 7, 300, Corpus::Realistic).collect();
        assert_eq!(all.len(), 300);
        assert!(
            all.iter()
                .all(|(code, bytes)| *code == opcode && !bytes.is_empty())
        );
    }
    assert_eq!(frames(Dialect::LogsOnly, 7, 300, Corpus::Small).count(), 0);
}

#[test]
fn the_needle_is_in_as_many_payloads_as_asked() {
    let found = Traffic::new(3, Corpus::Realistic)
        .with_needle(50, "needle-4711")
        .take(10_000)
        .filter(|event| {
            event
                .payload
                .windows(11)
                .any(|window| window == b"needle-4711")
        })
        .count();
    assert!((180..=200).contains(&found), "{found}");
}

#[test]
fn payloads_fit_one_call() {
    let d = encoder(D, false);
    for event in Traffic::new(9, Corpus::Incompressible).take(5_000) {
        assert!(event.payload.len() <= 16_384);
        let message: Message = d.encode(&event, START_NS).unwrap();
        assert!(message.bytes.len() < 16_384 + 200);
    }
}
