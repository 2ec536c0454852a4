-- What a recording was told to redact (src/redact/events/mod.rs, decision 0026).
--
-- redaction_key is the fingerprint of the key that secrets were hashed with, as text; NULL where nothing was redacted. Of
-- such a recording, redacted_secrets is how many secrets were replaced; opaque_events is how many events have a payload of
-- which bytes were left out that could not be looked into, and opaque_bytes how many bytes those are.
--
-- Columns that are added at the end of a row take no time, however large the file is.
ALTER TABLE recordings ADD COLUMN redaction_key TEXT;
ALTER TABLE recordings ADD COLUMN redacted_secrets INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN opaque_events INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN opaque_bytes INTEGER NOT NULL DEFAULT 0;
