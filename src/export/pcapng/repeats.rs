//! Events of eCapture 1.x that are no messages: in place of a burst of bytes that does not begin with a message, it sends
//! the head of the last one once more (`docs/wire.md`, section 2.4). Packets of that would be a message that nobody sent.
//!
//! Conversations tell, the same that exchanges are read by. They are given what is exported, which may be a part of the
//! capture: of a response, the request must be there, as several alike could answer requests that are not.

use std::collections::{BTreeMap, HashMap};

use super::open::Key;
use crate::event::{Content, StoredEvent};
use crate::http::conversation::{Conversation, MAX_WAITING, Part, Piece};
use crate::http::exchange::Side;

/// How many connections are watched at a time; beyond, the one that has been silent longest begins anew.
const MAX_WATCHED: usize = 1024;

/// What the beginning of an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    /// A message.
    Message,
    /// The response to a HEAD, whose fields speak of a body that it has not (RFC 9110, section 9.3.2).
    WithoutBody,
    /// A head that was there before, and no message.
    Repeat,
}

/// The connections that have messages which eCapture wrote anew.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    watched: HashMap<Key, Watched>,
    uses: u64,
}

#[derive(Debug, Default)]
struct Watched {
    conversation: Conversation,
    /// The requests that no response came to yet, and the one that the last was to: whether that is a HEAD.
    asked: BTreeMap<u64, bool>,
    /// The exchange of the last response.
    answered: Option<u64>,
    used: u64,
}

impl Repeats {
    /// Takes the next part of the payload of an event that eCapture wrote anew.
    pub(super) fn take(
        &mut self,
        key: Key,
        stored: &StoredEvent,
        offset: u64,
        bytes: &[u8],
    ) -> Begun {
        let Some(direction) = stored.event.direction else {
            return Begun::Message;
        };
        self.uses = self.uses.saturating_add(1);
        if self.watched.len() >= MAX_WATCHED && !self.watched.contains_key(&key) {
            let silent = self.watched.iter().min_by_key(|(_, watched)| watched.used);
            if let Some(silent) = silent.map(|(key, _)| *key) {
                self.watched.remove(&silent);
            }
        }
        let watched = self.watched.entry(key).or_default();
        watched.used = self.uses;
        let end = offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        watched.take(&Piece {
            event: stored.id,
            time: stored.event.time,
            direction,
            content: stored.event.content,
            provenance: stored.event.provenance,
            offset,
            bytes,
            is_last: end >= stored.payload_bytes,
        })
    }
}

impl Watched {
    fn take(&mut self, piece: &Piece<'_>) -> Begun {
        let Self {
            conversation,
            asked,
            answered,
            ..
        } = self;
        let before = conversation.phantoms();
        let mut is_of_head = false;
        conversation.push(piece, &mut |part| {
            let Part::Head {
                exchange,
                side,
                head: Some(head),
                ..
            } = part
            else {
                return;
            };
            match side {
                Side::Request => {
                    asked.insert(exchange, head.method.as_deref() == Some(b"HEAD"));
                    if asked.len() > MAX_WAITING {
                        asked.pop_first();
                    }
                }
                Side::Response if head.is_interim() => {}
                Side::Response => {
                    *answered = Some(exchange);
                    asked.retain(|number, _| *number >= exchange);
                    is_of_head = asked.get(&exchange) == Some(&true);
                }
            }
        });
        let is_asked = || answered.is_some_and(|exchange| asked.contains_key(&exchange));
        let is_response = piece.content == Content::Http1Response;
        if conversation.phantoms() > before && (!is_response || is_asked()) {
            Begun::Repeat
        } else if is_of_head {
            Begun::WithoutBody
        } else {
            Begun::Message
        }
    }
}
