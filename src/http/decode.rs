//! Undoing the codings of a body piece by piece, in memory that does not grow with it.

use std::io::Read;

use super::body::State;

/// A body that is being read.
pub trait BodyRead: Read {
    /// How far its codings were undone; what it says is final once reading has come to the end.
    fn state(&self) -> State;
}

use super::exchange::MessageHead;

/// Undoes codings; filled in by its own module.
pub fn decoded<'a>(
    _head: Option<&MessageHead>,
    body: impl Read + 'a,
    _is_whole: bool,
    _limit: u64,
) -> Box<dyn BodyRead + 'a> {
    as_sent(body)
}

/// As sent.
pub fn as_sent<'a>(body: impl Read + 'a) -> Box<dyn BodyRead + 'a> {
    struct AsSent<R>(R);
    impl<R: Read> Read for AsSent<R> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(buffer)
        }
    }
    impl<R: Read> BodyRead for AsSent<R> {
        fn state(&self) -> State {
            State::AsSent
        }
    }
    Box::new(AsSent(body))
}
