//! Recording, against the stand-in.
