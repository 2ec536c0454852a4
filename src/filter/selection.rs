//! The selection that the flags of `ecq-query` describe.

use super::expr::AddressPattern;
use crate::event::{Content, Direction, Endpoints, Kind, Timestamp};
use ipnet::IpNet;

/// Which events are asked for. Different parts narrow each other; the entries of one part widen it. An empty part
/// lets everything through. A part that asks about something an event does not have does not match that event.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Event time from here on.
    pub since: Option<Timestamp>,
    /// Event time before this.
    pub until: Option<Timestamp>,
    /// Process names, with `*` and `?`; if there are negated ones, none of those.
    pub pnames: Vec<NamePattern>,
    /// Process ids.
    pub pids: Vec<u32>,
    /// An address or network at either end.
    pub ips: Vec<IpNet>,
    /// A port at either end.
    pub ports: Vec<u16>,
    /// The end that opened the connection, whichever way the bytes went. Does not match where it is unknown.
    pub src: Vec<AddressPattern>,
    /// The end that accepted the connection, whichever way the bytes went. Does not match where it is unknown.
    pub dst: Vec<AddressPattern>,
    /// Kinds, contents or eCapture's type numbers.
    pub types: Vec<TypePattern>,
    /// Whether the process read or wrote.
    pub direction: Option<Direction>,
    /// HTTP request methods, compared without regard to case.
    pub methods: Vec<String>,
    /// The request's host, with `*` and `?`; a pattern without a port matches any port.
    pub hosts: Vec<NamePattern>,
    /// HTTP status codes or classes.
    pub statuses: Vec<StatusPattern>,
    /// A pattern somewhere in the payload.
    pub grep: Option<crate::filter::Pattern>,
}

/// A name, with `*` for any characters and `?` for one; `!` in front turns it around.
#[derive(Debug, Clone)]
pub struct NamePattern {
    /// Whether the name must not match.
    pub negated: bool,
    /// The pattern as given, without the `!`.
    pub text: String,
    regex: regex::Regex,
}

/// Status codes from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusPattern {
    /// The lowest code.
    pub first: u16,
    /// The highest code.
    pub last: u16,
}

/// One of the things that `--type` accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypePattern {
    /// A kind of event.
    Kind(Kind),
    /// A content of the payload.
    Content(Content),
    /// eCapture's own type number.
    Number(u32),
}

