//! Captures of earlier schema versions, in the columns of today: temporary views that hide the tables of the file. Nothing
//! in the file changes.

use rusqlite::{Connection, Result};

use super::identities;

/// What a capture from before schema version 4 says of sources and recordings, in the columns of today: views that hide
/// the tables of the file.
const BEFORE_SOURCES: &str = "
    CREATE TEMP VIEW sources AS SELECT *, NULL AS name FROM main.sources;
    CREATE TEMP VIEW recordings AS
    SELECT *, NULL AS lead_id, 0 AS filtered_bytes, NULL AS snaplen_bytes, 0 AS shortened_events, 0 AS shortened_bytes,
        0 AS gone_processes, 0 AS unlike_processes, 0 AS skipped_processes, NULL AS redaction_key, 0 AS redacted_secrets,
        0 AS opaque_events, 0 AS opaque_bytes
    FROM main.recordings;";

/// The same of one of schema version 4, of recordings.
const BEFORE_COUNTS: &str = "
    CREATE TEMP VIEW recordings AS
    SELECT *, 0 AS gone_processes, 0 AS unlike_processes, 0 AS skipped_processes, NULL AS redaction_key,
        0 AS redacted_secrets, 0 AS opaque_events, 0 AS opaque_bytes
    FROM main.recordings;";

/// The same of one of schema version 5 or 6, of recordings.
const BEFORE_REDACTION: &str = "
    CREATE TEMP VIEW recordings AS
    SELECT *, NULL AS redaction_key, 0 AS redacted_secrets, 0 AS opaque_events, 0 AS opaque_bytes FROM main.recordings;";

/// The schema version since which recordings can be redacted.
const REDACTION_SINCE_VERSION: i64 = 7;

/// The same of one from before schema version 5, of processes; it has no identities.
const BEFORE_IDENTITIES: &str = "
    CREATE TEMP VIEW processes AS SELECT *, NULL AS identity_id FROM main.processes;
    CREATE TEMP VIEW identities AS
    SELECT NULL AS id, NULL AS recording_id, NULL AS pid, NULL AS started_ns, NULL AS read_ns, NULL AS exe, NULL AS ppid,
        NULL AS parent, NULL AS uid, NULL AS cgroup, NULL AS container, NULL AS cmdline
    WHERE FALSE;";

/// Hides the tables that lacked columns in this version.
pub(super) fn hide(db: &Connection, version: i64) -> Result<()> {
    if version < 4 {
        db.execute_batch(BEFORE_SOURCES)?;
    } else if version < identities::SINCE_VERSION {
        db.execute_batch(BEFORE_COUNTS)?;
    } else if version < REDACTION_SINCE_VERSION {
        db.execute_batch(BEFORE_REDACTION)?;
    }
    if version < identities::SINCE_VERSION {
        db.execute_batch(BEFORE_IDENTITIES)?;
    }
    Ok(())
}
