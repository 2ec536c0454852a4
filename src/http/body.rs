//! stub
use std::borrow::Cow;
pub struct Body<'a> {
    pub bytes: Cow<'a, [u8]>,
    pub state: State,
}
#[derive(PartialEq)]
pub enum State {
    AsSent,
    Decoded,
}
pub fn body(_p: &[u8], _l: usize) -> Option<Body<'_>> {
    None
}
pub fn needs_decoding(_p: &[u8]) -> bool {
    true
}
