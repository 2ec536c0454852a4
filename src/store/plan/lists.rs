//! Lists of the streams, shapes, heads and request targets that fit a part of a filter.

use std::net::IpAddr;

use rusqlite::{Connection, Params, Result, Row, params};

use super::bounds::is_plain;
use super::conjuncts;
use crate::filter::{AddressPattern, Comparison, Expr, Facts, FieldId, Level, Literal, Test};
use crate::store::group_facts::{ProcessFacts, connection_facts, shape_facts};

/// The small table on whose rows a part of a filter is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// Streams, with their process, connection and source.
    Streams,
    /// Shapes.
    Shapes,
    /// HTTP heads.
    Heads,
    /// Request targets.
    Paths,
}

/// A list that was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    /// Its number in `temp.wanted`.
    pub(super) number: i64,
    /// Whether the part is true where there is no row at all.
    pub(super) fits_unknown: bool,
    /// Whether processes are listed, for all of their streams.
    pub(super) is_of_processes: bool,
}

impl List {
    /// The condition that the row with the id in `column` fits, where parameter `parameter` is the number of the list.
    pub(super) fn condition(self, parameter: usize, column: &str) -> String {
        let is_listed = if self.is_of_processes {
            format!(
                "EXISTS (SELECT 1 FROM streams AS s CROSS JOIN temp.wanted AS w ON w.id = s.process_id
                    WHERE s.id = {column} AND w.list = ?{parameter})"
            )
        } else {
            format!(
                "EXISTS (SELECT 1 FROM temp.wanted AS w WHERE w.list = ?{parameter} AND w.id = {column})"
            )
        };
        if self.fits_unknown {
            format!("({column} IS NULL OR {is_listed})")
        } else {
            is_listed
        }
    }
}

/// Makes lists on one connection.
pub(super) struct Lists<'a> {
    pub(super) db: &'a Connection,
    made: Vec<(Home, Expr, List)>,
    /// The list of processes that was made last.
    pub(super) processes: Option<(Expr, i64)>,
    next: i64,
    /// Whether the first few answers are all that is wanted.
    for_few: bool,
    /// What was listed, for people.
    pub(super) steps: Vec<String>,
    /// The statements that were asked for that, each once.
    pub(super) asked: Vec<&'static str>,
}

impl Home {
    /// Where the part is decided; `None` if not on one of these tables alone.
    pub(super) fn of(part: &Expr) -> Option<Self> {
        let mut homes = part.levels().into_iter().map(Self::of_level);
        let first = homes.next().flatten()?;
        homes.all(|home| home == Some(first)).then_some(first)
    }

    fn of_level(level: Level) -> Option<Self> {
        match level {
            Level::Process | Level::Source | Level::Connection => Some(Self::Streams),
            Level::Shape => Some(Self::Shapes),
            Level::Head => Some(Self::Heads),
            Level::Path => Some(Self::Paths),
            Level::HeadAndPath | Level::Row | Level::Payload | Level::Exchange => None,
        }
    }

    /// Where an event's row names the row of this table.
    pub(super) fn column(self) -> &'static str {
        match self {
            // The plus keeps SQLite from going through the index on streams, once for each wanted stream, where a range
            // of ids is asked for.
            Self::Streams => "+e.stream_id",
            Self::Shapes => "e.shape_id",
            Self::Heads => "e.head_id",
            Self::Paths => "e.path_id",
        }
    }
}

const ADD: &str = "INSERT OR IGNORE INTO temp.wanted (list, id) VALUES (?1, ?2)";

impl<'a> Lists<'a> {
    /// Begins anew: lists of an earlier plan are gone. With `for_few`, the first few answers are all that is wanted.
    pub(super) fn new(db: &'a Connection, for_few: bool) -> Result<Self> {
        db.execute_batch(
            "CREATE TEMP TABLE IF NOT EXISTS wanted (list INTEGER, id INTEGER, PRIMARY KEY (list, id)) STRICT, WITHOUT ROWID;
             DELETE FROM temp.wanted;",
        )?;
        Ok(Self {
            db,
            made: Vec::new(),
            processes: None,
            next: 1,
            for_few,
            steps: Vec::new(),
            asked: Vec::new(),
        })
    }

