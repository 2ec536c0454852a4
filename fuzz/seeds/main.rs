//! Writes what the fuzz targets begin with, from `tests/data` and the documents: `seeds FOLDER`, where each target gets a
//! folder of its own. Run from the top of the repository. No file is larger than [`SEED_BYTES`].

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ecq::event::{Content, Frame, Opcode, Timestamp};
use ecq::normalize::{Normalized, Normalizer};
use ecq::record::{FramesReader, write_frame, write_header};
use ecq::wire::{Incoming, decode};
// What counts the coverage, as in the targets that are built with it.
use libfuzzer_sys as _;

/// libFuzzer gets slow with large inputs, and takes the largest seed for how large they may become.
const SEED_BYTES: usize = 16 << 10;

/// How many payloads of each kind are taken of a file of frames.
const PAYLOADS_PER_FILE: usize = 12;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: seeds FOLDER")?);
    let vectors = vectors()?;
    let files: Vec<Vec<Frame>> = frames_files()?
        .iter()
        .map(|path| frames(path))
        .collect::<Outcome<_>>()?;

    let mut seeds = Seeds::new(&folder, "decode")?;
    for frame in &vectors {
        seeds.add(&messages(std::slice::from_ref(frame)))?;
    }
    for file in &files {
        seeds.add(&messages(file))?;
    }

    let mut seeds = Seeds::new(&folder, "frames_file")?;
    for file in &files {
        seeds.add(&saved(file)?)?;
        seeds.add(&bare(file))?;
    }

    let mut heads = Seeds::new(&folder, "http1_head")?;
    let mut bodies = Seeds::new(&folder, "http1_body")?;
    for file in &files {
        for payload in http1_payloads(file) {
            heads.add(&payload)?;
            bodies.add(&payload)?;
        }
    }

    let mut redact = Seeds::new(&folder, "redact")?;
    for file in &files {
        // A byte of choices, and payloads with a byte between them that is in no text.
        let payloads = http1_payloads(file);
        redact.add(&[&[0][..], &payloads.join(&[0xff][..])].concat())?;
    }

    let mut filters = Seeds::new(&folder, "filter")?;
    let mut literals = Seeds::new(&folder, "literals")?;
    for document in ["docs/filter.md", "README.md"] {
        for text in quoted(&fs::read_to_string(document)?) {
            filters.add(text.as_bytes())?;
            for word in text.split_whitespace() {
                literals.add(word.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// The seeds of one target.
struct Seeds {
    folder: PathBuf,
    seen: BTreeSet<Vec<u8>>,
}

impl Seeds {
    fn new(folder: &Path, target: &str) -> Outcome<Self> {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            seen: BTreeSet::new(),
        })
    }

    /// Adds one, or its beginning if it is large.
    fn add(&mut self, seed: &[u8]) -> Outcome<()> {
        let seed = seed.get(..SEED_BYTES).unwrap_or(seed);
        if self.seen.insert(seed.to_vec()) {
            let name = format!("seed-{:04}", self.seen.len());
            fs::write(self.folder.join(name), seed)?;
        }
        Ok(())
    }
}

/// Every frame of `tests/data/wire/vectors.jsonl`.
fn vectors() -> Outcome<Vec<Frame>> {
    let mut frames = Vec::new();
    for line in fs::read_to_string("tests/data/wire/vectors.jsonl")?.lines() {
        let vector: serde_json::Value = serde_json::from_str(line)?;
        let text = vector["frame_b64"].as_str().ok_or("no frame_b64")?;
        let is_text = vector["opcode"] == 1;
        frames.push(Frame {
            link: 1,
            received: Timestamp::default(),
            opcode: if is_text {
                Opcode::Text
            } else {
                Opcode::Binary
            },
            message: STANDARD.decode(text)?.into(),
        });
    }
    Ok(frames)
}

/// The files of frames in `tests/data`, in the same order every time.
fn frames_files() -> Outcome<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for folder in ["tests/data/real", "tests/data/http"] {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.to_string_lossy();
            if name.ends_with(".frames") || name.ends_with(".frames.zst") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

fn frames(path: &Path) -> Outcome<Vec<Frame>> {
    let file = File::open(path)?;
    let input: Box<dyn Read> = if path.extension().is_some_and(|extension| extension == "zst") {
        Box::new(zstd::Decoder::new(file)?)
    } else {
        Box::new(file)
    };
    let mut reader = FramesReader::new(input)?;
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        frames.push(Frame {
            link: frame.link.unwrap_or(1),
            received: frame.received.unwrap_or_default(),
            opcode: frame.opcode,
            message: frame.message,
        });
    }
    Ok(frames)
}

/// Frames as the target `decode` reads them.
fn messages(frames: &[Frame]) -> Vec<u8> {
    let mut seed = Vec::new();
    for frame in frames {
        let Ok(length) = u16::try_from(frame.message.len()) else {
            continue;
        };
        seed.push(u8::from(frame.opcode == Opcode::Text));
        seed.extend(length.to_le_bytes());
        seed.extend(&frame.message);
    }
    seed
}

fn saved(frames: &[Frame]) -> Outcome<Vec<u8>> {
    let mut seed = Vec::new();
    write_header(&mut seed)?;
    for frame in frames {
        write_frame(&mut seed, frame)?;
    }
    Ok(seed)
}

fn bare(frames: &[Frame]) -> Vec<u8> {
    let mut seed = Vec::new();
    for frame in frames {
        let Ok(length) = u32::try_from(frame.message.len()) else {
            continue;
        };
        seed.extend(length.to_le_bytes());
        seed.extend(&frame.message);
    }
    seed
}

/// Payloads that begin with a message of HTTP/1.
fn http1_payloads(frames: &[Frame]) -> Vec<Bytes> {
    let mut normalizer = Normalizer::new();
    let mut payloads = Vec::new();
    for frame in frames {
        let Incoming::Event(event) = decode(frame.opcode, &frame.message) else {
            continue;
        };
        let Normalized::Captured(captured) = normalizer.event(frame, event) else {
            continue;
        };
        let content = captured.event.content;
        if matches!(content, Content::Http1Request | Content::Http1Response) {
            payloads.push(captured.payload);
        }
    }
    payloads.sort_by_key(Bytes::len);
    payloads.truncate(PAYLOADS_PER_FILE);
    payloads
}

/// What stands between backquotes within a line of a document.
fn quoted(document: &str) -> impl Iterator<Item = String> {
    document
        .lines()
        .filter(|line| !line.starts_with("```"))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .map(|text| text.replace("\\|", "|"))
}
