//! What opens an encrypted capture: from a file, from the environment, or asked for on the terminal.
//!
//! Never from an argument, which everybody on the host can read in the list of processes.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::private_file::{self, MAKE_A_KEY, too_short};
use super::report::Advised;
use super::terminal::Terminal;
use crate::store::{self, MIN_KEY_BYTES, Reader, Secret, SecretKind};

const KEY_FILE_HELP: &str =
    "Open an encrypted capture with the key in FILE [default: $ECQ_KEY_FILE]";
const KEY_FILE_LONG_HELP: &str = "Open an encrypted capture with the key in FILE [default: $ECQ_KEY_FILE]

All bytes of the file are the key, at least 32; nobody else may read it. Make one with \
`(umask 077; head -c 32 /dev/urandom > FILE)`, and keep a copy elsewhere: without it the payloads are lost.";

/// Where the secret of an encrypted capture is.
#[derive(Debug, Clone, Args)]
pub(super) struct SecretArgs {
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "passphrase_file",
        help = KEY_FILE_HELP,
        long_help = KEY_FILE_LONG_HELP
    )]
    pub(super) key_file: Option<PathBuf>,
    /// Open an encrypted capture with the passphrase in FILE; without this flag it is asked for on a terminal
    ///
    /// The first line of the file is the passphrase; nobody else may read it.
    #[arg(long, value_name = "FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
}

impl SecretArgs {
    /// None of it.
    pub(super) const NONE: Self = Self {
        key_file: None,
        passphrase_file: None,
    };

    /// Whether no flag says it.
    pub(super) fn is_empty(&self) -> bool {
        self.key_file.is_none() && self.passphrase_file.is_none()
    }

    /// What is given, by flags or else by the environment.
    fn read(&self) -> anyhow::Result<Option<Secret>> {
        if let Some(path) = &self.passphrase_file {
            return passphrase(path).map(Some);
        }
        let path = self.key_file.clone().or_else(of_environment);
        path.map(|path| key(&path)).transpose()
    }

    /// What opens the capture at `path`, which is there: what is given, or else what is typed in, if it needs a passphrase.
    pub(super) fn of(&self, path: &Path, terminal: &Terminal) -> anyhow::Result<Option<Secret>> {
        match self.read()? {
            Some(secret) => Ok(Some(secret)),
            None => ask(store::encrypted_with(path), path, terminal),
        }
    }

    /// What a new capture is encrypted with: what is given, or else what is typed in, twice.
    pub(super) fn of_new(&self, terminal: &Terminal) -> anyhow::Result<Secret> {
        match self.read()? {
            Some(secret) => Ok(secret),
            None => choose(
                terminal,
                "--encrypt needs a secret, and none is given",
                "--key-file FILE or --passphrase-file FILE",
            ),
        }
    }

    /// What a capture is to be opened with from now on: what these flags say, or else what is typed in, twice.
    pub(super) fn of_changed(&self, terminal: &Terminal) -> anyhow::Result<Secret> {
        if self.is_empty() {
            return choose(
                terminal,
                "no new secret is given",
                "--new-key-file FILE or --new-passphrase-file FILE",
            );
        }
        Ok(self.read()?.expect("a flag says where it is"))
    }

    /// Unlocks a capture that is encrypted.
    pub(super) fn unlock(&self, reader: &mut Reader, terminal: &Terminal) -> anyhow::Result<()> {
        let Some(kind) = reader.lock() else {
            return Ok(());
        };
        let secret = match self.read()? {
            Some(secret) => Some(secret),
            None => ask(Some(kind), reader.path(), terminal)?,
        };
        reader
            .unlock(secret.as_ref())
            .context("failed to open the capture")
    }

    /// Whether something is given, or typed in by somebody who can be asked.
    pub(super) fn can_unlock(&self, reader: &Reader) -> bool {
        !self.is_empty()
            || of_environment().is_some()
            || reader.lock() == Some(SecretKind::Passphrase) && Terminal::can_ask()
    }
}

/// Asks for a new passphrase, twice. If nobody can be asked, says what is missing and which `flags` give it.
fn choose(terminal: &Terminal, missing: &str, flags: &str) -> anyhow::Result<Secret> {
    let failed = "failed to read the passphrase";
    let typed = terminal
        .ask_secret("new passphrase for the capture: ")
        .context(failed)?;
    let Some(typed) = typed else {
        return Err(Advised {
            message: missing.to_owned(),
            hint: format!(
                "give {flags}, or run this on a terminal, which asks for a passphrase; to have a key, {MAKE_A_KEY}"
            ),
        }
        .into());
    };
    let again = terminal.ask_secret("the same again: ").context(failed)?;
    if again.as_ref() != Some(&typed) {
        return Err(Advised {
            message: "the two passphrases are not the same".to_owned(),
            hint: "try again: nothing was changed".to_owned(),
        }
        .into());
    }
    Ok(not_empty(typed)?)
}

/// Asks for a passphrase, if that is what is needed and there is somebody to ask.
fn ask(
    kind: Option<SecretKind>,
    path: &Path,
    terminal: &Terminal,
) -> anyhow::Result<Option<Secret>> {
    if kind != Some(SecretKind::Passphrase) {
        return Ok(None);
    }
    let typed = terminal
        .ask_secret(&format!("passphrase for {}: ", path.display()))
        .context("failed to read the passphrase")?;
    Ok(typed.map(not_empty).transpose()?)
}

/// `$ECQ_KEY_FILE`.
#[expect(
    clippy::disallowed_methods,
    reason = "cli is where the environment is read"
)]
fn of_environment() -> Option<PathBuf> {
    std::env::var_os("ECQ_KEY_FILE")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn key(path: &Path) -> anyhow::Result<Secret> {
    let bytes = private_file::read(path, "key")?;
    let length = bytes.len();
    Secret::key_file(bytes).ok_or_else(|| too_short(path, length, MIN_KEY_BYTES).into())
}

/// Without the end of its line, which editors add.
fn passphrase(path: &Path) -> anyhow::Result<Secret> {
    let mut bytes = private_file::read(path, "passphrase")?;
    let end = bytes.iter().position(|byte| *byte == b'\n');
    bytes.truncate(end.unwrap_or(bytes.len()));
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(not_empty(bytes)?)
}

fn not_empty(bytes: Vec<u8>) -> Result<Secret, Advised> {
    Secret::passphrase(bytes).ok_or_else(|| Advised {
        message: "the passphrase is empty".to_owned(),
        hint: "several words that nobody would guess are good".to_owned(),
    })
}