    /// Lists the rows that fit.
    pub(super) fn list(&mut self, home: Home, part: &Expr) -> Result<List> {
        let made = self
            .made
            .iter()
            .find(|(other, made, _)| *other == home && made == part);
        if let Some((_, _, list)) = made {
            return Ok(*list);
        }
        let processes = match home {
            Home::Streams if self.for_few => self.list_for_many_streams(part)?,
            _ => None,
        };
        let list = List {
            number: processes.unwrap_or_else(|| self.number()),
            is_of_processes: processes.is_some(),
            // Every event has a stream and a shape.
            fits_unknown: matches!(home, Home::Heads | Home::Paths)
                && part.matches_facts(&Facts::default()),
        };
        match home {
            Home::Streams if list.is_of_processes => {}
            Home::Streams => self.list_streams(list.number, part)?,
            Home::Shapes => self.list_shapes(list.number, part)?,
            Home::Heads => self.list_heads(list.number, part)?,
            Home::Paths => self.add_by_path(list.number, part, "SELECT id, path FROM paths")?,
        }
        let what = match home {
            Home::Streams if list.is_of_processes => "processes",
            Home::Streams => "streams",
            Home::Shapes => "shapes",
            Home::Heads => "heads",
            Home::Paths => "paths",
        };
        self.tell(list.number, what, part)?;
        self.made.push((home, part.clone(), list));
        Ok(list)
    }

    /// Notes for people how many rows a list has.
    pub(super) fn tell(&mut self, list: i64, what: &str, part: &Expr) -> Result<()> {
        let count: i64 = self
            .db
            .prepare_cached("SELECT COUNT(*) FROM temp.wanted WHERE list = ?1")?
            .query_row([list], |row| row.get(0))?;
        self.steps.push(format!("{count} {what} fit {part}"));
        Ok(())
    }

    /// The number of another list.
    pub(super) fn number(&mut self) -> i64 {
        let number = self.next;
        self.next += 1;
        number
    }

    fn note(&mut self, sql: &'static str) {
        if !self.asked.contains(&sql) {
            self.asked.push(sql);
        }
    }

    /// Puts the ids of the rows for which `judge` says yes on the list.
    pub(super) fn add(
        &mut self,
        list: i64,
        select: &'static str,
        parameters: impl Params,
        mut judge: impl FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        self.note(select);
        let mut add = self.db.prepare_cached(ADD)?;
        let mut statement = self.db.prepare_cached(select)?;
        let mut rows = statement.query(parameters)?;
        while let Some(row) = rows.next()? {
            if judge(row)? {
                add.execute([list, row.get::<_, i64>("id")?])?;
            }
        }
        Ok(())
    }

    /// Processes and connections are listed first, each by itself, and then the streams that have both. What is about
    /// both at once, or about the source, is judged on the streams.
    fn list_streams(&mut self, list: i64, part: &Expr) -> Result<()> {
        let of = |level| {
            let parts = conjuncts(part)
                .iter()
                .filter(|part| part.levels() == [level]);
            Expr::all(parts.cloned().collect::<Vec<_>>())
        };
        let (process, connection) = (of(Level::Process), of(Level::Connection));
        let rest = conjuncts(part).iter().filter(|part| {
            !matches!(
                part.levels().as_slice(),
                [Level::Process | Level::Connection]
            )
        });
        let rest = Expr::all(rest.cloned().collect::<Vec<_>>());
        let base = if rest.is_some() { self.number() } else { list };
        let processes = process.map(|part| self.list_processes(&part)).transpose()?;
        let without = connection
            .as_ref()
            .is_some_and(|part| part.matches_facts(&Facts::default()));
        let connections = connection
            .map(|part| self.list_connections(&part))
            .transpose()?;
        // CROSS JOIN keeps the order: from the few that are wanted to their streams.
        let sql = match (processes, connections, without) {
            (None, None, _) => "INSERT INTO temp.wanted SELECT ?1, s.id FROM streams AS s",
            (Some(_), None, _) => {
                "INSERT INTO temp.wanted
                 SELECT ?1, s.id FROM temp.wanted AS w CROSS JOIN streams AS s ON s.process_id = w.id
                 WHERE w.list = ?2"
            }
            (None, Some(_), false) => {
                "INSERT INTO temp.wanted
                 SELECT ?1, s.id FROM temp.wanted AS w CROSS JOIN streams AS s ON s.connection_id = w.id
                 WHERE w.list = ?3"
            }
            (Some(_), Some(_), false) => {
                "INSERT INTO temp.wanted
                 SELECT ?1, s.id FROM temp.wanted AS w CROSS JOIN streams AS s ON s.connection_id = w.id
                 WHERE w.list = ?3
                    AND EXISTS (SELECT 1 FROM temp.wanted AS p WHERE p.list = ?2 AND p.id = s.process_id)"
            }
            (None, Some(_), true) => {
                "INSERT INTO temp.wanted
                 SELECT ?1, s.id FROM streams AS s
                 WHERE s.connection_id IS NULL
                    OR EXISTS (SELECT 1 FROM temp.wanted AS c WHERE c.list = ?3 AND c.id = s.connection_id)"
            }
            (Some(_), Some(_), true) => {
                "INSERT INTO temp.wanted
                 SELECT ?1, s.id FROM temp.wanted AS w CROSS JOIN streams AS s ON s.process_id = w.id
                 WHERE w.list = ?2
                    AND (s.connection_id IS NULL
                        OR EXISTS (SELECT 1 FROM temp.wanted AS c WHERE c.list = ?3 AND c.id = s.connection_id))"
            }
        };
        self.note(sql);
        let mut insert = self.db.prepare_cached(sql)?;
        for (place, number) in [Some(base), processes, connections].into_iter().enumerate() {
            if let Some(number) = number {
                insert.raw_bind_parameter(place + 1, number)?;
            }
        }
        insert.raw_execute()?;
        drop(insert);
        match rest {
            Some(rest) => self.judge_streams(list, base, &rest),
            None => Ok(()),
        }
    }

