//! Asking, on captures made by import.
