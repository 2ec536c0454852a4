//! `--snaplen`: of a payload only the first bytes are stored.

use crate::event::{Captured, Envelope, Provenance};

/// Keeps the first `snaplen` bytes of the payload. How many it left out; none if there were no more.
///
/// All that was read in the payload before stays: what it holds, its head, its connection. Its length becomes
/// `Details::total_bytes`, unless eCapture said that it had captured only a part itself: then that length stays. The
/// frame cannot be given again, so nothing of it is kept either: an envelope can hold the whole payload.
pub(super) fn shorten(captured: &mut Captured, snaplen: usize) -> u64 {
    let all = captured.payload.len();
    if all <= snaplen {
        return 0;
    }
    captured.payload.truncate(snaplen);
    captured.envelope = Envelope::Rendered;
    captured.event.provenance |= Provenance::SHORTENED;
    captured.event.details.total_bytes.get_or_insert(all as u64);
    (all - snaplen) as u64
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::samples;

    fn shortened(total: Option<u64>, snaplen: usize) -> (Captured, u64) {
        let mut event = samples::request().event;
        event.details.total_bytes = total;
        let mut captured = Captured {
            event,
            payload: Bytes::from_static(b"0123456789"),
            envelope: Envelope::Whole(Bytes::from_static(b"<0123456789>")),
        };
        let left_out = shorten(&mut captured, snaplen);
        (captured, left_out)
    }

    #[test]
    fn more_than_the_limit_is_left_out_and_said() {
        let (captured, left_out) = shortened(None, 4);
        assert_eq!((&captured.payload[..], left_out), (&b"0123"[..], 6));
        assert_eq!(captured.event.details.total_bytes, Some(10));
        assert!(captured.event.provenance.contains(Provenance::SHORTENED));
        assert_eq!(captured.envelope, Envelope::Rendered);
        // A query of which eCapture captured ten bytes.
        let (captured, _) = shortened(Some(300), 4);
        assert_eq!(captured.event.details.total_bytes, Some(300));
    }

    #[test]
    fn no_more_than_the_limit_stays_as_it_is() {
        for snaplen in [10, 11] {
            let (captured, left_out) = shortened(None, snaplen);
            assert_eq!((captured.payload.len(), left_out), (10, 0));
            assert_eq!(captured.event.details.total_bytes, None);
            assert_eq!(captured.event.provenance, Provenance::empty());
            assert!(matches!(captured.envelope, Envelope::Whole(_)));
        }
    }
}
