-- What a recorder can be left alone with for months.
--
-- Columns that are added at the end of a row take no time, however large the file is.

-- Several sources at once, and what a recording was told to leave out.
--
-- The recordings of one ecq-record that listens to several eCaptures are begun and ended together, one a source. A batch
-- names the first of them; which of them an event is of follows from its run, as each is of another source. lead_id names
-- the first in all of them, and is NULL where a recording is alone. name is what the user calls a source, NULL if it has
-- no name but its URL. Of events that the filter left out, filtered_bytes is the size of their payloads. snaplen_bytes is
-- how much of a payload was stored at most, NULL for all of it; shortened_events had more, shortened_bytes in all, which
-- is not here.
ALTER TABLE sources ADD COLUMN name TEXT;
ALTER TABLE recordings ADD COLUMN lead_id INTEGER REFERENCES recordings (id);
ALTER TABLE recordings ADD COLUMN filtered_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN snaplen_bytes INTEGER;
ALTER TABLE recordings ADD COLUMN shortened_events INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN shortened_bytes INTEGER NOT NULL DEFAULT 0;

-- Integrity: the chain of commits, and what takes the place of what was removed (src/store/chain.rs, decision 0019).
--
-- link is SHA-256 over the link before, the batch's digest and what the batch is; HMAC-SHA-256 where the recorder was given
-- a key. NULL in batches of earlier versions: the chain begins behind them.
ALTER TABLE batches ADD COLUMN link BLOB;

-- The key of the chain, told from others by its fingerprint, and the first batch whose link is keyed. One row, or none.
CREATE TABLE chain_key (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    fingerprint BLOB NOT NULL,
    first_id INTEGER NOT NULL
) STRICT;

-- What was removed for good (src/store/prune/mod.rs), so that an answer about that time says "pruned" and not
-- "nothing". One row for neighboring removals by one rule. rule is the rule in the words of the command line. min_ns and max_ns are
-- the least and greatest event time, min_received_ns and max_received_ns those of the receipt. batches is how many rows
-- of `batches` went; 0 where single events were taken out of batches that stay, which are then in `removed_events`.
-- last_link is the chain link of the last of them. digest is folded over the removed batches in order
-- (`RemovalHasher` in src/store/digest.rs); NULL where none went. The greatest last_id takes the place of the removed rows
-- of `batches` in seeing to it that no id is given twice.
CREATE TABLE removals (
    id INTEGER PRIMARY KEY,
    at_ns INTEGER NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    min_ns INTEGER,
    max_ns INTEGER,
    min_received_ns INTEGER,
    max_received_ns INTEGER,
    events INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    rule TEXT NOT NULL,
    batches INTEGER NOT NULL,
    last_link BLOB,
    digest BLOB
) STRICT;

-- Single events that a finer rule took out of a batch that stays, each with its digest (`EventHasher`), so that the
-- batch can still be checked. They go when their batch goes.
CREATE TABLE removed_events (
    event_id INTEGER PRIMARY KEY,
    removal_id INTEGER NOT NULL REFERENCES removals (id),
    digest BLOB NOT NULL
) STRICT;

-- When the recorder's own clock was set: by_ns is how far it jumped (negative: back), and before_id the newest event that
-- was committed when that was noticed. An age that reaches over a jump leaves it out.
CREATE TABLE clock_jumps (
    id INTEGER PRIMARY KEY,
    noticed_ns INTEGER NOT NULL,
    before_id INTEGER NOT NULL,
    by_ns INTEGER NOT NULL
) STRICT;

-- Of a salvaged capture (src/store/salvage/mod.rs): neighbors of whose events something is missing or in doubt. events is
-- how many of them that is true of.
CREATE TABLE losses (
    id INTEGER PRIMARY KEY,
    loss INTEGER NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    events INTEGER NOT NULL
) STRICT;

INSERT INTO names (domain, code, name) VALUES
    ('selects', 2, 'salvage'),
    ('gap', 6, 'damaged'),
    ('loss', 1, 'event'), ('loss', 2, 'payload'), ('loss', 3, 'facts'), ('loss', 4, 'doubtful'), ('loss', 5, 'unproven');
