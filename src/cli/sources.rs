//! `--url` and `--header` of `ecq-record`: which eCaptures there are, and what is said to each.

use std::path::Path;

use anyhow::Context as _;

use super::report::Advised;
use crate::record::{Header, Host, SourceOptions, local_port};

/// A longer name, in bytes, is refused.
const MAX_NAME_BYTES: usize = 64;

/// Reads `[NAME=]URL`s, and `[NAME=]Name: value`s for the one of that name, or for all of them.
pub(super) fn read(urls: &[String], headers: &[String]) -> anyhow::Result<Vec<SourceOptions>> {
    let mut sources = Vec::with_capacity(urls.len());
    for text in urls {
        let (name, url) = named(text, &[':', '/']);
        let name = name.map(check_name).transpose()?;
        sources.push(SourceOptions {
            name,
            url: url.to_owned(),
            headers: Vec::new(),
            host: host_of(url),
        });
    }
    for text in headers {
        let (name, text) = named(text, &[':']);
        let header = Header::parse(text).context("failed to read --header")?;
        let mut was_used = false;
        for source in &mut sources {
            if name.is_none() || source.name.as_deref() == name {
                source.headers.push(header.clone());
                was_used = true;
            }
        }
        if !was_used {
            return Err(Advised {
                message: "failed to read --header: no --url has the name in front of it".to_owned(),
                hint: "name the source with --url NAME=URL, or leave the name out to send the header to all"
                    .to_owned(),
            }
            .into());
        }
    }
    Ok(sources)
}

/// What stands before an `=`, if that comes before any of the characters that end a name, and the rest.
fn named<'a>(text: &'a str, ends: &[char]) -> (Option<&'a str>, &'a str) {
    match text.split_once('=') {
        Some((name, rest)) if !name.contains(ends) => (Some(name), rest),
        _ => (None, text),
    }
}

/// A name goes into filters, and into the names of files.
fn check_name(name: &str) -> anyhow::Result<String> {
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let begins_well = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if is_plain && begins_well && name.len() <= MAX_NAME_BYTES {
        return Ok(name.to_owned());
    }
    Err(Advised {
        message: format!("failed to read --url: {name:?} is no name of a source"),
        hint: "a name has letters, digits, `-`, `_` and `.`, the first of them a letter or digit: --url web=ws://…"
            .to_owned(),
    }
    .into())
}

/// This host's name and boot id, if that is where eCapture runs.
fn host_of(url: &str) -> Host {
    if matches!(local_port(url), Ok(Some(_))) {
        Host {
            name: host_name(),
            boot_id: kernel_says("random/boot_id"),
        }
    } else {
        Host::default()
    }
}

/// This host's name.
pub(super) fn host_name() -> Option<String> {
    kernel_says("hostname")
}

/// What a file below `/proc/sys/kernel` says.
fn kernel_says(name: &str) -> Option<String> {
    std::fs::read_to_string(Path::new("/proc/sys/kernel").join(name))
        .ok()
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn a_url_may_have_a_name() {
        let urls = ["web-1=wss://h/x?a=b", "ws://h/?a=b", "ws://[::1]:28257/"];
        let sources = read(&texts(&urls), &[]).unwrap();
        let read: Vec<_> = sources
            .iter()
            .map(|source| (source.name.as_deref(), source.url.as_str()))
            .collect();
        let expected = [
            (Some("web-1"), "wss://h/x?a=b"),
            (None, "ws://h/?a=b"),
            (None, "ws://[::1]:28257/"),
        ];
        assert_eq!(read, expected);
        for name in ["=ws://h/", "a b=ws://h/", "..=ws://h/", "\u{1b}=ws://h/"] {
            assert!(super::read(&texts(&[name]), &[]).is_err(), "{name}");
        }
    }

    #[test]
    fn a_header_goes_to_all_or_to_one() {
        let urls = texts(&["a=ws://a/", "b=ws://b/"]);
        let headers = texts(&["X-All: x=y", "b=X-One: 1"]);
        let counts: Vec<_> = read(&urls, &headers)
            .unwrap()
            .iter()
            .map(|source| source.headers.len())
            .collect();
        assert_eq!(counts, [1, 2]);
        assert!(read(&urls, &texts(&["c=X-One: s3cret"])).is_err());
    }
}
