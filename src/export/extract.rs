//! Bodies as files of their own, in a folder that is made for them, with an index.
//!
//! The folder is new and its owner's alone (mode 0700, files 0600). A body is written under a name that means nothing
//! and gets its own name when it is complete; a name that is taken is never written over, and no link is followed. Only
//! bodies that have bytes become files.
//!
//! `index.jsonl` has one object for each body, in the order of the exchanges. What is unknown is absent:
//!
//! | member | what it is |
//! |---|---|
//! | `capture` | the capture, where several are read as one |
//! | `id`, `side` | the exchange's number in its capture, and `request` or `response` |
//! | `url`, `mime` | what was asked for, and the `Content-Type` of the half |
//! | `recognized` | the media type that the first bytes of the body show; absent if they show none |
//! | `bytes`, `sha256` | the size of the file, and the SHA-256 of its bytes, in hexadecimal digits |
//! | `file` | its name; absent if nothing of the body could be decoded |
//! | `ending` | `complete`, `consistent`, `closed`, `open` or `broken` |
//! | `decoding`, `decoding_defect` | `as_sent`, `decoded`, or `partial` and why |

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::body::each_step;
use super::facts::Decoding;
use super::file_name;
use super::jsonl::put;
use crate::http::body::State;
use crate::http::exchange::{Bodies, BodyForm, Exchange, Message, Side};
use crate::http::media::hex_digits;
use crate::http::view::kind;

/// The name of the index.
pub const INDEX: &str = "index.jsonl";
/// How often the same name is numbered anew. Names are the same only where captures are read together.
const COPIES: u32 = 10_000;
/// How temporary files begin.
const TEMPORARY: &str = ".incomplete-";

/// Writes bodies into a folder.
#[derive(Debug)]
pub struct Extractor {
    folder: PathBuf,
    index: BufWriter<File>,
    files: u64,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    capture: Option<&'a str>,
    id: i64,
    side: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recognized: Option<&'a str>,
    bytes: u64,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    ending: &'static str,
    #[serde(flatten)]
    decoding: Decoding,
}

impl Extractor {
    /// Makes the folder, which must not be there, and an index in it.
    ///
    /// # Errors
    /// When it is there, or cannot be made.
    pub fn new(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).create(folder)?;
        let index = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(INDEX))?;
        Ok(Self {
            folder: folder.to_owned(),
            index: BufWriter::new(index),
            files: 0,
        })
    }

    /// Writes the bodies of one exchange; `capture` names the capture where several are read as one.
    ///
    /// # Errors
    /// What `bodies` says, or the folder. A body of which the reading fails leaves no file.
    pub fn write(
        &mut self,
        capture: Option<&str>,
        exchange: &Exchange,
        bodies: &dyn Bodies,
    ) -> io::Result<()> {
        for side in Side::BOTH {
            if let Some(message) = exchange.half(side)
                && message.body_bytes > 0
            {
                self.write_half(capture, exchange, (side, message), bodies)?;
            }
        }
        Ok(())
    }

    fn write_half(
        &mut self,
        capture: Option<&str>,
        exchange: &Exchange,
        (side, message): (Side, &Message),
        bodies: &dyn Bodies,
    ) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(TEMPORARY)
            .tempfile_in(&self.folder)?;
        let written = copy(message, bodies, file.as_file_mut())?;
        let said = message
            .head
            .as_ref()
            .and_then(|head| head.values("content-type").next());
        let found = kind::recognized(said.map(AsRef::as_ref), &written.start);
        let name = if written.bytes > 0 {
            let extension = found.as_ref().map(|found| found.extension);
            let name = self.keep(file, exchange, side, extension)?;
            self.files = self.files.saturating_add(1);
            Some(name)
        } else {
            None
        };
        let mime = said.map(|value| String::from_utf8_lossy(value).into_owned());
        let line = Line {
            capture,
            id: exchange.id,
            side: side.name(),
            url: exchange.url(),
            mime,
            recognized: found.as_ref().map(|found| &*found.mime),
            bytes: written.bytes,
            sha256: written.sha256,
            file: name,
            ending: message.ending.name(),
            decoding: Decoding::of(written.state),
        };
        put(&mut self.index, &line)?;
        self.index.write_all(b"\n")
    }

    /// Gives a complete file its name.
    fn keep(
        &self,
        file: NamedTempFile,
        exchange: &Exchange,
        side: Side,
        recognized: Option<&'static str>,
    ) -> io::Result<String> {
        let mut file = file;
        for copy in 1..=COPIES {
            let name = file_name::of(exchange, side, recognized, copy);
            match file.persist_noclobber(self.folder.join(&name)) {
                Ok(_) => return Ok(name),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                    file = error.file;
                }
                Err(error) => return Err(error.error),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    /// Completes the index, and says how many files there are beside it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<u64> {
        self.index.flush()?;
        Ok(self.files)
    }
}

