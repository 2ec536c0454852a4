-- Who the processes were, as /proc told (decision 0022).
--
-- Tables and columns are added, and an index on a table of some thousand rows: the step takes no time on a large file.

-- A process as it was read from /proc of the recorder's host while it lived. started_ns is when it started and read_ns
-- when this was read; the events of it were received after started_ns. Of exe, parent (the name of the parent) and cgroup,
-- bytes that are not UTF-8 are U+FFFD; exe ends in ' (deleted)' where the file was gone. container is the container's id or
-- name, as the path of the cgroup has it. cmdline is its arguments, each with a zero byte behind it, at most 4096 bytes;
-- NULL unless it was asked for. What could not be read is NULL.
CREATE TABLE identities (
    id INTEGER PRIMARY KEY,
    recording_id INTEGER NOT NULL REFERENCES recordings (id),
    pid INTEGER NOT NULL,
    started_ns INTEGER NOT NULL,
    read_ns INTEGER NOT NULL,
    exe TEXT,
    ppid INTEGER,
    parent TEXT,
    uid INTEGER,
    cgroup TEXT,
    container TEXT,
    cmdline BLOB
) STRICT;

CREATE INDEX identities_recording ON identities (recording_id);  -- how many a recording has
CREATE INDEX identities_exe ON identities (exe);                 -- exe == "/usr/bin/curl"
CREATE INDEX identities_container ON identities (container);     -- container == "4f3c…"

-- A process of which no identity is known has NULL. A pid that is used again has a row for each identity, and so have its
-- streams.
ALTER TABLE processes ADD COLUMN identity_id INTEGER REFERENCES identities (id);

CREATE INDEX processes_identity ON processes (identity_id) WHERE identity_id IS NOT NULL;  -- from an identity to its streams

-- Processes, each under one name, that were looked for in /proc and not found there any more; of which /proc said another
-- name; and how often nobody was asked, as too many were waiting.
ALTER TABLE recordings ADD COLUMN gone_processes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN unlike_processes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN skipped_processes INTEGER NOT NULL DEFAULT 0;
