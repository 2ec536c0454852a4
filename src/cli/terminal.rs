//! Standard output and standard error. Nothing else in the project writes to them.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use clap::ValueEnum;

use super::progress::{Place, Progress};
use crate::render::escape;
use crate::store::Watch;

/// How many columns there are where there is no terminal.
const WIDTH_WITHOUT_TERMINAL: usize = 160;
const BUFFER_BYTES: usize = 64 << 10;

/// When to use color.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Also in files and pipes.
    Always,
    /// Not at all.
    Never,
}

/// How notes and errors are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people: a line each.
    #[default]
    Text,
    /// A JSON object a line: `time` (RFC 3339, UTC), `level` (`note`, `error` or `hint`), `program` and `message`.
    Json,
}

/// The two streams of a program: results go to standard output, all else to standard error.
#[derive(Debug)]
pub struct Terminal {
    program: &'static str,
    out: BufWriter<Screen>,
    quiet: bool,
    log_format: LogFormat,
    bar: Place,
}

/// Standard output. On a terminal, a bar that is there ends with the first line of results.
#[derive(Debug)]
struct Screen {
    out: Stdout,
    bar: Option<Place>,
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(bar) = &self.bar {
            bar.clear();
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Terminal {
    /// Those of this process, whose messages begin with `program`.
    pub fn new(program: &'static str) -> Self {
        let out = io::stdout();
        let bar = Place::default();
        let screen = Screen {
            bar: out.is_terminal().then(|| bar.clone()),
            out,
        };
        Self {
            program,
            out: BufWriter::with_capacity(BUFFER_BYTES, screen),
            quiet: false,
            log_format: LogFormat::Text,
            bar,
        }
    }

    /// Whether notes are left out. Errors never are.
    pub fn set_quiet(&mut self, quiet: bool) {
        self.quiet = quiet;
    }

    /// How notes and errors are written from now on.
    pub fn set_log_format(&mut self, format: LogFormat) {
        self.log_format = format;
    }

    /// Whether notes are read by people.
    pub fn is_for_people(&self) -> bool {
        self.log_format == LogFormat::Text
    }

    /// Standard output, buffered.
    pub fn out(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    /// Standard output by itself, buffered, for as long as notes are written beside it. What was buffered before is
    /// written first.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn detached(&mut self) -> io::Result<impl Write + Send + use<>> {
        self.out.flush()?;
        let out = io::stdout();
        let screen = Screen {
            bar: out.is_terminal().then(|| self.bar.clone()),
            out,
        };
        Ok(BufWriter::with_capacity(BUFFER_BYTES, screen))
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    ///
    /// What the system says; [`is_closed_pipe`] tells whether the reader has gone.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Whether somebody can be asked: a terminal is at both ends.
    pub(super) fn can_ask() -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks for a secret, which is not shown as it is typed; `None` if nobody can be asked.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn ask_secret(&self, question: &str) -> io::Result<Option<Vec<u8>>> {
        if !Self::can_ask() {
            return Ok(None);
        }
        self.bar.clear();
        rpassword::prompt_password(escape::line(question)).map(|typed| Some(typed.into_bytes()))
    }

    /// Whether standard output is a terminal.
    pub fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Shows how far `watch` is while the result lives: on a terminal, unless notes are not wanted.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub(super) fn progress(&self, watch: &Watch) -> io::Result<Progress> {
        Progress::start(&self.bar, watch.clone(), self.shows_progress())
    }

    /// Whether a bar is shown if something takes long.
    pub(super) fn shows_progress(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// How many columns standard output has: what `COLUMNS` says on a terminal, else the terminal, and 160 elsewhere.
    pub fn width(&self) -> usize {
        if !self.is_terminal() {
            return WIDTH_WITHOUT_TERMINAL;
        }
        columns_variable()
            .or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
            .filter(|width| *width > 0)
            .unwrap_or(80)
    }

    /// Whether to use color on standard output.
    pub fn use_color(&self, color: Color) -> bool {
        color_for(color, self.is_terminal())
    }

    /// Writes `program: note` to standard error, unless that is not wanted.
    pub fn note(&mut self, note: impl Display) {
        if !self.quiet {
            self.log("note", &note.to_string());
        }
    }

    /// Writes `program: message` to standard error, come what may.
    pub fn error(&mut self, message: impl Display) {
        self.log("error", &message.to_string());
    }

    /// Writes a line of advice to standard error, below a message.
    pub fn hint(&mut self, hint: impl Display) {
        self.log("hint", &hint.to_string());
    }

    fn log(&mut self, level: &str, message: &str) {
        let text = match (self.log_format, level) {
            (LogFormat::Text, "hint") => format!("  hint: {message}\n"),
            (LogFormat::Text, _) => format!("{}: {message}\n", self.program),
            (LogFormat::Json, _) => {
                let line = serde_json::json!({
                    "time": super::now().to_string(),
                    "level": level,
                    "program": self.program,
                    "message": message,
                });
                format!("{line}\n")
            }
        };
        self.error_text(&text);
    }

    /// Writes a line of advice to standard error, unless notes are not wanted.
    pub fn advice(&mut self, hint: impl Display) {
        if !self.quiet {
            self.hint(hint);
        }
    }

    /// Writes `text` to standard error, after what is buffered for standard output.
    fn error_text(&mut self, text: &str) {
        // When standard error can not be written to, there is no one left to tell.
        drop(self.out.flush());
        drop(self.bar.around(|| io::stderr().write_all(text.as_bytes())));
    }

    /// Writes what clap has to say: help to standard output, a fault to standard error.
    ///
    /// # Errors
    ///
    /// What standard output says.
    pub fn usage(&mut self, message: &clap::Error) -> io::Result<()> {
        let text = message.render();
        let render = |color| {
            if color {
                text.ansi().to_string()
            } else {
                text.to_string()
            }
        };
        if message.use_stderr() {
            let text = render(color_for(Color::Auto, io::stderr().is_terminal()));
            self.error_text(&text);
            Ok(())
        } else {
            let text = render(self.use_color(Color::Auto));
            self.out.write_all(text.as_bytes())
        }
    }
}

/// Whether `error` says that the reader of our output has gone.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

fn color_for(color: Color, is_terminal: bool) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && !no_color_variable(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "cli is where the environment is read"
)]
fn columns_variable() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.parse().ok()
}

/// See <https://no-color.org>: set and not empty.
#[expect(
    clippy::disallowed_methods,
    reason = "cli is where the environment is read"
)]
fn no_color_variable() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
/// One line on standard error that is written over again and again. Only on a terminal.
#[derive(Debug)]
pub struct StatusLine {
    is_live: bool,
    is_shown: bool,
}

impl StatusLine {
    /// A line that is not there yet; with `quiet` it never is.
    pub fn new(quiet: bool) -> Self {
        Self {
            is_live: !quiet && io::stderr().is_terminal(),
            is_shown: false,
        }
    }

    /// Whether there is a terminal to show it on.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// Shows `text`, cut to the terminal's width.
    pub fn show(&mut self, text: &str) {
        let width = terminal_size::terminal_size_of(io::stderr())
            .map_or(80, |(width, _)| usize::from(width.0));
        let text: String = text.chars().take(width.saturating_sub(1)).collect();
        self.write(&format!("\r{text}\x1b[K"));
        self.is_shown = true;
    }

    /// Takes it away, so that something else can be written.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            self.write("\r\x1b[K");
        }
    }

    fn write(&self, text: &str) {
        if self.is_live {
            // When standard error can not be written to, there is no one left to tell.
            drop(io::stderr().write_all(text.as_bytes()));
        }
    }
}