struct Written {
    bytes: u64,
    sha256: String,
    state: State,
    /// Its first bytes.
    start: Vec<u8>,
}

fn copy(message: &Message, bodies: &dyn Bodies, file: &mut File) -> io::Result<Written> {
    let mut reader = bodies.open(message, BodyForm::Decoded)?;
    let mut digest = Sha256::new();
    let mut bytes = 0_u64;
    let mut start = Vec::new();
    each_step(&mut *reader, &mut |step| {
        digest.update(step);
        bytes = bytes.saturating_add(step.len() as u64);
        let missing = kind::START_BYTES.saturating_sub(start.len());
        start.extend_from_slice(step.get(..missing).unwrap_or(step));
        file.write_all(step)
    })?;
    let sha256 = digest
        .finalize()
        .iter()
        .flat_map(|byte| hex_digits(*byte))
        .collect();
    Ok(Written {
        bytes,
        sha256,
        state: reader.state(),
        start,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::samples::{self, Memory};
    use super::*;
    use crate::http::body::Defect;

    fn files(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn bodies_become_files() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("bodies");
        let exchange = samples::exchange();
        let bodies = samples::bodies(&exchange);
        let mut extractor = Extractor::new(&folder).unwrap();
        extractor.write(None, &exchange, &bodies).unwrap();
        // Of another capture.
        extractor.write(Some("b"), &exchange, &bodies).unwrap();
        assert_eq!(extractor.finish().unwrap(), 4);
        assert_eq!(
            files(&folder),
            [
                "12-request-2.form",
                "12-request.form",
                "12-response-a-2.txt",
                "12-response-a.txt",
                "index.jsonl"
            ]
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for file in files(&folder) {
            assert_eq!(mode(&folder.join(file)), 0o600);
        }
        assert_eq!(
            fs::read(folder.join("12-response-a.txt")).unwrap(),
            b"hello"
        );
        let index = fs::read_to_string(folder.join(INDEX)).unwrap();
        assert_eq!(
            index.lines().nth(1).unwrap(),
            concat!(
                r#"{"id":12,"side":"response","url":"https://example.com/a?q=1","mime":"text/plain; charset=utf-8","#,
                r#""bytes":5,"sha256":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","#,
                r#""file":"12-response-a.txt","ending":"complete","decoding":"decoded"}"#
            )
        );
        assert_eq!(index.lines().count(), 4);
        let error = Extractor::new(&folder).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn what_a_body_is_goes_before_what_is_said_of_it() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("bodies");
        let mut exchange = samples::exchange();
        exchange.request = None;
        let response = exchange.response.as_ref().unwrap();
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        let bodies = Memory::default().with(response, png, png).in_steps(3);
        let mut extractor = Extractor::new(&folder).unwrap();
        extractor.write(None, &exchange, &bodies).unwrap();
        extractor.finish().unwrap();
        assert_eq!(files(&folder), ["12-response.png", "index.jsonl"]);
        let index = fs::read_to_string(folder.join(INDEX)).unwrap();
        assert!(
            index.contains(r#""mime":"text/plain; charset=utf-8","recognized":"image/png","#),
            "{index}"
        );
    }

    #[test]
    fn nothing_decoded_is_no_file() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("bodies");
        let exchange = samples::exchange();
        let response = exchange.response.as_ref().unwrap();
        let state = Some(State::Partial(Defect::Damaged));
        let bodies = Memory::default().with_state(response, b"\x1f\x8b?", b"", state);
        let mut extractor = Extractor::new(&folder).unwrap();
        let mut alone = exchange.clone();
        alone.request = None;
        extractor.write(None, &alone, &bodies).unwrap();
        assert_eq!(extractor.finish().unwrap(), 0);
        assert_eq!(files(&folder), ["index.jsonl"]);
        let index = fs::read_to_string(folder.join(INDEX)).unwrap();
        assert!(
            index.contains("\"bytes\":0") && !index.contains("\"file\""),
            "{index}"
        );
        assert!(index.contains("\"decoding_defect\":\"damaged\""), "{index}");
    }

    #[test]
    fn a_failure_leaves_no_file() {
        struct Failing;
        impl Bodies for Failing {
            fn open<'a>(
                &'a self,
                _: &'a Message,
                _: BodyForm,
            ) -> io::Result<Box<dyn crate::http::decode::BodyRead + 'a>> {
                Err(io::Error::other("gone"))
            }

            fn tunnels(&self) -> Option<&dyn crate::http::exchange::Spans> {
                None
            }
        }
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("bodies");
        let mut extractor = Extractor::new(&folder).unwrap();
        let exchange = samples::exchange();
        assert!(extractor.write(None, &exchange, &Failing).is_err());
        drop(extractor);
        assert_eq!(files(&folder), ["index.jsonl"]);
    }
}
