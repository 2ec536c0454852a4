//! Files for machines, written as they are read: the memory needed does not depend on how much is exported.

mod body;
pub mod bundle;
pub mod coverage;
pub mod curl;
pub mod event_csv;
pub mod exchange_csv;
pub mod exchange_jsonl;
pub mod exchanges;
pub mod extract;
mod facts;
pub mod fields;
mod file_name;
pub mod har;
mod identity;
mod json;
pub mod jsonl;
mod line;
pub mod manifest;
pub mod parquet;
pub mod pcapng;
pub mod raw;
pub mod redact;
#[cfg(test)]
pub(crate) mod samples;
mod shell;
pub mod soundness;
mod spreadsheet;
pub mod stats;
pub mod values;
