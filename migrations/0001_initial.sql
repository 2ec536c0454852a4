-- The first schema of a capture. `src/store/mod.rs` explains how its parts work together.
--
-- Times end in _ns: nanoseconds since 1970 in UTC. Sizes end in _bytes. Unknown is NULL. What a coded column means is in
-- `names`, so that the file explains itself; the codes are those of the enums in src/event. Addresses are BLOBs of 4
-- (IPv4) or 16 (IPv6) bytes in network order. Payloads are zstd frames in block_data, or stored as they are where that
-- saves less than 5 %, so plain sqlite3 shows everything but their bytes: SELECT * FROM event_list.

-- What the codes mean.
CREATE TABLE names (
    domain TEXT NOT NULL,
    code INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (domain, code)
) STRICT, WITHOUT ROWID;

INSERT INTO names (domain, code, name) VALUES
    ('kind', 1, 'tls_data'), ('kind', 2, 'conn'), ('kind', 3, 'shell'), ('kind', 4, 'sql'), ('kind', 5, 'packet'),
    ('kind', 6, 'key_material'), ('kind', 7, 'unknown_text'), ('kind', 8, 'unreadable'),
    ('content', 0, 'empty'), ('content', 1, 'http1_request'), ('content', 2, 'http1_response'),
    ('content', 3, 'http2_preface'), ('content', 4, 'http2_frames'), ('content', 5, 'http2_listing'),
    ('content', 6, 'text'), ('content', 7, 'binary'),
    ('probe', 1, 'openssl'), ('probe', 2, 'gotls'), ('probe', 3, 'gnutls_or_nspr'), ('probe', 4, 'bash'),
    ('probe', 5, 'zsh'), ('probe', 6, 'mysqld'), ('probe', 7, 'postgres'),
    ('direction', 0, 'in'), ('direction', 1, 'out'),
    ('clock', 0, 'received'), ('clock', 1, 'field'), ('clock', 2, 'field'), ('clock', 3, 'field'), ('clock', 4, 'field'),
    ('clock', 5, 'text'), ('clock', 6, 'text_inferred'), ('clock', 7, 'monotonic'),
    ('tuple_source', 1, 'field'), ('tuple_source', 2, 'uuid'), ('tuple_source', 3, 'connection_event'),
    ('tuple_source', 4, 'inferred'), ('tuple_source', 5, 'text'),
    ('sense', 1, 'initiator_to_acceptor'), ('sense', 2, 'local_to_remote'),
    ('role', 1, 'client'), ('role', 2, 'server'),
    ('gap', 1, 'not_connected'), ('gap', 2, 'queue_overflow'), ('gap', 3, 'message_too_large'), ('gap', 4, 'stalled'),
    ('gap', 5, 'unclean_end'),
    ('class', 0, 'requests'), ('class', 1, 'text'), ('class', 2, 'binary'), ('class', 3, 'large');

-- An eCapture that was listened to, or a file that was imported. host_name and boot_id only where it ran on this host.
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL,
    host_name TEXT,
    boot_id TEXT
) STRICT;

-- One run of ecq-record into this file. The counters are as of the last commit, so a crash leaves the truth behind.
-- ended_ns is NULL while it runs, and after a crash until the next start notes that: is_clean is then 0.
CREATE TABLE recordings (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES sources (id),
    program TEXT NOT NULL,
    started_ns INTEGER NOT NULL,
    last_commit_ns INTEGER NOT NULL,
    ended_ns INTEGER,
    is_clean INTEGER,
    is_received_estimated INTEGER NOT NULL DEFAULT 0,
    import_sha256 BLOB,
    received_frames INTEGER NOT NULL DEFAULT 0,
    received_bytes INTEGER NOT NULL DEFAULT 0,
    stored_events INTEGER NOT NULL DEFAULT 0,
    unreadable_frames INTEGER NOT NULL DEFAULT 0,
    dropped_frames INTEGER NOT NULL DEFAULT 0,
    dropped_bytes INTEGER NOT NULL DEFAULT 0,
    withheld_keys INTEGER NOT NULL DEFAULT 0,
    destroyed_sockets INTEGER NOT NULL DEFAULT 0,
    replayed_logs INTEGER NOT NULL DEFAULT 0,
    stored_logs INTEGER NOT NULL DEFAULT 0,
    heartbeats INTEGER NOT NULL DEFAULT 0,
    lost_samples INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Finds a file that was imported before.
CREATE INDEX recordings_import ON recordings (import_sha256) WHERE import_sha256 IS NOT NULL;

-- One run of eCapture, told from another by the first line of its run log. NULL where no run log came.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES sources (id),
    first_log TEXT,
    version TEXT,
    started_ns INTEGER,
    zone_offset_seconds INTEGER
) STRICT;

