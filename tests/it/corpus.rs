//! Real traffic of real programs (`tests/data/http`), taken in and asked for through the programs.
//!
//! What is expected was told by the programs that talked, and not read from the bytes that are tested here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::PathBuf;

use serde_json::Value;

use crate::support::env::TestEnv;
use crate::support::frames::data;

/// One line of `expected.jsonl` for each file of frames, with those of its exchanges.
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) facts: Value,
    pub(crate) exchanges: Vec<Value>,
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let text = fs::read_to_string(data("http/expected.jsonl")).unwrap();
    let mut scenarios: Vec<Scenario> = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let name = string(&line["scenario"]);
        if line["type"] == "scenario" {
            scenarios.push(Scenario {
                name,
                facts: line,
                exchanges: Vec::new(),
            });
        } else {
            let last = scenarios.last_mut().unwrap();
            assert_eq!(last.name, name);
            last.exchanges.push(line);
        }
    }
    scenarios
}

/// The one of this name.
pub(crate) fn scenario(name: &str) -> Scenario {
    let found = scenarios().into_iter().find(|found| found.name == name);
    found.unwrap_or_else(|| panic!("there is no scenario {name}"))
}

fn string(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// The frames of a scenario.
pub(crate) fn unpacked(env: &TestEnv, name: &str) -> PathBuf {
    let packed = File::open(data(&format!("http/{name}.frames.zst"))).unwrap();
    let file = env.path(format!("{name}.frames"));
    zstd::stream::copy_decode(packed, File::create(&file).unwrap()).unwrap();
    file
}

/// A capture of one scenario.
pub(crate) fn imported(scenario: &Scenario) -> TestEnv {
    let env = TestEnv::new();
    let file = unpacked(&env, &scenario.name);
    let told = format!(
        "stored {} events, 0 unreadable, 0 dropped",
        scenario.facts["events"]
    );
    env.import::<&str>(&file, [])
        .says("eCapture linux_amd64:v2.5.1:rendered")
        .says(&told);
    env
}

#[test]
fn every_file_has_its_scenario() {
    let scenarios = scenarios();
    let expected: BTreeSet<PathBuf> = scenarios
        .iter()
        .map(|scenario| data(&format!("http/{}.frames.zst", scenario.name)))
        .collect();
    let found: BTreeSet<PathBuf> = data("http")
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "zst"))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(expected.len(), scenarios.len());
    for scenario in &scenarios {
        let connections = array(&scenario.facts["connections"]).len() as u64;
        let mut targets = BTreeSet::new();
        for exchange in &scenario.exchanges {
            assert!(exchange["connection"].as_u64().unwrap() < connections);
            let is_new = targets.insert((string(&exchange["host"]), string(&exchange["target"])));
            assert!(is_new, "{exchange} is not told apart by what it asks for");
        }
        assert!(!targets.is_empty(), "{} has no exchange", scenario.name);
    }
}

#[test]
fn what_was_recorded_is_what_was_said() {
    for scenario in scenarios() {
        let env = imported(&scenario);
        let events = env.events::<&str>([]);
        let expected = scenario.facts["events"].as_u64().unwrap();
        assert_eq!(events.len() as u64, expected, "{}", scenario.name);
        let data: Vec<_> = events
            .iter()
            .filter(|event| event["kind"] == "tls_data")
            .collect();
        check_bytes(&scenario, &data);
        check_ends(&scenario, &data);
    }
}

/// Every process read and wrote as many bytes as passed the relay, in as many pieces.
fn check_bytes(scenario: &Scenario, data: &[&Value]) {
    let mut found: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for event in data {
        let key = (string(&event["pname"]), string(&event["direction"]));
        let sums = found.entry(key).or_default();
        sums.0 += 1;
        sums.1 += event["length"].as_u64().unwrap();
    }
    let expected: BTreeMap<_, _> = array(&scenario.facts["data"])
        .iter()
        .map(|line| {
            let key = (string(&line["pname"]), string(&line["direction"]));
            let sums = [&line["events"], &line["bytes"]].map(|sum| sum.as_u64().unwrap());
            (key, (sums[0], sums[1]))
        })
        .collect();
    assert_eq!(found, expected, "{}", scenario.name);
}

/// What the events of one end of a connection have in common: pid, name, client, server, and whether the process is the
/// client.
type End = (u64, String, String, String, bool);

/// Every event has the process and the addresses that the relay saw, if it can have any.
fn check_ends(scenario: &Scenario, data: &[&Value]) {
    let expected = ends(scenario);
    let mut found: BTreeMap<End, BTreeSet<String>> = BTreeMap::new();
    for event in data {
        let Some(client) = event["client"].as_str() else {
            // A process without descriptors that opened several connections: nobody knows which of them it is.
            assert_eq!(event["fd"], 0, "{}: {event}", scenario.name);
            continue;
        };
        let end = (
            event["pid"].as_u64().unwrap(),
            string(&event["pname"]),
            client.to_owned(),
            string(&event["server"]),
            event["local"] == client,
        );
        let is_known = expected.contains_key(&end);
        assert!(is_known, "{}: nobody was {event}", scenario.name);
        let directions = found.entry(end).or_default();
        directions.insert(string(&event["direction"]));
    }
    for (end, is_certain) in expected {
        let directions = found.get(&end).map_or(0, BTreeSet::len);
        assert!(
            directions == 2 || !is_certain,
            "{}: not all of {end:?}",
            scenario.name
        );
    }
}

/// The ends that are traced, and whether their events must have their addresses.
fn ends(scenario: &Scenario) -> BTreeMap<End, bool> {
    let connections = array(&scenario.facts["connections"]);
    let mut ends = BTreeMap::new();
    for connection in connections {
        let addresses = (string(&connection["client"]), string(&connection["server"]));
        let pid = &connection["client_pid"];
        let without_descriptor = connections
            .iter()
            .filter(|other| other["client_pid"] == *pid && other["client_fd"] == 0);
        let is_certain = without_descriptor.count() <= 1;
        let name = string(&connection["client_pname"]);
        let (client, server) = addresses.clone();
        ends.insert(
            (pid.as_u64().unwrap(), name, client, server, true),
            is_certain,
        );
        if let Some(pid) = connection["server_pid"].as_u64() {
            let name = string(&connection["server_pname"]);
            let (client, server) = addresses;
            ends.insert((pid, name, client, server, false), true);
        }
    }
    ends
}
