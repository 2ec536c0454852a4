//! Characters that do something to a terminal instead of being shown on it.

/// Whether showing `character` would steer the terminal or mislead the reader: C0 and C1 controls, DEL, line and
/// paragraph separators, everything that turns the direction of text, and invisible tags.
pub fn is_hazard(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_bidi_are_hazards_and_text_is_not() {
        for hazard in [
            '\0', '\n', '\u{1b}', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}',
        ] {
            assert!(is_hazard(hazard), "{hazard:?}");
        }
        for harmless in ['a', '\\', 'é', '漢', '\u{fffd}', '→'] {
            assert!(!is_hazard(harmless), "{harmless:?}");
        }
    }
}
