//! Connections with random messages, interleaved at random, whole and with holes.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::http::h2::PREFACE;

type Fields = Vec<(String, String)>;

/// What a message is made of.
#[derive(Debug, Clone)]
struct Message {
    interim: bool,
    fields: Fields,
    body: Vec<Vec<u8>>,
    trailers: Option<Fields>,
    has_length: bool,
}

/// How one frame is written.
#[derive(Debug, Clone, Copy)]
struct Style {
    /// Which message goes on.
    turn: Index,
    choice: Choice,
    padding: Option<u8>,
    has_priority: bool,
    /// Into how many frames a header block is split.
    parts: usize,
    /// Whether the process calls write after it.
    flushes: bool,
    /// Another frame before it.
    aside: u8,
}

fn fields() -> impl Strategy<Value = Fields> {
    let name = prop::sample::select(vec!["accept", "cookie", "x-a", "x-b", "user-agent", "etag"]);
    let value = prop::sample::select(vec![
        "",
        "1",
        "2",
        "a longer value",
        "gzip, deflate",
        "ä\u{7f}",
    ]);
    prop::collection::vec(
        (name.prop_map(str::to_owned), value.prop_map(str::to_owned)),
        0..5,
    )
}

/// `frames_weight` says how often a part of a body looks like frames.
fn message(frames_weight: u32) -> impl Strategy<Value = Message> {
    let chunk = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..60),
        frames_weight => Just([data(1, false, b"ab"), data(3, true, b"")].concat()),
        1 => (100_usize..16_384).prop_map(|length| vec![b'z'; length]),
    ];
    let body = prop::collection::vec(chunk, 0..4);
    (
        any::<bool>(),
        fields(),
        body,
        prop::option::weighted(0.3, fields()),
        any::<bool>(),
    )
        .prop_map(|(interim, fields, body, trailers, has_length)| Message {
            interim,
            fields,
            body,
            trailers,
            has_length,
        })
}

fn style() -> impl Strategy<Value = Style> {
    let choice = any::<[bool; 3]>().prop_map(|[is_indexed, is_added, is_huffman]| Choice {
        is_indexed,
        is_added,
        is_huffman,
    });
    (
        any::<Index>(),
        choice,
        prop::option::weighted(0.2, 0_u8..20),
        prop::bool::weighted(0.2),
        1_usize..4,
        any::<bool>(),
        0_u8..12,
    )
        .prop_map(
            |(turn, choice, padding, has_priority, parts, flushes, aside)| Style {
                turn,
                choice,
                padding,
                has_priority,
                parts,
                flushes,
                aside,
            },
        )
}

#[derive(Debug, Clone)]
enum Step {
    Head(Fields, bool),
    Data(Vec<u8>, bool),
}

