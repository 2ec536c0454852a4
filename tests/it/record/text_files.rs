//! Files of text that eCapture wrote by itself, imported.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::support::capture::{copy, events};
use crate::support::env::TestEnv;

/// The file comes back from the capture: events and lines of the log, in their order.
fn check_whole(env: &TestEnv, file: &str) {
    let mut whole: Vec<_> = events(&env.db())
        .iter()
        .map(|event| String::from_utf8(event.frame()).unwrap())
        .collect();
    let copy = copy(&env.db());
    whole.extend(copy.texts("SELECT CAST(COALESCE(frame, line) AS TEXT) FROM run_logs"));
    let mut rest = file.to_owned();
    for frame in &whole {
        let at = rest
            .find(frame.as_str())
            .unwrap_or_else(|| panic!("{frame:?}"));
        rest.replace_range(at..at + frame.len(), "");
    }
    assert_eq!(rest, "");
    assert_eq!(copy.counter("is_received_estimated"), 0);
    assert_eq!(copy.counter("unreadable_frames"), 0);
}

fn import(env: &TestEnv, file: &str) -> Vec<Value> {
    let path = env.path("file.log");
    fs::write(&path, file).unwrap();
    env.import::<&str>(&path, []);
    check_whole(env, file);
    env.events::<&str>([])
}

#[test]
fn an_event_file_of_1_x() {
    let env = TestEnv::new();
    let line = |second: u32, message: &str| {
        let time = format!("2026-11-23T10:40:{second:02}+08:00");
        format!("{}\n", json!({"time": time, "message": message}))
    };
    let log = "{\"level\":\"info\",\"Version\":\"linux_amd64:v1.5.2:x\",\"time\":\"2026-11-23T10:40:30+08:00\",\"message\":\"m\"}\n";
    let nested = json!({
        "timestamp": 1_795_401_634, "uuid": "100_101_curl_5_1_10.0.0.1:5-10.0.0.2:443", "src_ip": "10.0.0.1",
        "src_port": 5, "dst_ip": "10.0.0.2", "dst_port": 443, "pid": 100, "pname": "curl", "type": 0, "length": 4,
        "payload_base64": "aGk="
    });
    let file = [
        log.to_owned(),
        line(31, "UUID:1_2_my_app_5_1_10.0.0.1:5-10.0.0.2:443, Name:HTTPRequest, Type:1, Length:18\nGET / HTTP/1.1\r\n\r\n"),
        line(32, "PID:100, Comm:curl, Src:10.0.0.1:5, Dest:10.0.0.2:443,\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
        line(33, &nested.to_string()),
        line(34, "PID:1200, UID:1000, \tComm:bash\0\0\0\0\0\0\0\0\0\0\0\0, \tRetvalue:0, \tLine:\nls -la"),
    ]
    .concat();
    let events = import(&env, &file);
    let fields = |event: &Value, names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| event[*name].clone()).collect()
    };
    let names = ["pid", "pname", "direction", "content", "server", "payload"];
    let found: Vec<_> = events.iter().map(|event| fields(event, &names)).collect();
    assert_eq!(
        json!(found),
        json!([
            [
                1,
                "my_app",
                "out",
                "http1_request",
                "10.0.0.2:443",
                "GET / HTTP/1.1\r\n\r\n"
            ],
            [
                100,
                "curl",
                null,
                "http1_response",
                "10.0.0.2:443",
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
            ],
            [100, "curl", "out", "text", "10.0.0.2:443", "hi"],
            [1200, "bash", null, "text", null, "ls -la"],
        ])
    );
    assert_eq!(events[0]["time"], "2026-11-23T02:40:31.000000000Z");
    assert_eq!(events[0]["received"], events[0]["time"]);
    assert_eq!(
        events[0]["provenance"],
        json!(["reserialized", "text_file"])
    );
    assert_eq!(
        copy(&env.db()).texts("SELECT version FROM runs"),
        ["linux_amd64:v1.5.2:x"]
    );
}

