//! What a table says about one exchange.

use crate::event::Process;
use crate::http::exchange::{Ending, Exchange, Message};

use super::escape::{columns, fit, fit_end};
use super::{Style, escape, human};

/// How many columns a table of exchanges has before the URL.
pub(super) const COLUMNS: usize = 8;

/// The cells of one line, escaped.
#[derive(Debug)]
pub(super) struct Row {
    /// In the order of the table's titles, but for the URL.
    pub(super) cells: [String; COLUMNS],
    /// The time to the second, for where there is less room.
    pub(super) second: String,
    /// The time of day alone, for where there is even less.
    pub(super) clock: String,
    /// What was asked for.
    pub(super) url: Url,
}

/// What is known of an exchange's heads without reading them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The method.
    pub method: Option<&'a str>,
    /// The host.
    pub host: Option<&'a str>,
    /// The request target.
    pub path: Option<&'a str>,
    /// The status.
    pub status: Option<u16>,
}

impl Row {
    /// The row of an exchange of this capture, where there are several.
    pub(super) fn of(
        style: &Style,
        capture: Option<usize>,
        exchange: &Exchange,
        facts: Facts<'_>,
    ) -> Self {
        let id = exchange.id;
        let size = |message: &Option<Message>| {
            message.as_ref().map_or_else(
                || "-".to_owned(),
                |message| format!("{}{}", human(message.body_bytes), mark(message.ending)),
            )
        };
        let time = exchange.time();
        Self {
            cells: [
                capture.map_or_else(|| format!("x{id}"), |capture| format!("{capture}:x{id}")),
                style.short_time(time),
                process(&exchange.process),
                facts.method.map_or_else(|| "-".to_owned(), escape::line),
                facts
                    .status
                    .map_or_else(|| "-".to_owned(), |status| status.to_string()),
                size(&exchange.request),
                size(&exchange.response),
                exchange
                    .elapsed_ns()
                    .map_or_else(|| "-".to_owned(), elapsed),
            ],
            second: style.short_second(time),
            clock: style.clock(time),
            url: Url::of(facts),
        }
    }
}

/// What stands behind the size of a body that is not all: `!` if bytes are known to be missing, `…` if its end was not
/// captured.
fn mark(ending: Ending) -> &'static str {
    match ending {
        Ending::Complete | Ending::Consistent | Ending::Closed => "",
        Ending::Open => "…",
        Ending::Broken => "!",
    }
}

/// A process by its name and number.
pub(super) fn process(process: &Process) -> String {
    let pname = process.pname.as_deref().map(escape::line);
    match (pname, process.pid) {
        (Some(pname), Some(pid)) => format!("{pname}[{pid}]"),
        (Some(pname), None) => pname,
        (None, Some(pid)) => format!("[{pid}]"),
        (None, None) => "-".to_owned(),
    }
}

/// A length of time in three digits or so.
pub fn elapsed(nanos: i64) -> String {
    let millis = nanos / 1_000_000;
    match millis {
        0 => format!("{} µs", nanos / 1000),
        1..1000 => format!("{millis} ms"),
        1000..100_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => {
            let seconds = millis / 1000;
            format!("{} m {:02} s", seconds / 60, seconds % 60)
        }
    }
}

/// What was asked for, escaped, in the parts that are cut differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    /// Of an address that was put together: the same on every line.
    scheme: &'static str,
    host: String,
    /// Path and query, or whatever stands in their place.
    path: String,
}

impl Url {
    pub(super) fn of(facts: Facts<'_>) -> Self {
        let url = |scheme, host: &str, path: &str| Self {
            scheme,
            host: escape::line(host),
            path: escape::line(path),
        };
        match (facts.host, facts.path) {
            (_, Some(path)) if path.contains("://") => url("", "", path),
            (Some(host), Some(path)) if path.starts_with('/') => url("https://", host, path),
            (Some(host), _) if facts.method == Some("CONNECT") => url("", host, ""),
            (Some(host), Some(path)) => url("", host, &format!(" {path}")),
            (None, Some(path)) => url("", "", path),
            (Some(host), None) => url("", host, ""),
            (None, None) => url("", "", "-"),
        }
    }

    /// How many columns it takes, with its scheme or without.
    pub(super) fn columns(&self, with_scheme: bool) -> usize {
        let scheme = if with_scheme { self.scheme.len() } else { 0 };
        scheme + columns(&self.host) + columns(&self.path)
    }

    /// All of it if there is room. Else the host, of which the end says more, gets three fifths of the room and what
    /// the path leaves; of the path, there is the beginning.
    pub(super) fn fit(&self, width: usize, with_scheme: bool) -> String {
        let scheme = if with_scheme { self.scheme } else { "" };
        if self.columns(with_scheme) <= width {
            return format!("{scheme}{}{}", self.host, self.path);
        }
        let room = width.saturating_sub(scheme.len());
        let for_host = room.saturating_sub(columns(&self.path)).max(room * 3 / 5);
        let host = fit_end(&self.host, for_host);
        let path = fit(&self.path, room.saturating_sub(columns(&host)));
        fit(&format!("{scheme}{host}{path}"), width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_short() {
        for (nanos, expected) in [
            (0, "0 µs"),
            (999_999, "999 µs"),
            (1_000_000, "1 ms"),
            (999_000_000, "999 ms"),
            (1_250_000_000, "1.2 s"),
            (99_999_000_000, "99.9 s"),
            (100_000_000_000, "1 m 40 s"),
        ] {
            assert_eq!(elapsed(nanos), expected);
        }
    }

    fn url<'a>(method: Option<&'a str>, host: Option<&'a str>, path: Option<&'a str>) -> Url {
        Url::of(Facts {
            method,
            host,
            path,
            status: None,
        })
    }

    #[test]
    fn urls_are_put_together() {
        for (method, host, path, expected) in [
            (Some("GET"), Some("a"), Some("/b"), "https://a/b"),
            (Some("GET"), None, Some("/b"), "/b"),
            (Some("GET"), Some("a"), Some("http://c/d"), "http://c/d"),
            (Some("CONNECT"), Some("a:443"), Some("a:443"), "a:443"),
            (Some("OPTIONS"), Some("a"), Some("*"), "a *"),
            (Some("GET"), Some("a"), None, "a"),
            (None, None, None, "-"),
        ] {
            let url = url(method, host, path);
            assert_eq!(url.columns(true), columns(expected), "{expected}");
            assert_eq!(url.fit(url.columns(true), true), expected);
        }
    }

    #[test]
    fn urls_are_cut_where_they_say_least() {
        let long = "a.very.long.name.example.com";
        for (host, path, width, with_scheme, expected) in [
            ("a.example", "/b", 19, true, "https://a.example/b"),
            ("a.example", "/b", 11, false, "a.example/b"),
            ("a.example", "/b/cdefgh", 15, false, "a.example/b/cd…"),
            (long, "/b/cdefgh", 20, false, "…example.com/b/cdef…"),
            (long, "/b", 20, false, "….name.example.com/b"),
            ("a.example", "/b/cdefgh", 18, true, "https://…ample/b/…"),
            ("漢.example", "/b/c", 10, false, "…ample/b/c"),
            ("a", "/b", 1, false, "…"),
            ("a", "/b", 0, false, ""),
        ] {
            let cut = url(Some("GET"), Some(host), Some(path)).fit(width, with_scheme);
            assert!(columns(&cut) <= width, "{cut}");
            assert_eq!(cut, expected, "{host}{path} in {width}");
        }
    }
}
