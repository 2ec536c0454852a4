//! Whatever arrives is read without a panic and comes back byte for byte.

use proptest::prelude::*;

use super::{frame, read, vectors};
use crate::event::{Frame, Opcode};
use crate::normalize::Normalizer;

#[derive(Debug, Clone)]
enum Change {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        (place(), 1..=255_u8).prop_map(|(place, mask)| Change::Flip(place, mask)),
        place().prop_map(Change::Cut),
        (place(), prop::collection::vec(any::<u8>(), 1..5))
            .prop_map(|(place, bytes)| Change::Insert(place, bytes)),
        place().prop_map(Change::Remove),
    ]
}

fn changed(message: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut message = message.to_vec();
    for change in changes {
        if message.is_empty() {
            break;
        }
        let length = message.len();
        match change {
            Change::Flip(place, mask) => message[place.index(length)] ^= mask,
            Change::Cut(place) => message.truncate(place.index(length)),
            Change::Insert(place, bytes) => {
                let at = place.index(length);
                message.splice(at..at, bytes.iter().copied());
            }
            Change::Remove(place) => {
                message.remove(place.index(length));
            }
        }
    }
    message
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..200), text in any::<bool>()) {
        let opcode = if text { Opcode::Text } else { Opcode::Binary };
        read(&mut Normalizer::new(), &frame(opcode, bytes));
    }

    #[test]
    fn changed_vectors_come_back(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..4),
        estimated in any::<bool>(),
    ) {
        let vectors = VECTORS.with(Clone::clone);
        let vector = which.get(&vectors);
        let mut normalizer = Normalizer::new();
        normalizer.set_received_estimated(estimated);
        let message = changed(&vector.message, &changes);
        read(&mut normalizer, &frame(vector.opcode, message));
    }

    #[test]
    fn changed_texts_come_back(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..4),
    ) {
        let vectors = VECTORS.with(Clone::clone);
        let vector = which.get(&vectors);
        // The text alone: changes then hit the text and not the protobuf around it.
        let start = vector.message.iter().position(|byte| b"[PM{".contains(byte)).unwrap_or(0);
        let message = changed(&vector.message[start..], &changes);
        read(&mut Normalizer::new(), &frame(vector.opcode, message));
    }
}

thread_local! {
    static VECTORS: std::rc::Rc<Vec<Frame>> =
        std::rc::Rc::new(vectors().into_iter().map(|vector| vector.frame).collect());
}
