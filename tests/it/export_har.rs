//! Exchanges as HAR, judged by mitmproxy, which knows nothing of ecq.

use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::corpus::{Scenario, imported, scenario, scenarios};
use crate::support::python::{PYTHON, hex, python};
use crate::support::skip::skip;

/// Prints what mitmproxy makes of an archive: one flow a line.
const SCRIPT: &str = r#"
import hashlib, json, sys
from mitmproxy import io
with open(sys.argv[1], "rb") as file:
    for flow in io.FlowReader(file).stream():
        body = flow.response.get_content(strict=False) or b""
        print(json.dumps({
            "method": flow.request.method,
            "host": flow.request.host_header or flow.request.host,
            "target": flow.request.path,
            "status": flow.response.status_code,
            "sha256": hashlib.sha256(body).hexdigest(),
            # Without a charset, mitmproxy keeps the text of the archive in latin-1.
            "text_sha256": hashlib.sha256((flow.response.get_text(strict=False) or "").encode()).hexdigest(),
        }))
"#;

fn has_mitmproxy() -> bool {
    let found = Command::new(python())
        .args(["-c", "import mitmproxy.io.har"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        skip(
            "archives as mitmproxy reads them",
            &format!("{} has no mitmproxy; {PYTHON} can name another", python()),
        );
    }
    found
}

/// What mitmproxy shows of a scenario's archive.
fn flows(scenario: &Scenario) -> Vec<Value> {
    let env = imported(scenario);
    let har = env.path("exchanges.har");
    let no_chain = "not (resp.header[\"content-encoding\"] contains \",\")";
    env.query(["export", "har", "--output", har.to_str().unwrap(), no_chain])
        .exits(0);
    let output = Command::new(python())
        .args(["-c", SCRIPT])
        .arg(&har)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", scenario.name);
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn mitmproxy_shows_the_same_exchanges() {
    if !has_mitmproxy() {
        return;
    }
    for scenario in scenarios() {
        let flows = flows(&scenario);
        for expected in &scenario.exchanges {
            // What mitmproxy has no flow for: a tunnel, and a request that was refused without an answer.
            if expected["method"] == "CONNECT" || expected["status"].is_null() || is_chain(expected)
            {
                continue;
            }
            let body = &expected["response_body"]["sha256"];
            let is_this = |flow: &&Value| {
                flow["target"] == expected["target"]
                    && flow["method"] == expected["method"]
                    && flow["status"] == expected["status"]
            };
            let found: Vec<_> = flows.iter().filter(is_this).collect();
            assert!(
                !found.is_empty(),
                "{}: {expected} is not in the archive",
                scenario.name
            );
            for flow in found {
                if !body.is_null() {
                    let is_same = [&flow["sha256"], &flow["text_sha256"]].contains(&body);
                    assert!(is_same, "{}: {flow} for {expected}", scenario.name);
                }
            }
        }
    }
}

/// A body in several codings makes mitmproxy refuse the whole archive.
fn is_chain(expected: &Value) -> bool {
    expected["response_coding"]
        .as_str()
        .is_some_and(|coding| coding.contains(','))
}

#[test]
fn the_messages_of_a_websocket_are_those_that_were_sent() {
    let scenario = scenario("websocket");
    let env = imported(&scenario);
    let archive = env.query(["export", "har"]).exits(0);
    let archive: Value = serde_json::from_slice(&archive.stdout).unwrap();
    let entries = archive["log"]["entries"].as_array().unwrap();
    let lines = env
        .query(["export", "jsonl", "--exchanges"])
        .exits(0)
        .json();
    for expected in &scenario.exchanges {
        let url = format!("https://chat.test{}", expected["target"].as_str().unwrap());
        let wanted: Vec<_> = expected["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| {
                (
                    message["is_text"] == true,
                    message["sha256"].as_str().unwrap(),
                )
            })
            .collect();
        let said: Vec<_> = lines
            .iter()
            .filter(|line| line["request"]["target"] == expected["target"])
            .collect();
        assert_eq!(said.len(), 2, "{url}");
        for (line, side) in said
            .iter()
            .flat_map(|line| [(line, "client"), (line, "server")])
        {
            let told: Vec<_> = line["messages"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|message| {
                    message["from"] == side
                        && ["text", "binary"].contains(&message["kind"].as_str().unwrap())
                })
                .map(|message| {
                    let text = message["text"]
                        .as_str()
                        .map(|text| text.as_bytes().to_vec());
                    let base64 = || {
                        STANDARD
                            .decode(message["base64"].as_str().unwrap())
                            .unwrap()
                    };
                    let bytes = text.unwrap_or_else(base64);
                    (message["kind"] == "text", hex(&Sha256::digest(bytes)))
                })
                .collect();
            let told = told.iter().map(|(is_text, sum)| (*is_text, sum.as_str()));
            assert_eq!(told.collect::<Vec<_>>(), wanted, "{url}, {side}");
        }
        // Both ends were traced.
        let found: Vec<_> = entries
            .iter()
            .filter(|entry| entry["request"]["url"] == url.as_str())
            .collect();
        assert_eq!(found.len(), 2, "{url}");
        for entry in found {
            let messages = entry["_webSocketMessages"].as_array().unwrap();
            for side in ["send", "receive"] {
                let told: Vec<_> = messages
                    .iter()
                    .filter(|message| message["type"] == side)
                    .map(|message| {
                        let data = message["data"].as_str().unwrap();
                        let is_text = message["opcode"] == 1;
                        let bytes = if is_text {
                            data.as_bytes().to_vec()
                        } else {
                            STANDARD.decode(data).unwrap()
                        };
                        (is_text, hex(&Sha256::digest(bytes)))
                    })
                    .collect();
                let told: Vec<_> = told
                    .iter()
                    .map(|(is_text, sum)| (*is_text, sum.as_str()))
                    .collect();
                assert_eq!(told, wanted, "{url}, {side}");
            }
        }
    }
}
