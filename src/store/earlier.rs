//! Captures of earlier schema versions, in the columns of today: temporary views that hide the tables of the file. Nothing
//! in the file changes.

use rusqlite::{Connection, Result};

use super::identities;

/// What a capture from before schema version 4 says of sources.
const BEFORE_NAMES: &str = "
    CREATE TEMP VIEW sources AS SELECT *, NULL AS name FROM main.sources;";

/// The columns that recordings got since, with what they say of one that lacks them: each with the schema version.
const ADDED_TO_RECORDINGS: [(i64, &str); 3] = [
    (
        4,
        ", NULL AS lead_id, 0 AS filtered_bytes, NULL AS snaplen_bytes, 0 AS shortened_events, 0 AS shortened_bytes",
    ),
    (
        identities::SINCE_VERSION,
        ", 0 AS gone_processes, 0 AS unlike_processes, 0 AS skipped_processes",
    ),
    (
        7,
        ", NULL AS redaction_key, 0 AS redacted_secrets, 0 AS opaque_events, 0 AS opaque_bytes",
    ),
];

/// What one from before schema version 5 says of processes; it has no identities.
const BEFORE_IDENTITIES: &str = "
    CREATE TEMP VIEW processes AS SELECT *, NULL AS identity_id FROM main.processes;
    CREATE TEMP VIEW identities AS
    SELECT NULL AS id, NULL AS recording_id, NULL AS pid, NULL AS started_ns, NULL AS read_ns, NULL AS exe, NULL AS ppid,
        NULL AS parent, NULL AS uid, NULL AS cgroup, NULL AS container, NULL AS cmdline
    WHERE FALSE;";

/// Hides the tables that lacked columns in this version.
pub(super) fn hide(db: &Connection, version: i64) -> Result<()> {
    if version < 4 {
        db.execute_batch(BEFORE_NAMES)?;
    }
    let lacking: String = ADDED_TO_RECORDINGS
        .into_iter()
        .filter(|(since, _)| version < *since)
        .map(|(_, columns)| columns)
        .collect();
    if !lacking.is_empty() {
        db.execute_batch(&format!(
            "CREATE TEMP VIEW recordings AS SELECT *{lacking} FROM main.recordings"
        ))?;
    }
    if version < identities::SINCE_VERSION {
        db.execute_batch(BEFORE_IDENTITIES)?;
    }
    Ok(())
}
