//! Which capture is meant when none is named.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;

use super::sample;
use crate::support::env::{QUERY, RECORD, Run, TestEnv, run};
use crate::support::frames::data;

fn ask(env: &TestEnv, variables: &[(&str, &str)]) -> Run {
    let mut command = env.command(QUERY, ["-n", "1"]);
    command.envs(variables.iter().copied());
    run(command)
}

#[test]
fn a_query_looks_in_the_usual_places_and_says_where() {
    let env = sample();
    let given = env.db().display().to_string();
    ask(&env, &[])
        .exits(2)
        .says("there is none at ./caps.db")
        .says("hint:")
        .says("/var/lib/ecq/caps.db");
    ask(&env, &[("ECQ_DB", &given)])
        .exits(0)
        .says(&format!("reading {given} ($ECQ_DB)"));

    let user = env.path("home/.local/share/ecq");
    fs::create_dir_all(&user).unwrap();
    fs::copy(env.db(), user.join("caps.db")).unwrap();
    ask(&env, &[])
        .exits(0)
        .says(&format!("reading {}/caps.db", user.display()));

    let data = env.path("data/ecq");
    fs::create_dir_all(&data).unwrap();
    fs::copy(env.db(), data.join("caps.db")).unwrap();
    let place = env.path("data").display().to_string();
    let place: &[_] = &[("XDG_DATA_HOME", place.as_str())];
    ask(&env, place)
        .exits(0)
        .says(&format!("reading {}/caps.db", data.display()));

    fs::copy(env.db(), env.path("caps.db")).unwrap();
    ask(&env, place).exits(0).says("reading ./caps.db");
    ask(&env, &[("ECQ_DB", &given)]).exits(0).says("($ECQ_DB)");
    ask(&env, &[("ECQ_DB", "")])
        .exits(0)
        .says("reading ./caps.db");
    // The one that was named is not talked about.
    env.query(["-n", "1"]).exits(0).never_says("reading");
    let mut quiet = env.command(QUERY, ["-q", "-n", "1"]);
    quiet.env("ECQ_DB", &given);
    assert_eq!(run(quiet).exits(0).stderr, "");
}

#[test]
fn a_recorder_takes_the_variable_and_never_an_unnamed_local_file() {
    let env = TestEnv::new();
    let frames = data("real/ecapture-2.5.1-text.frames");
    let mut command = env.command(RECORD, ["--import"]);
    command.arg(&frames).env("ECQ_DB", env.db());
    run(command).exits(0).says("test.db ($ECQ_DB)");
    if !rustix::process::geteuid().is_root() {
        crate::support::skip::skip("the default of a user", "only root can become another user");
        return;
    }
    // Root's own default is the system's; it is left alone here.
    for folder in ["", "home", "tmp"] {
        fs::set_permissions(env.path(folder), fs::Permissions::from_mode(0o777)).unwrap();
    }
    let mut command = env.command(RECORD, ["--import"]);
    command.arg(&frames).uid(65_534).gid(65_534);
    let default = env.path("home/.local/share/ecq/caps.db");
    run(command)
        .exits(0)
        .says(&format!("recording to {}", default.display()));
    assert!(!env.path("caps.db").exists());
    assert_eq!(fs::metadata(&default).unwrap().mode() & 0o777, 0o600);
    let folder = fs::metadata(default.parent().unwrap()).unwrap();
    assert_eq!(folder.mode() & 0o777, 0o700);
    let mut command = env.command(QUERY, ["--pname", "curl"]);
    command.uid(65_534).gid(65_534);
    run(command)
        .exits(0)
        .says(&format!("reading {}", default.display()));
}

#[test]
fn names_with_odd_characters_are_names() {
    let env = TestEnv::new();
    for name in ["a b?c=d#e%20.db", "ü.db", "file:x.db", "-x.db"] {
        let path = env.path("db").join(name);
        let mut command = env.command(RECORD, ["--import"]);
        command
            .arg(data("real/ecapture-2.5.1-text.frames"))
            .arg("--db")
            .arg(&path);
        run(command).exits(0);
        let mut command = env.command(QUERY, ["-n", "1", "--db"]);
        command.arg(&path);
        run(command).exits(0);
    }
    assert_eq!(crate::support::folder::names(&env.path("db")).len(), 4);
}
