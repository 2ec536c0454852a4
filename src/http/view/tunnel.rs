//! What an exchange turned into once it was over: the messages of a WebSocket (RFC 6455), or bytes of another protocol, in
//! the order in which they were captured.

use std::io::{self, Read as _};
use std::ops::ControlFlow;

use super::websocket::{Compression, Fault, Message, Messages};
use crate::event::EventId;
use crate::http::exchange::{Exchange, MessageHead, Side, Span, Spans};

/// How much of a message exports hold in memory, and write, in bytes.
pub const MESSAGE_BYTES: usize = 8 << 20;

/// How many bytes are read at once.
const STEP_BYTES: usize = 64 << 10;

/// Something in a tunnel.
#[derive(Debug)]
pub enum Item<'a> {
    /// A message of a WebSocket that ends in this event, or that the direction ends within.
    Message(Message),
    /// Bytes of what is no WebSocket.
    Bytes(&'a [u8]),
    /// From this byte of the direction on nothing can be read.
    Fault(Fault, u64),
}

/// Takes what follows from the side, in the event, and says whether there is to be more.
pub type Each<'e> = dyn FnMut(Side, EventId, Item<'_>) -> io::Result<ControlFlow<()>> + 'e;

/// Whether the exchange turned into a WebSocket: with an upgrade of HTTP/1 (RFC 6455, section 4), or on a stream of HTTP/2 that
/// was asked for it (RFC 8441, section 5).
pub fn is_websocket(exchange: &Exchange) -> bool {
    let Some(response) = exchange.head(Side::Response) else {
        return false;
    };
    let is_granted = matches!(response.status, Some(200..=299));
    is_upgrade(response) || (is_granted && exchange.head(Side::Request).is_some_and(asks_on_stream))
}

/// Whether an exchange with this head of its request or of its response may turn into a WebSocket.
pub fn may_start_websocket(head: &MessageHead) -> bool {
    asks_on_stream(head) || (head.status.is_some() && is_upgrade(head))
}

fn is_upgrade(response: &MessageHead) -> bool {
    response
        .values("upgrade")
        .any(|value| value.eq_ignore_ascii_case(b"websocket"))
}

fn asks_on_stream(request: &MessageHead) -> bool {
    request.method.as_deref() == Some(b"CONNECT")
        && request
            .protocol()
            .is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
}

/// Gives what each message of a WebSocket says to `each`, of a long one `limit` bytes, until that answers that it has seen
/// enough. Whether it did; it has nothing to see if the exchange turned into no WebSocket.
///
/// # Errors
/// When the capture cannot be read.
pub fn find_message(
    exchange: &Exchange,
    source: &dyn Spans,
    limit: usize,
    each: &mut dyn FnMut(&[u8]) -> bool,
) -> io::Result<bool> {
    if !is_websocket(exchange) {
        return Ok(false);
    }
    let end = items(exchange, source, limit, &mut |_, _, item| {
        Ok(match item {
            Item::Message(message) if each(&message.bytes) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    })?;
    Ok(end.is_break())
}

/// Gives what is in the tunnel of an exchange to `each`, as long as that wants more; whether it did to the end. Of a message
/// of a WebSocket, `limit` bytes are kept.
///
/// # Errors
/// When the capture cannot be read, and what `each` says.
pub fn items(
    exchange: &Exchange,
    source: &dyn Spans,
    limit: usize,
    each: &mut Each<'_>,
) -> io::Result<ControlFlow<()>> {
    let mut sockets = is_websocket(exchange).then(|| {
        let compression = compression(exchange);
        Side::BOTH.map(|side| Messages::new(compression, side, limit))
    });
    let mut step = vec![0; STEP_BYTES];
    let spans = in_order(exchange);
    for (side, span) in &spans {
        let one = [*span];
        let mut bytes = source.read(&one);
        loop {
            let read = bytes.read(&mut step)?;
            if read == 0 {
                break;
            }
            let piece = step.get(..read).unwrap_or_default();
            let Some([request, response]) = &mut sockets else {
                if each(*side, span.event, Item::Bytes(piece))?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                continue;
            };
            let messages = match side {
                Side::Request => request,
                Side::Response => response,
            };
            let mut found = Vec::new();
            messages.push(piece, &mut |message| found.push(message));
            for message in found {
                if each(*side, span.event, Item::Message(message))?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
    }
    for (side, mut messages) in Side::BOTH.into_iter().zip(sockets.into_iter().flatten()) {
        let last = spans.iter().rev().find(|(of, _)| *of == side);
        let Some((_, last)) = last else {
            continue;
        };
        let mut found = Vec::new();
        messages.end(&mut |message| found.push(message));
        for message in found {
            if each(side, last.event, Item::Message(message))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if let Some((fault, at)) = messages.fault()
            && each(side, last.event, Item::Fault(fault, at))?.is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The pieces of both directions, in order of their events.
fn in_order(exchange: &Exchange) -> Vec<(Side, Span)> {
    let mut spans: Vec<_> = Side::BOTH
        .into_iter()
        .filter_map(|side| Some((side, exchange.half(side)?)))
        .flat_map(|(side, message)| message.tunnel.iter().map(move |span| (side, *span)))
        .collect();
    spans.sort_by_key(|(_, span)| span.event);
    spans
}

fn compression(exchange: &Exchange) -> Option<Compression> {
    let head = exchange.head(Side::Response)?;
    let values = head.values("sec-websocket-extensions");
    Compression::agreed(values.map(AsRef::as_ref))
}
