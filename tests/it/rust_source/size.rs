//! A file of the source has one concept, and so is not long.

use super::sources;

/// How many lines a file may have at most, the tests at its end left out.
const MOST_LINES: usize = 500;

#[test]
fn no_file_is_longer_than_one_concept() {
    let long: Vec<String> = sources()
        .iter()
        .map(|source| {
            (
                source.tokens.last().map_or(0, |last| last.line),
                &source.path,
            )
        })
        .filter(|(lines, _)| *lines > MOST_LINES)
        .map(|(lines, path)| format!("{path} has {lines} lines without its tests"))
        .collect();
    assert!(
        long.is_empty(),
        "\n{}\n(a file has at most {MOST_LINES}: move the second concept in it into a file of its own)",
        long.join("\n")
    );
}
