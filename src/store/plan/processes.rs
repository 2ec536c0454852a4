//! Lists of the processes that fit a part of a filter, by what their events and `/proc` tell of them.

use rusqlite::{Result, Row};

use super::lists::{Lists, as_number, as_text, equals};
use crate::filter::{Expr, Facts, FieldId, Level};
use crate::store::group_facts::ProcessFacts;

/// Defines a statement that gives processes with their identity.
macro_rules! processes {
    ($from:literal) => {
        concat!(
            "SELECT p.id, p.pid, p.pname, COALESCE(p.uid, i.uid) AS uid, i.exe, i.ppid, i.container FROM ",
            $from
        )
    };
}

const ALL: &str = processes!("processes AS p LEFT JOIN identities AS i ON i.id = p.identity_id");
const BY_PID: &str =
    processes!("processes AS p LEFT JOIN identities AS i ON i.id = p.identity_id WHERE p.pid = ?1");
const BY_PNAME: &str = processes!(
    "processes AS p LEFT JOIN identities AS i ON i.id = p.identity_id WHERE p.pname = ?1"
);
const BY_EXE: &str = processes!(
    "identities AS i CROSS JOIN processes AS p ON p.identity_id = i.id WHERE i.exe = ?1"
);
const BY_CONTAINER: &str = processes!(
    "identities AS i CROSS JOIN processes AS p ON p.identity_id = i.id WHERE i.container = ?1"
);

/// Of so many streams a list takes longer than to find the newest few events of them without.
const MANY_STREAMS: i64 = 10_000;

impl Lists<'_> {
    /// Lists the processes that fit a part about processes alone, if they have many streams; the number of the list.
    pub(super) fn list_for_many_streams(&mut self, part: &Expr) -> Result<Option<i64>> {
        const STREAMS: &str = "
            SELECT COUNT(*) FROM (
                SELECT 1 FROM temp.wanted AS w CROSS JOIN streams AS s ON s.process_id = w.id
                WHERE w.list = ?1 LIMIT ?2)";
        if part.levels() != [Level::Process] {
            return Ok(None);
        }
        let list = self.list_processes(part)?;
        let streams: i64 = self
            .db
            .prepare_cached(STREAMS)?
            .query_row([list, MANY_STREAMS], |row| row.get(0))?;
        Ok((streams == MANY_STREAMS).then_some(list))
    }

    /// Lists the processes that fit; its number. A part that comes again has the list that it had.
    pub(super) fn list_processes(&mut self, part: &Expr) -> Result<i64> {
        if let Some((of, list)) = &self.processes
            && of == part
        {
            return Ok(*list);
        }
        let list = self.number();
        self.add_processes(list, part)?;
        self.processes = Some((part.clone(), list));
        Ok(list)
    }

    fn add_processes(&mut self, list: i64, part: &Expr) -> Result<()> {
        let judge = |row: &Row<'_>| -> Result<bool> {
            let process = ProcessFacts::read(row)?;
            Ok(part.matches_facts(&process.facts(&Facts::default())))
        };
        if let Some(pids) = equals(part, &[FieldId::Pid], as_number) {
            for pid in pids {
                self.add(list, BY_PID, [pid], judge)?;
            }
            return Ok(());
        }
        for (field, select) in [
            (FieldId::Container, BY_CONTAINER),
            (FieldId::Exe, BY_EXE),
            (FieldId::Pname, BY_PNAME),
        ] {
            if let Some(texts) = equals(part, &[field], as_text) {
                for text in texts {
                    self.add(list, select, [text], judge)?;
                }
                return Ok(());
            }
        }
        self.add(list, ALL, [], judge)
    }
}
