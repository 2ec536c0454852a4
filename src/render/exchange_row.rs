//! What a table says about one exchange.

use crate::event::Process;
use crate::http::exchange::{Ending, Exchange, Message};

use super::grid::Title;
use super::{Style, escape, human};

/// The titles of a table of exchanges; the URL comes last, as it takes what room there is.
pub fn titles() -> Vec<Title> {
    vec![
        Title::number("ID"),
        Title::number("TIME"),
        Title::text("PROCESS"),
        Title::text("METHOD"),
        Title::text("STATUS"),
        Title::number("SENT"),
        Title::number("RECEIVED"),
        Title::number("ELAPSED"),
        Title::text("URL"),
    ]
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

/// The cells of one line, escaped. `capture` is the number of the capture, where there are several.
pub fn cells(
    style: &Style,
    capture: Option<usize>,
    exchange: &Exchange,
    facts: Facts<'_>,
) -> Vec<String> {
    let id = exchange.id;
    let size = |message: &Option<Message>| {
        message.as_ref().map_or_else(
            || "-".to_owned(),
            |message| format!("{}{}", human(message.body_bytes), mark(message.ending)),
        )
    };
    let text = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), escape::line);
    vec![
        capture.map_or_else(|| format!("x{id}"), |capture| format!("{capture}:x{id}")),
        style.short_time(exchange.time()),
        process(&exchange.process),
        text(facts.method),
        facts
            .status
            .map_or_else(|| "-".to_owned(), |status| status.to_string()),
        size(&exchange.request),
        size(&exchange.response),
        exchange
            .elapsed_ns()
            .map_or_else(|| "-".to_owned(), elapsed),
        escape::line(&url(facts)),
    ]
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

fn url(facts: Facts<'_>) -> String {
    match (facts.host, facts.path) {
        (_, Some(path)) if path.contains("://") => path.to_owned(),
        (Some(host), Some(path)) if path.starts_with('/') => format!("https://{host}{path}"),
        (Some(host), _) if facts.method == Some("CONNECT") => host.to_owned(),
        (Some(host), Some(path)) => format!("{host} {path}"),
        (None, Some(path)) => path.to_owned(),
        (Some(host), None) => host.to_owned(),
        (None, None) => "-".to_owned(),
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

    #[test]
    fn urls_are_put_together() {
        let url = |method, host, path| {
            url(Facts {
                method,
                host,
                path,
                status: None,
            })
        };
        for (method, host, path, expected) in [
            (Some("GET"), Some("a"), Some("/b"), "https://a/b"),
            (Some("GET"), None, Some("/b"), "/b"),
            (Some("GET"), Some("a"), Some("http://c/d"), "http://c/d"),
            (Some("CONNECT"), Some("a:443"), Some("a:443"), "a:443"),
            (Some("OPTIONS"), Some("a"), Some("*"), "a *"),
            (None, None, None, "-"),
        ] {
            assert_eq!(url(method, host, path), expected);
        }
    }
}