-- One WebSocket connection to an eCapture. number counts from 1 in each recording.
CREATE TABLE links (
    id INTEGER PRIMARY KEY,
    recording_id INTEGER NOT NULL REFERENCES recordings (id),
    number INTEGER NOT NULL,
    connected_ns INTEGER NOT NULL,
    last_frame_ns INTEGER,
    ended_ns INTEGER,
    end_reason TEXT
) STRICT;

-- A span of time, or a number of frames, that we know we did not get.
CREATE TABLE gaps (
    id INTEGER PRIMARY KEY,
    recording_id INTEGER NOT NULL REFERENCES recordings (id),
    reason INTEGER NOT NULL,
    started_ns INTEGER NOT NULL,
    ended_ns INTEGER,
    frames INTEGER,
    bytes INTEGER,
    detail TEXT
) STRICT;

-- eCapture's signs of life. message is NULL where it is exactly 'heartbeat:' and the count; frame is the frame itself
-- where the columns do not give it again.
CREATE TABLE heartbeats (
    id INTEGER PRIMARY KEY,
    link_id INTEGER NOT NULL REFERENCES links (id),
    received_ns INTEGER NOT NULL,
    timestamp_seconds INTEGER NOT NULL,
    count INTEGER NOT NULL,
    message TEXT,
    carrier INTEGER NOT NULL,
    frame BLOB
) STRICT;

-- eCapture's run log. Lines that it replays on each connect are here once.
CREATE TABLE run_logs (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (id),
    link_id INTEGER NOT NULL REFERENCES links (id),
    received_ns INTEGER NOT NULL,
    line TEXT NOT NULL,
    carrier INTEGER NOT NULL,
    frame BLOB
) STRICT;

-- Serves the start of a recording, which asks what this run has replayed before.
CREATE INDEX run_logs_run ON run_logs (run_id);

-- A process, under the name and user that its events carried.
CREATE TABLE processes (
    id INTEGER PRIMARY KEY,
    pid INTEGER,
    pname TEXT,
    uid INTEGER
) STRICT;

CREATE INDEX processes_pname ON processes (pname, pid);  -- --pname
CREATE INDEX processes_pid ON processes (pid);           -- --pid

-- One connection of one process: one epoch of one descriptor (or of one thread, where the descriptor is unknown).
-- Addresses can become known after its events were stored; then this row is updated and no event is.
-- `sense` says what the order of src and dst means, `role` which end the process is (inferred from the traffic).
CREATE TABLE connections (
    id INTEGER PRIMARY KEY,
    fd INTEGER,
    tid INTEGER,
    src_ip BLOB,
    src_port INTEGER,
    dst_ip BLOB,
    dst_port INTEGER,
    sense INTEGER,
    tuple_source INTEGER,
    role INTEGER
) STRICT;

-- The 5-tuple in either direction, and one end alone.
CREATE INDEX connections_src ON connections (src_ip, src_port) WHERE src_ip IS NOT NULL;
CREATE INDEX connections_dst ON connections (dst_ip, dst_port) WHERE dst_ip IS NOT NULL;

-- The two streams of a connection (what the process read and what it wrote) as one process name saw them. Which of the
-- two an event belongs to is in its shape: a row for each would cost 4 bytes an event more.
CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (id),
    process_id INTEGER NOT NULL REFERENCES processes (id),
    connection_id INTEGER REFERENCES connections (id)
) STRICT;

CREATE INDEX streams_process ON streams (process_id);        -- from a process to its events
CREATE INDEX streams_connection ON streams (connection_id);  -- from a connection to its events

-- What many events have in common: how they are to be read. A few dozen rows.
CREATE TABLE shapes (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    content INTEGER NOT NULL,
    direction INTEGER,
    probe INTEGER,
    ecapture_type INTEGER,
    form INTEGER NOT NULL,
    provenance INTEGER NOT NULL,
    clock INTEGER NOT NULL,
    clock_offset_ns INTEGER NOT NULL
) STRICT;

-- The facts of an HTTP head, its path apart; equal ones share a row, as far as the recorder remembers them.
CREATE TABLE heads (
    id INTEGER PRIMARY KEY,
    method TEXT,
    host TEXT,
    status INTEGER,
    content_type TEXT
) STRICT;

