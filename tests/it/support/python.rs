//! The Python that has what independent readers need, and what its scripts print.

/// Names the Python that has the modules of `tests/python.txt`; `.ci/run` makes one.
pub(crate) const PYTHON: &str = "ECQ_TEST_PYTHON";

/// That Python, else the one on the path.
#[expect(
    clippy::disallowed_methods,
    reason = "which programs there are is said by the environment"
)]
pub(crate) fn python() -> String {
    std::env::var(PYTHON).unwrap_or_else(|_| "python3".to_owned())
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
