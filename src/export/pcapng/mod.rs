//! Events as packets: a pcapng file for Wireshark, with the plaintext where the encrypted bytes were.
//!
//! eCapture sees what a process hands to its TLS library, not packets. So Ethernet, IP and TCP are made up here around
//! the bytes of each event, such that a reader of packets finds the connections, their directions and their bytes
//! again: what is followed as a TCP stream is exactly the payloads. What is true and what is made up:
//!
//! - **Times** are those of the events, in nanoseconds. Times before 1970, which pcapng has none of, are written as 1970.
//! - **Bytes** are the payloads of `tls_data`. Other events have no connection and become no packets
//!   ([`PcapngWriter::skipped`] counts them); no more do empty payloads: a read of 0 bytes is not always the end.
//! - **Heads that eCapture 1.x wrote anew** still tell of chunks, gzip and a length that it had removed. As nothing could
//!   read such a message, those fields are corrected and a comment says which; a response to HEAD, or one that has no
//!   body by its status, keeps them. All other bytes are as captured; a listing of HTTP/2 frames (1.x) stays a listing.
//! - **Heads that eCapture 1.x sent once more**, in place of bytes that it did not pass on, are no messages and become no
//!   packets ([`PcapngWriter::repeats`] counts them); a comment of the connection's next event says so. The bytes that
//!   they stand for are missing, and no gap in the sequence numbers shows it. They are known by what is exported: a
//!   repeated response only where its request is, too.
//! - **Connections** begin with a handshake and end with FINs. Both are made up, at the time of the first and the last
//!   event, and marked by a comment. Sequence numbers start anywhere and wrap as they should.
//! - **Ends** are the true client and server, and a packet goes from the one that sent the bytes. Where eCapture did not
//!   say who opened the connection, it is whoever sends requests, and failing that the process.
//! - **Unknown addresses** are from 192.0.2.0/24 (RFC 5737) or `2001:db8::/32` (RFC 3849): clients from the lower half
//!   (`192.0.2.1` to `.127`, `2001:db8::1:0` and up) with a port of the dynamic range from 49152 on, servers from the
//!   upper half. An unknown server port is 80 if the first bytes are HTTP, else 1021 (RFC 4727, for experiments).
//! - **Two connections with equal ends** are both sides of one, traced on the same host, or the same one out of two
//!   captures. The second is given a client of the above addresses, so that Wireshark does not merge them. If the first
//!   was of the same side and has been silent, the port was used again: then the first ends where the second begins.
//! - **Ports** stay true as long as Wireshark finds HTTP on them without being told to ("Decode As"). This was tried with
//!   tshark 4.0 on all ports: it finds HTTP/1 on 443 and on most others (on 443 with the remark, rightly, that it is not
//!   encrypted), but not on those of `ports`, which belong to other protocols; and HTTP/2 only on its few ports for
//!   HTTP. Else the server's port is written as 80, the client's as one from 49152 on. HTTP/2 is dissected only if its
//!   beginning was captured: header compression and Wireshark both need it.
//! - Whatever end is not the true one stands with the true one in a comment of each event.
//!
//! Each event's first packet has a comment with process, descriptor, number and time of receipt. Each capture is an
//! interface. Memory does not grow with the number of events, their size or the number of connections:
//! [`MAX_OPEN_CONNECTIONS`] are told apart at a time; then the one that has been silent longest is ended, and begins anew
//! if there is more of it.
//!
//! The file follows draft-ietf-opsawg-pcapng. Its three sorts of blocks are written here: `pcap-file`, the crate for it,
//! has had no release since 2023 but candidates, and takes more code to be told these options than to write them.

mod blocks;
mod comment;
mod ends;
mod open;
mod ports;
mod repeats;
mod reserialized;
mod segment;
mod stand_ins;
#[cfg(test)]
mod tests;
mod writer;

pub use open::MAX_OPEN_CONNECTIONS;
pub use writer::PcapngWriter;
