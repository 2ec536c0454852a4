//! What the fields about content look at in an exchange: its heads, its decoded bodies, and the messages of the WebSocket
//! that it turned into.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::io::{self, Read};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::content::{MAX_TEXT_BYTES, Pieces, Searched};
use super::facts::Value;
use super::field_id::FieldId;
use crate::event::hex;
use crate::http::exchange::{Bodies, BodyForm, Exchange, Message, MessageHead, Side};
use crate::http::view::{legible, tunnel};

/// How many bytes of a body are read at once.
const STEP_BYTES: usize = 64 << 10;

/// The heads and bodies of an exchange, each read once.
pub struct ExchangeContent<'a> {
    exchange: &'a Exchange,
    bodies: &'a dyn Bodies,
    small: [OnceCell<Option<Bytes>>; 2],
}

impl<'a> ExchangeContent<'a> {
    /// Of this exchange, with its heads and the places of its bodies.
    pub fn new(exchange: &'a Exchange, bodies: &'a dyn Bodies) -> Self {
        Self {
            exchange,
            bodies,
            small: [OnceCell::new(), OnceCell::new()],
        }
    }

    /// The decoded body of a half; `None` if there is none, or it is too large.
    fn body(&self, side: Side) -> io::Result<Option<&Bytes>> {
        let [request, response] = &self.small;
        let cell = match side {
            Side::Request => request,
            Side::Response => response,
        };
        if cell.get().is_none() {
            let body = match self.exchange.half(side) {
                Some(message) => self.read(message)?,
                None => None,
            };
            drop(cell.set(body));
        }
        Ok(cell.get().and_then(Option::as_ref))
    }

    fn read(&self, message: &Message) -> io::Result<Option<Bytes>> {
        let limit = MAX_TEXT_BYTES as u64;
        let mut bytes = Vec::new();
        self.bodies
            .open(message, BodyForm::Decoded)?
            .take(limit + 1)
            .read_to_end(&mut bytes)?;
        Ok((bytes.len() <= MAX_TEXT_BYTES).then(|| Bytes::from(bytes)))
    }

    fn heads(&self) -> impl Iterator<Item = (Side, &'a Message, &'a MessageHead)> + use<'a> {
        let exchange = self.exchange;
        Side::BOTH.into_iter().filter_map(move |side| {
            let message = exchange.half(side)?;
            Some((side, message, message.head.as_ref()?))
        })
    }

    /// The values of the header fields of one name.
    fn header(&self, field: FieldId, name: &str, each: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let is_wanted = |side: Side| match field {
            FieldId::ReqHeader => side == Side::Request,
            FieldId::RespHeader => side == Side::Response,
            _ => true,
        };
        let sides = Side::BOTH.into_iter().filter(|side| is_wanted(*side));
        // Trailers can be there where the head was not captured.
        let messages = sides.filter_map(|side| self.exchange.half(side));
        messages
            .flat_map(Message::fields)
            .any(|field| field.is_named(name) && field.value.as_deref().is_some_and(&mut *each))
    }

    /// The values of the cookies of one name.
    fn cookie(&self, name: &str, each: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.heads().any(|(_, _, head)| {
            head.cookies()
                .any(|(found, value)| found == name.as_bytes() && each(value))
        })
    }

    /// The sides whose bodies a field is about.
    fn sides(field: FieldId) -> &'static [Side] {
        match field {
            FieldId::ReqBody => &[Side::Request],
            FieldId::RespBody => &[Side::Response],
            FieldId::Body | FieldId::Any | FieldId::Sha256 => &Side::BOTH,
            _ => &[],
        }
    }
}

