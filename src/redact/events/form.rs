//! Parameters of a form, of which only an ampersand ends a value.

use super::Tools;
use super::covers::Covers;
use super::secret::{Secret, Writing};
use crate::redact::form::Percent;

/// Names of more bytes are not those of secrets.
const NAME_BYTES: usize = 512;

/// A form on its way.
#[derive(Debug)]
pub(super) enum Form {
    /// Within a name; `None` if that is too long.
    Name(Option<Vec<u8>>),
    /// Within a value that is no secret.
    Value,
    /// Within a value that is one.
    Secret(Secret),
}

impl Default for Form {
    fn default() -> Self {
        Self::Name(Some(Vec::new()))
    }
}

impl Form {
    pub(super) fn push(&mut self, tools: &Tools<'_>, bytes: &[u8], covers: &mut Covers) {
        for (at, byte) in bytes.iter().enumerate() {
            let state = std::mem::replace(self, Self::Value);
            *self = state.step(tools, (bytes, at, *byte), covers);
        }
        if let Self::Secret(secret) = self {
            secret.pause(bytes, bytes.len(), covers);
        }
    }

    fn step(
        self,
        tools: &Tools<'_>,
        (bytes, at, byte): (&[u8], usize, u8),
        covers: &mut Covers,
    ) -> Self {
        match self {
            Self::Secret(secret) if byte == b'&' => {
                secret.end(bytes, at, covers);
                Self::default()
            }
            Self::Name(_) | Self::Value if byte == b'&' => Self::default(),
            Self::Name(name) if byte == b'=' => {
                if name.is_some_and(|name| tools.rules.is_secret_encoded(&name)) {
                    let writing = Writing::Percent(Percent::default());
                    Self::Secret(Secret::new(tools.key, at + 1, writing))
                } else {
                    Self::Value
                }
            }
            Self::Name(name) => Self::Name(longer(name, byte)),
            other => other,
        }
    }
}

fn longer(name: Option<Vec<u8>>, byte: u8) -> Option<Vec<u8>> {
    let mut name = name.filter(|name| name.len() < NAME_BYTES)?;
    name.push(byte);
    Some(name)
}
