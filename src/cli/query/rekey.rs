//! Changes what opens an encrypted capture.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::secret::SecretArgs;
use crate::store;

use super::{CommonArgs, Context, capture};

#[derive(Debug, Args)]
#[command(after_help = "\
Nothing but the key of the file is encrypted anew, so it takes a moment however large the capture is. Copies of the capture \
that were made before, and subsets taken from it, are still opened by the old secret: whoever had that and a copy can read it.

Exit status: 0 changed, 2 failed.")]
pub(super) struct RekeyArgs {
    /// The file with the new key
    #[arg(long, value_name = "FILE", conflicts_with = "new_passphrase_file")]
    new_key_file: Option<PathBuf>,
    /// The file with the new passphrase; without either it is asked for on a terminal
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

pub(super) fn run(args: &RekeyArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let path = capture::one_to_change(&context.common)?;
    let secret = context.common.secret.of(&path, context.terminal)?;
    let new = SecretArgs {
        key_file: args.new_key_file.clone(),
        passphrase_file: args.new_passphrase_file.clone(),
    };
    let new = new.of_changed(context.terminal)?;
    store::rekey(&path, secret.as_ref(), &new).context("failed to change the secret")?;
    context.terminal.note(format_args!(
        "{} is opened by the new secret from now on",
        path.display()
    ));
    Ok(Exit::Found)
}
