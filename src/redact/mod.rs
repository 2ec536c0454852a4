//! What is a secret, and what stands in its place: in exchanges, for whoever is to see them, and in events
//! ([`EventRedactor`]), before they are stored or when they are exported.
//!
//! A secret is replaced by `redacted:` and the first 16 hexadecimal digits of its HMAC-SHA-256 under a key: equal secrets
//! look equal, wherever they stand, and without the key nobody can try out what they could be. What is empty stays empty.
//!
//! Looked at are the target, the reason and the fields of heads, interim ones too, and trailers, and decoded bodies:
//!
//! - `Authorization` and `Proxy-Authorization`: what follows a known scheme, or all of it. `Cookie` and `Set-Cookie`: the value of each
//!   cookie, which keeps its name and attributes. Fields that are named like secrets, such as `X-Api-Key`, and the value of
//!   a field of which the name was lost: all of it.
//! - Parameters of queries and forms, and members of JSON, that are named like secrets, such as `password` or
//!   `access_token`; `rules.rs` has the names. JSON is also found within other text.
//! - In every text: what follows `Bearer`, JSON Web Tokens, passwords in URLs; and what people type into shells and queries:
//!   assignments, statements of SQL with passwords, options of commands. `words/mod.rs` says which.
//! - What [`Rule`]s of the user name.
//!
//! A body that is a picture, sound, film or font by its type and no text is left as it is. Every other body that is no
//! text, or whose text is not a superset of ASCII, and every multipart body, is replaced as a whole, as nobody can say what
//! is in it. Its coding is undone first if it is known.
//!
//! The arguments of the process are left out.
//!
//! Not looked at: XML and HTML beyond what is said of every text; the `code` of an OAuth redirect, which comes before what tells
//! it from others; what is coded once more within a text (base64, JSON within a string of JSON, a form within a form); names of
//! things, hosts, paths and methods; processes and addresses; the bytes
//! of tunnels, which are no body. A redacted message has no `Content-Encoding`, as its body is given without; its other
//! fields, `Content-Length` among them, and the facts about it are those of what was captured.

mod body;
mod events;
mod form;
mod head;
mod json;
mod mark;
mod rules;
mod text;
mod words;

use std::io;
use std::sync::Arc;

pub use events::{EventRedactor, Redaction, Replaced, STREAMS};
pub use rules::{Rule, RuleError};

use self::body::RedactedBody;
use self::mark::Key;
use self::rules::Rules;
use crate::http::decode::BodyRead;
use crate::http::exchange::{Bodies, BodyForm, Exchange, Message, Side, Spans};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What is hashed to tell a key from others.
const FINGERPRINT_LABEL: &[u8] = b"ecq redaction key fingerprint";

/// What a passphrase is hashed with, so that the key it gives is good for nothing else.
const PASSPHRASE_LABEL: &[u8] = b"ecq redaction key";

/// Replaces secrets.
#[derive(Debug, Clone)]
pub struct Redactor {
    rules: Rules,
    key: Key,
}

impl Redactor {
    /// With a key, and rules beside those that always hold.
    pub fn new(key: &[u8; 32], own: Vec<Rule>) -> Self {
        Self {
            rules: Rules::new(own),
            key: Key::new(key),
        }
    }

    /// The key that a passphrase gives. It is as hard to guess as the passphrase, and no harder.
    pub fn passphrase_key(passphrase: &[u8]) -> [u8; 32] {
        let mut hash = Hmac::<Sha256>::new_from_slice(PASSPHRASE_LABEL)
            .expect("HMAC takes keys of every size");
        hash.update(passphrase);
        hash.finalize().into_bytes().into()
    }

    /// What tells the key from others and nothing else of it: 16 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let replacement = self.key.replacement(FINGERPRINT_LABEL);
        replacement
            .split(':')
            .next_back()
            .unwrap_or_default()
            .to_owned()
    }

    /// An exchange without its secrets, together with its bodies.
    pub fn redact<'a>(&'a self, exchange: &'a Exchange, bodies: &'a dyn Bodies) -> Redacted<'a> {
        let mut redacted = exchange.clone();
        redacted.request = exchange.request.as_ref().map(|half| self.message(half));
        redacted.response = exchange.response.as_ref().map(|half| self.message(half));
        if let Some(identity) = &mut redacted.identity {
            Arc::make_mut(identity).cmdline = None;
        }
        Redacted {
            redactor: self,
            original: exchange,
            exchange: redacted,
            bodies,
        }
    }
}

/// An exchange without its secrets. It reads the bodies of its own messages, and both forms of a body are the decoded one.
pub struct Redacted<'a> {
    redactor: &'a Redactor,
    original: &'a Exchange,
    exchange: Exchange,
    bodies: &'a dyn Bodies,
}

impl Redacted<'_> {
    /// The exchange.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }
}

impl std::fmt::Debug for Redacted<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("Redacted")
            .field(&self.exchange)
            .finish()
    }
}

impl Bodies for Redacted<'_> {
    fn open<'a>(&'a self, message: &'a Message, _: BodyForm) -> io::Result<Box<dyn BodyRead + 'a>> {
        // Only the message as it was says how its body is coded.
        let original = Side::BOTH
            .into_iter()
            .find(|side| self.exchange.half(*side) == Some(message))
            .and_then(|side| self.original.half(side))
            .ok_or_else(|| io::Error::other("this is no message of the exchange"))?;
        let content_type = original
            .head
            .as_ref()
            .and_then(|head| head.values("content-type").next())
            .map(AsRef::as_ref);
        let inner = self.bodies.open(original, BodyForm::Decoded)?;
        Ok(Box::new(RedactedBody::new(
            self.redactor,
            content_type,
            inner,
        )))
    }

    /// What an exchange turned into is not searched for secrets, and therefore left out.
    fn tunnels(&self) -> Option<&dyn Spans> {
        None
    }
}

#[cfg(test)]
mod tests;
