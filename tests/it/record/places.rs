//! Where a capture is put, and who else gets there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::env::{QUERY, RECORD, Run, TestEnv, run};
use crate::support::folder::fingerprint;
use crate::support::frames::data;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn import(env: &TestEnv) -> Run {
    let mut command = env.command(RECORD, ["--again", "--db"]);
    command.arg(env.db()).arg("--import");
    command.arg(data("real/ecapture-2.5.1-text.frames"));
    run(command)
}

#[test]
fn a_folder_that_others_look_into_is_told_and_one_that_they_can_write_is_refused() {
    let env = TestEnv::new();
    let folder = env.path("db");
    // Nobody gets past the folder above.
    set_mode(&folder, 0o777);
    import(&env).exits(0).never_says("can be");
    set_mode(&env.path(""), 0o755);
    let before = fingerprint(&folder);
    for args in [
        vec!["--url", "ws://127.0.0.1:9/"],
        vec!["-c", "1"],
        vec!["doctor"],
    ] {
        let is_doctor = args == ["doctor"];
        let run = run(env.with_db(RECORD, &args));
        if is_doctor {
            let run = run.exits(1);
            assert!(run.text().contains("who can replace the capture"));
        } else {
            run.exits(2)
                .says("can be written by anyone, who can replace the capture")
                .says("chmod o-w");
        }
    }
    import(&env).exits(2).says("who can replace the capture");
    assert_eq!(fingerprint(&folder), before);
    let source = env.path("source.db");
    fs::copy(env.db(), &source).unwrap();
    for args in [
        vec!["export", "db", "--output", "db/new.db"],
        vec!["salvage", "--output", "db/new.db"],
    ] {
        let mut command = env.command(QUERY, &args);
        command.arg("--db").arg(&source);
        run(command).exits(2).says("who can replace the capture");
    }
    assert_eq!(fingerprint(&folder), before);

    for (mode, words) in [
        (0o1777, "names can be taken before a capture has them"),
        (0o755, "names and sizes of captures are seen"),
        (0o711, "names and sizes of captures are seen"),
    ] {
        set_mode(&folder, mode);
        import(&env).exits(0).says(words).says("0700");
    }
    for mode in [0o700, 0o750, 0o770] {
        set_mode(&folder, mode);
        import(&env).exits(0).never_says("can be");
    }
    let mode = fs::metadata(env.db()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_others_laid_beside_the_capture_is_not_written_to() {
    let env = TestEnv::new();
    for suffix in ["-wal", "-shm", "-journal"] {
        let planted = env.path(format!("db/test.db{suffix}"));
        std::os::unix::fs::symlink(env.path("elsewhere"), &planted).unwrap();
        import(&env)
            .exits(2)
            .says(suffix)
            .says("not a regular file");
        assert!(!env.path("elsewhere").exists());
        fs::remove_file(planted).unwrap();
        if !rustix::process::geteuid().is_root() {
            crate::support::skip::skip("files of others", "only root can give files away");
            continue;
        }
        let planted = env.path(format!("db/test.db{suffix}"));
        fs::write(&planted, "").unwrap();
        std::os::unix::fs::chown(&planted, Some(65_534), None).unwrap();
        import(&env).exits(2).says("belongs to user id 65534");
        assert_eq!(fs::metadata(&planted).unwrap().len(), 0);
        fs::remove_file(planted).unwrap();
    }
    import(&env).exits(0);
}
