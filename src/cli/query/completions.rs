//! Writes what makes a shell complete the arguments of both programs.

use clap::Args;
use clap_complete::Shell;

use crate::cli::exit::Exit;

use super::{Context, man};

const AFTER_HELP: &str = "\
The script is for ecq-query and ecq-record. In the file that your shell reads when it starts:

  bash        source <(ecq-query completions bash)
  zsh         source <(ecq-query completions zsh), after compinit
  fish        ecq-query completions fish | source
  elvish      eval (ecq-query completions elvish | slurp)
  PowerShell  ecq-query completions powershell | Out-String | Invoke-Expression";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    context
        .terminal
        .out()
        .write_all(script(args.shell).as_bytes())?;
    Ok(Exit::Found)
}

/// The scripts for both programs, one after the other.
fn script(shell: Shell) -> String {
    let mut whole = String::new();
    for mut command in man::programs() {
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, name.as_str(), &mut script);
        let mut script = String::from_utf8_lossy(&script).into_owned();
        if shell == Shell::Bash {
            // clap_complete 4.6.11 takes the dash of a program's name for the border to a command where it writes what
            // a command completes, and not where it finds out which command it is.
            script = script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"));
        }
        for line in script.split_inclusive('\n') {
            // PowerShell takes these at the top alone, and there they are already.
            if !(line.starts_with("using namespace") && whole.contains(line)) {
                whole.push_str(line);
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_script_knows_both_programs() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for word in [
                "ecq-query",
                "ecq-record",
                "first-seen",
                "save-frames",
                "relative-to",
            ] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn powershell_has_its_namespaces_once() {
        let script = script(Shell::PowerShell);
        let lines: Vec<_> = script
            .lines()
            .filter(|line| line.starts_with("using namespace"))
            .collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
    }
}
