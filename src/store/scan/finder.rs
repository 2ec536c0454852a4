//! Which events of a block are worth a closer look.

use regex::bytes::{Regex, RegexBuilder};

use crate::filter::Required;
use crate::http::body::{self, MARKS};
use crate::store::block::Member;

/// Finds the events of a block whose text may hold what a filter requires.
///
/// The bytes of a block are searched in one go, whatever events they belong to: starting a search anew for each of a
/// thousand small payloads costs as much as decompressing them.
pub(super) struct Finder {
    /// One text of each group of what is required.
    texts: Regex,
    /// In the names of the header fields by which a body has to be decoded before it can be searched, and what such a body
    /// begins with where no field says so. What only these names begin with is in most heads.
    codings: Regex,
}

impl Finder {
    /// For what is required; `None` if that cannot be searched for.
    pub(super) fn new(required: &Required) -> Option<Self> {
        let longest: Vec<String> = required
            .groups()
            .map(|group| group.max_by_key(|text| text.len()).map(escape))
            .collect::<Option<_>>()?;
        Some(Self {
            texts: compile(&longest.join("|"))?,
            codings: compile(&format!("-encoding|{}", MARKS.map(escape).join("|")))?,
        })
    }

    /// Calls `each` with the place of every member that holds such a text, or has a body that must be decoded to tell; in
    /// order, each once.
    pub(super) fn candidates(&self, raw: &[u8], members: &[Member], mut each: impl FnMut(usize)) {
        let mut found = vec![false; members.len()];
        mark(&self.texts, raw, members, &mut found, |_| true);
        mark(&self.codings, raw, members, &mut found, |member| {
            raw.get(member.offset..member.offset + member.length)
                .is_some_and(body::needs_decoding)
        });
        for (place, _) in found.iter().enumerate().filter(|(_, found)| **found) {
            each(place);
        }
    }
}

/// Marks the members into which a match reaches. A match may reach over the border of two payloads, which says nothing
/// about either; so both are marked, and the search goes on behind them.
fn mark(
    regex: &Regex,
    raw: &[u8],
    members: &[Member],
    found: &mut [bool],
    judge: impl Fn(&Member) -> bool,
) {
    let mut from = 0;
    let mut place = 0;
    while let Some(hit) = regex.find_at(raw, from) {
        while members
            .get(place)
            .is_some_and(|member| member.offset + member.length <= hit.start())
        {
            place += 1;
        }
        let mut behind = hit.end();
        for (member, found) in members.iter().zip(found.iter_mut()).skip(place) {
            if member.offset >= hit.end() {
                break;
            }
            if !*found {
                *found = judge(member);
            }
            behind = member.offset + member.length;
        }
        from = behind.max(hit.start() + 1);
        if from > raw.len() {
            break;
        }
    }
}

fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .case_insensitive(true)
        .build()
        .ok()
}

/// The bytes as a pattern.
fn escape(text: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut pattern = String::from("(?:");
    for byte in text {
        write!(pattern, "\\x{byte:02x}").expect("writing to a string cannot fail");
    }
    pattern.push(')');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{Expr, Field, FieldId, Form, Needle, Operand, Test};

    fn candidates<P: AsRef<[u8]>>(text: &str, payloads: &[P]) -> Vec<usize> {
        let needle = Needle::new(text.into(), Form::Plain).unwrap();
        let test = Test::Contains(Operand::field(Field::of(FieldId::Any)), needle);
        let finder = Finder::new(&Expr::Test(test).required().unwrap()).unwrap();
        let mut raw = Vec::new();
        let mut members = Vec::new();
        for (id, payload) in (1..).zip(payloads) {
            let (offset, length) = (raw.len(), payload.as_ref().len());
            raw.extend_from_slice(payload.as_ref());
            members.push(Member { id, offset, length });
        }
        let mut found = Vec::new();
        finder.candidates(&raw, &members, |place| found.push(place));
        found
    }

    #[test]
    fn every_payload_that_holds_it_is_found() {
        assert_eq!(
            candidates("abc", &["xabcx", "none", "ABC", "abc"]),
            [0, 2, 3]
        );
        // The match over the border hides none behind it.
        assert_eq!(candidates("aab", &["xa", "aaab", "x"]), [1]);
        assert_eq!(candidates("abab", &["xab", "ab", "xxx", "abab"]), [0, 1, 3]);
    }

    #[test]
    fn bodies_that_must_be_decoded_are_candidates() {
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
        assert_eq!(
            candidates(
                "abc",
                &["GET / HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n", chunked]
            ),
            [1]
        );
        let text = &b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"[..];
        let [gzip, zstd] = [&b"\x1f\x8b\x08\0a"[..], b"\x28\xb5\x2f\xfda"];
        let payloads = [
            gzip.to_vec(),
            [text, gzip].concat(),
            text.to_vec(),
            [text, zstd].concat(),
        ];
        assert_eq!(candidates("abc", &payloads), [1, 3]);
    }
}
