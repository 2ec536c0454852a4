//! What every field becomes: the SQL, the indexes that SQLite chooses for it, and what is left over.

use std::fmt::Write as _;
use std::path::Path;

use rusqlite::Connection;

use super::Plan;
use crate::event::{Timestamp, Zone};
use crate::filter::{FIELDS, parse};
use crate::store::explain::plan_of;
use crate::store::migrate;

/// Beside the example of each field: what is joined, and what an index must serve.
const FILTERS: [&str; 15] = [
    r#"pid == 7 && pname == "curl""#,
    r#"pname in {"curl", "wget"}"#,
    r#"pname matches "^python""#,
    r#"exe contains "/curl""#,
    r#"not exe == "/usr/bin/curl" && source == "web""#,
    r#"container == "4f3c" && port == 443"#,
    "src == 10.0.0.5:54321 && dst == 1.2.3.4:443",
    "ip == 10.0.0.5",
    r#"host == "api.example.com" && method == "POST""#,
    r#"pname == "curl" && port == 443"#,
    "not ip == 10.0.0.0/8",
    r#"pname == "curl" || port == 443"#,
    r#"pname == "curl" || status >= 500"#,
    r#"status >= 500 || any contains "secret""#,
    r#"time >= "2026-11-20T00:00:00Z" && time < "2026-11-21T00:00:00Z" && any contains "secret""#,
];

fn describe(db: &Connection, text: &str, out: &mut String) {
    let filter = parse(text, Timestamp::from_seconds(1_795_431_600), Zone::Utc).unwrap();
    let plan = Plan::new(db, Some(&filter), None).unwrap();
    let one_line = |sql: &str| sql.split_whitespace().collect::<Vec<_>>().join(" ");
    writeln!(out, "{text}").unwrap();
    for sql in &plan.asked {
        writeln!(out, "  list      {}", one_line(sql)).unwrap();
        for step in plan_of(db, sql).unwrap() {
            writeln!(out, "            {step}").unwrap();
        }
    }
    let conditions = plan.conditions();
    let own = conditions
        .strip_prefix("e.id BETWEEN ?1 AND ?2 AND e.time_ns BETWEEN ?3 AND ?4")
        .unwrap();
    writeln!(
        out,
        "  condition{}",
        if own.is_empty() { " none" } else { own }
    )
    .unwrap();
    for step in plan_of(db, plan.select()).unwrap() {
        writeln!(out, "            {step}").unwrap();
    }
    if plan.bounds != super::Bounds::default() {
        writeln!(out, "  bounds    {:?}", plan.bounds).unwrap();
    }
    for (what, part) in [("payload", &plan.payload), ("residual", &plan.residual)] {
        if let Some(part) = part {
            writeln!(out, "  {what:<9} {part}").unwrap();
        }
    }
    out.push('\n');
}

#[test]
fn every_field_is_planned_as_it_was() {
    let mut db = Connection::open_in_memory().unwrap();
    migrate::climb(&mut db, Path::new("test")).unwrap();
    let mut found = String::new();
    for field in &FIELDS {
        describe(&db, field.example, &mut found);
    }
    for text in FILTERS {
        describe(&db, text, &mut found);
    }
    let known = include_str!("plans.txt");
    let new = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/plans.txt");
    if found != known {
        std::fs::write(&new, &found).unwrap();
    }
    let different = found
        .lines()
        .zip(known.lines())
        .find(|(found, known)| found != known);
    assert!(
        found == known,
        "a plan has changed, first in {different:?}: look at the difference between src/store/plan/plans.txt and \
         {}, and copy the latter over the former if it is right",
        new.display()
    );
}

/// Two names of five processes each, with 12,000 streams each, of which every hundredth has an event.
const MANY: &str = "
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10)
    INSERT INTO processes (id, pid, pname) SELECT i, 100 + i, iif(i % 2, 'curl', 'nginx') FROM n;
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 24000)
    INSERT INTO streams (id, run_id, process_id) SELECT i, 1, 1 + i % 10 FROM n;
    INSERT INTO events (id, time_ns, received_after_ns, stream_id, shape_id, payload_bytes)
    SELECT id / 99, id, 0, id, 1, 0 FROM streams WHERE id % 99 = 0;";

#[test]
fn of_many_streams_no_list_is_made_for_a_few_events() {
    let mut db = Connection::open_in_memory().unwrap();
    migrate::climb(&mut db, Path::new("test")).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    db.execute_batch(MANY).unwrap();
    let found = |text: &str, limit| {
        let filter = parse(text, Timestamp::from_seconds(0), Zone::Utc).unwrap();
        let plan = Plan::new(&db, Some(&filter), limit).unwrap();
        assert!(plan.is_exact());
        (plan.steps.join("; "), plan.find(&db, 1, i64::MAX).unwrap())
    };
    for (text, step, events) in [
        (r#"pname == "curl""#, "5 processes", 121),
        (r#"not pname == "curl""#, "5 processes", 121),
        (r#"pname matches "^c" || pid < 103"#, "6 processes", 145),
        // Few streams, or something about connections: streams are listed.
        ("pid == 107", "2400 streams", 24),
        (r#"pname == "curl" && conn < 5"#, "0 streams", 0),
    ] {
        let (steps, few) = found(text, Some(50));
        assert_eq!(steps, format!("{step} fit {text}"));
        assert_eq!(few.len(), events, "{text}");
        let (steps, all) = found(text, None);
        assert!(steps.contains(" streams fit "), "{steps}");
        assert_eq!(few, all, "{text}");
    }
}
