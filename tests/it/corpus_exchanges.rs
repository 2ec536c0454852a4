//! The exchanges of real traffic (`tests/data/http`) are those that the programs had.

use std::collections::BTreeMap;
use std::io::Read;

use ecq::http::exchange::{
    Bodies, BodyForm, Ending, Exchange, Message, MessageHead, Side, Version,
};
use ecq::store::{IndexState, Order, Reader};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::corpus::{Scenario, imported, scenario, scenarios};
use crate::support::capture::copy;
use crate::support::python::hex;

/// What one process saw of a scenario, by the host and target that were asked for.
type Seen = BTreeMap<(String, String), Vec<Exchange>>;

fn text(bytes: Option<&bytes::Bytes>) -> String {
    bytes.map_or_else(String::new, |bytes| {
        String::from_utf8_lossy(bytes).into_owned()
    })
}

fn seen(reader: &Reader) -> BTreeMap<String, Seen> {
    let mut by_process: BTreeMap<String, Seen> = BTreeMap::new();
    let mut exchanges = reader.exchanges(None, Order::OldestFirst, None).unwrap();
    while let Some(summary) = exchanges.next_exchange().unwrap() {
        let exchange = reader.whole_exchange(&summary).unwrap();
        let head = exchange.head(Side::Request);
        let asked = (
            exchange.host().unwrap_or_default(),
            text(head.and_then(|head| head.target.as_ref())),
        );
        let pname = exchange.process.pname.clone().unwrap_or_default();
        let seen = by_process.entry(pname).or_default();
        seen.entry(asked).or_default().push(exchange);
    }
    by_process
}

/// Size and SHA-256 of a decoded body.
fn body(reader: &Reader, message: &Message) -> (u64, String) {
    let mut bytes = Vec::new();
    reader
        .open(message, BodyForm::Decoded)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    (bytes.len() as u64, hex(&Sha256::digest(&bytes)))
}

#[track_caller]
fn check_half(reader: &Reader, message: &Message, expected: &Value, side: Side, story: &str) {
    let name = side.name();
    let is_reset = expected["reset"].is_u64();
    let wanted = &expected[format!("{name}_body")];
    if !wanted.is_null() && !is_reset {
        let found = body(reader, message);
        let wanted = (
            wanted["bytes"].as_u64().unwrap(),
            wanted["sha256"].as_str().unwrap().to_owned(),
        );
        assert_eq!(found, wanted, "{name} of {story}: {message:?}");
        let is_over = matches!(
            message.ending,
            Ending::Complete | Ending::Consistent | Ending::Closed
        );
        // Who closes a connection does not read its end.
        let ends_with_connection = message.head.as_ref().is_some_and(|head| {
            let tells = |name: &str| head.values(name).next().is_some();
            !tells("content-length")
                && !tells("transfer-encoding")
                && head.version != Version::Http2
        });
        let may_be_open = ends_with_connection && message.ending == Ending::Open;
        assert!(
            is_over || may_be_open,
            "{name} of {story} is {:?}",
            message.ending
        );
    }
    let head = message
        .head
        .as_ref()
        .unwrap_or_else(|| panic!("{name} of {story} has no head"));
    check_fields(head, &expected[format!("{name}_headers")], story);
    let trailers = &expected[format!("{name}_trailers")];
    if !trailers.is_null() {
        let found: Vec<_> = message
            .trailers
            .iter()
            .map(|field| (text(field.name.as_ref()), text(field.value.as_ref())))
            .collect();
        assert_eq!(found, pairs(trailers), "trailers of {story}");
    }
}

fn pairs(fields: &Value) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for field in fields.as_array().into_iter().flatten() {
        let part = |at: usize| field[at].as_str().unwrap().to_owned();
        if !part(0).starts_with(':') {
            pairs.push((part(0), part(1)));
        }
    }
    pairs
}

/// The fields, in any order and any case of their names: programs show them sorted or joined.
#[track_caller]
fn check_fields(head: &MessageHead, expected: &Value, story: &str) {
    if expected.is_null() {
        return;
    }
    for (name, value) in pairs(expected) {
        let found: Vec<_> = head.values(&name).map(|value| text(Some(value))).collect();
        let joined = found.join(", ");
        assert!(
            found.contains(&value) || joined == value,
            "{name}: {value} of {story}, found {found:?}"
        );
    }
}

