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
