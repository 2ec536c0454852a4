//! What events and exchanges are exported as.

use std::ffi::OsStr;
use std::io::Write;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, ValueEnum};

use super::job::{self, Job};
use crate::cli::query::Context;
use crate::export::curl::Curl;
use crate::export::exchange_csv::Csv;
use crate::export::exchange_jsonl::Jsonl;
use crate::export::exchanges::ExchangeWriter;
use crate::export::har::Har;
use crate::export::raw::Raw;
use crate::export::{event_csv, jsonl};
use crate::filter::Unit;

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli::query) enum Format {
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values (RFC 4180)
    Csv,
    /// HTTP Archive 1.2, for browsers, mitmproxy and others
    Har,
    /// Packets made up around the plaintext, for Wireshark and others
    Pcapng,
    /// Requests as curl commands
    Curl,
    /// Decoded bodies, or payloads of events, as they are
    Raw,
    /// Apache Parquet, for `DuckDB`, pandas and others
    Parquet,
    /// Another capture with these events, under their numbers
    Db,
}

/// Takes a name of a format, or the first word of a filter: which of the two it is depends on other arguments.
#[derive(Debug, Clone, Copy)]
pub(super) struct FormatOrWord;

impl TypedValueParser for FormatOrWord {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let formats = Format::value_variants().iter();
        Some(Box::new(formats.filter_map(ValueEnum::to_possible_value)))
    }
}

impl Format {
    /// That with this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::from_str(name, true).ok()
    }

    /// The names of all.
    pub(super) fn names() -> String {
        let names: Vec<_> = Self::value_variants()
            .iter()
            .map(|each| each.name())
            .collect();
        names.join(", ")
    }

    /// What it can be made of, if not of both.
    pub(in crate::cli::query) fn unit(self) -> Option<Unit> {
        match self {
            Self::Har | Self::Curl => Some(Unit::Exchanges),
            Self::Jsonl | Self::Csv | Self::Pcapng | Self::Raw | Self::Parquet | Self::Db => None,
        }
    }

    /// Whether captured bytes are in it as they are, and could steer a terminal.
    pub(in crate::cli::query) fn could_steer(self) -> bool {
        matches!(
            self,
            Self::Pcapng | Self::Raw | Self::Parquet | Self::Csv | Self::Db
        )
    }

    pub(in crate::cli::query) fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Har => "har",
            Self::Pcapng => "pcapng",
            Self::Curl => "curl",
            Self::Raw => "raw",
            Self::Parquet => "parquet",
            Self::Db => "db",
        }
    }

    /// What the name of such a file ends in.
    pub(in crate::cli::query) fn suffix(self) -> &'static str {
        match self {
            Self::Curl => "sh",
            Self::Raw => "bin",
            other => other.name(),
        }
    }

    /// Writes all of a job, of which a capture is no part; how much that is.
    pub(in crate::cli::query) fn write(
        self,
        job: &Job<'_>,
        unit: Unit,
        out: &mut (dyn Write + Send),
        context: &mut Context<'_>,
    ) -> anyhow::Result<u64> {
        let mut writer: Box<dyn ExchangeWriter> = match (self, unit) {
            (Self::Pcapng, _) => return job::pcapng(job, unit, out, context),
            (Self::Parquet, Unit::Events) => return job::parquet_events(job, out, context),
            (Self::Parquet, Unit::Exchanges) => return job::parquet_exchanges(job, out, context),
            (Self::Jsonl, Unit::Events) => {
                return job.each_event(context, None, &mut |name, event, pieces| {
                    jsonl::write(out, name, event, || pieces.next())
                });
            }
            (Self::Csv, Unit::Events) => {
                event_csv::columns(out)?;
                return job.each_event(context, None, &mut |name, event, pieces| {
                    event_csv::write(out, name, event, || pieces.next())
                });
            }
            (Self::Raw, Unit::Events) => {
                return job.each_event(context, None, &mut |_, _, pieces| {
                    while let Some(piece) = pieces.next()? {
                        out.write_all(&piece)?;
                    }
                    Ok(())
                });
            }
            (Self::Jsonl, Unit::Exchanges) => Box::new(Jsonl),
            (Self::Csv, Unit::Exchanges) => Box::new(Csv::new()),
            (Self::Raw, Unit::Exchanges) => Box::new(Raw::new(job.side)),
            (Self::Har, _) => Box::new(Har::new()),
            (Self::Curl, _) => Box::new(Curl),
            (Self::Db, _) => return Ok(0),
        };
        let count = job.each_exchange(context, &mut |name, exchange, bodies| {
            writer.write(out, name, exchange, bodies)
        })?;
        writer.finish(out)?;
        Ok(count)
    }
}
