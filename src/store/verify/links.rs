//! Follows the chain of commits.

use rusqlite::{Connection, OptionalExtension};

use super::Verification;
use super::found::Found;
use crate::event::{ChainLink, EventId, Keyed, Noted, Part, Scope, Soundness, Timestamp, hex};
use crate::store::chain::{ChainKey, Commit, KnownKey, Stored};

/// All events of a batch.
pub(super) fn scope_of(stored: &Stored) -> Scope {
    let mut scope = Scope::default();
    let Commit { first, last, .. } = stored.commit;
    let events = last.saturating_sub(first).saturating_add(1);
    scope.add_range(
        EventId::new(first),
        EventId::new(last),
        u64::try_from(events).unwrap_or(0),
    );
    scope
}

/// The chain, as far as it was followed.
pub(super) struct Links {
    key: Option<ChainKey>,
    keyed: Keyed,
    noted: Option<Vec<u8>>,
    before: Option<Vec<u8>>,
    has_begun: bool,
    /// How many links fit with the key.
    fitting: u64,
}

impl Links {
    pub(super) fn new(
        db: &Connection,
        against: &Verification,
        has_chain: bool,
    ) -> rusqlite::Result<Self> {
        let known = if has_chain { KnownKey::read(db)? } else { None };
        let keyed = match (known, &against.key) {
            (None, None) => Keyed::No,
            (None, Some(_)) => Keyed::Nothing,
            (Some(known), key) => {
                let from = EventId::new(known.first_id);
                match key {
                    None => Keyed::Unchecked(from),
                    Some(key) if known.is(key) => Keyed::Checked(from),
                    Some(_) => Keyed::OtherKey(from),
                }
            }
        };
        Ok(Self {
            key: against.key.clone(),
            keyed,
            noted: against.noted.map(Vec::from),
            before: None,
            has_begun: false,
            fitting: 0,
        })
    }

    /// Goes on behind what was removed, or could not be read: with this link, if that is known.
    pub(super) fn go_on_from(&mut self, link: Option<Vec<u8>>) {
        self.has_begun |= link.is_some();
        self.before = link;
    }

    /// Takes the next batch. What comes before it is not known if `is_behind_hole`.
    pub(super) fn take(
        &mut self,
        stored: &Stored,
        is_behind_hole: bool,
        found: &mut Found<'_>,
        done: &mut Soundness,
    ) {
        let Some(link) = &stored.link else {
            if self.has_begun {
                let detail = "a commit without a link, behind the begin of the chain";
                found.add(Part::Chain, detail, scope_of(stored));
            } else {
                done.unchained_commits += 1;
            }
            return;
        };
        if !is_behind_hole {
            self.check(stored, link, found, done);
        }
        self.before = Some(link.clone());
        self.has_begun = true;
        if let Some(Noted::Found { commits_since, .. }) = &mut done.noted {
            *commits_since += 1;
        }
        let head = ChainLink {
            link: hex(link),
            last: EventId::new(stored.commit.last),
            committed: Timestamp::from_nanos(stored.commit.committed_ns),
        };
        if self.noted.as_ref() == Some(link) {
            done.noted = Some(Noted::Found {
                link: head.clone(),
                commits_since: 0,
            });
        }
        done.head = Some(head);
    }

    fn check(&mut self, stored: &Stored, link: &[u8], found: &mut Found<'_>, done: &mut Soundness) {
        let first = EventId::new(stored.commit.first);
        let key = match self.keyed {
            Keyed::Unchecked(from) | Keyed::OtherKey(from) if first >= from => return,
            Keyed::Checked(from) if first >= from => self.key.as_ref(),
            _ => None,
        };
        if stored.commit.link(self.before.as_deref(), key) == link {
            done.links += 1;
            self.fitting += u64::from(key.is_some());
        } else {
            let detail = "the link does not fit the commit and the one before it: something was changed, removed or put in";
            found.add(Part::Chain, detail, scope_of(stored));
        }
    }

    /// Ends the chain: what is to be said of all of it.
    pub(super) fn end(
        self,
        db: &Connection,
        has_chain: bool,
        found: &mut Found<'_>,
        done: &mut Soundness,
    ) -> rusqlite::Result<()> {
        let fault = match self.keyed {
            Keyed::OtherKey(_) => {
                Some("the chain was keyed with another key than the one that is given")
            }
            Keyed::Nothing => Some("a key is given, and no commit is keyed"),
            Keyed::Checked(_) if self.fitting == 0 => {
                Some("a key is given, and it fits no commit that is there")
            }
            _ => None,
        };
        if let Some(detail) = fault {
            found.add(Part::Chain, detail, Scope::default());
        }
        done.keyed = self.keyed;
        if let Some(noted) = self.noted
            && done.noted.is_none()
        {
            let removed = if has_chain {
                last_of_removed(db, &noted)?
            } else {
                None
            };
            done.noted = Some(if let Some(last) = removed {
                Noted::Removed(EventId::new(last))
            } else {
                let detail = "the link that was noted elsewhere is not in the chain";
                found.add(Part::Chain, detail, Scope::default());
                Noted::Missing
            });
        }
        Ok(())
    }
}

/// The last event of removed batches of which this was the last link.
fn last_of_removed(db: &Connection, link: &[u8]) -> rusqlite::Result<Option<i64>> {
    db.query_row(
        "SELECT last_id FROM removals WHERE last_link = ?1",
        [link],
        |row| row.get("last_id"),
    )
    .optional()
}
