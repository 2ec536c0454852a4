//! Text for a POSIX shell (IEEE 1003.1, chapter 2, "Shell Command Language") that means captured bytes exactly, and does
//! nothing to a terminal on which it is shown.

use std::io::{self, Write};

use crate::event::is_hazard;

/// How many bytes one command of a pipe prints, so that lines stay readable.
const LINE_BYTES: usize = 1 << 10;

/// A word that is `bytes`: in single quotes if it can be shown, as the output of `printf` if not. `None` for what no word
/// can be: one with a NUL byte, or with a line end as its last byte that would have to be printed.
pub(super) fn word(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.contains(&0) {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok();
    if text.is_some_and(|text| !text.contains(is_hazard)) {
        return Some(quoted(bytes));
    }
    // The substitution of a command takes line ends off its output.
    if bytes.ends_with(b"\n") {
        return None;
    }
    let mut word = b"\"$(".to_vec();
    print(&mut word, bytes);
    word.extend_from_slice(b")\"");
    Some(word)
}

fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut word = b"'".to_vec();
    for byte in bytes {
        match byte {
            b'\'' => word.extend_from_slice(br"'\''"),
            other => word.push(*other),
        }
    }
    word.push(b'\'');
    word
}

/// Writes a line of commands that print `bytes`, whatever they are.
pub(super) fn put_printing(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    for piece in bytes.chunks(LINE_BYTES) {
        let mut line = Vec::new();
        print(&mut line, piece);
        line.push(b'\n');
        out.write_all(&line)?;
    }
    Ok(())
}

/// The command that prints `bytes`: visible ASCII is as it is, the rest in octal.
fn print(command: &mut Vec<u8>, bytes: &[u8]) {
    command.extend_from_slice(b"printf '");
    for (place, byte) in bytes.iter().enumerate() {
        match byte {
            b'%' => command.extend_from_slice(b"%%"),
            b'\\' => command.extend_from_slice(br"\\"),
            // A dash at the beginning could be taken for an option.
            b'-' if place == 0 => command.extend_from_slice(br"\055"),
            b' '..=b'~' if *byte != b'\'' => command.push(*byte),
            other => command.extend_from_slice(format!("\\{other:03o}").as_bytes()),
        }
    }
    command.push(b'\'');
}

/// Writes a line of comment; characters that would end it or steer a terminal are shown as U+FFFD.
pub(super) fn put_comment(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "# {}", text.replace(is_hazard, "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    fn output(script: &[u8]) -> Vec<u8> {
        let mut shell = Command::new("sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .env_clear()
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(script).unwrap();
        let output = shell.wait_with_output().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    #[test]
    fn words() {
        for (bytes, expected) in [
            (&b""[..], Some("''")),
            (b"a b", Some("'a b'")),
            (b"it's $x `y`", Some(r"'it'\''s $x `y`'")),
            ("é".as_bytes(), Some("'é'")),
            (b"\x1b[31m%\\'", Some(r#""$(printf '\033[31m%%\\\047')""#)),
            (b"-\n-", Some(r#""$(printf '\055\012-')""#)),
            (b"\xff", Some(r#""$(printf '\377')""#)),
            (b"a\n", None),
            (b"\0", None),
        ] {
            let found = word(bytes).map(|word| String::from_utf8(word).unwrap());
            assert_eq!(found.as_deref(), expected);
        }
    }

    #[test]
    fn comments_are_one_line() {
        let mut out = Vec::new();
        put_comment(&mut out, "a\nrm -rf\u{202e}").unwrap();
        assert_eq!(out, "# a\u{fffd}rm -rf\u{fffd}\n".as_bytes());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_shell_gives_the_bytes_back(bytes in any::<Vec<u8>>(), repeat in 1_usize..30) {
            let bytes = bytes.repeat(repeat);
            let mut script = Vec::new();
            put_printing(&mut script, &bytes).unwrap();
            prop_assert!(output(&script) == bytes);
        }

        #[test]
        fn a_word_is_what_it_was(bytes in prop_oneof![any::<Vec<u8>>(), "[ -~]*".prop_map(String::into_bytes)]) {
            if let Some(word) = word(&bytes) {
                let script = [b"printf %s ", &word[..], b"\n"].concat();
                prop_assert_eq!(output(&script), bytes);
            }
        }
    }
}