/// From 1.4.1 on, such a file does not tell who wrote: what the messages are does.
#[test]
fn exchanges_of_an_event_file_of_1_x() {
    let env = TestEnv::new();
    let line = |second: u32, port: u32, text: &str| {
        let message =
            format!("PID:100, Comm:curl, Src:10.0.0.1:{port}, Dest:10.0.0.2:443,\n{text}");
        let time = format!("2026-11-23T10:40:{second:02}+08:00");
        format!("{}\n", json!({"time": time, "message": message}))
    };
    let listed = |fields: &str| {
        format!(
            "\nFrame Type\t=>\tHEADERS\nFrame StreamID\t=>\t1\nFrame Length\t=>\t25\n{fields}\n"
        )
    };
    let asked = "header field \":method\" = \"POST\"\nheader field \":path\" = \"/listed?q=\\\":status\\\"\"\n\
                 header field \":authority\" = \"two.test\"\n";
    let file = [
        line(31, 5, "GET /one HTTP/1.1\r\nHost: one.test\r\n\r\n"),
        line(32, 5, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
        line(33, 6, &listed(asked)),
        line(
            34,
            6,
            &listed("header field \":status\" = \"503\"\nheader field \"x\" = \":method\"\n"),
        ),
    ]
    .concat();
    import(&env, &file);
    let found: Vec<_> = env
        .query(["--exchanges", "-r", "-o", "jsonl"])
        .exits(0)
        .json()
        .iter()
        .map(|line| {
            json!([
                line["request"]["method"],
                line["url"],
                line["response"]["status"]
            ])
        })
        .collect();
    assert_eq!(
        json!(found),
        json!([
            ["GET", "https://one.test/one", 200],
            ["POST", "https://two.test/listed?q=\":status\"", 503]
        ])
    );
    // The listing has it in quotes of its own; a search is for what that stands for.
    for filter in [
        "path == '/listed?q=\":status\"'",
        "any contains 'q=\":status\"'",
    ] {
        env.query(["--exchanges", "--count", filter]).exits(0);
    }
}

/// As 2.x prints a text (internal/logger/logger.go:37@v2.5.1).
fn printed(text: &str) -> String {
    let mut printed = String::from("\x1b[90m2026-11-23T10:40:39Z\x1b[0m \x1b[32mINF\x1b[0m ");
    for character in text.chars() {
        match character {
            '\r' => printed.push_str("\\r"),
            '\n' | '\t' => printed.push(character),
            other if other.is_ascii_control() => {
                write!(printed, "\\x{:02x}", u32::from(other)).unwrap();
            }
            other => printed.push(other),
        }
    }
    printed + " \x1b[36mprobe=\x1b[0mOpenSSL\n"
}

#[test]
fn the_output_of_2_x() {
    let env = TestEnv::new();
    let mut file = String::from(
        "\x1b[90m2026-11-23T10:40:38Z\x1b[0m \x1b[32mINF\x1b[0m started \x1b[36mVersion=\x1b[0mlinux_amd64:v2.5.1:x\n",
    );
    let request = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
    let texts = [
        format!("[2026-11-23 10:40:38.032] PID:4711 TID:4712 Comm:curl FD:5 WRITE ({} bytes):\n{request}", request.len()),
        "[2026-11-23 10:40:38.036] PID:4711 TID:4712 Comm:curl FD:5 READ (3 bytes):\n\0a\n".to_owned(),
        "PID:88, TID:91, Comm:caddy, FD:9, Tuple:[140.82.112.5]:443->[10.0.0.5]:43122, Type:READ, Len:5\nData:\nhello\n".to_owned(),
        "PID:1200, UID:1000, Comm:bash, Retvalue:0, Line:\nprintf '\\r'\n".to_owned(),
    ];
    file.extend(texts.iter().map(|text| printed(text)));
    let events = import(&env, &file);
    let found: Vec<_> = events
        .iter()
        .map(|event| event["payload"].clone())
        .collect();
    assert_eq!(
        json!(found),
        json!([request, "\0a\n", "hello", "printf '\\r'"])
    );
    assert_eq!(events[0]["time"], "2026-11-23T10:40:38.032000000Z");
    assert_eq!(events[0]["pname"], "curl");
    assert_eq!(events[0]["provenance"], json!(["text_file"]));
    assert_eq!(events[2]["provenance"], json!(["wire"]));
    assert_eq!(
        copy(&env.db()).texts("SELECT version FROM runs"),
        ["linux_amd64:v2.5.1:x"]
    );
}
