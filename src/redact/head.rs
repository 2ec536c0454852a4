//! Secrets in heads.

use bytes::Bytes;

use super::Redactor;
use super::rules::{FieldSort, is_scheme};
use crate::http::exchange::{Field, Message, MessageHead};
use crate::http::fields::split_once;

impl Redactor {
    /// A half without secrets in its head and trailers.
    pub(super) fn message(&self, message: &Message) -> Message {
        let mut redacted = message.clone();
        for head in redacted.interim.iter_mut().chain(&mut redacted.head) {
            self.head(head);
        }
        self.fields(&mut redacted.trailers);
        redacted
    }

    fn head(&self, head: &mut MessageHead) {
        let parts = [&mut head.target, &mut head.authority, &mut head.reason];
        for part in parts.into_iter().flatten() {
            *part = self.text(part).into();
        }
        // The body is given without the coding that this names.
        head.fields.retain(|field| {
            !field
                .name
                .as_ref()
                .is_some_and(|name| name.eq_ignore_ascii_case(b"content-encoding"))
        });
        self.fields(&mut head.fields);
    }

    fn fields(&self, fields: &mut [Field]) {
        for field in fields {
            let Some(value) = &mut field.value else {
                continue;
            };
            // A value whose name was lost may be that of any field.
            let sort = field
                .name
                .as_ref()
                .map_or(FieldSort::Secret, |name| self.rules.field(name));
            *value = self.value(sort, value).into();
        }
    }

    /// The value of a field of this sort without secrets.
    pub(super) fn value(&self, sort: FieldSort, value: &Bytes) -> Vec<u8> {
        match sort {
            FieldSort::Secret => self.secret(value),
            FieldSort::Credentials => match split_once(value, b' ') {
                Some((scheme, credentials)) if is_scheme(scheme) => {
                    let hash = self.secret(credentials.trim_ascii());
                    [scheme, b" ", &hash].concat()
                }
                _ => self.secret(value),
            },
            FieldSort::Cookies => {
                let cookies = value.split(|byte| *byte == b';');
                let redacted: Vec<_> = cookies.map(|cookie| self.cookie(cookie)).collect();
                redacted.join(&b';')
            }
            FieldSort::SetCookie => match split_once(value, b';') {
                Some((cookie, attributes)) => {
                    [&self.cookie(cookie)[..], b";", &self.text(attributes)].concat()
                }
                None => self.cookie(value),
            },
            FieldSort::Text => self.text(value),
        }
    }

    /// The name of a cookie is kept; one without a name is a secret as a whole.
    fn cookie(&self, cookie: &[u8]) -> Vec<u8> {
        let trimmed = cookie.trim_ascii();
        let blanks = cookie.len().saturating_sub(cookie.trim_ascii_start().len());
        let blanks = cookie.get(..blanks).unwrap_or_default();
        match split_once(trimmed, b'=') {
            Some((name, value)) => [blanks, name, b"=", &self.secret(value)].concat(),
            None => [blanks, &self.secret(trimmed)].concat(),
        }
    }

    fn secret(&self, secret: &[u8]) -> Vec<u8> {
        self.key.replacement(secret).into_bytes()
    }
}
