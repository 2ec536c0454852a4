//! Files for machines, written as they are read: the memory needed does not depend on how much is exported.

pub mod coverage;
pub mod fields;
pub mod jsonl;
mod line;
pub mod parquet;
pub mod pcapng;
pub mod stats;
pub mod values;
