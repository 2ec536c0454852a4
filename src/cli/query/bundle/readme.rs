//! The text in a bundle that says what is in it, and how it is checked and looked at.

use crate::export::bundle::SUMS;

use super::BundleArgs;
use super::file_names::{
    BODIES, CAPTURE, COVERAGE, COVERAGE_TEXT, EXPORTS, MANIFEST, VERIFICATION,
};

/// What whoever opens the bundle years later should know.
pub(super) fn text(args: &BundleArgs) -> String {
    let mut lines = vec![
        (
            MANIFEST,
            "how this was made: the command, versions, where the events come from",
        ),
        (
            CAPTURE,
            "the events, under the numbers that they have in the original; for ecq-query",
        ),
        (
            COVERAGE_TEXT,
            "how much of the period was recorded, and what is known to be missing",
        ),
        (COVERAGE, "the same for programs"),
    ];
    if args.verify {
        lines.push((
            VERIFICATION,
            "what a check of the whole original capture found",
        ));
    }
    if !args.export.is_empty() {
        lines.push((
            EXPORTS,
            "what was asked for in other formats, made of the capture",
        ));
    }
    if args.bodies {
        lines.push((BODIES, "decoded bodies; index.jsonl says which is whose"));
    }
    lines.push((SUMS, "the SHA-256 of all other files"));
    let list: String = lines
        .iter()
        .flat_map(|(name, what)| [format!("{name:<20}"), (*what).to_owned(), "\n".to_owned()])
        .collect();
    let is_redacted = if args.redact.is_asked() {
        "\nSecrets in it were replaced by keyed hashes, and what could not be looked into was left out.\n"
    } else {
        ""
    };
    format!(
        "This is captured plaintext of network traffic: keep it as safe as what it shows.
{is_redacted}
{list}
To check that nothing was changed since (the SHA-256 of the archive itself should be known from elsewhere):

    sha256sum --check {SUMS}
    ecq-query verify --db {CAPTURE}

To look at it:

    ecq-query --db {CAPTURE}
    ecq-query stats --db {CAPTURE}
"
    )
}
