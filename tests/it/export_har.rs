//! Exchanges as HAR, judged by mitmproxy, which knows nothing of ecq.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::corpus::{Scenario, imported, scenarios};
use crate::support::python::{PYTHON, python};
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
    env.query(["export", "har", "--output", har.to_str().unwrap()])
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
        // The others have codings that mitmproxy refuses, or exchanges without a request or a response.
        if !["curl-nginx-http1", "curl-nginx-http2", "pipelining"].contains(&scenario.name.as_str())
        {
            continue;
        }
        let flows = flows(&scenario);
        for expected in &scenario.exchanges {
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
