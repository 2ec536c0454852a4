//! What takes secrets out of a subset. What a secret is, the store does not know: it is handed something that does.

use crate::event::{Captured, ConnectionId};
use crate::store::batch::Counters;

/// What is known to be missing right before an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Nothing.
    Nothing,
    /// Events of its connection.
    OfConnection,
    /// Perhaps events of any connection.
    OfAny,
}

/// Takes secrets out of what a subset takes over from its original.
pub trait Redact {
    /// What tells the key that secrets are hashed with from others, and nothing else of it.
    fn key(&self) -> String;

    /// Takes them out of an event, and gives how many there were and what could not be looked into. The events of a subset
    /// come in order of their ids; of a connection all that are in it, from its beginning on if they were chosen so.
    fn event(
        &self,
        captured: &mut Captured,
        connection: Option<ConnectionId>,
        missing: Missing,
    ) -> Counters;

    /// A line of eCapture's own without secrets.
    fn text(&self, text: &str) -> String;

    /// What may be known of a filter that somebody asked with: that is a place for secrets as well.
    fn filter(&self, text: &str) -> String;
}
