//! Secrets that are not to go along: into another capture with the events, or into a bundle with what was asked for.
//!
//! A filter is what somebody looked for, and so a place for secrets. It is shown as it is if it is about nothing that secrets
//! are looked for in: processes, addresses, times, hosts, methods and the like.

use std::cell::RefCell;

use anyhow::Context as _;

use super::Context;
use crate::event::{Captured, ConnectionId, Stats, Timestamp, Zone};
use crate::filter::{self, Expr, FieldId};
use crate::redact::{EventRedactor, Redactor};
use crate::store::{Counters, Missing, Reader, Redact};

/// What stands in place of a filter that is not shown.
const LEFT_OUT: &str = "left out, as it may hold a secret (--redact)";
/// What rules of retention with a filter begin with, and what stands in their place.
const KEEP_WHERE: &str = "--keep-where '";
const KEEP_WHERE_LEFT_OUT: &str =
    "--keep-where (the filter is left out, as it may hold a secret: --redact)";

/// What a capture may lack between two events.
pub(super) struct Lacks {
    /// It is known between which: gaps, and what was removed.
    pub(super) known: bool,
    /// It is not: what a filter of the recorder left out, and whoever took a subset.
    pub(super) unknown: bool,
}

impl Lacks {
    pub(super) fn of(reader: &Reader, context: &Context<'_>) -> anyhow::Result<Self> {
        let coverage = reader
            .coverage(None, None, context.now)
            .context("failed to read what is missing")?;
        Ok(Self {
            known: coverage.gaps > 0 || !coverage.removals.is_empty(),
            unknown: coverage.filtered_recordings > 0 || coverage.is_subset,
        })
    }
}

/// Takes secrets out of what another capture takes over.
pub(super) struct SubsetRedactor<'a> {
    redactor: &'a Redactor,
    events: RefCell<EventRedactor>,
    /// Whether each event is looked at by itself: what comes before it may be missing, and nothing tells where.
    is_each_alone: bool,
}

impl<'a> SubsetRedactor<'a> {
    /// `are_all` says that of the connections all events are taken, from their beginnings on.
    pub(super) fn new(
        redactor: &'a Redactor,
        reader: &Reader,
        are_all: bool,
        context: &Context<'_>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            redactor,
            events: RefCell::new(EventRedactor::new(redactor.clone())),
            is_each_alone: !are_all || Lacks::of(reader, context)?.unknown,
        })
    }
}

impl Redact for SubsetRedactor<'_> {
    fn key(&self) -> String {
        self.redactor.fingerprint()
    }

    fn event(
        &self,
        captured: &mut Captured,
        connection: Option<ConnectionId>,
        missing: Missing,
    ) -> Counters {
        let mut events = self.events.borrow_mut();
        match (missing, connection) {
            _ if self.is_each_alone => events.forget(),
            (Missing::Nothing, _) | (Missing::OfConnection, None) => {}
            (Missing::OfConnection, Some(connection)) => events.forget_connection(0, connection),
            (Missing::OfAny, _) => events.forget(),
        }
        let replaced = events.redact_captured(0, connection, captured);
        Counters {
            redacted_secrets: replaced.secrets,
            opaque_events: u64::from(replaced.opaque_bytes > 0),
            opaque_bytes: replaced.opaque_bytes,
            ..Counters::default()
        }
    }

    fn text(&self, text: &str) -> String {
        self.redactor.line(text)
    }

    fn filter(&self, text: &str) -> String {
        shown_filter(text)
    }
}

/// What may be known of a filter.
fn shown_filter(text: &str) -> String {
    // What its times mean does not matter.
    match filter::parse(text, Timestamp::from_seconds(0), Zone::Utc) {
        Ok(filter) if !may_hold_secret(&filter) => text.to_owned(),
        _ => LEFT_OUT.to_owned(),
    }
}

/// Takes out of counts the filters that may hold a secret.
pub(super) fn hide_filters(stats: &mut Stats) {
    let of_recordings = stats.recordings.iter_mut().map(|each| &mut each.filter);
    let of_origins = stats.origins.iter_mut().map(|each| &mut each.filter);
    for filter in of_recordings.chain(of_origins).flatten() {
        *filter = shown_filter(filter);
    }
    for removed in &mut stats.coverage.removals {
        removed.rule = shown_rule(&removed.rule);
    }
}

