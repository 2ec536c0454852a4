//! eCapture's `LogEntry`, written by hand as `proto.Marshal` does: fields in order, zeros left out.
//!
//! On purpose this shares nothing with the library's decoder, so that a mistake there cannot hide behind the same
//! mistake here.

/// The fields of an `Event` (`protobuf/proto/v1/ecaptureq.proto@v1.4.3` to v2.5.1). Zero and empty are not sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EventFields<'a> {
    pub(crate) timestamp: i64,
    pub(crate) uuid: &'a str,
    pub(crate) src_ip: &'a str,
    pub(crate) src_port: u32,
    pub(crate) dst_ip: &'a str,
    pub(crate) dst_port: u32,
    pub(crate) pid: i64,
    pub(crate) pname: &'a str,
    pub(crate) kind: u32,
    pub(crate) length: u32,
    pub(crate) payload: &'a [u8],
}

/// A `LogEntry` that holds an event.
pub(crate) fn event(fields: &EventFields<'_>) -> Vec<u8> {
    let mut head = Vec::with_capacity(128);
    number(1, fields.timestamp.cast_unsigned(), &mut head);
    bytes(2, fields.uuid.as_bytes(), &mut head);
    bytes(3, fields.src_ip.as_bytes(), &mut head);
    number(4, u64::from(fields.src_port), &mut head);
    bytes(5, fields.dst_ip.as_bytes(), &mut head);
    number(6, u64::from(fields.dst_port), &mut head);
    number(7, fields.pid.cast_unsigned(), &mut head);
    bytes(8, fields.pname.as_bytes(), &mut head);
    number(9, u64::from(fields.kind), &mut head);
    number(10, u64::from(fields.length), &mut head);
    if !fields.payload.is_empty() {
        key(11, 2, &mut head);
        varint(fields.payload.len() as u64, &mut head);
    }
    let size = head.len() + fields.payload.len();
    let mut out = Vec::with_capacity(size + 8);
    number(1, 2, &mut out);
    key(2, 2, &mut out);
    varint(size as u64, &mut out);
    out.extend_from_slice(&head);
    out.extend_from_slice(fields.payload);
    out
}

/// A `LogEntry` that holds a heartbeat.
pub(crate) fn heartbeat(seconds: i64, count: u64) -> Vec<u8> {
    let mut inner = Vec::new();
    number(1, seconds.cast_unsigned(), &mut inner);
    number(2, count, &mut inner);
    bytes(3, format!("heartbeat:{count}").as_bytes(), &mut inner);
    let mut out = Vec::new();
    bytes(3, &inner, &mut out);
    out
}

/// A `LogEntry` that holds a line of the run log.
pub(crate) fn run_log(line: &str) -> Vec<u8> {
    let mut out = Vec::new();
    number(1, 1, &mut out);
    bytes(4, line.as_bytes(), &mut out);
    out
}

fn number(field: u64, value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        key(field, 0, out);
        varint(value, out);
    }
}

fn bytes(field: u64, value: &[u8], out: &mut Vec<u8>) {
    if !value.is_empty() {
        key(field, 2, out);
        varint(value.len() as u64, out);
        out.extend_from_slice(value);
    }
}

fn key(field: u64, wire_type: u64, out: &mut Vec<u8>) {
    varint(field << 3 | wire_type, out);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}