CREATE INDEX heads_host ON heads (host);  -- --host

-- Request targets, with their query; equal ones share a row, as far as the recorder remembers them.
CREATE TABLE paths (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL
) STRICT;

-- One row an event. The id is its place in the order of arrival; it is never changed or given twice. Received is
-- time_ns + received_after_ns; the thread is the process's pid + tid_after_pid. Where an event's payload is follows
-- from its id, its content and its length: see blocks.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    time_ns INTEGER NOT NULL,
    received_after_ns INTEGER NOT NULL,
    stream_id INTEGER NOT NULL REFERENCES streams (id),
    shape_id INTEGER NOT NULL REFERENCES shapes (id),
    head_id INTEGER REFERENCES heads (id),
    path_id INTEGER REFERENCES paths (id),
    tid_after_pid INTEGER,
    payload_bytes INTEGER NOT NULL
) STRICT;

-- From a row of streams to its events, in order of arrival: 5-tuple, pid and pname. later holds the ids after first_id
-- (src/store/postings.rs). Complete up to the event that progress names; the few thousand behind it are looked through.
CREATE TABLE postings (
    stream_id INTEGER NOT NULL REFERENCES streams (id),
    first_id INTEGER NOT NULL,
    later BLOB NOT NULL,
    PRIMARY KEY (stream_id, first_id)
) STRICT, WITHOUT ROWID;

-- Up to which event a piece of work is done that goes on behind the recording.
CREATE TABLE progress (
    work TEXT PRIMARY KEY,
    event_id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What only some probes say.
CREATE TABLE details (
    event_id INTEGER PRIMARY KEY,
    return_value INTEGER,
    status TEXT,
    total_bytes INTEGER,
    monotonic_ns INTEGER,
    interface_index INTEGER,
    reason TEXT
) STRICT;

-- What of an event's frame its columns and payload do not give again: the bytes before and after the payload, or (with
-- after NULL) the whole frame in before.
CREATE TABLE envelopes (
    event_id INTEGER PRIMARY KEY,
    before BLOB NOT NULL,
    after BLOB
) STRICT;

-- The index on time: the smallest and largest event time among some hundred neighbours in order of arrival.
CREATE TABLE spans (
    first_id INTEGER PRIMARY KEY,
    last_id INTEGER NOT NULL,
    min_ns INTEGER NOT NULL,
    max_ns INTEGER NOT NULL
) STRICT;

CREATE INDEX spans_max ON spans (max_ns, min_ns);  -- newest first, and "since"
CREATE INDEX spans_min ON spans (min_ns, max_ns);  -- oldest first, and "until"

-- One row a commit that brought events: which, when, and the digest over them. src/store/digest.rs defines it.
CREATE TABLE batches (
    first_id INTEGER PRIMARY KEY,
    last_id INTEGER NOT NULL,
    recording_id INTEGER NOT NULL REFERENCES recordings (id),
    committed_ns INTEGER NOT NULL,
    digest BLOB NOT NULL
) STRICT;