fn check(scenario: &Scenario) -> u64 {
    let env = imported(scenario);
    let reader = Reader::open(&env.db()).unwrap();
    assert_eq!(reader.prepare_exchanges().unwrap(), IndexState::Complete);
    let by_process = seen(&reader);
    let mut checked = 0;
    for expected in &scenario.exchanges {
        let connection = usize::try_from(expected["connection"].as_u64().unwrap()).unwrap();
        let connection = &scenario.facts["connections"][connection];
        let asked = (
            expected["host"].as_str().unwrap().to_owned(),
            expected["target"].as_str().unwrap().to_owned(),
        );
        for end in ["client_pname", "server_pname"] {
            let Some(pname) = connection[end].as_str() else {
                continue;
            };
            let story = format!("{} {asked:?} as {pname} saw it", scenario.name);
            let found = by_process
                .get(pname)
                .and_then(|seen| seen.get(&asked))
                .map(Vec::as_slice)
                .unwrap_or_default();
            // Both ends can have the same name.
            let ends = if connection["client_pname"] == connection["server_pname"] {
                2
            } else {
                1
            };
            assert_eq!(found.len(), ends, "{story}: {by_process:#?}");
            for exchange in found {
                let request = exchange.request.as_ref().unwrap();
                let method = request.head.as_ref().unwrap().method.as_ref();
                assert_eq!(text(method), expected["method"], "{story}");
                check_half(&reader, request, expected, Side::Request, &story);
                let status = exchange.head(Side::Response).and_then(|head| head.status);
                let wanted = expected["status"].as_u64();
                assert_eq!(status.map(u64::from), wanted, "{story}");
                if let (Some(response), true) = (&exchange.response, wanted.is_some()) {
                    check_half(&reader, response, expected, Side::Response, &story);
                    let interim = response.interim.iter().filter_map(|head| head.status);
                    let interim: Vec<_> = interim.map(u64::from).collect();
                    // Not every client tells of them.
                    if let Some(wanted) = expected["interim"].as_array() {
                        let wanted: Vec<_> = wanted.iter().filter_map(Value::as_u64).collect();
                        assert_eq!(interim, wanted, "{story}");
                    }
                }
                checked += 1;
            }
        }
    }
    checked
}

#[test]
fn every_exchange_is_as_the_programs_had_it() {
    let checked: u64 = scenarios().iter().map(check).sum();
    assert!(checked > 150, "{checked}");
}

/// The client masks what it sends, and both ends compress: no event holds the text as it is.
#[test]
fn what_a_websocket_says_is_found() {
    let scenario = scenario("websocket");
    let env = imported(&scenario);
    let archive = env.query(["export", "har"]).exits(0);
    let archive: Value = serde_json::from_slice(&archive.stdout).unwrap();
    // The texts that each exchange has.
    let said: Vec<Vec<&str>> = archive["log"]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let messages = entry["_webSocketMessages"].as_array();
            let texts = messages.into_iter().flatten().filter(|m| m["opcode"] == 1);
            texts.map(|m| m["data"].as_str().unwrap()).collect()
        })
        .collect();
    let mut searched = 0;
    for text in said.iter().flatten() {
        let start: String = text.chars().take(40).collect();
        if start.len() < 8 {
            continue;
        }
        let holding = said
            .iter()
            .filter(|texts| texts.iter().any(|text| text.contains(&start)))
            .count();
        let counted = env
            .query(["--exchanges", "--fixed", "--grep", &start, "--count"])
            .exits(0);
        assert_eq!(counted.stdout, format!("{holding}\n").as_bytes(), "{start}");
        searched += 1;
    }
    assert!(searched > 0);
    let absent = ["--exchanges", "--grep", "nobody has said so", "--count"];
    assert_eq!(env.query(absent).exits(1).stdout, b"0\n");
    // A search opens only what its filter tells of.
    let unknown = "SELECT COUNT(*) FROM exchanges WHERE text_id IS NULL";
    assert_eq!(copy(&env.db()).number(unknown), 0);
}
