//! The flags that say what is kept: the same for the recorder and for `ecq-query prune`.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::report::Advised;
use crate::event::Zone;
use crate::filter::{self, Unit};
use crate::store::{Keep, KeepWhere, MaxSize, MinFree, Rules, Share};

/// What is kept.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What is kept")]
pub(super) struct KeepArgs {
    /// Remove events that were received longer ago than this: `7d`, `12h`, `30m`
    #[arg(long, value_name = "AGE", value_parser = age)]
    keep: Option<Duration>,
    /// Keep events that FILTER is true of for another time, longer or shorter: 'pname == "ssh"=30d'; may be repeated
    ///
    /// Where several are true of an event, it is kept for the longest of their times; where none is, --keep counts, and
    /// without that it stays.
    #[arg(long, value_name = "FILTER=AGE")]
    keep_where: Vec<String>,
    /// Remove the oldest data when the capture, its -wal and -shm included, gets larger than this: `20G`
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,
    /// Remove the oldest data when less than this is free on the file system: `5%`, `10G`
    #[arg(long, value_name = "SIZE", value_parser = share)]
    min_free: Option<Share>,
}

impl KeepArgs {
    /// The rules.
    pub(super) fn rules(&self) -> anyhow::Result<Rules> {
        let keep_where = self
            .keep_where
            .iter()
            .map(|text| keep_where(text))
            .collect::<anyhow::Result<_>>()?;
        Ok(Rules {
            keep: self.keep.map(|age| Keep {
                age,
                words: format!("--keep {}", humantime::format_duration(age)),
            }),
            keep_where,
            max_size: self.max_size.map(|bytes| MaxSize {
                bytes,
                words: format!("--max-size {}", in_words(bytes)),
            }),
            min_free: self.min_free.map(|share| MinFree {
                share,
                words: match share {
                    Share::Bytes(bytes) => format!("--min-free {}", in_words(bytes)),
                    Share::Hundredths(hundredths) => {
                        format!("--min-free {}%", f64::from(hundredths) / 100.0)
                    }
                },
            }),
        })
    }
}

fn keep_where(text: &str) -> anyhow::Result<KeepWhere> {
    let advised = || Advised {
        message: format!("failed to read --keep-where `{text}`: no age is given"),
        hint: "write a filter, `=` and an age: --keep-where 'pname == \"ssh\"=30d'".to_owned(),
    };
    let failed = || format!("failed to read --keep-where `{text}`");
    let (filter, ending) = text.rsplit_once('=').ok_or_else(advised)?;
    let age = age(ending.trim()).map_err(|_| advised())?;
    let filter = filter::parse(filter, super::now(), Zone::Local).with_context(failed)?;
    Unit::Events.check(filter.fields()).with_context(failed)?;
    Ok(KeepWhere {
        words: format!(
            "--keep-where '{filter}={}'",
            humantime::format_duration(age)
        ),
        filter,
        age,
    })
}

/// Reads an age, at least a second.
fn age(text: &str) -> Result<Duration, String> {
    let age = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if age < Duration::from_secs(1) {
        return Err("at least a second is wanted, as in 7d, 12h, 30m".to_owned());
    }
    Ok(age)
}

/// Reads a size: bytes, or with `k`, `M`, `G` or `T` behind it (powers of 1024).
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.find(|character: char| !character.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let shift = match unit.trim_end_matches("iB").trim_end_matches('B') {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        "t" | "T" => 40,
        _ => return Err(format!("{unit:?} is no unit; use k, M, G or T")),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "a size is wanted, as in 20G".to_owned())
}

/// A smaller capture has no room for what it is written with.
const LEAST_SIZE: u64 = 1 << 20;

fn size(text: &str) -> Result<u64, String> {
    match bytes(text)? {
        size if size < LEAST_SIZE => Err("at least 1M is wanted".to_owned()),
        size => Ok(size),
    }
}

fn share(text: &str) -> Result<Share, String> {
    let Some(percent) = text.strip_suffix('%') else {
        return bytes(text).map(Share::Bytes);
    };
    let wanted = || "a part from 0.01% to 99% or a size is wanted, as in 5% or 10G".to_owned();
    let (whole, part) = percent.split_once('.').unwrap_or((percent, ""));
    if part.len() > 2 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wanted());
    }
    let whole: u16 = whole.parse().map_err(|_| wanted())?;
    let part: u16 = format!("{part:0<2}").parse().map_err(|_| wanted())?;
    Some(whole)
        .filter(|whole| *whole < 100)
        .map(|whole| whole * 100 + part)
        .filter(|hundredths| (1..=9900).contains(hundredths))
        .map(Share::Hundredths)
        .ok_or_else(wanted)
}

/// A size as it can be given.
fn in_words(bytes: u64) -> String {
    [(40, "T"), (30, "G"), (20, "M"), (10, "k")]
        .into_iter()
        .find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift)
        .map_or_else(
            || bytes.to_string(),
            |(shift, unit)| format!("{}{unit}", bytes >> shift),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_shares() {
        assert_eq!(bytes("20G"), Ok(20 << 30));
        assert_eq!(bytes("20GiB"), Ok(20 << 30));
        assert_eq!(bytes("1500"), Ok(1500));
        assert!(bytes("20X").is_err() && bytes("G").is_err() && bytes("99999999T").is_err());
        assert!(size("1000").is_err());
        assert_eq!(share("5%"), Ok(Share::Hundredths(500)));
        assert_eq!(share("2.5%"), Ok(Share::Hundredths(250)));
        assert_eq!(share("10M"), Ok(Share::Bytes(10 << 20)));
        for text in ["0%", "100%", "5.123%", "-1%", "%", "6553.9%"] {
            assert!(share(text).is_err(), "{text}");
        }
        for (size, expected) in [
            (20 << 30, "20G"),
            (1536 << 20, "1536M"),
            (1000, "1000"),
            (0, "0"),
        ] {
            assert_eq!(in_words(size), expected);
        }
    }

    #[test]
    fn finer_rules() {
        let rule = keep_where("pname == \"ssh\"=30d").unwrap();
        assert_eq!(rule.age, Duration::from_secs(30 * 86_400));
        assert_eq!(rule.filter.to_string(), "pname == \"ssh\"");
        for text in [
            "pname == \"ssh\"",
            "30d",
            "pname ==30d",
            "pname == \"ssh\"=0s",
            "=1d",
        ] {
            assert!(keep_where(text).is_err(), "{text}");
        }
    }
}
