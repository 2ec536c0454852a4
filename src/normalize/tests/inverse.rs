//! What eCapture 2.x would send for any payload and name is read back, and needs no envelope.

use proptest::prelude::*;
use prost::Message;

use super::{frame, read};
use crate::event::{Captured, Envelope, Opcode};
use crate::normalize::Normalizer;
use crate::normalize::dump::{Dump, write_digits};

/// The frame that dialect D puts a text into, made by other code than ours.
#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(int32, tag = "1")]
    log_type: i32,
    #[prost(message, optional, tag = "2")]
    event: Option<TextEvent>,
}

#[derive(Clone, PartialEq, Message)]
struct TextEvent {
    #[prost(uint32, tag = "10")]
    length: u32,
    #[prost(bytes = "vec", tag = "11")]
    payload: Vec<u8>,
}

/// As text_handler.go:71-79@v2.5.1 does: a newline is added to a text without one.
fn sent(mut text: Vec<u8>) -> Vec<u8> {
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    Entry {
        log_type: 2,
        event: Some(TextEvent {
            length: u32::try_from(text.len()).unwrap(),
            payload: text,
        }),
    }
    .encode_to_vec()
}

fn captured(text: Vec<u8>) -> Captured {
    read(&mut Normalizer::new(), &frame(Opcode::Binary, sent(text))).unwrap()
}

fn digits(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    write_digits(bytes, &mut text).unwrap();
    text
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        prop::collection::vec(prop::sample::select(&b"a\n\0 ]:,"[..]), 0..20),
    ]
}

proptest! {
    #[test]
    fn openssl(
        name in "[a-z \\]_(FD:]{0,15}",
        payload in payload(),
        hex in any::<bool>(),
        pid in 1..=u32::MAX,
        fd in any::<u32>(),
    ) {
        let count = payload.len();
        let mut text = if hex {
            format!("[127045-09-04 20:05:06.000] PID:{pid} TID:7 Comm:{name} FD:{fd} READ ({count} bytes, hex):\n")
        } else {
            format!("[2026-11-23 10:40:38.043] PID:{pid} TID:7 Comm:{name} FD:{fd} WRITE ({count} bytes):\n")
        }
        .into_bytes();
        if hex {
            Dump::Openssl.write(&payload, &mut text).unwrap();
        } else {
            text.extend_from_slice(&payload);
        }
        let captured = captured(text);
        prop_assert_eq!(captured.envelope, Envelope::Rendered);
        prop_assert_eq!(captured.payload, payload);
        prop_assert_eq!(captured.event.process.pname.unwrap_or_default(), name);
        prop_assert_eq!(captured.event.process.pid, Some(pid));
        prop_assert_eq!(captured.event.fd, Some(fd));
    }

    #[test]
    fn gotls(
        name in "[a-z ,:]{0,15}",
        payload in payload(),
        hex in any::<bool>(),
        tuple in prop::sample::select(&[
            "0.0.0.0:0-0.0.0.0:0",
            "[1.2.3.4]:5->[6.7.8.9]:10",
            "[2001:db8::1]:51516->[2001:db8::2]:443",
        ][..]),
        kind in prop::sample::select(&["READ", "WRITE"][..]),
    ) {
        let count = payload.len();
        let mark = if hex { "(hex)" } else { "" };
        let mut text = format!(
            "PID:88, TID:91, Comm:{name}, FD:9, Tuple:{tuple}, Type:{kind}, Len:{count}\nData{mark}:\n"
        )
        .into_bytes();
        text.extend(if hex { digits(&payload) } else { payload.clone() });
        let captured = captured(text);
        prop_assert_eq!(captured.envelope, Envelope::Rendered);
        prop_assert_eq!(captured.payload, payload);
        prop_assert_eq!(captured.event.process.pname.unwrap_or_default(), name);
    }

    #[test]
    fn shells_and_postgres(payload in payload(), hex in any::<bool>(), status in -1..300_i64) {
        let mark = if hex { "(hex)" } else { "" };
        for head in [
            format!("PID:12, UID:0, Comm:bash, Retvalue:{status}, Line{mark}:\n"),
            format!("PID:12, UID:0, \tComm:zsh, \tLine{mark}:\n"),
        ] {
            let mut text = head.into_bytes();
            text.extend(if hex { digits(&payload) } else { payload.clone() });
            let captured = captured(text);
            // Without a count, a newline at the end cannot be told from an added one.
            if hex || !payload.ends_with(b"\n") {
                prop_assert_eq!(&captured.envelope, &Envelope::Rendered);
                prop_assert_eq!(&captured.payload, &payload);
            }
        }
        let mut text = b"PID=778 Comm=postgres Query=".to_vec();
        text.extend_from_slice(&payload);
        let captured = captured(text);
        if !payload.ends_with(b"\n") {
            prop_assert_eq!(captured.envelope, Envelope::Rendered);
            prop_assert_eq!(captured.payload, payload);
        }
    }
}
