//! Each flag selects what it says.

use super::sample;

#[test]
fn each_flag_selects_what_it_says() {
    let env = sample();
    let cases: [(&[&str], &[i64]); 46] = [
        (&[], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (&["--pname", "curl"], &[1, 2, 3]),
        (&["--pname", "c*"], &[1, 2, 3]),
        (&["--pname", "?urL"], &[]),
        (&["--pname", "curl", "--pname", "bash"], &[1, 2, 3, 7]),
        (&["--pname", "!curl", "--pname", "!nginx"], &[7, 8, 9, 10]),
        (&["--pid", "100"], &[1, 2, 3]),
        (&["--pid", "100,200"], &[1, 2, 3, 4, 5, 6]),
        (&["-p", "300", "-p", "1200"], &[7, 9]),
        (&["--ip", "10.0.0.1"], &[1, 2, 3]),
        (&["--ip", "93.184.0.0/16"], &[1, 2, 3]),
        (&["--ip", "2001:db8::/32"], &[4, 5, 6]),
        (&["--ip", "10.0.0.2"], &[]),
        (&["--port", "443"], &[1, 2, 3]),
        (&["--port", "443,40000"], &[1, 2, 3, 4, 5, 6]),
        (&["--src", "10.0.0.1"], &[1, 2, 3]),
        (&["--src", "93.184.216.34"], &[]),
        (&["--src", "[2001:db8::9]:40000"], &[4, 5, 6]),
        (&["--dst", ":8443"], &[4, 5, 6]),
        (&["--dst", "93.184.216.34:443", "--direction", "in"], &[3]),
        (&["--dst", "93.184.216.34:444"], &[]),
        (
            &["--src", "10.0.0.1:50000", "--dst", "93.184.216.34:443"],
            &[1, 2, 3],
        ),
        (&["--type", "conn"], &[1, 4]),
        (&["--type", "shell,sql"], &[7, 8]),
        (&["--type", "http1_request"], &[2, 5]),
        (&["--type", "http1_response", "--type", "shell"], &[3, 6, 7]),
        (&["--type", "binary"], &[9]),
        (&["--direction", "in"], &[3, 5, 9]),
        (&["--direction", "out"], &[2, 6, 10]),
        (&["--method", "POST"], &[5]),
        (&["--method", "get,post"], &[2, 5]),
        (&["--host", "example.com"], &[2]),
        (&["--host", "*.test"], &[5]),
        (&["--host", "api.test:8443"], &[5]),
        (&["--host", "api.test:8444"], &[]),
        (&["--status", "404"], &[6]),
        (&["--status", "2xx"], &[3]),
        (&["--status", "200-404"], &[3, 6]),
        (&["--status", "5xx"], &[]),
        (&["--grep", "s3cr3t"], &[5]),
        (&["--grep", "S3CR3T"], &[]),
        (&["--grep", "^Host: "], &[2, 5]),
        (&["-g", r"\xff\xfe"], &[9]),
        (
            &["--pname", "curl", "--direction", "out", "--grep", "GET"],
            &[2],
        ),
        (&["--pname", "curl", "--method", "POST"], &[]),
        (
            &[
                "--since",
                "2026-11-23T10:51:43Z",
                "--until",
                "2026-11-23T10:51:46Z",
            ],
            &[4, 5, 6],
        ),
    ];
    for (args, expected) in cases {
        let mut command = env.with_db(crate::support::env::QUERY, args);
        command.args(["--output", "jsonl", "--reverse", "--events"]);
        let run = crate::support::env::run(command);
        let run = run.exits(i32::from(expected.is_empty()));
        let ids: Vec<_> = run
            .json()
            .iter()
            .map(|line| line["id"].as_i64().unwrap())
            .collect();
        assert_eq!(ids, expected, "{}", run.story());
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_a_word_of_help() {
    let env = sample();
    let cases: [(&[&str], &str); 8] = [
        (&["--type", "shel"], "did you mean `shell`?"),
        (&["--ip", "10.0.0"], "10.0.0"),
        (&["--port", "70000"], "70000"),
        (&["--since", "soon"], "failed to read --since `soon`"),
        (&["--since", "10"], "10"),
        (&["--since", "5m", "--until", "10m"], "lies after"),
        (&["--grep", "a(b"], "a(b"),
        (&["--output", "xml"], "xml"),
    ];
    for (args, words) in cases {
        let run = env.query(args).exits(2).says(words);
        assert_eq!(run.text(), "");
    }
}
