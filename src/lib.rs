//! ecq, the flight recorder for eCapture: a recorder that keeps what eCapture captures, and a program that answers
//! questions about it. This library is both; the two programs are mains that hand it their arguments.
//!
//! # Two data paths
//!
//! **In** ([`record`]). A reader takes messages off eCapture's WebSocket, or out of a file, and stamps them. A writer,
//! on a thread of its own behind a queue bounded in bytes, decodes each ([`wire::decode`]), makes an event of it
//! ([`normalize::Normalizer`]), finds its connection ([`normalize::Connections`]), and commits batches
//! ([`store::Writer`]). The reader never waits for the writer: eCapture kicks a slow client, and may crash doing so.
//!
//! **Out** ([`cli::query`]). Arguments become a [`filter::Expr`]; the [`store::Reader`] finds the events that fit
//! it, in order of (event time, id), one after another; [`render`] writes them for people, [`export`] for programs.
//!
//! # Modules
//!
//! Each may name only those above it, and of those only the ones that `docs/architecture.md` lists; a test holds it to
//! that.
//!
//! | module | what it is |
//! |---|---|
//! | [`event`] | the words: plain data, no dependencies inside the crate |
//! | [`wire`] | bytes → message; the only one that knows protobuf |
//! | [`http`] | the head of an HTTP/1 message |
//! | [`normalize`] | message → event, and from an event the frame's bytes again |
//! | [`filter`] | flags and times as people write them → a typed selection |
//! | [`store`] | the capture file; the only one that knows SQLite |
//! | [`record`] | from socket or file to commits; the only one that is async |
//! | [`redact`] | what is a secret, and what stands in its place |
//! | [`export`] | JSON for programs |
//! | [`render`] | text for people |
//! | [`cli`] | arguments, environment, clock, terminal, exit status |
//!
//! # Always true
//!
//! - What was received is never altered. An event's columns and payload give its frame again, byte for byte, or what is
//!   missing is kept in its [`event::Envelope`]; an event that lacks what was not to be stored says so.
//! - Outside bytes are hostile: whatever reads them returns for every input, within limits that have names.
//! - What is known to be missing is stored with its reason, and shown. Unknown is absent, never a placeholder.
//! - A commit is final, and an event's id is its place in the order of arrival, never changed or given twice.
//! - A reader changes no byte of a capture and leaves nothing beside it.
//! - Time, zone, environment and terminal enter at [`cli`] (and time where [`record`] stamps frames), and are passed
//!   in.

pub mod cli;
pub mod event;
pub mod export;
pub mod filter;
pub mod http;
pub mod normalize;
pub mod record;
pub mod redact;
pub mod render;
pub mod store;
pub mod wire;
