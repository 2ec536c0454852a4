//! An eCapture behind a proxy: TLS, and headers that the proxy wants.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use super::{messages, play, server};
use crate::stand_in::server::StandIn;
use crate::stand_in::traffic::{Corpus, Traffic};
use crate::support::capture::{copy, events};
use crate::support::env::{RECORD, TestEnv, run};
use crate::support::live::Recorder;
use crate::support::wait::LONG;

/// A certificate for `localhost` that is signed by itself, in a file, and a server that has it.
fn certificate(env: &TestEnv, file: &str) -> (PathBuf, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let path = env.path(file);
    std::fs::write(&path, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (path, Arc::new(config))
}

fn secure(server: &StandIn, host: &str) -> String {
    format!("wss://{host}:{}/", server.address().port())
}

#[test]
fn an_authority_of_the_users_own_is_trusted() {
    let env = TestEnv::new();
    let (ca, tls) = certificate(&env, "ca.pem");
    let (server, encoder) = server(|options| options.tls = Some(tls));
    let url = secure(&server, "localhost");
    let recorder = Recorder::spawn(env.with_db(
        RECORD,
        ["--url", url.as_str(), "--ca", ca.to_str().unwrap()],
    ));
    recorder.wait_for("connected to eCapture");
    assert!(server.wait_for_clients(1, LONG));
    let traffic = || Traffic::new(1, Corpus::Realistic).take(200);
    play(&server, traffic());
    recorder.stop().exits(0);
    assert!(!server.crashed());
    let expected = messages(&encoder, traffic());
    let stored = events(&env.db());
    assert_eq!(stored.len(), expected.len());
    assert!(
        stored
            .iter()
            .zip(&expected)
            .all(|(event, message)| event.frame() == message.bytes)
    );
}

#[test]
fn a_certificate_that_does_not_fit_is_told_with_what_to_do() {
    let env = TestEnv::new();
    let (ca, tls) = certificate(&env, "ca.pem");
    let (other, _) = certificate(&env, "other.pem");
    let (secured, _) = server(|options| options.tls = Some(tls));
    let (plain, _) = server(|_| {});
    let (ca, other) = (ca.to_str().unwrap(), other.to_str().unwrap());
    let nobody = "signed by nobody we trust";
    for (url, authorities, words, hint) in [
        (secure(&secured, "localhost"), vec![], nobody, "--ca"),
        (secure(&secured, "localhost"), vec![other], nobody, "--ca"),
        (
            secure(&secured, "127.0.0.1"),
            vec![other, ca],
            "certificate is for another name",
            "use the name in the certificate",
        ),
        (
            secure(&plain, "127.0.0.1"),
            vec![ca],
            "TLS",
            "eCapture itself speaks no TLS: use ws://",
        ),
    ] {
        let env = TestEnv::new();
        let mut command = env.with_db(RECORD, ["--url", url.as_str()]);
        for authority in authorities {
            command.args(["--ca", authority]);
        }
        let recorder = Recorder::spawn(command);
        recorder.wait_for("no eCapture yet (");
        recorder.wait_for(hint);
        recorder.stop().exits(0).says(words).says("0 links");
    }
    assert_eq!(secured.handshakes().0, 0);
}

#[test]
fn a_file_without_certificates_is_refused_before_anything_is_made() {
    let env = TestEnv::new();
    std::fs::write(env.path("empty.pem"), "no certificate\n").unwrap();
    std::fs::write(
        env.path("broken.pem"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    for file in ["empty.pem", "broken.pem", "missing.pem"] {
        run(env.with_db(RECORD, ["--url", "wss://localhost:9/", "--ca", file]))
            .exits(2)
            .says(file)
            .says("certificates in PEM form");
        assert!(!env.db().exists(), "{file}");
    }
}

const SECRET: &str = "s3cret-of-the-proxy";

#[test]
fn headers_reach_the_proxy_and_nobody_else() {
    let env = TestEnv::new();
    std::fs::write(env.path("token"), format!("Bearer {SECRET}\n")).unwrap();
    let (server, _) = server(|options| {
        options.wanted_headers = vec![
            ("authorization", "Bearer s3cret-of-the-proxy"),
            ("origin", "http://proxy/"),
            ("x-team", "a"),
            ("x-team", "b"),
        ];
    });
    let all = [
        "--header",
        "Authorization: @token",
        "--header",
        "Origin: http://proxy/",
        "--header",
        "X-Team: a",
        "--header",
        "X-Team: b",
    ];
    let recorder = Recorder::linked(&env, &server, all);
    play(&server, Traffic::new(1, Corpus::Small).take(20));
    let run = recorder.stop().exits(0).never_says(SECRET);
    assert!(!run.line.contains(SECRET), "the list of processes shows it");
    env.query(["stats"]).exits(0).never_says(SECRET);
    let file = std::fs::read(env.db()).unwrap();
    let secret = SECRET.as_bytes();
    assert!(!file.windows(secret.len()).any(|bytes| bytes == secret));
    assert_eq!(server.handshakes(), (1, 0));
}

#[test]
fn a_proxy_that_refuses_is_told_with_what_to_do() {
    let env = TestEnv::new();
    let (server, _) = server(|options| {
        options.wanted_headers = vec![("authorization", "Bearer s3cret-of-the-proxy")];
    });
    let wrong = ["--header", "authorization: Bearer another-s3cret"];
    let recorder = Recorder::start(&env, &server, wrong);
    recorder.wait_for("refused with HTTP status 401");
    recorder.wait_for("--header");
    recorder.stop().exits(0).never_says("another-s3cret");
    assert_eq!(copy(&env.db()).number("SELECT COUNT(*) FROM links"), 0);
}

#[test]
fn a_header_that_is_none_is_refused_and_not_shown() {
    let env = TestEnv::new();
    for (header, words) in [
        ("s3cret", "has no colon"),
        ("s3cret key: x", "is no name of a header"),
        (
            "Upgrade: s3cret",
            "header upgrade: the WebSocket handshake needs it",
        ),
        ("X-A: s3crét", "is not one line of ASCII text"),
        ("X-A: @no-such-file", "no-such-file: No such file"),
        ("web=X-A: s3cret", "no --url has the name in front of it"),
    ] {
        run(env.with_db(RECORD, ["--url", "ws://127.0.0.1:9/", "--header", header]))
            .exits(2)
            .says("failed to read --header")
            .says(words)
            .never_says("s3cr");
        assert!(!env.db().exists(), "{header}");
    }
}
