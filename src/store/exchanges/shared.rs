//! What many exchanges have in common: their facts and their request targets, each found again or made.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;
use rusqlite::{Connection, Result, params};

use crate::http::exchange::Message;
use crate::http::h1::kept;

/// How many rows of each table are remembered.
const REMEMBERED: usize = 16 * 1024;
/// How many bytes of a method, host or content type are kept.
const VALUE_BYTES: usize = 1024;
/// How many bytes of a request target are kept.
const PATH_BYTES: usize = 8 * 1024;

/// What `exchange_facts` holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct ExchangeFacts {
    pub(super) method: Option<String>,
    pub(super) host: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) request_type: Option<String>,
    pub(super) response_type: Option<String>,
}

impl ExchangeFacts {
    /// The facts of an exchange with these halves.
    pub(super) fn of(request: Option<&Message>, response: Option<&Message>) -> Self {
        let request = request.and_then(|message| message.head.as_ref());
        let response = response.and_then(|message| message.head.as_ref());
        let content_type = |head: &crate::http::exchange::MessageHead| {
            head.values("content-type")
                .find(|value| !value.is_empty())
                .map(|value| kept(value, VALUE_BYTES))
        };
        Self {
            method: request
                .and_then(|head| head.method.as_ref())
                .map(|method| kept(method, VALUE_BYTES)),
            host: request
                .and_then(crate::http::exchange::MessageHead::host)
                .map(|host| kept(host.as_bytes(), VALUE_BYTES)),
            status: response.and_then(|head| head.status),
            request_type: request.and_then(content_type),
            response_type: response.and_then(content_type),
        }
    }
}

/// The request target of an exchange, as it is kept.
pub(super) fn path(request: Option<&Message>) -> Option<String> {
    let head = request?.head.as_ref()?;
    Some(kept(head.target.as_ref()?, PATH_BYTES))
}

/// The rows that exchanges share.
pub(super) struct Shared {
    facts: HashMap<ExchangeFacts, i64, RandomState>,
    next_facts: i64,
    paths: HashMap<String, i64, RandomState>,
    next_path: i64,
}

impl Shared {
    pub(super) fn new(db: &Connection) -> Result<Self> {
        let next = |sql| db.query_row(sql, [], |row| row.get(0));
        Ok(Self {
            facts: HashMap::default(),
            next_facts: next("SELECT COALESCE(MAX(id), 0) + 1 FROM exchange_facts")?,
            paths: HashMap::default(),
            next_path: next("SELECT COALESCE(MAX(id), 0) + 1 FROM exchange_paths")?,
        })
    }

    /// Forgets which rows there are.
    pub(super) fn forget(&mut self) {
        self.facts.clear();
        self.paths.clear();
    }

    /// The row with these facts.
    pub(super) fn facts(&mut self, db: &Connection, facts: ExchangeFacts) -> Result<i64> {
        if let Some(id) = self.facts.get(&facts) {
            return Ok(*id);
        }
        let id = self.next_facts;
        db.prepare_cached(
            "INSERT INTO exchange_facts (id, method, host, status, request_type, response_type)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            id,
            facts.method,
            facts.host,
            facts.status,
            facts.request_type,
            facts.response_type
        ])?;
        self.next_facts = self.next_facts.saturating_add(1);
        remember(&mut self.facts, facts, id);
        Ok(id)
    }

    /// The row with this request target.
    pub(super) fn path(&mut self, db: &Connection, path: String) -> Result<i64> {
        if let Some(id) = self.paths.get(&path) {
            return Ok(*id);
        }
        let id = self.next_path;
        db.prepare_cached("INSERT INTO exchange_paths (id, path) VALUES (?1, ?2)")?
            .execute(params![id, path])?;
        self.next_path = self.next_path.saturating_add(1);
        remember(&mut self.paths, path, id);
        Ok(id)
    }
}

fn remember<K: Eq + Hash>(known: &mut HashMap<K, i64, RandomState>, key: K, id: i64) {
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(key, id);
}
