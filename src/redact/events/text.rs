//! A text on its way, looked at in every way at once.

use super::Tools;
use super::covers::Covers;
use super::form::Form;
use super::lines::Lines;
use super::members::Members;
use super::own::Own;
use super::tokens::Tokens;
use super::typed::Typed;
use crate::redact::rules::Rules;

/// How many bytes of a character may be missing in the beginning of a piece.
const CUT_BYTES: usize = 3;

/// What is found does not depend on the pieces in which the text comes, but that the end of a piece is covered if it may
/// belong to a secret.
#[derive(Debug)]
pub(super) struct Text {
    lines: Lines,
    members: Members,
    form: Option<Form>,
    typed: Typed,
    tokens: Tokens,
    own: Own,
}

impl Text {
    /// From its beginning, or that of a line.
    pub(super) fn new(is_form: bool) -> Self {
        Self {
            lines: Lines::default(),
            members: Members::default(),
            form: is_form.then(Form::default),
            typed: Typed::default(),
            tokens: Tokens::default(),
            own: Own::default(),
        }
    }

    /// The value of this field, which ends with a line end.
    pub(super) fn of_field(rules: &Rules, name: &[u8]) -> Self {
        Self {
            lines: Lines::in_value(rules.field(name)),
            ..Self::new(false)
        }
    }

    /// The next piece, which begins at `base` in its payload.
    pub(super) fn push(
        &mut self,
        tools: &Tools<'_>,
        base: usize,
        bytes: &[u8],
        covers: &mut Covers,
    ) {
        covers.set_base(base);
        self.lines.push(tools, bytes, covers);
        self.members.push(tools, bytes, covers);
        if let Some(form) = &mut self.form {
            form.push(tools, bytes, covers);
        }
        self.typed
            .push(tools, (bytes, self.lines.cookies()), covers);
        self.tokens.push(tools, bytes, covers);
        self.own.push(tools, bytes, covers);
    }
}

/// Whether a piece is text that can be looked at: UTF-8, cut off anywhere, without control characters but those of text.
pub(super) fn is_text(piece: &[u8]) -> bool {
    let is_control = |byte: &u8| {
        byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x08 | 0x0c | 0x1b)
    };
    let is_cut = |byte: &&u8| (0x80..0xc0).contains(*byte);
    let cut = piece.iter().take(CUT_BYTES).take_while(is_cut).count();
    let whole = piece.get(cut..).unwrap_or_default();
    let is_valid = match std::str::from_utf8(whole) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    is_valid && !piece.iter().any(is_control)
}
