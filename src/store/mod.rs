//! The capture file: the only module that names SQLite, and the only place with SQL in it.
//!
//! One file is one capture. A [`Writer`] adds a recording to it, or one for each of several sources, a transaction for
//! each commit of a [`Batch`] a source; any number of [`Reader`]s answer meanwhile. Nothing here decodes frames or knows how results look.
//!
//! # The schema at a glance
//!
//! `migrations/` holds it, with a reason for every table and index.
//!
//! ```text
//! sources ─ recordings ─ links, gaps, heartbeats, batches         who recorded what, and what is missing
//! sources ─ runs ─ run_logs                                       the lives of an eCapture
//! runs, processes, connections ─ streams ─ events                 a row an event, 30 to 40 bytes
//! identities ─ processes                                          who a process was
//!                   shapes, heads, paths ─ events                 what many events have in common
//!                                          events ─ details       what few of them have; envelopes too
//!                                          events ~ spans         the index on time
//!                                 streams ~ postings ~ events     the index from a stream to its events
//!                                          events ~ blocks, tail  the payloads; bytes in block_data
//!                                          blocks ─ grams          the search filter; junctions and undecoded beside it
//! encryption                                                      the key of an encrypted capture, encrypted itself
//! removals ─ removed_events; chain_key                            what was removed, and how the chain of commits goes on
//! origins; cuts ─ events                                          of a subset: what it was taken from, and where it lacks
//! removals ─ removed_events; clock_jumps                          what was pruned, and what an age leaves out
//! ```
//!
//! An *event* row has numbers only. Its *stream* says process and connection, so a filter on those is decided
//! once on small tables (`plan`), and addresses that become known late change one row and no event. Its *shape* says how
//! it is to be read (kind, content, probe, form, provenance, clock), its *head* and *path* the HTTP facts. *Spans* hold
//! the least and greatest time of 512 neighbors, and *postings* the ids of a stream's events, in place of indexes with
//! an entry for each. Payloads are concatenated into *blocks* of 256
//! KiB, apart by class and compressed with zstd, and wait in the *tail* until there are enough of them; which block
//! holds an event's payload follows from its id, content and length. A *batch* is a commit, with a digest over its
//! events and a link to the batch before; of recordings that were begun together, one a source, it names the first, and
//! the run of an event tells which of them it is of. *Grams* tell which blocks cannot hold a text. `docs/decisions/` has a
//! page on each of these choices.
//!
//! Times are nanoseconds since 1970 in UTC, sizes are bytes, unknown is NULL. Codes are explained in the table `names`,
//! and the views `event_list` and `connection_list` show everything but payloads in words to plain `sqlite3`.
//!
//! # Writing
//!
//! A batch is one immediate transaction: rows, blocks, tail, counters and digest together, so nothing ever dangles.
//! When [`Writer::commit`] returns, it is on the disk. Ids are given by the caller before that, in order of arrival;
//! batches and removals outlive their events, so that no id is given twice. What changes after a commit: an event's stream
//! (`docs/decisions/0002-streams-and-epochs.md`), a connection's addresses and role, and where a payload is.
//!
//! | pragma | recorder | why |
//! |---|---|---|
//! | `page_size` | 4096 | as fast as larger ones; the last page of each block is half empty on average |
//! | `auto_vacuum` | INCREMENTAL | must be set before the first table, and free pages are to be given back |
//! | `journal_mode` | WAL; DELETE after a clean end | readers do not block; one file in the end |
//! | `synchronous` | FULL | a power cut takes no commit back; with a commit a second it costs some percent |
//! | `wal_autocheckpoint` | 8192 pages (32 MiB) | faster than the default of 4 MiB; a log that a reader held for long is written back by a thread (`long_log`) |
//! | `journal_size_limit` | 64 MiB | a `-wal` that once grew does not stay large; one that grew a lot is cut in parts (`long_log`) |
//! | `cache_size` | 16 MiB, readers 8 MiB | no effect on speed was seen; it bounds memory |
//!
//! References are declared, for whoever reads or checks the file; a recorder does not have SQLite check them, as it has
//! just given the ids itself.
//!
//! # Locking
//!
//! A recorder holds an exclusive `flock` on the file as long as it lives: a second one is refused, and a reader learns
//! whether the `-wal` beside the file is in use or left behind. A reader of a finished file holds a shared one, so that
//! no recorder changes it meanwhile (a recorder waits 2 s for that). SQLite's own locks come on top. Another program
//! that holds the write lock makes [`Writer::commit`] give [`Error::Busy`]; nothing was done then, and the batch can be
//! tried again. Readers run each statement to its end before they hand out an event: a slow consumer keeps no
//! checkpoint waiting.
//!
//! # Reading without a trace
//!
//! A finished file is opened read-only, `immutable` if it still says WAL. A live one is read through its WAL. What a
//! killed recorder left, file and `-wal`, is copied to a private folder (mode 0600), opened and unlinked at once.
//! [`Access`] says which it was, and whether a `-wal` is missing that should be there.
//!
//! # Encryption
//!
//! A capture that was begun so holds payloads, and what is made of them, encrypted (`vault`). A [`Reader`] of one is locked
//! until [`Reader::unlock`] has its [`Secret`]: what needs no payload can be asked before. A [`Writer`] of one needs it at once.
//!
//! # Failure
//!
//! After `kill -9` or a power cut the file holds every batch that was committed; the next recorder notes the unclean
//! end as a gap. A full disk, a damaged page or a file of another program is an [`Error`] of its own, and nothing is
//! repaired, rebuilt or deleted on our own initiative. A damaged block is found by its checksum and its declared size;
//! other events are not affected. No decompression exceeds 1 MiB. [`verify()`] says what is damaged, and [`salvage()`]
//! writes what can be read to another file.
//!
//! # Compatibility
//!
//! `application_id` is `ecq1`. `user_version` counts the migrations that were applied: a [`Writer`] brings an older
//! file up to date, a [`Reader`] reads it as it is, and both refuse a newer one in words. A released migration is never
//! edited.
//! A clean end leaves one file that SQLite 3.37 or newer opens from read-only media.
//!
//! # File systems
//!
//! A local one is wanted: WAL needs shared memory between processes, and `flock` may be absent or local to one host on
//! network file systems. A finished capture may lie anywhere. The file is created with mode 0600; one that belongs to
//! another user, or is reached by a symbolic link, is not written to.
//!
//! # Sizes
//!
//! Text-like payloads take some 0.4 of their size, incompressible ones are stored as they are, and the rest is some 50
//! bytes an event where connections carry many events, and 100 where they carry few. A payload is as large as its
//! message may be (1 GiB at most): it is stored in parts of 1 MiB and read back piece by piece. Writing holds up to 256
//! KiB of each class in memory, and remembers 16,384 rows of each shared table.