fn steps(message: &Message, start: Fields, interim: Option<Fields>) -> Vec<Step> {
    let mut steps = Vec::new();
    steps.extend(interim.map(|fields| Step::Head(fields, false)));
    let mut head = start;
    head.extend(message.fields.clone());
    if message.has_length {
        let length: usize = message.body.iter().map(Vec::len).sum();
        head.push(("content-length".to_owned(), length.to_string()));
    }
    let has_more = !message.body.is_empty() || message.trailers.is_some();
    steps.push(Step::Head(head, !has_more));
    for (place, chunk) in message.body.iter().enumerate() {
        let ends = message.trailers.is_none() && place + 1 == message.body.len();
        steps.push(Step::Data(chunk.clone(), ends));
    }
    steps.extend(
        message
            .trailers
            .clone()
            .map(|fields| Step::Head(fields, true)),
    );
    steps
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// Writes a header block as frames.
fn write_block(stream: u32, ends: bool, block: &[u8], style: Style) -> Vec<u8> {
    let mut frames = Vec::new();
    let size = block.len().div_ceil(style.parts).max(1);
    let mut parts: Vec<_> = block.chunks(size).collect();
    if parts.is_empty() {
        parts.push(&[]);
    }
    for (place, part) in parts.iter().enumerate() {
        let last = if place + 1 == parts.len() { 4 } else { 0 };
        if place > 0 {
            frames.extend(frame(9, last, stream, part));
            continue;
        }
        let mut content = Vec::new();
        let mut flags = last | u8::from(ends);
        content.extend(style.padding);
        flags |= if style.padding.is_some() { 8 } else { 0 };
        if style.has_priority {
            flags |= 0x20;
            content.extend([0, 0, 0, 0, 9]);
        }
        content.extend_from_slice(part);
        content.extend(vec![0; usize::from(style.padding.unwrap_or(0))]);
        frames.extend(frame(1, flags, stream, &content));
    }
    frames
}

/// Writes the exchanges as calls of a process that reads and writes.
fn write(exchanges: &[(Message, Message)], styles: &[Style]) -> Vec<Event> {
    let mut encoders = [Encoder::default(), Encoder::default()];
    let mut calls = vec![event(CLIENT, PREFACE), event(SERVER, [])];
    let mut open: [Vec<u8>; 2] = [frame(4, 0, 0, b"\0\x05\0\0\x40\0"), frame(4, 0, 0, b"")];
    // Of each half: stream, which side, what is to be written.
    let mut halves = Vec::new();
    for (number, (request, response)) in exchanges.iter().enumerate() {
        let stream = u32::try_from(number).unwrap() * 2 + 1;
        let start = vec![
            pair(":method", "POST"),
            pair(":path", &format!("/{number}")),
        ];
        halves.push((stream, 0, steps(request, start, None)));
        let interim = response.interim.then(|| vec![pair(":status", "103")]);
        let start = vec![pair(":status", if number % 2 == 0 { "200" } else { "299" })];
        halves.push((stream, 1, steps(response, start, interim)));
    }
    for half in &mut halves {
        half.2.reverse();
    }
    let directions = [CLIENT, SERVER];
    let mut styles = styles.iter().cycle();
    loop {
        let style = *styles.next().unwrap();
        let begun = |number: usize| halves[number * 2].2.len() < steps_of(&exchanges[number].0);
        let ready: Vec<_> = (0..halves.len())
            .filter(|place| {
                let is_next = *place < 2 || begun(place / 2 - 1);
                let is_asked = place % 2 == 0 || begun(place / 2);
                !halves[*place].2.is_empty() && is_next && is_asked
            })
            .collect();
        if ready.is_empty() {
            break;
        }
        let (stream, side, steps) = &mut halves[*style.turn.get(&ready)];
        let (stream, side) = (*stream, *side);
        if side == 1 && !open[0].is_empty() {
            // Nothing is answered that was not sent.
            calls.push(event(CLIENT, std::mem::take(&mut open[0])));
        }
        let out = &mut open[side];
        match style.aside {
            0 => out.extend(frame(8, 0, 0, b"\0\0\x10\0")),
            1 => out.extend(frame(6, 0, 0, b"12345678")),
            2 => out.extend(frame(0x21, 0xff, 0, b"grease")),
            3 => out.extend(frame(4, 1, 0, b"")),
            4 => out.extend(frame(8, 0, stream, b"\0\0\x10\0")),
            _ => {}
        }
        match steps.pop().unwrap() {
            Step::Head(fields, ends) => {
                let mut block = Vec::new();
                if style.aside == 5 {
                    encoders[side].resize(200, &mut block);
                }
                for (name, value) in &fields {
                    encoders[side].field(
                        name.as_bytes(),
                        value.as_bytes(),
                        style.choice,
                        &mut block,
                    );
                }
                out.extend(write_block(stream, ends, &block, style));
            }
            Step::Data(bytes, ends) => {
                let padding = style.padding.filter(|_| bytes.len() < 16_000);
                let mut content: Vec<u8> = padding.into_iter().collect();
                content.extend(&bytes);
                content.extend(vec![0; usize::from(padding.unwrap_or(0))]);
                let padded = if padding.is_some() { 8 } else { 0 };
                out.extend(frame(0, padded | u8::from(ends), stream, &content));
            }
        }
        if style.flushes {
            calls.push(event(directions[side], std::mem::take(&mut open[side])));
        }
    }
    for (direction, bytes) in directions.into_iter().zip(open) {
        calls.push(event(direction, bytes));
    }
    // The preface and the settings are one call each.
    let mut events: Vec<Event> = Vec::new();
    for call in calls {
        for chunk in call.bytes.chunks(16_384) {
            events.push(event(call.direction, chunk));
        }
    }
    events
}

fn steps_of(request: &Message) -> usize {
    steps(request, Vec::new(), None).len()
}

/// The same bytes in events of other sizes.
fn split(events: &[Event], sizes: &[usize]) -> Vec<Event> {
    let mut sizes = sizes.iter().cycle();
    let mut split = Vec::new();
    for each in events {
        let mut rest = &each.bytes[..];
        while !rest.is_empty() {
            let size = (*sizes.next().unwrap()).min(rest.len());
            split.push(event(each.direction, &rest[..size]));
            rest = &rest[size..];
        }
    }
    split
}

fn known(fields: &Fields) -> Vec<Field> {
    fields
        .iter()
        .map(|(name, value)| Field::known(name.clone().into_bytes(), value.clone().into_bytes()))
        .collect()
}

/// The fields of a head again, as far as they are known.
fn all_fields(head: &MessageHead) -> Vec<Field> {
    let mut fields = head.fields.clone();
    for (name, value) in [
        (":method", &head.method),
        (":path", &head.target),
        (":scheme", &head.scheme),
        (":authority", &head.authority),
    ] {
        fields.extend(value.clone().map(|value| Field::known(name, value)));
    }
    let status = head.status.map(|status| status.to_string());
    fields.extend(status.map(|status| Field::known(":status", status.into_bytes())));
    fields
}

fn is_like(field: &Field, original: &Field) -> bool {
    let fits = |part: &Option<bytes::Bytes>, original: &Option<bytes::Bytes>| {
        part.is_none() || part == original
    };
    fits(&field.name, &original.name) && fits(&field.value, &original.value)
}

/// What must be read of an exchange of which nothing is missing.
fn is_whole(half: &Half, message: &Message, start: &str) -> bool {
    let heads = half.heads.last().and_then(Option::as_ref);
    let Some(head) = heads else { return false };
    let length: usize = message.body.iter().map(Vec::len).sum();
    let mut fields = known(&message.fields);
    if message.has_length {
        fields.push(Field::known(
            "content-length",
            length.to_string().into_bytes(),
        ));
    }
    let status = head.status.map(|status| status.to_string());
    let target = head.target.as_ref();
    let found = status.unwrap_or_else(|| String::from_utf8_lossy(target.unwrap()).into_owned());
    found == start
        && head.fields == fields
        && half.body == message.body.concat()
        && half.trailers == message.trailers.as_ref().map_or(Vec::new(), known)
}

fn starts(number: usize) -> [String; 2] {
    let status = if number.is_multiple_of(2) {
        "200"
    } else {
        "299"
    };
    [format!("/{number}"), status.to_owned()]
}

fn exchanges(frames_weight: u32) -> impl Strategy<Value = Vec<(Message, Message)>> {
    let message = || message(frames_weight);
    prop::collection::vec((message(), message()), 1..5)
}

fn check_whole(listener: &Listener, exchanges: &[(Message, Message)]) -> Result<(), TestCaseError> {
    prop_assert_eq!(
        listener.exchanges.len(),
        exchanges.len(),
        "{:#?}",
        lines(listener)
    );
    for (number, (request, response)) in exchanges.iter().enumerate() {
        let found = &listener.exchanges[&(number as u64)];
        prop_assert_eq!(
            found.http2_stream,
            Some(u32::try_from(number).unwrap() * 2 + 1)
        );
        for ((half, message), start) in found
            .halves
            .iter()
            .zip([request, response])
            .zip(starts(number))
        {
            prop_assert!(is_whole(half, message, &start), "{half:?}");
            prop_assert!(matches!(
                half.ending,
                Some(Ending::Complete | Ending::Consistent)
            ));
            prop_assert_eq!(half.defects, Defects::empty());
        }
        prop_assert_eq!(
            found.halves[1].heads.len(),
            1 + usize::from(response.interim)
        );
    }
    Ok(())
}

/// Whatever is said to be complete is so.
fn check_complete(
    listener: &Listener,
    exchanges: &[(Message, Message)],
) -> Result<(), TestCaseError> {
    for found in listener.exchanges.values() {
        let number = usize::try_from(found.http2_stream.unwrap() / 2).unwrap();
        for (side, half) in found.halves.iter().enumerate() {
            if half.ending != Some(Ending::Complete) {
                continue;
            }
            let (request, response) = &exchanges[number];
            let message = [request, response][side];
            prop_assert!(is_whole(half, message, &starts(number)[side]), "{half:?}");
        }
    }
    Ok(())
}

/// All fields that a side ever sent on a stream.
fn sent(exchanges: &[(Message, Message)], stream: u32, side: Side) -> Vec<Field> {
    let number = usize::try_from(stream / 2).unwrap();
    let (request, response) = &exchanges[number];
    let message = if side == Side::Request {
        request
    } else {
        response
    };
    let length: usize = message.body.iter().map(Vec::len).sum();
    let mut fields = known(&message.fields);
    fields.extend(message.trailers.as_ref().map_or(Vec::new(), known));
    fields.push(Field::known(
        "content-length",
        length.to_string().into_bytes(),
    ));
    let [path, status] = starts(number);
    fields.extend(known(&vec![
        pair(":method", "POST"),
        pair(":path", &path),
        pair(":status", &status),
        pair(":status", "103"),
    ]));
    fields
}

/// Reads events of which some are missing, and checks that nothing is wrong that is said to be known after the loss was
/// noticed.
fn check_fields(events: &[Event], exchanges: &[(Message, Message)]) -> Result<(), TestCaseError> {
    let mut session = Session::new(0);
    let mut streams = BTreeMap::new();
    for (number, event) in events.iter().enumerate() {
        let mut heads: Vec<(u64, Side, Vec<Field>)> = Vec::new();
        let was_lost = [0, 1].map(|place: usize| !session.connection.is_certain(place));
        push(
            &mut session,
            number,
            event,
            usize::MAX,
            &mut |part| match part {
                Part::Head {
                    exchange,
                    side,
                    http2_stream,
                    head,
                    ..
                } => {
                    streams.insert(exchange, http2_stream.unwrap());
                    heads.extend(head.map(|head| (exchange, side, all_fields(&head))));
                }
                Part::Trailers {
                    exchange,
                    side,
                    fields,
                } => heads.push((exchange, side, fields)),
                _ => {}
            },
        );
        let begun = number > 1;
        if !(begun && was_lost[usize::from(event.direction.code())]) {
            continue;
        }
        for (exchange, side, fields) in heads {
            let originals = sent(exchanges, streams[&exchange], side);
            for field in fields {
                prop_assert!(
                    originals.iter().any(|original| is_like(&field, original)),
                    "{:?} is not of {:?}",
                    field,
                    originals
                );
            }
        }
    }
    Ok(())
}

proptest! {
    /// Bodies do not look like frames here: an event that is nothing but a frame of an open stream is taken for one.
    #[test]
    fn any_split_gives_the_same(
        exchanges in exchanges(0),
        styles in prop::collection::vec(style(), 20..60),
        sizes in prop::collection::vec(prop_oneof![1_usize..30, 100_usize..4000], 1..10),
        part_bytes in prop_oneof![1_usize..50, 1000_usize..5000],
    ) {
        let events = write(&exchanges, &styles);
        check_whole(&read(&events), &exchanges)?;
        check_whole(&read_with(Session::new(0), &events, part_bytes), &exchanges)?;
        check_whole(&read(&split(&events, &sizes)), &exchanges)?;
    }

    #[test]
    fn a_lost_event_makes_nothing_wrong(
        exchanges in exchanges(1),
        styles in prop::collection::vec(style(), 20..60),
        lost in any::<Index>(),
        swaps in any::<bool>(),
    ) {
        let mut events = write(&exchanges, &styles);
        // From the preface on, as it is without it that little is known of who is who.
        let place = lost.index(events.len() - 1) + 1;
        if swaps && place + 1 < events.len() {
            events.swap(place, place + 1);
        } else {
            events.remove(place);
        }
        check_complete(&read(&events), &exchanges)?;
        check_fields(&events, &exchanges)?;
    }

    #[test]
    fn a_lost_piece_makes_nothing_complete(
        exchanges in exchanges(1),
        styles in prop::collection::vec(style(), 20..60),
        sizes in prop::collection::vec(prop_oneof![1_usize..30, 100_usize..4000], 1..10),
        lost in any::<Index>(),
        swaps in any::<bool>(),
    ) {
        let mut events = split(&write(&exchanges, &styles), &sizes);
        let place = lost.index(events.len());
        if swaps && place + 1 < events.len() {
            events.swap(place, place + 1);
        } else {
            events.remove(place);
        }
        check_complete(&read(&events), &exchanges)?;
    }

    #[test]
    fn reads_anything(
        events in prop::collection::vec((any::<bool>(), prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            (0_u8..12, any::<u8>(), 0_u32..6, prop::collection::vec(any::<u8>(), 0..40))
                .prop_map(|(kind, flags, stream, content)| frame(kind, flags, stream, &content)),
            Just(PREFACE.to_vec()),
        ]), 0..40),
        part_bytes in 1_usize..60,
    ) {
        let events: Vec<_> = events
            .into_iter()
            .map(|(is_client, bytes)| event(if is_client { CLIENT } else { SERVER }, bytes))
            .collect();
        read_with(Session::new(0), &events, part_bytes);
        read_with(Session::upgraded(0, 1), &events, part_bytes);
    }
}
