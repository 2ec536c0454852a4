//! Events and exchanges as tables in Apache Parquet, for `DuckDB`, pandas, Spark and their like.
//!
//! A file has one table, compressed with zstd. Names of columns are those of the JSON lines, with `_` where those have
//! an object in an object; times are `TIMESTAMP` in nanoseconds and UTC; addresses are text and their ports numbers;
//! what is unknown is null. Text is UTF-8: where captured bytes are not, U+FFFD takes their place, but for payloads and
//! bodies, which are bytes.
//!
//! A file is written in groups of rows, of [`MAX_GROUP_ROWS`] or [`MAX_GROUP_BYTES`], whichever comes first, so that
//! memory does not grow with what is exported, but for the some 80 KiB that the list of groups at the file's end takes for
//! each. A cell has to be in memory as a whole, several times while it is compressed. So payloads and bodies are cut
//! at [`MAX_CELL_BYTES`]: then a column `…_truncated` is true, and `…_bytes` has the full size. Whoever needs the rest
//! finds it by `id` in another format.
//!
//! This uses the `parquet` crate without Arrow, which would be another ten crates for a detour through memory.

mod body;
mod events;
mod exchanges;
mod table;
#[cfg(test)]
mod tests;

pub use events::ParquetEvents;
pub use exchanges::ParquetExchanges;
pub use table::{MAX_CELL_BYTES, MAX_GROUP_BYTES, MAX_GROUP_ROWS};
