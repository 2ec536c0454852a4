//! Writes the manual pages, from the same definitions as the help.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};
use clap_mangen::Man;

use crate::cli::exit::Exit;
use crate::cli::record;

use super::{Context, QueryArgs};

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Instead, write the pages of both programs and all commands to this folder, over those that are there
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// A manual page.
struct Page {
    file_name: String,
    text: Vec<u8>,
}

pub(super) fn run(args: &ManArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let pages = pages()?;
    let Some(folder) = &args.dir else {
        if let Some(page) = pages.first() {
            context.terminal.out().write_all(&page.text)?;
        }
        return Ok(Exit::Found);
    };
    for page in &pages {
        let path = folder.join(&page.file_name);
        std::fs::write(&path, &page.text)
            .with_context(|| format!("failed to write {}", path.display()))?;
    }
    context.terminal.note(format_args!(
        "wrote {} pages to {}",
        pages.len(),
        folder.display()
    ));
    Ok(Exit::Found)
}

/// The definitions of both programs, ecq-query first.
pub(super) fn programs() -> [clap::Command; 2] {
    [QueryArgs::command(), record::command()]
}

/// The pages of both programs, each with those of its commands behind it.
fn pages() -> std::io::Result<Vec<Page>> {
    let mut pages = Vec::new();
    for program in programs() {
        let mut program = program.disable_help_subcommand(true);
        program.build();
        let source = format!(
            "{} {}",
            program.get_name(),
            program.get_version().unwrap_or_default()
        );
        pages.push(page(program.clone(), &source)?);
        for command in program.get_subcommands() {
            pages.push(page(command.clone(), &source)?);
        }
    }
    Ok(pages)
}

fn page(command: clap::Command, source: &str) -> std::io::Result<Page> {
    let man = Man::new(command).source(source);
    let mut text = Vec::new();
    man.render(&mut text)?;
    Ok(Page {
        file_name: man.get_filename(),
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Roff without what it says about fonts and hyphens.
    fn plain(text: &[u8]) -> String {
        let text = String::from_utf8(text.to_vec()).unwrap();
        ["\\fB", "\\fI", "\\fR"]
            .iter()
            .fold(text.replace("\\-", "-"), |text, font| {
                text.replace(font, "")
            })
    }

    #[test]
    fn every_flag_is_on_its_page() {
        let pages = pages().unwrap();
        let mut flags = 0;
        for program in programs() {
            let mut program = program.disable_help_subcommand(true);
            program.build();
            for command in std::iter::once(&program).chain(program.get_subcommands()) {
                let name = command.get_display_name().unwrap_or(command.get_name());
                let page = pages
                    .iter()
                    .find(|page| page.file_name == format!("{name}.1"))
                    .unwrap_or_else(|| panic!("no page for {name}"));
                let text = plain(&page.text);
                for flag in command.get_arguments().filter_map(clap::Arg::get_long) {
                    assert!(
                        text.contains(&format!("--{flag}")),
                        "{name} --{flag}:\n{text}"
                    );
                    flags += 1;
                }
            }
        }
        assert!(flags > 50, "{flags}");
    }

    #[test]
    fn the_first_page_is_that_of_the_program() {
        let pages = pages().unwrap();
        assert_eq!(pages[0].file_name, "ecq-query.1");
        assert!(pages.iter().any(|page| page.file_name == "ecq-record.1"));
        assert!(plain(&pages[0].text).contains(".TH ecq-query 1"));
        assert!(pages.iter().any(|page| {
            page.file_name == "ecq-query-show.1" && plain(&page.text).contains("ecq-query 0")
        }));
    }
}