    /// Puts those of the streams on the list `base` on `list` that fit.
    fn judge_streams(&mut self, list: i64, base: i64, part: &Expr) -> Result<()> {
        const STREAMS: &str = "
            SELECT s.id, p.pid, p.pname, COALESCE(p.uid, i.uid) AS uid, i.exe, i.ppid, i.container,
                COALESCE(so.name, so.url) AS source, c.id AS connection_id, c.fd, c.src_ip, c.src_port, c.dst_ip, c.dst_port, c.sense, c.tuple_source, c.role
            FROM temp.wanted AS w
            CROSS JOIN streams AS s ON s.id = w.id
            JOIN processes AS p ON p.id = s.process_id
            LEFT JOIN identities AS i ON i.id = p.identity_id
            LEFT JOIN connections AS c ON c.id = s.connection_id
            LEFT JOIN runs AS r ON r.id = s.run_id
            LEFT JOIN sources AS so ON so.id = r.source_id
            WHERE w.list = ?1";
        self.add(list, STREAMS, [base], |row| {
            let source: Option<String> = row.get("source")?;
            let process = ProcessFacts::read(row)?;
            let facts = Facts {
                source: source.as_deref(),
                ..process.facts(&connection_facts(row, "connection_id")?)
            };
            Ok(part.matches_facts(&facts))
        })
    }

    fn list_connections(&mut self, part: &Expr) -> Result<i64> {
        const ALL: &str = "
            SELECT id, fd, src_ip, src_port, dst_ip, dst_port, sense, tuple_source, role FROM connections";
        const BY_ID: &str = "
            SELECT id, fd, src_ip, src_port, dst_ip, dst_port, sense, tuple_source, role FROM connections
            WHERE id = ?1";
        const BY_SRC: &str = "
            SELECT id, fd, src_ip, src_port, dst_ip, dst_port, sense, tuple_source, role FROM connections
            WHERE src_ip = ?1";
        const BY_DST: &str = "
            SELECT id, fd, src_ip, src_port, dst_ip, dst_port, sense, tuple_source, role FROM connections
            WHERE dst_ip = ?1";
        const BY_SRC_PORT: &str = "
            SELECT id, fd, src_ip, src_port, dst_ip, dst_port, sense, tuple_source, role FROM connections
            WHERE src_ip = ?1 AND src_port = ?2";
        const BY_DST_PORT: &str = "
            SELECT id, fd, src_ip, src_port, dst_ip, dst_port, sense, tuple_source, role FROM connections
            WHERE dst_ip = ?1 AND dst_port = ?2";
        let list = self.number();
        let judge = |row: &Row<'_>| Ok(part.matches_facts(&connection_facts(row, "id")?));
        // The most telling first, so that the rest of the filter has the least to judge.
        if let Some(ids) = equals(part, &[FieldId::Conn], as_number) {
            for id in ids {
                self.add(list, BY_ID, [id], judge)?;
            }
        } else if let Some(ends) = equals(part, &ENDS, as_end) {
            for (ip, port) in ends
                .into_iter()
                .flat_map(|(ip, port)| octets(ip).into_iter().map(move |octets| (octets, port)))
            {
                match port {
                    None => {
                        self.add(list, BY_SRC, [&ip], judge)?;
                        self.add(list, BY_DST, [&ip], judge)?;
                    }
                    Some(port) => {
                        self.add(list, BY_SRC_PORT, params![ip, port], judge)?;
                        self.add(list, BY_DST_PORT, params![ip, port], judge)?;
                    }
                }
            }
        } else {
            self.add(list, ALL, [], judge)?;
        }
        Ok(list)
    }

