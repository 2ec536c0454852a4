use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Command as Process, Stdio};
use std::thread;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::samples::{self, Memory};
use super::*;
use crate::event::is_hazard;

fn script(exchange: &Exchange, bodies: &Memory) -> String {
    let mut out = Vec::new();
    Curl.write(&mut out, None, exchange, bodies).unwrap();
    Curl.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn head(exchange: &mut Exchange) -> &mut MessageHead {
    exchange.request.as_mut().unwrap().head.as_mut().unwrap()
}

#[test]
fn a_form() {
    let exchange = samples::exchange();
    assert_eq!(
        script(&exchange, &samples::bodies(&exchange)),
        concat!(
            "# exchange 12: 2026-11-23T11:00:00.000000000Z curl[42] -> 200\n",
            "# sent to 93.184.216.34:443: --connect-to '::93.184.216.34:443' sends it there\n",
            "curl --globoff --path-as-is --http1.1 -X 'POST' --url 'https://example.com/a?q=1' ",
            "-H 'Cookie: sid=s3; theme=dark' -H 'Content-Type: application/x-www-form-urlencoded' ",
            "-H 'User-Agent:' -H 'Accept:' -H 'Expect:' --data-raw 'a=1&b=2'\n\n",
        )
    );
}

#[test]
fn other_requests() {
    let mut exchange = samples::exchange();
    exchange.response = None;
    exchange.endpoints.server = None;
    exchange.process.pname = Some("a\nrm".to_owned());
    *head(&mut exchange) = MessageHead {
        method: Some(Bytes::from_static(b"HEAD")),
        target: Some(Bytes::from_static(b"*")),
        authority: Some(Bytes::from_static(b"h.test")),
        fields: samples::fields(&[
            (b"accept-encoding", b"gzip"),
            (b"accept", b""),
            (b"@file", b"x"),
            (b"user-agent", b"\x1b'"),
            (b"x", b"a\0b"),
            (b"host", b"other.test"),
            (b"te", b"trailers"),
        ]),
        ..MessageHead::empty(Version::Http2)
    };
    exchange.request.as_mut().unwrap().ending = Ending::Open;
    assert_eq!(
        script(&exchange, &Memory::default()),
        concat!(
            "# exchange 12: 2026-11-23T11:00:00.000000000Z a\u{fffd}rm[42] -> ?\n",
            "# the request is open: it may not be all\n",
            "# left out: the field \"@file\", which no argument can hold\n",
            "# left out: the field \"x\", which no argument can hold\n",
            "curl --globoff --path-as-is --http2 --head --url 'https://h.test/' --request-target '*' ",
            "-H 'accept-encoding: gzip' -H 'accept;' -H \"$(printf 'user-agent: \\033\\047')\" ",
            "-H 'host: other.test' --compressed\n\n",
        )
    );
    exchange.request = None;
    assert!(
        script(&exchange, &Memory::default())
            .ends_with("# not enough of the request is known to send it again\n\n")
    );
}

#[test]
fn an_upgrade_stays_one() {
    let mut exchange = samples::exchange();
    head(&mut exchange).fields = samples::fields(&[
        (b"Host", b"h.test"),
        (b"Connection", b"Upgrade"),
        (b"Upgrade", b"websocket"),
    ]);
    let script = script(&exchange, &Memory::default());
    assert!(
        script.contains("-H 'Connection: Upgrade' -H 'Upgrade: websocket'"),
        "{script}"
    );
}

/// Runs the script, and gives what curl sent: the start line, the fields, and the body.
fn sent(script: &str, body_bytes: usize) -> (String, Vec<String>, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let script = script.replace(
        "curl --globoff",
        &format!("curl --globoff --silent --noproxy '*' --connect-to '::{address}'"),
    );
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            reader.read_until(b'\n', &mut line).unwrap();
            if line == b"\r\n" || line.is_empty() {
                break;
            }
            lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        let mut body = vec![0; body_bytes];
        reader.read_exact(&mut body).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .unwrap();
        (lines.remove(0), lines, body)
    });
    let mut shell = Process::new("sh").stdin(Stdio::piped()).spawn().unwrap();
    shell
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(shell.wait().unwrap().success(), "{script}");
    server.join().unwrap()
}

#[test]
#[ignore = "needs curl on the machine"]
fn curl_sends_what_was_captured() {
    let every: Vec<u8> = (0..=255).collect();
    for (target, body) in [
        ("/a/../b?x={1..2}&y=[a]", every.repeat(100)),
        ("/a#b", b"@not a file\n".to_vec()),
        ("/plain", Vec::new()),
        ("*", "text 'quoted' é".into()),
        ("http://example.com/absolute", Vec::new()),
    ] {
        let mut exchange = samples::exchange();
        let head = head(&mut exchange);
        head.target = Some(Bytes::from(target));
        head.scheme = Some(Bytes::from_static(b"http"));
        head.fields = samples::fields(&[
            (b"Host", b"example.com"),
            (b"Content-Length", b"9"),
            (b"X-Empty", b""),
            (b"X-Odd", b"\x01'\"$(id)`id`\\"),
        ]);
        let request = exchange.request.as_ref().unwrap();
        let bodies = Memory::default().with(request, &body, &body);
        let (start, fields, found) = sent(&script(&exchange, &bodies), body.len());
        assert_eq!(start, format!("POST {target} HTTP/1.1"));
        assert_eq!(
            fields,
            [
                "Host: example.com".to_owned(),
                "X-Empty:".to_owned(),
                "X-Odd: \u{1}'\"$(id)`id`\\".to_owned(),
                format!("Content-Length: {}", body.len()),
            ]
        );
        assert!(found == body);
    }
}

#[test]
#[ignore = "needs curl on the machine"]
fn curl_sends_chunks_where_there_were_some() {
    for body in [&b"abc"[..], b""] {
        let mut exchange = samples::exchange();
        let head = head(&mut exchange);
        head.scheme = Some(Bytes::from_static(b"http"));
        head.fields = samples::fields(&[
            (b"Host", b"example.com"),
            (b"Transfer-Encoding", b"chunked"),
        ]);
        let request = exchange.request.as_ref().unwrap();
        let bodies = Memory::default().with(request, body, body);
        let expected: &[u8] = if body.is_empty() {
            b"0\r\n\r\n"
        } else {
            b"3\r\nabc\r\n0\r\n\r\n"
        };
        let (_, fields, found) = sent(&script(&exchange, &bodies), expected.len());
        assert_eq!(fields, ["Host: example.com", "Transfer-Encoding: chunked"]);
        assert_eq!(found, expected);
    }
}

proptest! {
    #[test]
    fn a_script_is_harmless_and_a_shell_reads_it(
        name in any::<Vec<u8>>(),
        value in any::<Vec<u8>>(),
        target in any::<Vec<u8>>(),
        body in any::<Vec<u8>>(),
    ) {
        let mut exchange = samples::exchange();
        let head = head(&mut exchange);
        head.target = Some(Bytes::from(target));
        head.fields = samples::fields(&[(b"host", b"h.test"), (&name, &value), (b"x", &value)]);
        let request = exchange.request.as_ref().unwrap();
        let bodies = Memory::default().with(request, &body, &body);
        let script = script(&exchange, &bodies);
        prop_assert!(!script.replace('\n', "").contains(is_hazard));
        for line in script.lines() {
            prop_assert!(
                ["# ", "curl ", "printf '", "{", "} | curl "].iter().any(|start| line.starts_with(start))
                    || line.is_empty(),
                "{}", line
            );
        }
    }
}
