//! The programs from outside.
