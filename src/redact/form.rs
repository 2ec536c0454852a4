//! Parameters of a form whose names are those of secrets, in a body that is read piece by piece.
//!
//! The value of one is replaced by its hash, once its percent encoding is undone.

use super::mark::{Key, Mark};
use super::rules::Rules;
use crate::http::media::hex;

/// Names of more bytes are not those of secrets.
const NAME_BYTES: usize = 512;

/// A form on its way.
#[derive(Debug)]
pub(super) enum FormFilter {
    /// Within a name; `None` if that is too long.
    Name(Option<Vec<u8>>),
    /// Within a value that is no secret.
    Value,
    /// Within a value that is one.
    Secret(Percent, Mark),
}

impl Default for FormFilter {
    fn default() -> Self {
        Self::Name(Some(Vec::new()))
    }
}

impl FormFilter {
    pub(super) fn push(&mut self, rules: &Rules, key: &Key, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            self.step(rules, key, *byte, out);
        }
    }

    fn step(&mut self, rules: &Rules, key: &Key, byte: u8, out: &mut Vec<u8>) {
        if byte == b'&' {
            std::mem::take(self).finish(out);
            out.push(byte);
            return;
        }
        match self {
            Self::Name(name) => {
                out.push(byte);
                if byte == b'=' {
                    let is_secret = name
                        .as_ref()
                        .is_some_and(|name| rules.is_secret_encoded(name));
                    *self = if is_secret {
                        Self::Secret(Percent::default(), key.mark())
                    } else {
                        Self::Value
                    };
                } else {
                    *name = name.take().filter(|name| name.len() < NAME_BYTES);
                    if let Some(name) = name {
                        name.push(byte);
                    }
                }
            }
            Self::Value => out.push(byte),
            Self::Secret(percent, mark) => percent.push(byte, &mut |byte| mark.update(&[byte])),
        }
    }

    /// What is left when the form is over.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        if let Self::Secret(percent, mut mark) = self {
            percent.finish(&mut |byte| mark.update(&[byte]));
            out.extend_from_slice(mark.replacement().as_bytes());
        }
    }
}

/// Percent encoding that is being undone.
#[derive(Debug, Default, Clone, Copy)]
pub(super) enum Percent {
    /// Outside of it.
    #[default]
    Plain,
    /// After the percent sign.
    Sign,
    /// After a first digit.
    Digit(u8),
}

impl Percent {
    pub(super) fn push(&mut self, byte: u8, each: &mut dyn FnMut(u8)) {
        match (*self, hex(byte)) {
            (Self::Sign, Some(_)) => *self = Self::Digit(byte),
            (Self::Digit(first), Some(low)) => {
                *self = Self::Plain;
                each(hex(first).unwrap_or_default() << 4 | low);
            }
            (state, _) => {
                state.finish(each);
                *self = Self::Plain;
                match byte {
                    b'%' => *self = Self::Sign,
                    b'+' => each(b' '),
                    other => each(other),
                }
            }
        }
    }

    /// What is no encoding is as it is.
    pub(super) fn finish(self, each: &mut dyn FnMut(u8)) {
        match self {
            Self::Plain => {}
            Self::Sign => each(b'%'),
            Self::Digit(first) => {
                each(b'%');
                each(first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_parameters() {
        let (rules, key) = (Rules::new(Vec::new()), Key::new(&[1; 32]));
        let hash = |secret: &str| key.replacement(secret.as_bytes());
        for (form, expected) in [
            ("a=1&b=token&c", "a=1&b=token&c".to_owned()),
            ("password=", "password=".to_owned()),
            (
                "a=1&password=x+%3d%&b=2",
                format!("a=1&password={}&b=2", hash("x =%")),
            ),
            ("user%5Bpin%5D=%4", format!("user%5Bpin%5D={}", hash("%4"))),
            ("token=a=b", format!("token={}", hash("a=b"))),
        ] {
            let mut out = Vec::new();
            let mut filter = FormFilter::default();
            filter.push(&rules, &key, form.as_bytes(), &mut out);
            filter.finish(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
