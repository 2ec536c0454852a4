-- The index of exchanges: HTTP requests with their responses, reconstructed from the events of a connection.
-- `src/store/exchanges/mod.rs` explains it. And what a capture says that was taken from another.
--
-- Everything about exchanges is derived from events: it can be deleted and made anew, is no part of the commit digests, and lags
-- some seconds behind a recording. Only tables are made, so the step takes no time on a large file; an older recording
-- has no exchanges in it until `ecq-query reindex` makes them, and a query makes them for itself until then.

-- What many exchanges have in common; equal ones share a row, as far as the recorder remembers them. request_type and
-- response_type are the Content-Type fields.
CREATE TABLE exchange_facts (
    id INTEGER PRIMARY KEY,
    method TEXT,
    host TEXT,
    status INTEGER,
    request_type TEXT,
    response_type TEXT
) STRICT;

CREATE INDEX exchange_facts_host ON exchange_facts (host COLLATE NOCASE);  -- --host

-- Request targets, with their query; equal ones share a row, as far as the recorder remembers them.
CREATE TABLE exchange_paths (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL
) STRICT;

-- One row an exchange; number is its place in its connection, from 0. Of each half: its first and last event and when
-- they were, after time_ns; the bytes of its body without framing and with codings, and of the tunnel it turned into; how
-- it ended; what is wrong with it, in the bits of `Defects` in src/http/exchange.rs; and the block that holds its head.
-- elapsed_ns is from the first event of the request to the last of the response. text_id is where its text is, or will be,
-- in text_grams; 0 if there is none that a search of events does not find, and NULL as long as that is not known.
CREATE TABLE exchanges (
    id INTEGER PRIMARY KEY,
    time_ns INTEGER NOT NULL,
    connection_id INTEGER NOT NULL REFERENCES connections (id),
    number INTEGER NOT NULL,
    stream_id INTEGER NOT NULL REFERENCES streams (id),
    facts_id INTEGER NOT NULL REFERENCES exchange_facts (id),
    path_id INTEGER REFERENCES exchange_paths (id),
    http2_stream INTEGER,
    elapsed_ns INTEGER,
    request_first_id INTEGER,
    request_first_after_ns INTEGER,
    request_last_id INTEGER,
    request_last_after_ns INTEGER,
    request_body_bytes INTEGER,
    request_tunnel_bytes INTEGER,
    request_ending INTEGER,
    request_defects INTEGER,
    request_head_block INTEGER,
    response_first_id INTEGER,
    response_first_after_ns INTEGER,
    response_last_id INTEGER,
    response_last_after_ns INTEGER,
    response_body_bytes INTEGER,
    response_tunnel_bytes INTEGER,
    response_ending INTEGER,
    response_defects INTEGER,
    response_head_block INTEGER,
    text_id INTEGER
) STRICT;

CREATE INDEX exchanges_time ON exchanges (time_ns);                                 -- newest first, since, until
CREATE UNIQUE INDEX exchanges_connection ON exchanges (connection_id, number);      -- from a connection to its exchanges
CREATE INDEX exchanges_facts ON exchanges (facts_id);                               -- method, host, status, type
CREATE INDEX exchanges_text ON exchanges (text_id) WHERE text_id IS NOT 0;          -- --grep

-- Where bodies are: bytes of events (src/store/exchanges/encode.rs). part: 0 the request's body, 1 the response's, 2 what
-- the client sent through the tunnel, 3 what the server did, 6 the request's trailers, 7 the response's (encrypted where the
-- capture is; 4 and 5 are the same as earlier programs wrote them, in the clear).
CREATE TABLE exchange_parts (
    exchange_id INTEGER NOT NULL REFERENCES exchanges (id),
    part INTEGER NOT NULL,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (exchange_id, part, number)
) STRICT, WITHOUT ROWID;

-- Heads, some hundred compressed together. codec: 0 as they are, 1 one zstd frame.
CREATE TABLE head_blocks (
    id INTEGER PRIMARY KEY,
    raw_bytes INTEGER NOT NULL,
    codec INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

-- Heads that wait until there are enough for the block that they will be in: a row for those that were stored together.
CREATE TABLE head_tail (
    id INTEGER PRIMARY KEY,
    block_id INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

-- Which grams the text of some exchanges has, as `grams` is for blocks: the text that no search of events finds, which is
-- decoded HTTP/2 fields, and bodies in codings or frames that go over several events (src/store/exchanges/texts.rs).
CREATE TABLE text_grams (
    part INTEGER NOT NULL,
    text_id INTEGER NOT NULL,
    covers INTEGER NOT NULL,
    bits BLOB NOT NULL,
    PRIMARY KEY (part, text_id)
) STRICT, WITHOUT ROWID;

-- Up to which event exchanges are complete, and which version of the reader made them (src/store/exchanges/index.rs).
CREATE TABLE exchange_progress (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    event_id INTEGER NOT NULL,
    reader INTEGER NOT NULL
) STRICT;

INSERT INTO names (domain, code, name) VALUES
    ('ending', 1, 'complete'), ('ending', 2, 'consistent'), ('ending', 3, 'closed'), ('ending', 4, 'open'),
    ('ending', 5, 'broken');

-- Exchanges in words, for plain sqlite3.
CREATE VIEW exchange_list AS
SELECT
    x.id,
    strftime('%Y-%m-%dT%H:%M:%S', x.time_ns / 1000000000, 'unixepoch') || printf('.%09dZ', x.time_ns % 1000000000) AS time,
    p.pid,
    p.pname,
    c.src,
    c.dst,
    f.method,
    f.host,
    pa.path,
    f.status,
    f.request_type,
    f.response_type,
    x.request_body_bytes,
    x.response_body_bytes,
    x.elapsed_ns,
    (SELECT name FROM names WHERE domain = 'ending' AND code = x.request_ending) AS request_ending,
    (SELECT name FROM names WHERE domain = 'ending' AND code = x.response_ending) AS response_ending,
    x.http2_stream,
    x.connection_id,
    x.number
FROM exchanges AS x
JOIN streams AS s ON s.id = x.stream_id
JOIN processes AS p ON p.id = s.process_id
LEFT JOIN connection_list AS c ON c.id = x.connection_id
JOIN exchange_facts AS f ON f.id = x.facts_id
LEFT JOIN exchange_paths AS pa ON pa.id = x.path_id;

-- Where the events of a subset come from (`src/store/subset/mod.rs`): one row a step, the newest last. path is where the
-- other capture lay, began_ns when its first recording began, upper_id the newest event that was looked at and of_events
-- how many there were up to it. filter is what was asked for, NULL for everything; selects: 0 events, 1 exchanges, of
-- which all events of the connection are here up to their last.
CREATE TABLE origins (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    began_ns INTEGER,
    upper_id INTEGER NOT NULL,
    of_events INTEGER NOT NULL,
    selects INTEGER NOT NULL,
    filter TEXT,
    events INTEGER NOT NULL,
    exported_ns INTEGER NOT NULL,
    program TEXT NOT NULL
) STRICT;

-- Events of a subset before which, in their stream, events were left out: no text goes over from the one before.
CREATE TABLE cuts (
    event_id INTEGER PRIMARY KEY
) STRICT;

INSERT INTO names (domain, code, name) VALUES ('selects', 0, 'events'), ('selects', 1, 'exchanges');