impl Searched for ExchangeContent<'_> {
    type Error = io::Error;

    fn values(
        &self,
        field: FieldId,
        key: Option<&str>,
        each: &mut dyn FnMut(Value<'_>) -> bool,
    ) -> io::Result<bool> {
        let mut bytes = |bytes: &[u8]| each(Value::Bytes(Cow::Borrowed(bytes)));
        match field {
            FieldId::Version => Ok(self
                .heads()
                .take(1)
                .any(|(_, _, head)| bytes(head.version.name().as_bytes()))),
            FieldId::Header | FieldId::ReqHeader | FieldId::RespHeader => {
                Ok(self.header(field, key.unwrap_or_default(), &mut bytes))
            }
            FieldId::Cookie => Ok(self.cookie(key.unwrap_or_default(), &mut bytes)),
            FieldId::Sha256 => {
                for message in Self::sides(field)
                    .iter()
                    .filter_map(|side| self.exchange.half(*side))
                {
                    if message.body_bytes > 0 {
                        let digest = sha256(&mut self.bodies.open(message, BodyForm::Decoded)?)?;
                        if bytes(digest.as_bytes()) {
                            return Ok(true);
                        }
                    }
                }
                Ok(false)
            }
            _ => {
                let halves = Side::BOTH.map(|side| self.exchange.half(side));
                let mut halves = halves.into_iter().flatten();
                if field == FieldId::Any && halves.any(|half| bytes(&half.heads_to_text())) {
                    return Ok(true);
                }
                for side in Self::sides(field) {
                    let Some(body) = self.body(*side)? else {
                        continue;
                    };
                    let head = self.exchange.head(*side);
                    if bytes(body) || legible::each_text(head, body, MAX_TEXT_BYTES, &mut bytes) {
                        return Ok(true);
                    }
                }
                match self.bodies.tunnels().filter(|_| field == FieldId::Any) {
                    Some(source) => {
                        tunnel::find_message(self.exchange, source, MAX_TEXT_BYTES, &mut bytes)
                    }
                    None => Ok(false),
                }
            }
        }
    }

    fn find_in_pieces(
        &self,
        field: FieldId,
        is_in: &mut dyn FnMut(&[u8]) -> bool,
    ) -> io::Result<Option<bool>> {
        let mut is_any = None;
        for side in Self::sides(field) {
            let Some(message) = self.exchange.half(*side) else {
                continue;
            };
            if self.body(*side)?.is_some() {
                continue;
            }
            let mut body = self.bodies.open(message, BodyForm::Decoded)?;
            let mut pieces = Pieces::default();
            let mut step = vec![0; STEP_BYTES];
            is_any = Some(false);
            loop {
                let read = body.read(&mut step)?;
                if read == 0 {
                    break;
                }
                if pieces.push(step.get(..read).unwrap_or_default(), is_in) {
                    return Ok(Some(true));
                }
            }
        }
        Ok(is_any)
    }

    fn first(&self, _: usize) -> io::Result<Bytes> {
        Ok(Bytes::new())
    }

    fn before(&self, _: usize) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }
}

fn sha256(body: &mut dyn Read) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut step = vec![0; STEP_BYTES];
    loop {
        let read = body.read(&mut step)?;
        if read == 0 {
            break;
        }
        digest.update(step.get(..read).unwrap_or_default());
    }
    Ok(hex(digest.finalize().as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::samples::{self, Memory};
    use crate::http::exchange::Version;

    fn is_in(exchange: &Exchange, field: FieldId, key: Option<&str>, text: &str) -> bool {
        let bodies = Memory::default();
        let content = ExchangeContent::new(exchange, &bodies);
        let mut each = |value: Value<'_>| match value {
            Value::Bytes(bytes) => bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes()),
            _ => false,
        };
        content.values(field, key, &mut each).unwrap()
    }

    #[test]
    fn interim_heads_are_searched() {
        let mut exchange = samples::exchange();
        exchange.response.as_mut().unwrap().interim = vec![MessageHead {
            status: Some(103),
            fields: samples::fields(&[(b"link", b"</early.css>")]),
            ..MessageHead::empty(Version::Http2)
        }];
        for (field, key, text, expected) in [
            (FieldId::Any, None, "link: </early.css>", true),
            (FieldId::Any, None, "gzip", true),
            (FieldId::Any, None, "late.css", false),
            (FieldId::Header, Some("Link"), "early", true),
            (FieldId::RespHeader, Some("link"), "early", true),
            (FieldId::ReqHeader, Some("link"), "early", false),
        ] {
            assert_eq!(
                is_in(&exchange, field, key, text),
                expected,
                "{field:?} {text}"
            );
        }
    }

    #[test]
    fn trailers_are_searched_with_or_without_a_head() {
        let mut exchange = samples::exchange();
        let response = exchange.response.as_mut().unwrap();
        response.trailers = samples::fields(&[(b"grpc-status", b"13")]);
        let without = |exchange: &Exchange| {
            let mut exchange = exchange.clone();
            exchange.response.as_mut().unwrap().head = None;
            exchange
        };
        for exchange in [&without(&exchange), &exchange] {
            for (field, key, text, expected) in [
                (FieldId::Any, None, "grpc-status: 13", true),
                (FieldId::Header, Some("grpc-status"), "13", true),
                (FieldId::RespHeader, Some("grpc-status"), "13", true),
                (FieldId::ReqHeader, Some("grpc-status"), "13", false),
                (FieldId::Any, None, "grpc-status: 14", false),
            ] {
                assert_eq!(
                    is_in(exchange, field, key, text),
                    expected,
                    "{field:?} {text}"
                );
            }
        }
    }
}
