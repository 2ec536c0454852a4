//! The payloads of events that are exported: as they are, or without secrets.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use crate::cli::query::Context;
use crate::cli::query::capture::{Captures, Origin};
use crate::cli::query::secrets::Lacks;
use crate::event::StoredEvent;
use crate::redact::{EventRedactor, Redactor};
use crate::store::Payload;

/// A payload, piece by piece.
pub(super) enum Pieces<'a> {
    Stored(Payload<'a>),
    Redacted(Option<Bytes>),
}

impl Pieces<'_> {
    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        match self {
            Self::Stored(payload) => Ok(payload.next_piece()?),
            Self::Redacted(payload) => Ok(payload.take()),
        }
    }
}

/// Takes secrets out of the events of an export.
pub(super) struct Redacting {
    events: EventRedactor,
    /// Whether each event is looked at by itself: what comes before it may be missing.
    is_each_alone: bool,
}

impl Redacting {
    /// `are_all` says that all events of the connections are given, as far as the captures have them.
    pub(super) fn new(
        redactor: &Redactor,
        captures: &Captures,
        are_all: bool,
        context: &Context<'_>,
    ) -> anyhow::Result<Self> {
        let mut is_each_alone = !are_all;
        for reader in captures.readers() {
            let lacks = Lacks::of(reader, context)?;
            is_each_alone |= lacks.known || lacks.unknown;
        }
        Ok(Self {
            events: EventRedactor::new(redactor.clone()),
            is_each_alone,
        })
    }

    /// An event without secrets, and its payload.
    pub(super) fn event<'e, 'p>(
        &mut self,
        origin: Origin<'_>,
        event: &'e StoredEvent,
        mut payload: Payload<'_>,
    ) -> anyhow::Result<(Cow<'e, StoredEvent>, Pieces<'p>)> {
        let mut bytes = Vec::new();
        while let Some(piece) = payload.next_piece()? {
            bytes.extend_from_slice(&piece);
        }
        if self.is_each_alone {
            self.events.forget();
        }
        let mut redacted = event.clone();
        let (capture, connection) = (origin.number, event.connection);
        let redaction = self
            .events
            .redact(capture, connection, &mut redacted.event, &bytes.into());
        redacted.payload_bytes = redaction.payload.len() as u64;
        if let Some(identity) = &mut redacted.identity {
            Arc::make_mut(identity).cmdline = None;
        }
        Ok((
            Cow::Owned(redacted),
            Pieces::Redacted(Some(redaction.payload)),
        ))
    }
}
