//! How a program ends.

use std::process::ExitCode;

/// The exit status of both programs. A closed pipe is no failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: something was found, or the work is done.
    Found,
    /// 1: nothing matched.
    Nothing,
    /// 2: it failed, or was asked for something that makes no sense.
    Failed,
    /// 130: a second interrupt stopped it.
    Interrupted,
}

impl Exit {
    /// Of a search that has gone through.
    pub fn of_search(is_found: bool) -> Self {
        if is_found { Self::Found } else { Self::Nothing }
    }

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Found => 0,
            Self::Nothing => 1,
            Self::Failed => 2,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
