//! Events as Parquet, judged by pyarrow, which knows nothing of ecq.

use std::fs::File;
use std::process::{Command, Stdio};

use ecq::export::parquet::ParquetEvents;
use ecq::store::{Order, Reader};
use serde_json::Value;

use crate::support::env::TestEnv;
use crate::support::frames::data;
use crate::support::python::{PYTHON, hex, python};
use crate::support::skip::skip;

/// Prints the schema, and then the rows as JSON lines: times in nanoseconds, bytes in hex.
const SCRIPT: &str = r#"
import json, sys
import pyarrow.parquet as parquet
table = parquet.read_table(sys.argv[1])
print(json.dumps({field.name: str(field.type) for field in table.schema}))
columns = []
for name in table.column_names:
    column = table.column(name)
    if str(column.type).startswith("timestamp"):
        column = column.cast("int64")
    columns.append([v.hex() if isinstance(v, bytes) else v for v in column.to_pylist()])
for row in zip(*columns):
    print(json.dumps({n: v for n, v in zip(table.column_names, row) if v is not None}))
"#;

#[test]
fn a_real_capture_in_pyarrow() {
    let python = python();
    let has_pyarrow = Command::new(&python)
        .args(["-c", "import pyarrow.parquet"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !has_pyarrow.is_ok_and(|status| status.success()) {
        skip(
            "tables as pyarrow reads them",
            &format!("{python} has no pyarrow; {PYTHON} can name another"),
        );
        return;
    }
    let env = TestEnv::new();
    env.import::<&str>(&data("real/ecapture-2.5.1-text.frames"), []);
    let path = env.path("events.parquet");
    let reader = Reader::open(&env.db()).unwrap();
    let mut rows = reader.events(None, Order::OldestFirst, None).unwrap();
    let mut table = ParquetEvents::new(File::create(&path).unwrap()).unwrap();
    while let Some(stored) = rows.next_event().unwrap() {
        let mut payload = reader.payload(&stored).unwrap();
        table
            .write(None, &stored, || {
                payload.next_piece().map_err(std::io::Error::other)
            })
            .unwrap();
    }
    table.finish().unwrap();

    let output = Command::new(&python)
        .args(["-c", SCRIPT])
        .arg(&path)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut found = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let schema = found.next().unwrap();
    for (column, kind) in [
        ("id", "int64"),
        ("time", "timestamp[ns, tz=UTC]"),
        ("pname", "string"),
        ("payload_truncated", "bool"),
        ("payload", "binary"),
    ] {
        assert_eq!(schema[column], kind, "{column}");
    }
    let found: Vec<_> = found.collect();
    let expected = env.events::<&str>([]);
    assert_eq!(found.len(), expected.len());
    for (row, event) in found.iter().zip(&expected) {
        for (column, field) in [
            ("id", "id"),
            ("time", "time_ns"),
            ("received", "received_ns"),
            ("received_estimated", "received_estimated"),
            ("pid", "pid"),
            ("pname", "pname"),
            ("fd", "fd"),
            ("direction", "direction"),
            ("content", "content"),
            ("payload_bytes", "length"),
        ] {
            assert_eq!(row.get(column), event.get(field), "{column}");
        }
        assert_eq!(row.get("http_path"), event["http"].get("path"));
        let payload = row["payload"].as_str().unwrap();
        assert_eq!(payload.len() as u64 / 2, event["length"].as_u64().unwrap());
        if let Some(text) = event["payload"].as_str() {
            let hex = hex(text.as_bytes());
            assert_eq!(payload, hex);
        }
    }
}