    fn list_shapes(&mut self, list: i64, part: &Expr) -> Result<()> {
        let sql =
            "SELECT id, kind, content, direction, probe, ecapture_type, provenance FROM shapes";
        self.add(list, sql, [], |row| {
            Ok(part.matches_facts(&shape_facts(row)?))
        })
    }

    fn list_heads(&mut self, list: i64, part: &Expr) -> Result<()> {
        const ALL: &str = "SELECT id, method, host, status, content_type FROM heads";
        const BY_HOST: &str = "SELECT id, method, host, status, content_type FROM heads
            WHERE host >= ?1 COLLATE NOCASE AND host < ?2 COLLATE NOCASE";
        let judge = |row: &Row<'_>| -> Result<bool> {
            let (method, host, content_type): (Option<String>, Option<String>, Option<String>) = (
                row.get("method")?,
                row.get("host")?,
                row.get("content_type")?,
            );
            let facts = Facts {
                method: method.as_deref(),
                host: host.as_deref(),
                status: row.get("status")?,
                content_type: content_type.as_deref(),
                ..Facts::default()
            };
            Ok(part.matches_facts(&facts))
        };
        self.add_by_host(list, part, (ALL, BY_HOST), judge)
    }

    /// Puts the ids of the rows for which `judge` says yes on the list; where the part says which host it is about, the rows
    /// of that host alone are asked for.
    pub(super) fn add_by_host(
        &mut self,
        list: i64,
        part: &Expr,
        (all, by_host): (&'static str, &'static str),
        judge: impl Fn(&Row<'_>) -> Result<bool> + Copy,
    ) -> Result<()> {
        let Some(hosts) = equals(part, &[FieldId::Host], as_text) else {
            return self.add(list, all, [], judge);
        };
        for host in hosts {
            // From the name to the name with any port: `;` is the character behind `:`.
            self.add(list, by_host, [&host, &format!("{host};")], judge)?;
        }
        Ok(())
    }

    /// Puts the ids of the rows whose request target fits on the list.
    pub(super) fn add_by_path(
        &mut self,
        list: i64,
        part: &Expr,
        select: &'static str,
    ) -> Result<()> {
        self.add(list, select, [], |row| {
            let path: String = row.get("path")?;
            let facts = Facts {
                path: Some(&path),
                ..Facts::default()
            };
            Ok(part.matches_facts(&facts))
        })
    }
}

/// The fields that name an end of a connection, or its address.
const ENDS: [FieldId; 10] = [
    FieldId::Src,
    FieldId::Dst,
    FieldId::Local,
    FieldId::Remote,
    FieldId::Addr,
    FieldId::SrcIp,
    FieldId::DstIp,
    FieldId::LocalIp,
    FieldId::RemoteIp,
    FieldId::Ip,
];

/// What one of the fields must equal for the part to be true, if the part says so and `read` understands it; of several
/// such fields the first.
pub(super) fn equals<T>(
    part: &Expr,
    fields: &[FieldId],
    read: impl Fn(&Literal) -> Option<T>,
) -> Option<Vec<T>> {
    fields.iter().find_map(|field| {
        conjuncts(part).iter().find_map(|part| match part {
            Expr::Test(Test::Compare(operand, Comparison::Equal, literal))
                if operand.field.id == *field && is_plain(operand) =>
            {
                read(literal).map(|value| vec![value])
            }
            Expr::Test(Test::In(operand, literals))
                if operand.field.id == *field && is_plain(operand) =>
            {
                literals.iter().map(&read).collect()
            }
            _ => None,
        })
    })
}

pub(super) fn as_number(literal: &Literal) -> Option<i64> {
    match literal {
        Literal::Int(number) => Some(*number),
        _ => None,
    }
}

pub(super) fn as_text(literal: &Literal) -> Option<String> {
    match literal {
        Literal::Bytes(bytes) => String::from_utf8(bytes.clone()).ok(),
        _ => None,
    }
}

/// One address, with a port if it is asked for.
fn as_end(literal: &Literal) -> Option<(IpAddr, Option<u16>)> {
    let (net, port) = match literal {
        Literal::Net(net) => (*net, None),
        Literal::Endpoint(AddressPattern { net, port }) => ((*net)?, *port),
        _ => return None,
    };
    (net.prefix_len() == net.max_prefix_len()).then(|| (net.addr(), port))
}

/// How an address can stand in the file: IPv4 also mapped into IPv6.
fn octets(ip: IpAddr) -> Vec<Vec<u8>> {
    match ip {
        IpAddr::V4(ip) => vec![ip.octets().to_vec(), ip.to_ipv6_mapped().octets().to_vec()],
        IpAddr::V6(ip) => vec![ip.octets().to_vec()],
    }
}
