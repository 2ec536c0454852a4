//! A recorder that takes secrets out of what people type into shells and queries.

use ecq::event::Kind;
use memchr::memmem;

use super::redaction::event;
use super::{play, server};
use crate::stand_in::dialect::{Dialect, Release};
use crate::stand_in::event::{GeneratedEvent, Probe};
use crate::support::capture::{beside, check_digests, copy, events};
use crate::support::env::TestEnv;
use crate::support::live::Recorder;

/// Shell lines with their secrets in guillemets.
const SHELL: [&str; 9] = [
    "PGPASSWORD=«QAQXZJKVWQA» psql -h db.test",
    "export MYSQL_PWD='«QBQUOTED QBQUOTED»'; mysql db",
    "mysql -u root -p«QCQXZJKVWQC» shop",
    "mysqldump --password=«QDDUMPQD» shop",
    "curl -sSu 'bob:«QECURLUSERQE»' https://h.test/",
    "curl -H 'Authorization: Basic «QFBASICQF»' -H 'Accept: a/b'",
    "gh --token «QGGITHUBQG» api",
    "sshpass -p «QHSSHPASSQH» ssh h.test",
    "openssl rsa -passin pass:«QIQXZJKVWQI» -in key",
];

/// Statements, likewise.
const SQL: [&str; 5] = [
    "CREATE USER 'bob'@'%' IDENTIFIED BY '«RAQXZJKVWRA»'",
    "ALTER ROLE bob WITH ENCRYPTED PASSWORD '«RBIT''SAROLERB»'",
    "SET PASSWORD FOR 'bob'@'%' = PASSWORD('«RCQXZJKVWRC»')",
    "SELECT dblink('host=h.test password=«RDDBLINKRD» dbname=d', 'SELECT 1')",
    "ALTER USER bob IDENTIFIED WITH caching_sha2_password\nBY '«REQXZJKVWRE»'",
];

fn parts(line: &str) -> Vec<&str> {
    line.split(['«', '»']).collect()
}

fn traffic() -> Vec<GeneratedEvent> {
    let mut events = Vec::new();
    for line in SHELL {
        let text = parts(line).concat();
        events.push((Probe::Bash(0), text.clone()));
        events.push((Probe::Zsh, text));
    }
    for statement in SQL {
        let text = parts(statement).concat();
        let mysql = Probe::MySql {
            total_bytes: text.len(),
            status: "SUCCESS",
        };
        events.push((mysql, text.clone()));
        events.push((Probe::Postgres, text));
    }
    (0..)
        .zip(events)
        .map(|(place, (probe, text))| event(place, probe, 0, false, &text))
        .collect()
}

#[track_caller]
fn check_gone(bytes: &[u8], place: &str) {
    for line in SHELL.iter().chain(&SQL) {
        for secret in parts(line).into_iter().skip(1).step_by(2) {
            for piece in secret.as_bytes().windows(6) {
                let found = memmem::find(bytes, piece);
                assert_eq!(found, None, "{secret} in {place}");
            }
        }
    }
}

fn check(release: Release) {
    let env = TestEnv::new();
    let (server, _) = server(|options| options.release = release);
    let recorder = Recorder::linked(&env, &server, ["--redact"]);
    play(&server, traffic());
    recorder.stop().exits(0).says("replaced ");
    let db = env.db();
    for path in [db.clone(), beside(&db, "-wal")] {
        let bytes = std::fs::read(&path).unwrap_or_default();
        check_gone(&bytes, &path.display().to_string());
    }
    check_digests(&db);
    let stored = events(&db);
    for event in &stored {
        check_gone(&event.payload, "a payload");
        check_gone(format!("{:?}", event.stored).as_bytes(), "an event");
    }
    for args in [
        &["-o", "jsonl"][..],
        &["export", "raw", "--events"],
        &["sql", "SELECT * FROM run_logs"],
    ] {
        let shown = env.query(args);
        assert_ne!(shown.status, Some(2), "{}", shown.story());
        check_gone(&shown.stdout, &args.join(" "));
    }
    // Everything else of it is there, once for each probe that the release has.
    let mut found = 0;
    for event in &stored {
        let lines: &[&str] = match event.stored.event.kind {
            Kind::Shell => &SHELL,
            Kind::Sql => &SQL,
            _ => continue,
        };
        let is_one = |line: &&&str| {
            let mut kept = parts(line).into_iter().step_by(2);
            kept.all(|part| memmem::find(&event.payload, part.as_bytes()).is_some())
        };
        let text = String::from_utf8_lossy(&event.payload);
        assert!(
            lines.iter().any(|line| is_one(&line)),
            "{text} of {release}"
        );
        found += 1;
    }
    assert!(found >= SHELL.len() + SQL.len(), "{found} of {release}");
    let count = copy(&db).counter("redacted_secrets");
    assert_eq!(count, i64::try_from(found).unwrap(), "{release}");
}

#[test]
fn secrets_of_shells_and_queries_are_gone() {
    check(Dialect::Fields.newest_release());
    check(Dialect::Text.newest_release());
    check(Release::new(1, 4, 3));
}