impl NamePattern {
    /// Reads a pattern. `ignore_case` is for host names; process names are compared as they are.
    pub fn new(text: &str, ignore_case: bool) -> Self {
        let (negated, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut source = String::from(if ignore_case { r"(?is)\A" } else { r"(?s)\A" });
        for character in text.chars() {
            match character {
                '*' => source.push_str(".*"),
                '?' => source.push('.'),
                other => source.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        source.push_str(r"\z");
        let regex = regex::Regex::new(&source).unwrap_or_else(|_| never_matching());
        Self {
            negated,
            text: text.to_owned(),
            regex,
        }
    }

    /// Whether `name` fits the pattern, without regard to `negated`.
    pub fn fits(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }

    /// The one name that fits, if the pattern has no wildcard.
    pub fn literal(&self) -> Option<&str> {
        (!self.text.contains(['*', '?'])).then_some(self.text.as_str())
    }
}

/// What stands in for a pattern that is too long to compile.
fn never_matching() -> regex::Regex {
    regex::Regex::new(r"[^\s\S]").expect("an empty class compiles")
}

impl StatusPattern {
    /// Whether `status` is in the range.
    pub fn fits(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

impl TypePattern {
    /// Whether what has this kind, content and type number of eCapture's is of this type. A code that is not known is
    /// of no type.
    pub fn fits(self, kind: Option<Kind>, content: Option<Content>, number: Option<u32>) -> bool {
        match self {
            Self::Kind(wanted) => kind == Some(wanted),
            Self::Content(wanted) => content == Some(wanted),
            Self::Number(wanted) => number == Some(wanted),
        }
    }
}

impl Selection {
    /// Whether the process name is one that is asked for.
    pub fn fits_pname(&self, pname: Option<&str>) -> bool {
        fits_names(&self.pnames, pname)
    }

    /// Whether the ends of a connection are what is asked for.
    pub fn fits_endpoints(&self, endpoints: &Endpoints) -> bool {
        let known = || {
            [
                endpoints.client,
                endpoints.server,
                endpoints.local,
                endpoints.remote,
            ]
            .into_iter()
            .flatten()
        };
        (self.ips.is_empty()
            || known().any(|end| {
                self.ips
                    .iter()
                    .any(|net| net.contains(&end.ip().to_canonical()))
            }))
            && (self.ports.is_empty() || known().any(|end| self.ports.contains(&end.port())))
            && (self.src.is_empty()
                || endpoints
                    .client
                    .is_some_and(|client| self.src.iter().any(|pattern| pattern.fits(client))))
            && (self.dst.is_empty()
                || endpoints
                    .server
                    .is_some_and(|server| self.dst.iter().any(|pattern| pattern.fits(server))))
    }

    /// Whether anything is asked about the ends of the connection.
    pub fn asks_endpoints(&self) -> bool {
        !(self.ips.is_empty()
            && self.ports.is_empty()
            && self.src.is_empty()
            && self.dst.is_empty())
    }

    /// Whether the facts of an HTTP head are what is asked for.
    pub fn fits_head(&self, method: Option<&str>, host: Option<&str>, status: Option<u16>) -> bool {
        (self.methods.is_empty()
            || method.is_some_and(|method| {
                self.methods
                    .iter()
                    .any(|wanted| wanted.eq_ignore_ascii_case(method))
            }))
            && (self.hosts.is_empty() || fits_host(&self.hosts, host))
            && (self.statuses.is_empty()
                || status
                    .is_some_and(|status| self.statuses.iter().any(|pattern| pattern.fits(status))))
    }
}

fn fits_names(patterns: &[NamePattern], name: Option<&str>) -> bool {
    if patterns.is_empty() {
        return true;
    }
    let Some(name) = name else { return false };
    let mut wanted = patterns
        .iter()
        .filter(|pattern| !pattern.negated)
        .peekable();
    let included = wanted.peek().is_none() || wanted.any(|pattern| pattern.fits(name));
    included
        && !patterns
            .iter()
            .any(|pattern| pattern.negated && pattern.fits(name))
}

fn fits_host(patterns: &[NamePattern], host: Option<&str>) -> bool {
    let Some(host) = host else { return false };
    let bare = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    fits_names(patterns, Some(host))
        || bare.is_some_and(|(name, _)| fits_names(patterns, Some(name)))
}

impl Selection {
    /// As an expression.
    pub fn expr(&self) -> Option<crate::filter::Expr> {
        use crate::filter::{
            Comparison, Expr, Field, FieldId, Function, Literal, Operand, Pattern, Test,
        };
        let op = |id| Operand::field(Field::of(id));
        let eq = |id, literal| Expr::Test(Test::Compare(op(id), Comparison::Equal, literal));
        let mut all = Vec::new();
        if let Some(t) = self.since {
            all.push(Expr::Test(Test::Compare(
                op(FieldId::Time),
                Comparison::GreaterOrEqual,
                Literal::Time(t),
            )));
        }
        if let Some(t) = self.until {
            all.push(Expr::Test(Test::Compare(
                op(FieldId::Time),
                Comparison::Less,
                Literal::Time(t),
            )));
        }
        let names = |patterns: &[NamePattern], id, flags: &str| -> Option<Expr> {
            let one = |p: &NamePattern| match p.literal() {
                Some(l) => eq(id, Literal::Bytes(l.as_bytes().to_vec())),
                None => Expr::Test(Test::Matches(
                    op(id),
                    Pattern::new(&format!(
                        "({flags}){}",
                        p.regex
                            .as_str()
                            .trim_start_matches("(?is)")
                            .trim_start_matches("(?s)")
                    ))
                    .unwrap(),
                )),
            };
            let wanted = Expr::any(
                patterns
                    .iter()
                    .filter(|p| !p.negated)
                    .map(one)
                    .collect::<Vec<_>>(),
            );
            let not = patterns
                .iter()
                .filter(|p| p.negated)
                .map(|p| one(p).negated())
                .collect::<Vec<_>>();
            let exists =
                (wanted.is_none() && !not.is_empty()).then(|| Expr::Test(Test::Exists(op(id))));
            Expr::all(
                wanted
                    .into_iter()
                    .chain(exists)
                    .chain(not)
                    .collect::<Vec<_>>(),
            )
        };
        all.extend(names(&self.pnames, FieldId::Pname, "?s-i"));
        all.extend(names(&self.hosts, FieldId::Host, "?si"));
        all.extend(Expr::any(
            self.pids
                .iter()
                .map(|p| eq(FieldId::Pid, Literal::Int(i64::from(*p))))
                .collect::<Vec<_>>(),
        ));
        all.extend(Expr::any(
            self.ips
                .iter()
                .map(|p| eq(FieldId::Ip, Literal::Net(*p)))
                .collect::<Vec<_>>(),
        ));
        all.extend(Expr::any(
            self.ports
                .iter()
                .map(|p| eq(FieldId::Port, Literal::Int(i64::from(*p))))
                .collect::<Vec<_>>(),
        ));
        all.extend(Expr::any(
            self.src
                .iter()
                .map(|p| eq(FieldId::Src, Literal::Endpoint(*p)))
                .collect::<Vec<_>>(),
        ));
        all.extend(Expr::any(
            self.dst
                .iter()
                .map(|p| eq(FieldId::Dst, Literal::Endpoint(*p)))
                .collect::<Vec<_>>(),
        ));
        all.extend(Expr::any(
            self.methods
                .iter()
                .map(|p| eq(FieldId::Method, Literal::Bytes(p.as_bytes().to_vec())))
                .collect::<Vec<_>>(),
        ));
        all.extend(Expr::any(
            self.statuses
                .iter()
                .map(|p| {
                    eq(
                        FieldId::Status,
                        Literal::Ints(i64::from(p.first), i64::from(p.last)),
                    )
                })
                .collect::<Vec<_>>(),
        ));
        all.extend(self.direction.map(|d| {
            eq(
                FieldId::Direction,
                Literal::Bytes(d.name().as_bytes().to_vec()),
            )
        }));
        all.extend(Expr::any(
            self.types
                .iter()
                .map(|p| match p {
                    TypePattern::Kind(k) => eq(FieldId::Type, Literal::Bytes(k.name().into())),
                    TypePattern::Content(k) => eq(FieldId::Type, Literal::Bytes(k.name().into())),
                    TypePattern::Number(k) => {
                        eq(FieldId::Type, Literal::Bytes(k.to_string().into()))
                    }
                })
                .collect::<Vec<_>>(),
        ));
        all.extend(
            self.grep
                .as_ref()
                .map(|g| Expr::Test(Test::Matches(op(FieldId::Any), g.clone()))),
        );
        let _ = Function::Len;
        Expr::all(all)
    }
}
