//! What `contains` looks for: bytes, or an encoded form of them.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use memchr::memmem::Finder;

use super::chains::Chains;

/// The form in which the bytes are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As they are.
    Plain,
    /// As a part of something encoded in base64 (RFC 4648 sections 4 and 5), whatever stands before it.
    Base64,
    /// As hexadecimal digits, all in lower or all in upper case.
    Hex,
    /// Percent-encoded (RFC 3986 section 2.1): what must be, or every byte; a space also as `+`.
    Percent,
}

/// How many bytes a text needs so that its encoded forms mean something: the base64 of fewer is found anywhere.
pub const MIN_ENCODED_BYTES: usize = 4;

/// Bytes to look for, in one form.
#[derive(Debug, Clone)]
pub struct Needle {
    text: Vec<u8>,
    form: Form,
    finders: Vec<Finder<'static>>,
    chains: Chains,
}

impl PartialEq for Needle {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.form == other.form
    }
}

impl Eq for Needle {}

impl Needle {
    /// The bytes `text` in this form; `None` if there are none, or fewer than [`MIN_ENCODED_BYTES`] for an encoded form.
    pub fn new(text: Vec<u8>, form: Form) -> Option<Self> {
        if text.is_empty() || (form != Form::Plain && text.len() < MIN_ENCODED_BYTES) {
            return None;
        }
        let mut forms = match form {
            Form::Plain => vec![text.clone()],
            Form::Base64 => base64_forms(&text),
            Form::Hex => hex_forms(&text),
            Form::Percent => percent_forms(&text),
        };
        forms.sort_unstable();
        forms.dedup();
        let finders = forms
            .iter()
            .map(|form| Finder::new(form).into_owned())
            .collect();
        let chains = Chains::of_bytes(forms.iter().map(Vec::as_slice));
        Some(Self {
            text,
            form,
            finders,
            chains,
        })
    }

    /// The bytes before encoding.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The form that is looked for.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The byte strings of which one has to be there.
    pub fn alternatives(&self) -> impl Iterator<Item = &[u8]> {
        self.finders.iter().map(Finder::needle)
    }

    /// Whether `haystack` contains one of the forms.
    pub fn is_in(&self, haystack: &[u8]) -> bool {
        self.finders
            .iter()
            .any(|finder| finder.find(haystack).is_some())
    }

    /// Whether `haystack` contains one of the forms, without regard to the case of ASCII letters.
    pub(super) fn is_in_without_case(&self, haystack: &[u8]) -> bool {
        self.alternatives().any(|form| {
            haystack
                .windows(form.len())
                .any(|window| window.eq_ignore_ascii_case(form))
        })
    }

    /// The forms, as texts that may cross the border between two events.
    pub(super) fn chains(&self) -> &Chains {
        &self.chains
    }
}

/// A text inside of something larger is encoded in one of three ways, depending on how many bytes stand before it. The
/// first and last digits, which its neighbors have a part in, are left out.
fn base64_forms(text: &[u8]) -> Vec<Vec<u8>> {
    let engines = [alphabet::STANDARD, alphabet::URL_SAFE]
        .map(|alphabet| GeneralPurpose::new(&alphabet, NO_PAD));
    let mut forms = Vec::new();
    for engine in engines {
        for before in 0..3_usize {
            let mut padded = vec![0; before];
            padded.extend_from_slice(text);
            let digits = engine.encode(&padded).into_bytes();
            let first = (before * 8).div_ceil(6);
            let end = padded.len() * 8 / 6;
            if let Some(certain) = digits.get(first..end) {
                forms.push(certain.to_vec());
            }
        }
    }
    forms
}

fn hex_forms(text: &[u8]) -> Vec<Vec<u8>> {
    let lower: Vec<u8> = text
        .iter()
        .flat_map(|byte| format!("{byte:02x}").into_bytes())
        .collect();
    vec![lower.to_ascii_uppercase(), lower]
}

fn percent_forms(text: &[u8]) -> Vec<Vec<u8>> {
    let encode = |is_plain: &dyn Fn(u8) -> bool, is_upper: bool, is_form: bool| {
        let mut out = Vec::with_capacity(text.len() * 3);
        for &byte in text {
            if is_form && byte == b' ' {
                out.push(b'+');
            } else if is_plain(byte) {
                out.push(byte);
            } else if is_upper {
                out.extend_from_slice(format!("%{byte:02X}").as_bytes());
            } else {
                out.extend_from_slice(format!("%{byte:02x}").as_bytes());
            }
        }
        out
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    // What JavaScript's encodeURIComponent leaves as it is.
    let component = |byte: u8| unreserved(byte) || b"!*'()".contains(&byte);
    let mut forms = Vec::new();
    for is_upper in [true, false] {
        for is_form in [false, true] {
            forms.push(encode(&unreserved, is_upper, is_form));
            forms.push(encode(&component, is_upper, is_form));
        }
        forms.push(encode(&|_| false, is_upper, false));
    }
    forms.retain(|form| form != text);
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(text: &str, form: Form) -> Vec<String> {
        Needle::new(text.into(), form)
            .unwrap()
            .alternatives()
            .map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn base64_is_found_wherever_it_begins() {
        let needle = Needle::new(b"sk-live-51Hx".to_vec(), Form::Base64).unwrap();
        let engine = base64::engine::general_purpose::STANDARD;
        for before in ["", "a", "ab", "abc", "user:"] {
            for after in ["", "x", "xy", "xyz"] {
                let encoded = engine.encode(format!("{before}sk-live-51Hx{after}"));
                assert!(needle.is_in(encoded.as_bytes()), "{before}|{after}");
            }
        }
        assert!(!needle.is_in(engine.encode("sk-live-51Hy").as_bytes()));
    }

    #[test]
    fn other_forms() {
        assert_eq!(forms("a/b c", Form::Hex), ["612F622063", "612f622063"]);
        let percent = forms("a/b c", Form::Percent);
        for form in ["a%2Fb%20c", "a%2fb%20c", "a%2Fb+c", "%61%2F%62%20%63"] {
            assert!(percent.iter().any(|found| found == form), "{form}");
        }
        assert!(!forms("abcd", Form::Percent).contains(&"abcd".to_owned()));
        assert!(Needle::new(b"abc".to_vec(), Form::Hex).is_none());
        assert!(Needle::new(Vec::new(), Form::Plain).is_none());
    }
}
