//! The filter of a recording: which events are stored.

use bytes::Bytes;

use super::before::{Before, Stream, WithBefore};
use super::error::Error;
use crate::event::{Captured, ConnectionId, Endpoints, Event, Kind, Role};
use crate::filter::{Content, Expr, Facts, FieldId};

/// A filter that can be judged before an event is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFilter(Expr);

impl RecordFilter {
    /// The events that `filter` is true of.
    ///
    /// # Errors
    /// When it asks for `id`, which is given to what is stored, or for what is read of a process, which comes later.
    pub fn new(filter: Expr) -> Result<Self, Error> {
        for field in filter.fields() {
            match field.id {
                FieldId::Id => return Err(Error::FilterOnId),
                FieldId::Exe | FieldId::Ppid | FieldId::Container => {
                    return Err(Error::FilterOnIdentity(field.name));
                }
                _ => {}
            }
        }
        Ok(Self(filter))
    }
}

impl std::fmt::Display for RecordFilter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What is known of an event's connection when it comes in.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) connection: Option<ConnectionId>,
    pub(super) endpoints: Endpoints,
    pub(super) role: Option<Role>,
}

/// Judges events one after another.
pub(super) struct Judge {
    filter: RecordFilter,
    source: String,
    before: Before,
}

impl Judge {
    /// `source` is the URL or file that all events come from.
    pub(super) fn new(filter: RecordFilter, source: String) -> Self {
        Self {
            before: Before::new(filter.0.crossing_bytes()),
            filter,
            source,
        }
    }

    /// Whether the event is to be stored. Every event that is placed must be shown, in order: the next one of its stream
    /// may hold the end of a text that begins in it.
    pub(super) fn keeps(&mut self, captured: &Captured, place: &Place) -> bool {
        let Captured { event, payload, .. } = captured;
        let stream = place
            .connection
            .map(|connection| self.before.stream(connection, event));
        let keeps = is_not_understood(event) || self.is_true(event, payload, place, stream);
        if let Some(stream) = stream {
            self.before.push(stream, payload);
        }
        keeps
    }

    fn is_true(
        &self,
        event: &Event,
        payload: &Bytes,
        place: &Place,
        stream: Option<Stream>,
    ) -> bool {
        let facts = Facts {
            source: Some(&self.source),
            endpoints: place.endpoints,
            role: place.role,
            connection: place.connection.map(ConnectionId::number),
            ..Facts::of_event(event, payload.len() as u64)
        };
        let bytes = WithBefore {
            payload,
            before: stream.map_or(&[], |stream| self.before.of(stream)),
        };
        match self.filter.0.matches(&facts, &Content::new(&bytes)) {
            Ok(is_true) => is_true,
            Err(never) => match never {},
        }
    }
}

/// What could not be read cannot be judged, and is evidence of something that is not understood.
fn is_not_understood(event: &Event) -> bool {
    matches!(event.kind, Kind::Unreadable | Kind::UnknownText)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Timestamp, Zone};
    use crate::filter::parse;

    fn filter(text: &str) -> Result<RecordFilter, Error> {
        RecordFilter::new(parse(text, Timestamp::from_seconds(0), Zone::Utc).unwrap())
    }

    #[test]
    fn ids_cannot_be_asked_for() {
        for text in ["id > 5", "pid == 1 || !(id in {1, 2})"] {
            assert!(
                matches!(filter(text), Err(Error::FilterOnId)),
                "{text} is taken"
            );
        }
        for text in ["exe == x", "pid == 1 && not ppid == 1", "container"] {
            assert!(
                matches!(filter(text), Err(Error::FilterOnIdentity(_))),
                "{text} is taken"
            );
        }
        assert_eq!(filter("conn==3").unwrap().to_string(), "conn == 3");
    }
}
