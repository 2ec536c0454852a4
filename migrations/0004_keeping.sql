-- What keeps a capture that is recorded into for months: what was removed from it, and how that is known.
--
-- Only tables are made, so the step takes no time on a large file.

-- ---------------------------------------------------------------------------------------------------------------------
-- Retention: what was removed (`src/store/prune/mod.rs`), so that an answer about that time says "pruned" and not
-- "nothing".

-- One row for neighboring removals by one rule. rule is the rule in the words of the command line. min_ns and max_ns are
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
