//! What opens a capture, what does not, and what is said of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{EVENTS, ask, check_hidden, encrypted, frames, plain, write_secret};
use crate::support::env::{QUERY, RECORD, TestEnv, run};
use crate::support::folder::{fingerprint, names};
use crate::support::frames::save;

#[test]
fn without_the_secret_nothing_is_told() {
    let (env, key) = encrypted();
    let other = write_secret(&env, "other", &[8; 32]);
    let passphrase = write_secret(&env, "passphrase", b"open sesame\n");
    let output = env.path("output");
    let output = output.to_str().unwrap();
    let before = fingerprint(&env.path("db"));
    for args in [
        &["-o", "jsonl"][..],
        &["--grep", "x"],
        &["--exchanges"],
        &["show", "1"],
        &["follow-stream", "1"],
        &["export", "har"],
        &["export", "db", "--output", output],
        &["sql", "SELECT 1"],
        &["salvage", "--output", output],
        &["reindex"],
        &["prune", "--keep", "1s", "--yes"],
        &["-f"],
    ] {
        env.query(args)
            .exits(2)
            .says("is encrypted with a key file, and none is given")
            .says("--key-file FILE");
        ask(&env, &other, args)
            .exits(2)
            .says("another one is given");
        env.query([args, &["--passphrase-file", &passphrase]].concat())
            .exits(2)
            .says("and a passphrase is given");
    }
    let file = env.path("frames");
    let file = file.to_str().unwrap();
    env.record(["--import", file, "--again"])
        .exits(2)
        .says("none is given");
    env.record(["--import", file, "--again", "--key-file", &other])
        .exits(2)
        .says("another one is given");
    assert_eq!(fingerprint(&env.path("db")), before);
    // What needs nothing that is encrypted.
    env.query(["stats"]).exits(0);
    let verified = env.query(["verify"]).exits(0);
    assert!(
        verified
            .text()
            .contains("payloads, frames and digests were not checked"),
        "{}",
        verified.story()
    );
    let whole = env.query(["verify", "-o", "jsonl"]).exits(0).json();
    assert_eq!(
        (&whole[0]["is_locked"], &whole[0]["is_sound"]),
        (&true.into(), &false.into())
    );
    assert_eq!(whole[0]["events"], EVENTS);
    ask(&env, &other, &["verify"])
        .exits(2)
        .says("another one is given");
    // From the environment, as well as behind and before a command.
    let mut command = env.with_db(QUERY, ["--count"]);
    command.env("ECQ_KEY_FILE", &key);
    assert_eq!(run(command).exits(0).text(), format!("{EVENTS}\n"));
    env.query(["--key-file", &key, "show", "1"]).exits(0);
    assert_eq!(fingerprint(&env.path("db")), before);
}

#[test]
fn a_passphrase() {
    let env = TestEnv::new();
    let file = env.path("frames");
    save(&file, &frames());
    let passphrase = write_secret(&env, "passphrase", b"open sesame\n");
    let other = write_secret(&env, "other", b"Open sesame\n");
    let same = write_secret(&env, "same", b"open sesame\r\nnot this line");
    let empty = write_secret(&env, "empty", b"\n");
    let path = file.to_str().unwrap();
    env.record(["--import", path, "--encrypt", "--passphrase-file", &empty])
        .exits(2)
        .says("the passphrase is empty");
    assert_eq!(names(&env.path("db")), [""; 0]);
    env.import(&file, ["--encrypt", "--passphrase-file", &passphrase]);
    check_hidden(&env);
    for (given, status) in [(&passphrase, 0), (&same, 0), (&other, 2)] {
        env.query(["--count", "--passphrase-file", given])
            .exits(status);
    }
    env.query(["--count"])
        .exits(2)
        .says("is encrypted with a passphrase, and none is given")
        .says("--passphrase-file");
    env.record(["--import", path, "--again", "--passphrase-file", &same])
        .exits(0);
    let found = env.query([
        "--grep",
        "NeedleOfSql",
        "--count",
        "--passphrase-file",
        &passphrase,
    ]);
    assert_eq!(found.exits(0).text(), "2\n");
}

#[test]
fn another_secret() {
    let (env, key) = encrypted();
    let passphrase = write_secret(&env, "passphrase", b"open sesame");
    let row = || -> Vec<u8> {
        let db = Connection::open(env.db()).unwrap();
        let row = db.query_row("SELECT wrapped_key FROM encryption", [], |row| row.get(0));
        row.unwrap()
    };
    let old = row();
    let change = ["rekey", "--new-passphrase-file", &passphrase];
    env.query(change).exits(2).says("--key-file");
    ask(&env, &key, &["rekey"])
        .exits(2)
        .says("no new secret is given");
    ask(&env, &key, &change).exits(0).says("the new secret");
    assert_eq!(names(&env.path("db")), ["test.db"]);
    assert_ne!(row(), old);
    let file = fs::read(env.db()).unwrap();
    assert_eq!(
        memchr::memmem::find(&file, &old),
        None,
        "it is nowhere in the file"
    );
    ask(&env, &key, &["--count"])
        .exits(2)
        .says("is encrypted with a passphrase");
    let given = ["--passphrase-file", &passphrase];
    let found = env.query([&["--grep", "NeedleOfAShell", "--count"][..], &given].concat());
    assert_eq!(found.exits(0).text(), "1\n");
    env.query([&["rekey", "--new-key-file", &key][..], &given].concat())
        .exits(0);
    ask(&env, &key, &["verify"]).exits(0);
    let plain = plain();
    plain
        .query(["rekey", "--new-key-file", &key])
        .exits(2)
        .says("is not encrypted");
}

