//! The flags and words that select events, as one filter.

use anyhow::Context;
use clap::{Args, ValueEnum};
use ipnet::IpNet;

use crate::event::{Direction, Timestamp, Zone};
use crate::filter::{self, AddressPattern, Expr, flags};

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

const FILTER_HELP: &str =
    "A filter, such as 'pname == \"curl\" && status >= 500'; `ecq-query fields` tells the language";

/// Which events.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Selection (different flags narrow, repeating one widens)")]
pub(super) struct SelectArgs {
    #[arg(value_name = "FILTER", help = FILTER_HELP, num_args = 0..)]
    pub(super) filter: Vec<String>,
    /// Process name, with * and ?; '!NAME' leaves it out
    #[arg(long, value_name = "GLOB", value_parser = read_by(|text| flags::pname_glob(&[text])))]
    pname: Vec<String>,
    /// Process id
    #[arg(short, long, value_name = "PID", value_delimiter = ',')]
    pid: Vec<u32>,
    /// User id; only shells tell it
    #[arg(long, value_name = "UID", value_delimiter = ',')]
    uid: Vec<u32>,
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
    /// Connection, by its number
    #[arg(long, value_name = "NUMBER", value_delimiter = ',')]
    conn: Vec<i64>,
    #[arg(long = "type", help = TYPE_HELP, value_name = "TYPE", value_delimiter = ',', value_parser = read_by(|text| flags::types(&[text])))]
    types: Vec<String>,
    /// Whether the process read (in) or wrote (out)
    #[arg(long, value_name = "in|out")]
    direction: Option<Way>,
    /// HTTP method of a request
    #[arg(long, value_name = "METHOD", value_delimiter = ',')]
    method: Vec<String>,
    /// Host of an HTTP request, with * and ?; without a port, any port
    #[arg(long, value_name = "GLOB", value_parser = read_by(|text| flags::host_glob(&[text])))]
    host: Vec<String>,
    /// URL of an HTTP request, with * and ?
    #[arg(long, value_name = "GLOB", value_parser = read_by(flags::url_glob))]
    url: Vec<String>,
    /// HTTP status: 200, 5xx, 400-499
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = read_by(|text| flags::statuses(&[text])))]
    status: Vec<String>,
    /// Header field of an HTTP message that is there, or in which a regular expression is found
    #[arg(long, value_name = "NAME[: RE]", value_parser = read_by(flags::header))]
    header: Vec<String>,
    /// Regular expression for payload and decoded body; without a capital letter, it ignores case
    ///
    /// ^ and $ are the ends of a line. A pattern with \x80 to \xff is about bytes, any other about UTF-8. One that is
    /// plain text is also found where an event ends within it.
    #[arg(short, long, value_name = "RE", allow_hyphen_values = true)]
    grep: Vec<String>,
    /// Take --grep as text and not as a regular expression
    #[arg(long, requires = "grep")]
    fixed: bool,
    /// Find the text of --grep also in base64, in hexadecimal digits and percent-encoded
    #[arg(long, requires = "grep")]
    encoded: bool,
    /// Bytes in the payload, in hexadecimal digits
    #[arg(long, value_name = "BYTES", value_parser = read_by(flags::hex))]
    hex: Vec<String>,
    // Last, as its heading holds for all that follows.
    #[command(flatten)]
    time: TimeArgs,
}

/// Takes a value as it is if `read` can make a filter of it: a fault is told together with the flag.
fn read_by(
    read: impl Fn(&str) -> Result<Expr, filter::Error> + Clone + Send + Sync + 'static,
) -> impl Fn(&str) -> Result<String, filter::Error> + Clone + Send + Sync + 'static {
    move |text| read(text).map(|_| text.to_owned())
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    In,
    Out,
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

/// The span of time that is asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Period {
    /// From here on.
    pub(super) since: Option<Timestamp>,
    /// Before this.
    pub(super) until: Option<Timestamp>,
}

impl Period {
    /// As a filter.
    pub(super) fn filter(self) -> Option<Expr> {
        let since = self.since.map(flags::since);
        Expr::all(since.into_iter().chain(self.until.map(flags::until)))
    }
}

impl TimeArgs {
    /// The span.
    pub(super) fn period(&self, anchor: Anchor) -> anyhow::Result<Period> {
        let now = self.now(anchor)?;
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
        Ok(Period { since, until })
    }

