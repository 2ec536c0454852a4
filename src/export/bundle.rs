//! An evidence bundle: files in one archive, of which every byte can be checked years later with common tools.
//!
//! It is a tar archive (POSIX.1-1988 `ustar` with the size extension of GNU tar, which takes files over 8 GiB) in one zstd
//! frame with a checksum (RFC 8878). Everything lies in one folder. Its last file, [`SUMS`], names the SHA-256 of all
//! others in the form of `sha256sum` (GNU coreutils), which `sha256sum --check` takes. Owner and group are 0, modes 0600,
//! and the time of every file is that of the making: nothing about the machine is in it but what its files say.
//!
//! Files are copied piece by piece: the memory needed does not depend on their size.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};
use tar::{Builder, Header};
use zstd::Encoder;

use crate::event::Timestamp;
use crate::http::media::hex_digits;

/// The name of the list of digests.
pub const SUMS: &str = "SHA256SUMS";

/// What compresses well at little cost; payloads are compressed already.
const LEVEL: i32 = 3;

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path below the folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

/// Writes a bundle.
#[expect(
    missing_debug_implementations,
    reason = "neither archive nor encoder has one"
)]
pub struct Bundle<W: Write> {
    archive: Builder<Encoder<'static, Hashing<W>>>,
    folder: String,
    made: Timestamp,
    members: Vec<Member>,
}

impl<W: Write> Bundle<W> {
    /// Begins a bundle whose files lie in `folder` and are of the time `made`.
    ///
    /// # Errors
    /// When there is no memory for the encoder.
    pub fn new(out: W, folder: &str, made: Timestamp) -> io::Result<Self> {
        let mut encoder = Encoder::new(Hashing::new(out), LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Self {
            archive: Builder::new(encoder),
            folder: folder.to_owned(),
            made,
            members: Vec::new(),
        })
    }

    /// The files that are in it so far.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Adds a file of this size. `name` is its path below the folder, in words of our own.
    ///
    /// # Errors
    /// When `file` cannot be read, has another size, or the archive cannot be written.
    pub fn add(&mut self, name: &str, bytes: u64, file: impl Read) -> io::Result<()> {
        let mut file = Hashing::new(file.take(bytes));
        self.append(name, bytes, &mut file)?;
        if file.bytes != bytes {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{name} became shorter while it was read"),
            ));
        }
        let sha256 = file.digest();
        self.members.push(Member {
            name: name.to_owned(),
            bytes,
            sha256,
        });
        Ok(())
    }

    fn append(&mut self, name: &str, bytes: u64, content: impl Read) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(0o600);
        // Before 1970 is no time of a file.
        header.set_mtime(u64::try_from(self.made.as_nanos() / 1_000_000_000).unwrap_or(0));
        let path = format!("{}/{name}", self.folder);
        self.archive.append_data(&mut header, path, content)
    }

    /// Adds the list of digests and ends the archive: what it was written to, and the SHA-256 of the archive itself.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn finish(mut self) -> io::Result<(W, String)> {
        let mut sums = String::new();
        for Member { name, sha256, .. } in &self.members {
            sums.push_str(sha256);
            sums.push_str("  ");
            sums.push_str(name);
            sums.push('\n');
        }
        self.append(SUMS, sums.len() as u64, sums.as_bytes())?;
        let mut out = self.archive.into_inner()?.finish()?;
        out.flush()?;
        let digest = out.digest();
        Ok((out.inner, digest))
    }
}

/// Computes the SHA-256 of all that goes through it.
struct Hashing<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

impl<T> Hashing<T> {
    fn new(inner: T) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    fn note(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
    }

    fn digest(&self) -> String {
        let digest = self.hash.clone().finalize();
        digest.iter().copied().flat_map(hex_digits).collect()
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.note(bytes.get(..count).unwrap_or(bytes));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.note(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const MADE: Timestamp = Timestamp::from_seconds(1_795_431_600);

    #[test]
    fn what_goes_in_comes_out_with_its_digest() {
        let large = b"0123456789".repeat(100_000);
        let mut bundle = Bundle::new(Vec::new(), "case", MADE).unwrap();
        bundle.add("a.txt", 3, &b"abc"[..]).unwrap();
        bundle.add("exports/large", 1_000_000, &large[..]).unwrap();
        bundle.add("empty", 0, &b""[..]).unwrap();
        let (archive, digest) = bundle.finish().unwrap();
        assert_eq!(
            digest,
            Sha256::digest(&archive)
                .iter()
                .copied()
                .flat_map(hex_digits)
                .collect::<String>()
        );

        let mut found = BTreeMap::new();
        let plain = zstd::Decoder::new(&archive[..]).unwrap();
        for entry in tar::Archive::new(plain).entries().unwrap() {
            let mut entry = entry.unwrap();
            assert_eq!(entry.header().mode().unwrap(), 0o600);
            assert_eq!(entry.header().mtime().unwrap(), 1_795_431_600);
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            found.insert(name, content);
        }
        assert_eq!(found["case/a.txt"], b"abc");
        assert_eq!(found["case/exports/large"], large);
        assert_eq!(found["case/empty"], b"");
        // FIPS 180-4, the example of "abc".
        let sums = String::from_utf8(found["case/SHA256SUMS"].clone()).unwrap();
        assert!(
            sums.starts_with(
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.txt\n"
            ),
            "{sums}"
        );
        assert_eq!(sums.lines().count(), 3);
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn a_file_that_shrinks_is_refused() {
        let mut bundle = Bundle::new(Vec::new(), "case", MADE).unwrap();
        assert!(bundle.add("a.txt", 4, &b"abc"[..]).is_err());
    }
}
