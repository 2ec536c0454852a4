//! What is known of requests and responses when they begin, and of those that wait for each other.

use std::time::Duration;

use crate::event::{EventId, Timestamp};
use crate::http::conversation::framing::Asked;
use crate::http::exchange::Defects;

/// How much earlier than its request a message that eCapture 1.x wrote anew may seem: messages of one direction are at
/// least 1.1 s apart (`pkg/event_processor/iworker.go:52@v1.5.2`), and have the time of their last chunk.
const REWRITTEN_SLACK: Duration = Duration::from_secs(1);

/// What was going on when a head began.
#[derive(Debug, Clone, Copy)]
pub(in crate::http::conversation) struct Moment {
    /// How long the connection had been silent.
    pub(super) silence: Duration,
    /// Whether a response was under way.
    pub(super) is_amid_response: bool,
    /// How many requests had begun.
    pub(super) requests: u64,
    /// Whether one of them waited for its response.
    pub(super) is_asked: bool,
    /// How many responses had begun.
    pub(super) responses: u64,
}

/// What a request is known by.
#[derive(Debug, Clone, Copy)]
pub(in crate::http::conversation) struct Request {
    /// The event in which it begins.
    pub(in crate::http::conversation) first: (EventId, Timestamp),
    /// What was going on then.
    pub(in crate::http::conversation) moment: Moment,
    /// What it asks; `None` if its head was not captured.
    pub(in crate::http::conversation) asked: Option<Asked>,
    /// Whether it asks for an upgrade.
    pub(in crate::http::conversation) upgrades: bool,
    /// Whether the one before ended in the event in which this begins.
    pub(in crate::http::conversation) is_joined: bool,
    /// Whether eCapture wrote it anew.
    pub(in crate::http::conversation) is_rewritten: bool,
}

/// What a response is known by.
#[derive(Debug, Clone, Copy)]
pub(in crate::http::conversation) struct Response {
    /// When it began.
    pub(in crate::http::conversation) time: Timestamp,
    /// The event in which its head ends.
    pub(in crate::http::conversation) last: (EventId, Timestamp),
    /// Whether another will follow to the same request (1xx).
    pub(in crate::http::conversation) is_interim: bool,
    /// Whether eCapture wrote it anew.
    pub(in crate::http::conversation) is_rewritten: bool,
}

/// What a response answers.
#[derive(Debug, Clone, Copy)]
pub(in crate::http::conversation) struct Answer {
    /// Its exchange.
    pub(in crate::http::conversation) exchange: u64,
    /// What was asked; `None` if the request is not known.
    pub(in crate::http::conversation) asked: Option<Asked>,
    /// Unless it is certain.
    pub(in crate::http::conversation) defects: Defects,
}

/// A request without its final response.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) exchange: u64,
    pub(super) began: Timestamp,
    pub(super) asked: Option<Asked>,
    pub(super) upgrades: bool,
    pub(super) link: Link,
    pub(super) is_amid_response: bool,
    pub(super) is_rewritten: bool,
    /// The end of the head of an interim response.
    pub(super) interim: Option<(EventId, Timestamp)>,
}

/// How a request stands to the one that waits before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// They were sent in one write.
    Joined,
    /// It followed soon.
    Soon,
    /// There was a pause, or the one before is in doubt.
    Late,
}

/// A response that no request waited for, and which its request may still join.
#[derive(Debug)]
pub(super) struct Orphan {
    pub(super) exchange: u64,
    pub(super) time: Timestamp,
    pub(super) is_rewritten: bool,
    /// If only interim responses were seen: the end of the last one's head.
    pub(super) interim: Option<(EventId, Timestamp)>,
}

/// The latest time at which the request of a response can have begun.
pub(super) fn latest(response: &Response, is_rewritten: bool) -> Timestamp {
    if is_rewritten {
        response.time.plus(REWRITTEN_SLACK)
    } else {
        response.time
    }
}

pub(super) fn joins(orphan: &Orphan, request: &Request) -> bool {
    let latest = if orphan.is_rewritten || request.is_rewritten {
        orphan.time.plus(REWRITTEN_SLACK)
    } else {
        orphan.time
    };
    request.first.1 <= latest
}
