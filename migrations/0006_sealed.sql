-- Encryption at rest of what holds captured bytes (src/store/vault/mod.rs, decision 0024).
--
-- One row, in a capture that was begun with --encrypt; none in others. Everything that a recorder takes from payloads, but
-- what is indexed, is then encrypted with a key of the file that nobody knows: it stands here, encrypted with a key that
-- is made of the user's secret. So the secret can be changed without touching anything else.
--
-- Encrypted are block_data.data, tail.data, envelopes.before and after, head_blocks.data, head_tail.data, grams.bits and
-- text_grams.bits: each with its own random nonce at its end, and bound to its row. Paths are without their query.
--
-- Only a table is made, so the step takes no time.

-- secret says of what the key is made: a key file (HKDF-SHA-256), or a passphrase (Argon2id with memory_kib, passes and
-- lanes, then HKDF). key_check tells another secret from damage.
CREATE TABLE encryption (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    secret INTEGER NOT NULL,
    salt BLOB NOT NULL,
    memory_kib INTEGER,
    passes INTEGER,
    lanes INTEGER,
    key_check BLOB NOT NULL,
    wrapped_key BLOB NOT NULL
) STRICT;

INSERT INTO names (domain, code, name) VALUES ('secret', 1, 'key_file'), ('secret', 2, 'passphrase');
