//! Which response is that of which request.

use super::*;
use crate::http::conversation::MAX_WAITING;

#[test]
fn pipelined_requests_are_answered_in_order() {
    let both = format!("{GET}{GET_B}");
    let answers = format!("{HELLO}HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    check(
        &[asks(&both), gets(&answers)],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [hello] complete",
            "1 > GET /b [] complete",
            "1 < 404 [] complete",
        ],
    );
    // In two writes, pipelining shows only when the second response comes without another request.
    check(
        &[asks(GET), asks(GET_B).after(1), gets(&answers)],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [hello] consistent unsure_pair",
            "1 > GET /b [] complete",
            "1 < 404 [] consistent",
        ],
    );
}

#[test]
fn lost_responses_and_requests() {
    // The answer to the first was lost: the next belongs to the second.
    check(
        &[asks(GET), asks(GET_B), gets(HELLO), asks(GET), gets(HELLO)],
        &[
            "0 > GET /a [] complete",
            "1 > GET /b [] complete",
            "1 < 200 [hello] consistent unsure_pair",
            "2 > GET /a [] complete",
            "2 < 200 [hello] complete",
        ],
    );
    check(
        &[
            gets(HELLO),
            gets(HELLO),
            asks(GET),
            gets(HELLO),
            gets(HELLO),
        ],
        &[
            "0 < 200 [hello] consistent",
            "1 < 200 [hello] consistent",
            "2 > GET /a [] complete",
            "2 < 200 [hello] complete",
            "3 < 200 [hello] consistent",
        ],
    );
    // A response to HEAD whose request was lost ends with the next.
    check(
        &[asks(GET), gets(HELLO), gets(HEAD_OF_10), gets(HELLO)],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [hello] complete",
            "1 < 200 [] broken lost_bytes",
            "2 < 200 [hello] consistent",
        ],
    );
}

#[test]
fn a_request_may_come_after_its_response_at_one_time() {
    check(
        &[asks(GET), gets(HELLO), gets(HELLO), asks(GET_B).now()],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [hello] complete",
            "1 > GET /b [] complete unsure_pair",
            "1 < 200 [hello] consistent",
        ],
    );
    check(
        &[
            gets(HEAD_OF_10),
            asks("HEAD / HTTP/1.1\r\n\r\n").now(),
            asks(GET),
            gets(HELLO),
        ],
        &[
            "0 > HEAD / [] complete unsure_pair",
            "0 < 200 [] consistent",
            "1 > GET /a [] complete",
            "1 < 200 [hello] complete",
        ],
    );
    check(
        &[gets(HELLO), asks(GET).after(1), gets(HELLO)],
        &[
            "0 < 200 [hello] consistent",
            "1 > GET /a [] complete",
            "1 < 200 [hello] complete",
        ],
    );
}

#[test]
fn waiting_requests_have_a_limit() {
    let many = GET.repeat(MAX_WAITING + 1);
    let found = read(&[asks(&many), gets(HELLO)], usize::MAX);
    let lines = found.lines();
    assert_eq!(
        lines[..4],
        [
            "0 > GET /a [] complete",
            "0 < ? [] open given_up",
            "1 > GET /a [] complete",
            "1 < 200 [hello] complete",
        ]
    );
}

#[test]
fn bytes_of_a_head_that_came_too_early_get_no_response() {
    check(
        &[
            asks(GET),
            gets(HELLO),
            asks(": split"),
            asks("PUT /b HTTP/1.1\r\nContent-Length: 5\r\nA").after(1),
            asks("\r\n\r\nab").after(1),
            gets(HELLO),
            asks(GET),
            gets(HELLO),
        ],
        &[
            "0 > GET /a [] complete",
            "0 < 200 [hello] complete",
            "1 > ? [: split] broken no_start",
            "2 > PUT /b [ab] broken lost_bytes bad_head",
            "2 < 200 [hello] consistent unsure_pair",
            "3 > GET /a [] complete",
            "3 < 200 [hello] complete",
        ],
    );
}

#[test]
fn a_client_may_keep_two_requests_under_way() {
    let get_c = "GET /c HTTP/1.1\r\n\r\n";
    check(
        &[
            asks(GET),
            asks(GET_B).after(1),
            gets("HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n"),
            asks(get_c).after(1),
            gets("HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n"),
            gets("HTTP/1.1 203 OK\r\nContent-Length: 0\r\n\r\n"),
        ],
        &[
            "0 > GET /a [] complete",
            "0 < 201 [] complete unsure_pair",
            "1 > GET /b [] complete",
            "1 < 202 [] complete unsure_pair",
            "2 > GET /c [] complete",
            "2 < 203 [] complete",
        ],
    );
}

#[test]
fn a_body_that_was_refused_is_not_missing() {
    let put = "PUT /b HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    let refused = "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n";
    check(
        &[asks(put), gets(refused), asks(GET), gets(HELLO)],
        &[
            "0 > PUT /b [] consistent",
            "0 < 417 [] complete",
            "1 > GET /a [] complete",
            "1 < 200 [hello] complete",
        ],
    );
    check(
        &[asks(put), gets(refused)],
        &["0 > PUT /b [] consistent", "0 < 417 [] complete"],
    );
    // It was wanted, and so must have been sent.
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    check(
        &[
            asks(put),
            gets(go_on),
            gets(refused),
            asks(GET),
            gets(HELLO),
        ],
        &[
            "0 > PUT /b [] broken lost_bytes",
            "0 < 417 [] complete",
            "1 > GET /a [] complete",
            "1 < 200 [hello] complete",
        ],
    );
    // Nobody has answered.
    check(&[asks(put)], &["0 > PUT /b [] open"]);
}
