//! HTTP/2 as eCapture 1.x lists it: nothing that stands in Go's quotes or in the data is left, and all else of the exchange is.

use serde_json::json;

use super::{SECRETS, ask, check_gone, places, take};
use crate::support::env::TestEnv;

fn block(kind: &str, bytes: usize) -> String {
    format!("\nFrame Type\t=>\t{kind}\nFrame StreamID\t=>\t1\nFrame Length\t=>\t{bytes}\n")
}

/// A header block; the values stand as Go's `%q` writes them, as no other character of them needs it.
fn head(fields: &[(&str, &str)]) -> String {
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
    let lines = fields
        .iter()
        .map(|(name, value)| format!("header field \"{name}\" = \"{}\"\n", quoted(value)));
    block("HEADERS", 25) + &lines.collect::<String>()
}

fn data(body: &str) -> String {
    format!("{}{body}\n", block("DATA", body.len()))
}

/// An event file with a request and its response, with nine of the secrets.
fn file() -> String {
    let asked = [
        head(&[
            (":method", "POST"),
            (":path", "/a?x=\"q\"&token=QVQUERYPARAMETERQV"),
            (":authority", "listed.test"),
            ("authorization", "Digest response=\"QWAUTHORIZATIONQW\""),
            ("cookie", "a=\"QXCOOKIEQX\"; b=\"1\""),
            ("x-j", r#"{"apikey":"QYAPIKEYQY","kept":"visible"}"#),
            ("content-type", "application/json"),
        ]),
        data(r#"{"user":"alice","password":"QZFORM"#),
        data(r#"PASSWORDQZ","kept":"visible"}"#),
    ];
    let merged = r#"{"access_token":"RWJSONTOKENRW","kept":"visible"}"#;
    let answered = [
        head(&[
            (":status", "200"),
            ("set-cookie", "sid=\"RVSETCOOKIERV\"; Path=/"),
            ("location", r"https://u:GVAUTHORIZATIONGV\@h.test/"),
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
        ]),
        block("DATA", 70),
        "Partial entity body with gzip encoding ... \n".to_owned(),
        format!(
            "\nMerged Data Frame, StreamID\t=>\t1\nMerged Data Frame, Final Length\t=>\t{}\n\n{merged}\n",
            merged.len()
        ),
    ];
    let lines = [(31, asked.concat()), (32, answered.concat())].map(|(second, text)| {
        let message = format!("PID:100, Comm:curl, Src:10.0.0.1:6, Dest:10.0.0.2:443,\n{text}");
        let time = format!("2026-11-23T10:40:{second}+08:00");
        format!("{}\n", json!({"time": time, "message": message}))
    });
    lines.concat()
}

#[test]
fn no_secret_of_a_listing_is_left() {
    let env = TestEnv::new();
    let file_path = env.path("events.log");
    std::fs::write(&file_path, file()).unwrap();
    env.import(&file_path, [] as [&str; 0]);
    let [plain, subset] = take(&env, &["--redact"], &[]);
    let found: Vec<_> = places(&plain, &SECRETS)
        .into_iter()
        .filter(|(_, place)| place == "payload")
        .map(|(secret, _)| secret)
        .collect();
    // One is in two pieces.
    let mut expected: Vec<_> = (SECRETS.iter().take(8))
        .filter(|secret| **secret != "QZFORMPASSWORDQZ")
        .map(ToString::to_string)
        .collect();
    expected.sort();
    assert_eq!(found, expected);

    let recorded = TestEnv::new();
    recorded.import(&file_path, ["--redact"]);
    for (env, path) in [(&env, &subset), (&recorded, &recorded.db())] {
        check_gone(env, path);
        for gone in ["QZFORM", "PASSWORDQZ"] {
            ask(env, path, &["--grep", gone, "--events"]).exits(1);
        }
        // The exchange has its bodies, and they are what they were but for the secrets.
        let exchange = ask(env, path, &["--exchanges", "-o", "jsonl"])
            .exits(0)
            .json();
        let is = |pointer: &str| exchange[0].pointer(pointer).cloned().unwrap();
        assert_eq!(exchange.len(), 1);
        assert_eq!(is("/request/defects"), json!(["listing"]));
        assert_eq!(is("/response/defects"), json!(["reserialized", "listing"]));
        for kept in [r#""user":"alice""#, r#"","kept":"visible"}"#, "; b="] {
            ask(env, path, &["--fixed", "--grep", kept, "--exchanges"]).exits(0);
        }
        let har = ask(env, path, &["export", "har"]).exits(0).stdout;
        let har: serde_json::Value = serde_json::from_slice(&har).unwrap();
        let entry = &har["log"]["entries"][0];
        for text in ["/request/postData/text", "/response/content/text"] {
            let text = entry.pointer(text).unwrap().as_str().unwrap();
            let body: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(body["kept"], "visible", "{text}");
        }
    }
}