mod aggregate;
mod batch;
mod begin;
mod block;
mod chain;
mod condition;
mod coverage;
mod definitions;
mod digest;
mod earlier;
mod error;
mod exchanges;
mod explain;
mod gram_search;
mod grams;
mod group_facts;
mod holders;
mod identities;
mod intern;
mod long_log;
mod merge;
mod migrate;
mod news;
mod open;
mod origins;
mod patience;
mod payload;
mod plan;
mod postings;
mod predecessor;
mod press;
mod private_copy;
mod prune;
mod reader;
mod reindex;
mod removed;
mod retention;
mod row;
mod row_writer;
mod rows;
mod salvage;
mod scan;
mod scratch;
mod sorted;
mod span_writer;
mod spans;
mod sql;
mod stats;
mod stream_ends;
mod stream_text;
mod subset;
mod surroundings;
mod tail;
mod tally;
mod undecoded;
mod unidentified;
mod unlock;
mod varint;
mod vault;
mod verify;
mod walk;
mod watch;
mod writer;

pub use aggregate::{Buckets, Total};
pub use batch::{
    Batch, Counters, GapReason, GapRow, HeartbeatRow, Identified, KnownRun, LinkRow, LogRow,
    NewEvent, NextIds, RecordingStart, RunRow, UncleanEnd,
};
pub use chain::{ChainKey, MIN_KEY_BYTES};
pub use condition::{Condition, condition};
pub use digest::{BatchHasher, EventHasher, RemovalHasher};
pub use error::Error;
pub use exchanges::{ExchangeSummary, Exchanges, Follow, IndexState, Indexed, follow};
pub use holders::{Holder, holders};
pub use merge::{InOrder, Merged};
pub use migrate::{APPLICATION_ID, MIGRATIONS, newest_version};
pub use open::{disk_space, is_free, sqlite_version};
pub use payload::Payload;
pub use prune::{Done as Pruned, Preview, Pruning, prune};
pub use reader::{Access, Reader};
pub use reindex::{Reindexed, reindex};
pub use retention::{
    Commit, Excess, Goes, Jump, Keep, KeepWhere, Level, MaxSize, MinFree, Plan, Removal, Rules,
    Share, Size, State, plan,
};
pub use rows::Rows;
pub use salvage::{Salvaged, salvage};
pub use sorted::Sorted;
pub use spans::Order;
pub use sql::{Cell, Question, Sql, SqlError};
pub use subset::{Missing, Redact, Subset, SubsetOptions, Wanted, export_subset};
pub use tally::{Count, CountOrder, Key, Tally};
pub use unlock::{encrypted_with, rekey};
pub use vault::{Protection, Secret, SecretKind, Vault};
pub use verify::{Verification, verify};
pub use watch::Watch;
pub use writer::{Sealed, Writer};