-- Payloads, concatenated. members lists the events in it (src/store/block.rs); part_bytes is where in its event's
-- payload a part of a large payload begins. codec: 0 as they are, 1 one zstd frame.
CREATE TABLE blocks (
    id INTEGER PRIMARY KEY,
    class INTEGER NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    part_bytes INTEGER NOT NULL DEFAULT 0,
    raw_bytes INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    codec INTEGER NOT NULL,
    members BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX blocks_place ON blocks (class, first_id, part_bytes);  -- from an event to its block

-- Apart from blocks, so that looking through block headers touches no payload.
CREATE TABLE block_data (
    id INTEGER PRIMARY KEY REFERENCES blocks (id),
    data BLOB NOT NULL
) STRICT;

-- Payloads that wait until there are enough of their class for a block.
CREATE TABLE tail (
    event_id INTEGER PRIMARY KEY,
    class INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

-- Connections with their addresses in words.
CREATE VIEW connection_list AS
SELECT
    id, fd, tid,
    CASE length(src_ip)
        WHEN 4 THEN
            (instr('0123456789ABCDEF', substr(hex(src_ip), 1, 1)) * 16 + instr('0123456789ABCDEF', substr(hex(src_ip), 2, 1)) - 17) || '.' ||
            (instr('0123456789ABCDEF', substr(hex(src_ip), 3, 1)) * 16 + instr('0123456789ABCDEF', substr(hex(src_ip), 4, 1)) - 17) || '.' ||
            (instr('0123456789ABCDEF', substr(hex(src_ip), 5, 1)) * 16 + instr('0123456789ABCDEF', substr(hex(src_ip), 6, 1)) - 17) || '.' ||
            (instr('0123456789ABCDEF', substr(hex(src_ip), 7, 1)) * 16 + instr('0123456789ABCDEF', substr(hex(src_ip), 8, 1)) - 17)
            || ':' || src_port
        WHEN 16 THEN
            '[' || lower(substr(hex(src_ip), 1, 4) || ':' || substr(hex(src_ip), 5, 4) || ':' || substr(hex(src_ip), 9, 4) || ':' || substr(hex(src_ip), 13, 4) || ':' || substr(hex(src_ip), 17, 4) || ':' || substr(hex(src_ip), 21, 4) || ':' || substr(hex(src_ip), 25, 4) || ':' || substr(hex(src_ip), 29, 4))
            || ']:' || src_port
    END AS src,
    CASE length(dst_ip)
        WHEN 4 THEN
            (instr('0123456789ABCDEF', substr(hex(dst_ip), 1, 1)) * 16 + instr('0123456789ABCDEF', substr(hex(dst_ip), 2, 1)) - 17) || '.' ||
            (instr('0123456789ABCDEF', substr(hex(dst_ip), 3, 1)) * 16 + instr('0123456789ABCDEF', substr(hex(dst_ip), 4, 1)) - 17) || '.' ||
            (instr('0123456789ABCDEF', substr(hex(dst_ip), 5, 1)) * 16 + instr('0123456789ABCDEF', substr(hex(dst_ip), 6, 1)) - 17) || '.' ||
            (instr('0123456789ABCDEF', substr(hex(dst_ip), 7, 1)) * 16 + instr('0123456789ABCDEF', substr(hex(dst_ip), 8, 1)) - 17)
            || ':' || dst_port
        WHEN 16 THEN
            '[' || lower(substr(hex(dst_ip), 1, 4) || ':' || substr(hex(dst_ip), 5, 4) || ':' || substr(hex(dst_ip), 9, 4) || ':' || substr(hex(dst_ip), 13, 4) || ':' || substr(hex(dst_ip), 17, 4) || ':' || substr(hex(dst_ip), 21, 4) || ':' || substr(hex(dst_ip), 25, 4) || ':' || substr(hex(dst_ip), 29, 4))
            || ']:' || dst_port
    END AS dst,
    (SELECT name FROM names WHERE domain = 'sense' AND code = sense) AS sense,
    (SELECT name FROM names WHERE domain = 'tuple_source' AND code = tuple_source) AS address_source,
    (SELECT name FROM names WHERE domain = 'role' AND code = role) AS role
FROM connections;

-- Events in words, for plain sqlite3.
CREATE VIEW event_list AS
SELECT
    e.id,
    strftime('%Y-%m-%dT%H:%M:%S', e.time_ns / 1000000000, 'unixepoch') || printf('.%09dZ', e.time_ns % 1000000000) AS time,
    (SELECT name FROM names WHERE domain = 'clock' AND code = sh.clock) AS time_source,
    p.pid,
    coalesce(p.pid, 0) + e.tid_after_pid AS tid,
    p.uid,
    p.pname,
    c.fd,
    (SELECT name FROM names WHERE domain = 'direction' AND code = sh.direction) AS direction,
    (SELECT name FROM names WHERE domain = 'kind' AND code = sh.kind) AS kind,
    (SELECT name FROM names WHERE domain = 'content' AND code = sh.content) AS content,
    (SELECT name FROM names WHERE domain = 'probe' AND code = sh.probe) AS probe,
    sh.ecapture_type AS type,
    c.src,
    c.dst,
    h.method,
    h.host,
    pa.path,
    h.status,
    h.content_type,
    e.payload_bytes,
    s.connection_id,
    e.stream_id,
    s.run_id
FROM events AS e
JOIN streams AS s ON s.id = e.stream_id
JOIN processes AS p ON p.id = s.process_id
JOIN shapes AS sh ON sh.id = e.shape_id
LEFT JOIN connection_list AS c ON c.id = s.connection_id
LEFT JOIN heads AS h ON h.id = e.head_id
LEFT JOIN paths AS pa ON pa.id = e.path_id;