/// A file is not to take all memory, or the time until the end of the world, of whoever opens it.
#[test]
fn what_a_file_asks_for_is_limited() {
    let env = TestEnv::new();
    let file = env.path("frames");
    save(&file, &frames());
    let passphrase = write_secret(&env, "passphrase", b"open sesame");
    env.import(&file, ["--encrypt", "--passphrase-file", &passphrase]);
    for sql in [
        "UPDATE encryption SET memory_kib = 4194304",
        "UPDATE encryption SET memory_kib = 65536, passes = 4294967295",
        "UPDATE encryption SET passes = 1 << 40",
        "UPDATE encryption SET passes = 3, lanes = 16777215",
    ] {
        Connection::open(env.db())
            .unwrap()
            .execute(sql, [])
            .unwrap();
        let began = Instant::now();
        env.query(["--count", "--passphrase-file", &passphrase])
            .exits(2)
            .says("is damaged");
        assert!(began.elapsed() < Duration::from_secs(60), "{sql}");
    }
}

#[test]
fn a_capture_is_encrypted_from_its_beginning_or_not_at_all() {
    let env = plain();
    let key = write_secret(&env, "key", &[7; 32]);
    let file = env.path("frames");
    let file = file.to_str().unwrap();
    let before = fingerprint(&env.path("db"));
    for args in [
        &["--encrypt", "--key-file", &key][..],
        &["--key-file", &key],
    ] {
        env.record([&["--import", file, "--again"], args].concat())
            .exits(2)
            .says("is not encrypted")
            .says("a capture is encrypted from its beginning");
    }
    assert_eq!(fingerprint(&env.path("db")), before);
    // Asking does not need it, and does not mind it.
    ask(&env, &key, &["--count"]).exits(0);
    fs::remove_file(env.db()).unwrap();
    env.record(["--import", file, "--encrypt"])
        .exits(2)
        .says("--encrypt needs a secret");
    let short = write_secret(&env, "short", &[7; 31]);
    env.record(["--import", file, "--encrypt", "--key-file", &short])
        .exits(2)
        .says("has 31 bytes, and a key has at least 32");
    let open = write_secret(&env, "open", &[7; 32]);
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    env.record(["--import", file, "--encrypt", "--key-file", &open])
        .exits(2)
        .says("others may read or write the key")
        .says("chmod 600");
    assert_eq!(names(&env.path("db")), [""; 0], "and nothing is made");
    // A key without --encrypt is not passed over.
    let mut command = env.with_db(RECORD, ["--import", file]);
    command.env("ECQ_KEY_FILE", &key);
    run(command)
        .exits(2)
        .says("is not encrypted")
        .says("--encrypt");
    // What was begun and got no recording may become encrypted.
    env.record(["--import", file, "--encrypt", "--key-file", &key])
        .exits(0);
    check_hidden(&env);
}

/// A capture from before there was encryption is read as it is.
#[test]
fn a_capture_without_the_table() {
    let env = plain();
    let key = write_secret(&env, "key", &[7; 32]);
    let before = env.query(["-o", "jsonl"]).exits(0);
    let db = Connection::open(env.db()).unwrap();
    db.execute_batch(
        "DROP TABLE encryption; DELETE FROM names WHERE domain = 'secret';
         ALTER TABLE recordings DROP COLUMN redaction_key; ALTER TABLE recordings DROP COLUMN redacted_secrets;
         ALTER TABLE recordings DROP COLUMN opaque_events; ALTER TABLE recordings DROP COLUMN opaque_bytes;
         PRAGMA user_version = 5;",
    )
    .unwrap();
    drop(db);
    assert_eq!(env.query(["-o", "jsonl"]).exits(0).stdout, before.stdout);
    assert_eq!(
        ask(&env, &key, &["-o", "jsonl"]).exits(0).stdout,
        before.stdout
    );
    env.query(["verify"]).exits(0);
    let file = env.path("frames");
    let file = file.to_str().unwrap();
    env.record(["--import", file, "--again", "--encrypt", "--key-file", &key])
        .exits(2)
        .says("is not encrypted");
    env.record(["--import", file, "--again"]).exits(0);
}
