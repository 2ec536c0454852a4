//! What of a recording or an export is kept secret.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::cli::report::Advised;
use crate::redact::{Redactor, Rule};

/// How long a key is, in bytes.
const KEY_BYTES: usize = 32;

/// How large the file of a key may be, in bytes.
const MAX_KEY_FILE_BYTES: u64 = 1 << 20;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Redaction")]
pub(super) struct RedactArgs {
    /// Replace secrets by keyed hashes, the same secret by the same: credentials and cookies in header fields, and
    /// passwords and tokens in URLs, forms, JSON, text, shell lines and SQL
    ///
    /// Payloads of events keep their length, in place of a secret stands as much of its hash as fits. What cannot be looked
    /// into is left out of them, counted and marked: compressed and multipart bodies, whatever is no text, and after a gap what
    /// comes up to the next line end. Raw HTTP/2 is written again, with other lengths; it is left out where the beginning of
    /// its connection was not seen, or something is lost. The event says so (`provenance == "redacted"`, and "shortened" where
    /// bytes are left out); its frame cannot be given again. In shell lines and SQL it knows NAME=VALUE, PASSWORD 'x',
    /// IDENTIFIED BY 'x' and the like, --password x, -u user:x of curl, -px of mysql, and others. The README says what is not
    /// looked at. A recorder notes its --filter and --exclude-pname as they are given, so they are no place for a secret; a
    /// subset and a bundle leave out filters that may hold one.
    #[arg(long)]
    redact: bool,
    /// Replace also what this names: header:NAME, field:NAME (of a URL, a form or JSON) or regex:RE
    #[arg(long, value_name = "RULE", value_parser = rule, requires = "redact")]
    redact_rule: Vec<Rule>,
    /// Take the key of the hashes from a file, so that several recordings or exports agree [default: a new key each time]
    #[arg(long, value_name = "FILE", requires = "redact")]
    redact_key: Option<PathBuf>,
}

fn rule(text: &str) -> Result<Rule, String> {
    Rule::parse(text).map_err(|error| error.to_string())
}

impl RedactArgs {
    /// What redacts, if that is asked for.
    pub(super) fn redactor(&self) -> anyhow::Result<Option<Redactor>> {
        if !self.redact {
            return Ok(None);
        }
        let key = match &self.redact_key {
            None => {
                let mut key = [0; KEY_BYTES];
                File::open("/dev/urandom")
                    .and_then(|mut random| random.read_exact(&mut key))
                    .context("failed to make a key")?;
                key
            }
            Some(path) => {
                let failed = || format!("failed to read the key {}", path.display());
                let mut key = Vec::new();
                File::open(path)
                    .and_then(|file| file.take(MAX_KEY_FILE_BYTES).read_to_end(&mut key))
                    .with_context(failed)?;
                if key.len() < KEY_BYTES {
                    return Err(Advised {
                        message: format!(
                            "{} has {} bytes, and a key needs {KEY_BYTES}",
                            path.display(),
                            key.len()
                        ),
                        hint: "make one with `head -c 32 /dev/urandom > FILE`".to_owned(),
                    }
                    .into());
                }
                Redactor::passphrase_key(&key)
            }
        };
        Ok(Some(Redactor::new(&key, self.redact_rule.clone())))
    }

    /// Whether it is asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.redact
    }

    /// Whether a rule of the user may have a secret in it: it says what one looks like, and not what it is called.
    pub(super) fn may_hold_secret(&self) -> bool {
        let mut rules = self.redact_rule.iter();
        rules.any(|rule| matches!(rule, Rule::Pattern(_)))
    }
}