    /// What "now" is.
    fn now(&self, anchor: Anchor) -> anyhow::Result<Timestamp> {
        Ok(match self.relative_to.as_str() {
            // An empty capture has no last event, and no events to miss.
            "last" => anchor.newest.unwrap_or(anchor.now),
            text => read("--relative-to", text, anchor.now, anchor.zone)?,
        })
    }
}

fn read(flag: &str, text: &str, now: Timestamp, zone: Zone) -> anyhow::Result<Timestamp> {
    filter::time(text, now, zone).with_context(|| format!("failed to read {flag} `{text}`"))
}

impl SelectArgs {
    /// The span of time that the flags ask about.
    pub(super) fn period(&self, anchor: Anchor) -> anyhow::Result<Period> {
        self.time.period(anchor)
    }

    /// The span, and everything that is asked for, the span included.
    pub(super) fn selection(&self, anchor: Anchor) -> anyhow::Result<(Period, Option<Expr>)> {
        let period = self.period(anchor)?;
        let parts = period.filter().into_iter().chain(self.filter(anchor)?);
        Ok((period, Expr::all(parts)))
    }

    /// Everything that is asked for but the span of time: flags and words, all of which must hold.
    pub(super) fn filter(&self, anchor: Anchor) -> anyhow::Result<Option<Expr>> {
        let mut parts = Vec::new();
        if !self.filter.is_empty() {
            let text = self.filter.join(" ");
            let now = self.time.now(anchor)?;
            parts.push(filter::parse(&text, now, anchor.zone)?);
        }
        let mut add =
            |flag: &str, is_given: bool, part: &dyn Fn() -> Result<Expr, filter::Error>| {
                if is_given {
                    parts.push(part().with_context(|| format!("failed to read {flag}"))?);
                }
                anyhow::Ok(())
            };
        add("--pname", !self.pname.is_empty(), &|| {
            flags::pname_glob(&self.pname)
        })?;
        add("--pid", !self.pid.is_empty(), &|| flags::pids(&self.pid))?;
        add("--uid", !self.uid.is_empty(), &|| flags::uids(&self.uid))?;
        add("--ip", !self.ip.is_empty(), &|| flags::ips(&self.ip))?;
        add("--port", !self.port.is_empty(), &|| {
            flags::ports(&self.port)
        })?;
        add("--src", !self.src.is_empty(), &|| flags::src(&self.src))?;
        add("--dst", !self.dst.is_empty(), &|| flags::dst(&self.dst))?;
        add("--conn", !self.conn.is_empty(), &|| {
            flags::conns(&self.conn)
        })?;
        add("--type", !self.types.is_empty(), &|| {
            flags::types(&self.types)
        })?;
        add("--method", !self.method.is_empty(), &|| {
            flags::methods(&self.method)
        })?;
        add("--host", !self.host.is_empty(), &|| {
            flags::host_glob(&self.host)
        })?;
        add("--status", !self.status.is_empty(), &|| {
            flags::statuses(&self.status)
        })?;
        add("--url", !self.url.is_empty(), &|| {
            one_of(&self.url, flags::url_glob)
        })?;
        for header in &self.header {
            add("--header", true, &|| flags::header(header))?;
        }
        add("--grep", !self.grep.is_empty(), &|| {
            one_of(&self.grep, |text| {
                flags::grep(text, self.fixed, self.encoded)
            })
        })?;
        add("--hex", !self.hex.is_empty(), &|| {
            one_of(&self.hex, flags::hex)
        })?;
        if let Some(way) = self.direction {
            parts.push(flags::direction(match way {
                Way::In => Direction::Inbound,
                Way::Out => Direction::Outbound,
            }));
        }
        Ok(Expr::all(parts))
    }
}

/// One of these must hold.
fn one_of(
    texts: &[String],
    read: impl Fn(&str) -> Result<Expr, filter::Error>,
) -> Result<Expr, filter::Error> {
    let parts = texts
        .iter()
        .map(|text| read(text))
        .collect::<Result<Vec<_>, _>>()?;
    Expr::any(parts).ok_or(filter::Error::Empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(since: Option<&str>, until: Option<&str>, relative_to: &str) -> anyhow::Result<Period> {
        TimeArgs {
            since: since.map(str::to_owned),
            until: until.map(str::to_owned),
            relative_to: relative_to.to_owned(),
        }
        .period(Anchor {
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
