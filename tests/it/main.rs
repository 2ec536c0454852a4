//! The programs from outside.

mod readme;
