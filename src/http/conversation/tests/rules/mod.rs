//! One case for each rule.

mod losses;
mod messages;
mod other_protocols;
mod pairing;
mod rewritten;

use super::*;

const GET: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const GET_B: &str = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n";
const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const HEAD_OF_10: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
