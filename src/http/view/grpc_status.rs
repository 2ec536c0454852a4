//! How a gRPC call ended, which the status of its HTTP response does not tell: that is 200 also where the call failed.
//!
//! The fields are those of "gRPC over HTTP/2", section "Responses", the names those of `statuscodes.md` in gRPC's documents.

use std::fmt;

use percent_encoding::percent_decode;

use crate::http::exchange::{Field, Message};

/// The names of the codes, from 0 on.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// What a server says of a call at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcStatus {
    /// `grpc-status`.
    pub code: u32,
    /// `grpc-message` without its percent encoding, which keeps what is none as it is. Empty if there is none.
    pub message: Vec<u8>,
}

impl GrpcStatus {
    /// What a response says, in its trailers, or in its head where it has nothing else.
    pub fn of(response: &Message) -> Option<Self> {
        let head = response.head.iter().flat_map(|head| &head.fields);
        let fields = || response.trailers.iter().chain(head.clone());
        let code = value(fields(), "grpc-status")?;
        let code = std::str::from_utf8(code).ok()?.parse().ok()?;
        let message = value(fields(), "grpc-message").unwrap_or_default();
        Some(Self {
            code,
            message: percent_decode(message).collect(),
        })
    }
}

/// The code and, where it has one, its name.
impl fmt::Display for GrpcStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        let place = usize::try_from(self.code).ok();
        match place.and_then(|place| NAMES.get(place)) {
            Some(name) => write!(f, " {name}"),
            None => Ok(()),
        }
    }
}

fn value<'a>(mut fields: impl Iterator<Item = &'a Field>, name: &str) -> Option<&'a [u8]> {
    fields.find(|field| field.is_named(name))?.value.as_deref()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::{EventId, Timestamp};
    use crate::http::exchange::{Defects, Ending, MessageHead, Version};

    fn response(
        head: &[(&'static str, &'static str)],
        trailers: &[(&'static str, &'static str)],
    ) -> Message {
        let fields = |fields: &[(&'static str, &'static str)]| {
            let known = |(name, value): &(&'static str, &'static str)| Field::known(*name, *value);
            fields.iter().map(known).collect()
        };
        let at = (EventId::new(1), Timestamp::default());
        Message {
            head: Some(MessageHead {
                fields: fields(head),
                ..MessageHead::empty(Version::Http2)
            }),
            interim: Vec::new(),
            trailers: fields(trailers),
            first: at,
            last: at,
            body_bytes: 0,
            body: Vec::new(),
            tunnel_bytes: 0,
            tunnel: Vec::new(),
            ending: Ending::Complete,
            defects: Defects::empty(),
        }
    }

    #[test]
    fn is_in_the_trailers_or_in_the_head() {
        for (head, trailers, expected) in [
            (&[][..], &[("grpc-status", "0")][..], Some(("0 OK", ""))),
            (
                &[("grpc-status", "5"), ("Grpc-Message", "no caf%C3%A9 100%")],
                &[],
                Some(("5 NOT_FOUND", "no café 100%")),
            ),
            (
                &[("grpc-status", "0")],
                &[("grpc-status", "16"), ("grpc-message", "")],
                Some(("16 UNAUTHENTICATED", "")),
            ),
            (&[], &[("grpc-status", "17")], Some(("17", ""))),
            (&[], &[("grpc-status", "-1")], None),
            (&[], &[("grpc-status", "")], None),
            (&[], &[("grpc-message", "alone")], None),
        ] {
            let found = GrpcStatus::of(&response(head, trailers));
            let told = found.map(|status| (status.to_string(), status.message));
            let expected = expected.map(|(status, message)| (status.to_owned(), message.into()));
            assert_eq!(told, expected, "{head:?} {trailers:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let mut response = response(&[], &[]);
        response.trailers = vec![Field {
            name: Some(Bytes::from_static(b"grpc-status")),
            value: None,
        }];
        assert_eq!(GrpcStatus::of(&response), None);
        response.head = None;
        response.trailers.clear();
        assert_eq!(GrpcStatus::of(&response), None);
    }
}
