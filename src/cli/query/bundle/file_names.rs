//! The names of the files, below the folder of the bundle.

pub(super) const README: &str = "README.txt";
pub(super) const CAPTURE: &str = "capture.db";
pub(super) const COVERAGE: &str = "coverage.json";
pub(super) const COVERAGE_TEXT: &str = "coverage.txt";
pub(super) const VERIFICATION: &str = "verification.jsonl";
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const EXPORTS: &str = "exports";
pub(super) const BODIES: &str = "bodies";