/// What may be known of a rule of retention.
fn shown_rule(rule: &str) -> String {
    let Some((filter, _)) = rule
        .strip_prefix(KEEP_WHERE)
        .and_then(|rule| rule.rsplit_once('='))
    else {
        return rule.to_owned();
    };
    if shown_filter(filter) == filter {
        rule.to_owned()
    } else {
        KEEP_WHERE_LEFT_OUT.to_owned()
    }
}

/// Whether a filter is about what secrets are looked for in.
pub(super) fn may_hold_secret(filter: &Expr) -> bool {
    let mut fields = filter.fields().into_iter();
    fields.any(|field| holds_content(field.id))
}

/// Whether a filter is true of the same exchanges when their secrets are taken out.
pub(super) fn stays_true(filter: &Expr) -> bool {
    let mut fields = filter.fields().into_iter();
    !fields.any(|field| holds_content(field.id) || follows_from_content(field.id))
}

/// Whether a field has captured bytes that are looked at for secrets.
fn holds_content(id: FieldId) -> bool {
    matches!(
        id,
        FieldId::Path
            | FieldId::Query
            | FieldId::Url
            | FieldId::Header
            | FieldId::ReqHeader
            | FieldId::RespHeader
            | FieldId::Cookie
            | FieldId::Body
            | FieldId::ReqBody
            | FieldId::RespBody
            | FieldId::Payload
            | FieldId::Any
            | FieldId::Sha256
    )
}

/// Whether a field is a fact about those bytes that can be another one without secrets, or when something is left out.
fn follows_from_content(id: FieldId) -> bool {
    matches!(
        id,
        FieldId::Type
            | FieldId::Content
            | FieldId::Http1
            | FieldId::Http2
            | FieldId::Len
            | FieldId::Text
            | FieldId::Provenance
            | FieldId::Truncated
            | FieldId::Lossy
            | FieldId::Elapsed
            | FieldId::ReqLen
            | FieldId::RespLen
            | FieldId::Ending
            | FieldId::Defect
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_filter() {
        for filter in [
            "host == \"api.example.com\" and status >= 500",
            "pname == \"curl\" or ip == 10.0.0.0/8",
            "time >= -10m and method == \"POST\"",
        ] {
            assert_eq!(shown_filter(filter), filter);
        }
        for filter in [
            "payload contains \"s3cr3t\"",
            "host == \"a\" and not req.header[\"cookie\"] contains \"s3cr3t\"",
            "upper(path) == \"/A?TOKEN=S3CR3T\"",
            "sha256 == \"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\"",
            "pname == \"curl\" or",
            "",
        ] {
            assert_eq!(shown_filter(filter), LEFT_OUT, "{filter}");
        }
    }

    #[test]
    fn what_is_shown_of_a_rule() {
        for rule in [
            "--keep 7days",
            "--max-size 10 GiB",
            "--keep-where 'pname == \"ssh\"=30days'",
        ] {
            assert_eq!(shown_rule(rule), rule);
        }
        for rule in [
            "--keep-where 'any contains \"s3cr3t=\"=30days'",
            "--keep-where 'odd'",
        ] {
            assert!(!shown_rule(rule).contains("s3cr3t"), "{rule}");
        }
    }

    /// A field that is added has to be judged: it is none of those that are known to be harmless.
    #[test]
    fn every_field_is_judged() {
        let harmless = filter::FIELDS
            .iter()
            .filter(|field| !holds_content(field.id) && !follows_from_content(field.id));
        let names: Vec<_> = harmless.map(|field| field.name).collect();
        assert_eq!(
            names.join(" "),
            "time received id source pname pid tid uid exe ppid container fd ip port addr src src.ip src.port dst dst.ip \
             dst.port local local.ip local.port remote remote.ip remote.port conn direction role kind type.raw probe method \
             host status ctype version stream"
        );
    }
}
