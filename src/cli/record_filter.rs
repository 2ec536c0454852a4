//! What a recorder is to store, as `--filter` and `--exclude-pname` say.

use anyhow::Context as _;

use super::report::Advised;
use crate::event::Zone;
use crate::filter::{self, Expr, Unit};
use crate::record::RecordFilter;

/// What `--filter` and `--exclude-pname` let through, taken together.
pub(super) fn read(
    filter: Option<&str>,
    excluded: &[String],
) -> anyhow::Result<Option<RecordFilter>> {
    let filter = filter.map(read_filter).transpose()?;
    let excluded = (!excluded.is_empty())
        .then(|| exclude(excluded))
        .transpose()?;
    let both = Expr::all(filter.into_iter().chain(excluded));
    both.map(RecordFilter::new)
        .transpose()
        .context("failed to read --filter")
}

fn exclude(globs: &[String]) -> anyhow::Result<Expr> {
    if globs.iter().any(|glob| glob.starts_with('!')) {
        return Err(Advised {
            message: "failed to read --exclude-pname: `!` has no meaning here".to_owned(),
            hint: "what is to be stored alone is said with --filter, as in `pname == \"curl\"`"
                .to_owned(),
        }
        .into());
    }
    let excluded = filter::flags::pname_glob(globs).context("failed to read --exclude-pname")?;
    Ok(excluded.negated())
}

fn read_filter(text: &str) -> anyhow::Result<Expr> {
    if text.trim().is_empty() {
        return Err(Advised {
            message: "failed to read --filter: nothing is given".to_owned(),
            hint: "leave it out to store everything".to_owned(),
        }
        .into());
    }
    let filter =
        filter::parse(text, super::now(), Zone::Local).context("failed to read --filter")?;
    Unit::Events
        .check(filter.fields())
        .context("failed to read --filter")?;
    Ok(filter)
}
