-- The search filter: which blocks a search need not open. `src/store/grams.rs` explains it.
--
-- Only tables are made and one index is made anew: on a large file that takes as long as reading `heads`, less than a
-- second. Blocks that are there already have no filter and are always opened; `ecq-query reindex` makes theirs.

-- Which grams (four neighboring bytes) the searched text of a block's events has, as 32 bitmaps: a search reads one part
-- of all blocks, which lie side by side, and of the few that are left the others. covers: 1 every gram, 2 those of plain
-- text alone. A block that is not here must be opened.
CREATE TABLE grams (
    part INTEGER NOT NULL,
    block_id INTEGER NOT NULL REFERENCES blocks (id),
    covers INTEGER NOT NULL,
    bits BLOB NOT NULL,
    PRIMARY KEY (part, block_id)
) STRICT, WITHOUT ROWID;

-- Events whose block's filter does not know the text before them in their stream: they are looked at whatever it says.
CREATE TABLE junctions (
    event_id INTEGER PRIMARY KEY
) STRICT;

-- Events with an HTTP body that could not be decoded, or not to its end: a search says how many there are. Up to which
-- event that is known follows from `tail`.
CREATE TABLE undecoded (
    event_id INTEGER PRIMARY KEY,
    defect INTEGER NOT NULL
) STRICT;

INSERT INTO names (domain, code, name) VALUES
    ('covers', 1, 'all'), ('covers', 2, 'plain'),
    ('defect', 1, 'cut_off'), ('defect', 2, 'damaged'), ('defect', 3, 'too_large'), ('defect', 4, 'unknown_coding');

-- Events that `--filter` left out, and what the filter was; NULL if there was none.
ALTER TABLE recordings ADD COLUMN filtered_events INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN filter TEXT;

-- Hosts are asked for without regard to case.
DROP INDEX heads_host;
CREATE INDEX heads_host ON heads (host COLLATE NOCASE);  -- --host
