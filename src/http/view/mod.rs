//! What a body is, and how a person reads it: its kind, its text, its fields, its messages.
//!
//! Everything here works on bytes and knows no terminal: what is given is as captured, so whoever shows it must escape
//! it. Every reader returns for every input, keeps no more than its limits say, and does not depend on how the bytes
//! are split among calls. What breaks the rules of its format is said as a value; what came before it is kept.

pub mod charset;
pub mod form;
pub mod grpc;
pub mod grpc_status;
pub mod json;
pub mod kind;
pub mod legible;
mod media_type;
pub mod protobuf;
pub mod sse;
pub mod tunnel;
pub mod websocket;
