//! The flags that select events, and what they mean.

use anyhow::Context;
use clap::{Args, ValueEnum};
use ipnet::IpNet;

use crate::event::{Direction, Timestamp, Zone};
use crate::filter::{self, AddressPattern, NamePattern, Selection, StatusPattern, TypePattern};

use super::report::Advised;

/// The span of time.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Time")]
pub(super) struct TimeArgs {
    /// Events from TIME on
    ///
    /// TIME is a length of time before now (10m, -10m, "10m ago", 2h30m, 7d, 1w; m is minutes, M months), a date or
    /// time of day in the local zone (2026-11-20, "2026-11-20 10:00", 10:00), RFC 3339 (2026-11-20T10:00:00Z),
    /// @SECONDS since 1970 (ms, µs and ns are told by their size), or now, today, yesterday.
    #[arg(short = 'S', long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) since: Option<String>,
    /// Events before TIME
    #[arg(short = 'U', long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) until: Option<String>,
    /// What "now" is in --since and --until: now, last (the newest event), or a TIME
    #[arg(
        long,
        value_name = "now|last|TIME",
        default_value = "now",
        allow_hyphen_values = true
    )]
    pub(super) relative_to: String,
}

const TYPE_HELP: &str = "Kind (tls_data, conn, shell, sql, …), content (http1_request, http2_frames, text, binary, \
     …) or eCapture's type number";

/// Which events.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Selection (different flags narrow, repeating one widens)")]
pub(super) struct SelectArgs {
    /// Process name, with * and ?; '!NAME' leaves it out
    #[arg(long, value_name = "GLOB", value_parser = process_name)]
    pname: Vec<NamePattern>,
    /// Process id
    #[arg(short, long, value_name = "PID", value_delimiter = ',')]
    pid: Vec<u32>,
    /// Address at either end, or network that it is in (10.0.0.0/8)
    #[arg(long, value_name = "IP|CIDR", value_parser = filter::network)]
    ip: Vec<IpNet>,
    /// Port at either end
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    port: Vec<u16>,
    /// The end that opened the connection: IP, CIDR, IP:PORT, [IPV6]:PORT or :PORT
    ///
    /// Whichever way the bytes went: a response belongs to the connection of its request. Where eCapture does not
    /// tell who opened the connection, nothing matches; --ip and --port match either end.
    #[arg(long, value_name = "ADDRESS", value_parser = filter::address)]
    src: Vec<AddressPattern>,
    /// The end that accepted the connection, in the same forms
    ///
    /// Whichever way the bytes went. Where it is unknown, nothing matches; --ip and --port match either end.
    #[arg(long, value_name = "ADDRESS", value_parser = filter::address)]
    dst: Vec<AddressPattern>,
    #[arg(long = "type", help = TYPE_HELP, value_name = "TYPE", value_delimiter = ',', value_parser = filter::type_pattern)]
    types: Vec<TypePattern>,
    /// Whether the process read (in) or wrote (out)
    #[arg(long, value_name = "in|out")]
    direction: Option<Way>,
    /// HTTP method of a request
    #[arg(long, value_name = "METHOD", value_delimiter = ',')]
    method: Vec<String>,
    /// Host of an HTTP request, with * and ?; without a port, any port
    #[arg(long, value_name = "GLOB", value_parser = host_name)]
    host: Vec<NamePattern>,
    /// HTTP status: 200, 5xx, 400-499
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = filter::status)]
    status: Vec<StatusPattern>,
    /// Regular expression for the payload; without a capital letter, it ignores case
    ///
    /// ^ and $ are the ends of a line. A pattern with \x80 to \xff is about bytes, any other about UTF-8.
    #[arg(short, long, value_name = "RE", value_parser = filter::grep, allow_hyphen_values = true)]
    grep: Option<filter::Pattern>,
    // Last, as its heading holds for all that follows.
    #[command(flatten)]
    time: TimeArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    In,
    Out,
}

fn process_name(text: &str) -> Result<NamePattern, filter::Error> {
    filter::name(text, false)
}

fn host_name(text: &str) -> Result<NamePattern, filter::Error> {
    filter::name(text, true)
}

/// What times are read against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anchor {
    /// What time it is.
    pub(super) now: Timestamp,
    /// The time of the newest event of the capture.
    pub(super) newest: Option<Timestamp>,
    /// The zone of what says none.
    pub(super) zone: Zone,
}

impl TimeArgs {
    /// The span as a selection.
    pub(super) fn selection(&self, anchor: Anchor) -> anyhow::Result<Selection> {
        let now = match self.relative_to.as_str() {
            // An empty capture has no last event, and no events to miss.
            "last" => anchor.newest.unwrap_or(anchor.now),
            text => read("--relative-to", text, anchor.now, anchor.zone)?,
        };
        let time = |flag, text: &Option<String>| {
            text.as_deref()
                .map(|text| read(flag, text, now, anchor.zone))
                .transpose()
        };
        let (since, until) = (time("--since", &self.since)?, time("--until", &self.until)?);
        if let (Some(since), Some(until)) = (since, until)
            && since > until
        {
            return Err(Advised {
                message: format!("--since {since} lies after --until {until}"),
                hint: "exchange the two".to_owned(),
            }
            .into());
        }
        Ok(Selection {
            since,
            until,
            ..Selection::default()
        })
    }
}

fn read(flag: &str, text: &str, now: Timestamp, zone: Zone) -> anyhow::Result<Timestamp> {
    filter::time(text, now, zone).with_context(|| format!("failed to read {flag} `{text}`"))
}

impl SelectArgs {
    /// The selection.
    pub(super) fn selection(&self, anchor: Anchor) -> anyhow::Result<Selection> {
        Ok(Selection {
            pnames: self.pname.clone(),
            pids: self.pid.clone(),
            ips: self.ip.clone(),
            ports: self.port.clone(),
            src: self.src.clone(),
            dst: self.dst.clone(),
            types: self.types.clone(),
            direction: self.direction.map(|way| match way {
                Way::In => Direction::Inbound,
                Way::Out => Direction::Outbound,
            }),
            methods: self.method.clone(),
            hosts: self.host.clone(),
            statuses: self.status.clone(),
            grep: self.grep.clone(),
            ..self.time.selection(anchor)?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(
        since: Option<&str>,
        until: Option<&str>,
        relative_to: &str,
    ) -> anyhow::Result<Selection> {
        TimeArgs {
            since: since.map(str::to_owned),
            until: until.map(str::to_owned),
            relative_to: relative_to.to_owned(),
        }
        .selection(Anchor {
            now: Timestamp::from_seconds(10_000),
            newest: Some(Timestamp::from_seconds(1000)),
            zone: Zone::Utc,
        })
    }

    #[test]
    fn now_can_be_the_last_event() {
        for (relative_to, expected) in [("now", 9400), ("last", 400), ("@5000", 4400)] {
            let since = span(Some("10m"), None, relative_to).unwrap().since;
            assert_eq!(
                since,
                Some(Timestamp::from_seconds(expected)),
                "{relative_to}"
            );
        }
    }

    #[test]
    fn a_span_does_not_end_before_it_begins() {
        assert!(span(Some("5m"), Some("10m"), "now").is_err());
        assert!(span(Some("5m"), Some("-5m"), "now").is_ok());
        let error = span(Some("soon"), None, "now").unwrap_err();
        assert_eq!(error.to_string(), "failed to read --since `soon`");
    }
}
