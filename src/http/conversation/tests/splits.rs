//! While nothing is missing, it does not matter how the bytes were cut.

use proptest::prelude::*;

use super::streams::{Spec, Told, batches, bursts, events};
use super::*;
use crate::http::exchange::{Defects, Ending};

fn check_half(found: &Found, number: u64, side: Side, message: &Message, spec: &Spec) {
    let (start, body, told) = match side {
        Side::Request => {
            let (body, told) = spec.asked.clone().unwrap_or((Vec::new(), Told::Length));
            (spec.method.to_owned(), body, told)
        }
        Side::Response if spec.answer_has_body() => (
            spec.status.to_string(),
            spec.answer.clone(),
            spec.told.clone(),
        ),
        Side::Response => (spec.status.to_string(), Vec::new(), Told::Length),
    };
    let head = message.head.as_ref().unwrap();
    let found_start = match side {
        Side::Request => String::from_utf8(head.method.as_ref().unwrap().to_vec()).unwrap(),
        Side::Response => head.status.unwrap().to_string(),
    };
    assert_eq!(found_start, start);
    assert_eq!(
        head.values("x-id").next().unwrap(),
        number.to_string().as_bytes()
    );
    let found_body = found
        .bodies
        .get(&(number, side))
        .cloned()
        .unwrap_or_default();
    assert_eq!(found_body, body, "{number} {side:?}");
    let has_trailer = matches!(told, Told::Chunks(_, true));
    assert_eq!(message.trailers.len(), usize::from(has_trailer));
    let is_split = message.first.0 != message.last.0;
    match message.ending {
        Ending::Complete => assert!(!is_split && told != Told::Close, "{message:?}"),
        Ending::Consistent => assert!(told != Told::Close, "{message:?}"),
        Ending::Closed => assert!(told == Told::Close, "{message:?}"),
        Ending::Open | Ending::Broken => panic!("{message:?}"),
    }
    assert!(
        Defects::UNSURE_PAIR.contains(message.defects),
        "{message:?}"
    );
}

proptest! {
    #[test]
    fn any_split_gives_the_same(
        batches in batches(false, 4),
        often in 1_u32..60,
        seed in any::<u32>(),
        piece in proptest::sample::select(&[1_usize, 3, 50, usize::MAX][..]),
    ) {
        let mut state = seed;
        let mut events: Vec<_> = events(&bursts(&batches), |_, _| {
            // Numerical Recipes' generator: its upper bits are random enough for where to cut.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % often == 0
        })
        .into_iter()
        .map(|(_, event)| event)
        .collect();
        let specs: Vec<_> = batches.iter().flatten().collect();
        if specs.last().unwrap().told != Told::Close {
            events.pop();
        }
        let found = read(&events, piece);
        prop_assert_eq!(found.exchanges, specs.len() as u64, "{:?}", found.lines());
        for (exchange, spec) in found.assembler.all().zip(&specs) {
            for (side, half) in Side::BOTH.into_iter().zip(&exchange.halves) {
                check_half(&found, exchange.number, side, half.as_ref().unwrap(), spec);
            }
        }
        prop_assert_eq!(found.assembler.all().count(), specs.len());
    }
}
