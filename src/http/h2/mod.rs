//! HTTP/2.

mod hpack;
