//! The index of exchanges: which requests and responses the events of a capture are.
//!
//! Everything in it is derived from events by `http::conversation`, some seconds behind the recording, and can be made
//! anew. A row of `exchanges` names the first and the last event of each half; heads are decoded (HTTP/2's need all that
//! came before on the connection) and stored compressed, some hundred together; of a body there is only where its bytes
//! are, so that an exchange can be read alone, whatever its connection carried besides.
//!
//! ```text
//! events ──▶ index: Waiting, Conversation ──▶ open ──▶ writer ──▶ exchanges ─ exchange_facts, exchange_paths
//!                                                                     │     ─ exchange_parts (where bodies are)
//!                                                                     │     ─ head_blocks, head_tail
//!                                                                     └─▶ texts ──▶ text_grams
//! ```
//!
//! A capture that has no index, or one that is not complete, is read all the same: a reader makes the rest in tables of
//! its own (`temp`), which hide those of the file.

mod bodies;
mod count;
mod encode;
mod follow;
mod heads;
mod hidden;
pub(super) mod index;
mod open;
mod prepare;
pub(super) mod removal;
mod row;
mod rows;
mod shared;
mod source;
mod texts;
mod writer;

pub use self::follow::{Follow, follow};
pub(super) use self::heads::HeadCache;
pub use self::index::Indexed;
pub(super) use self::index::Indexer;
pub use self::prepare::IndexState;
pub use self::row::ExchangeSummary;
pub use self::rows::Exchanges;
pub(super) use self::source::ConnectionEvents;
