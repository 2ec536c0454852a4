//! Seeded traffic without end: the same seed gives the same events.

use bytes::Bytes;

use super::connection::Connection;
use super::event::{GeneratedEvent, Probe};
use super::pools::Pools;
use super::random::Random;

/// How many connections are open at a time.
const SLOTS: usize = 24;

/// The mean time between two events, in nanoseconds.
const GAP_NS: u32 = 400_000;

/// What the payloads are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Corpus {
    /// Requests (a quarter), responses and the rest of bodies: median 1 KB, mean 2 KB, a tenth of the bytes random.
    Realistic,
    /// The same with random bodies.
    Incompressible,
    /// The same with small bodies, for files of many events: some 270 bytes each.
    Small,
}

/// An endless iterator over the events of an imagined host.
#[derive(Debug)]
pub(crate) struct Traffic {
    random: Random,
    corpus: Corpus,
    connections: Vec<Connection>,
    offset_ns: i64,
    /// Every so many payloads, this text.
    needle: Option<(u64, String)>,
    payloads: u64,
    needle_due: bool,
    only_tls: bool,
}

impl Traffic {
    /// The traffic of `seed`.
    pub(crate) fn new(seed: u64, corpus: Corpus) -> Self {
        let mut random = Random::new(seed);
        let connections = (0..SLOTS)
            .map(|slot| Connection::open(slot, &mut random))
            .collect();
        Self {
            random,
            corpus,
            connections,
            offset_ns: 0,
            needle: None,
            payloads: 0,
            needle_due: false,
            only_tls: false,
        }
    }

    /// Puts `token` into every `every`th payload, or the next one after it that has room.
    pub(crate) fn with_needle(mut self, every: u64, token: &str) -> Self {
        self.needle = Some((every.max(1), token.to_owned()));
        self
    }

    /// Leaves out everything but what TLS libraries read and wrote.
    pub(crate) fn only_tls(mut self) -> Self {
        self.only_tls = true;
        self
    }

    fn tls(&mut self) -> GeneratedEvent {
        let slot = self.random.below(SLOTS);
        if let Some((every, _)) = &self.needle {
            self.payloads += 1;
            self.needle_due |= self.payloads.is_multiple_of(*every);
        }
        let mut needle = self
            .needle
            .as_ref()
            .filter(|_| self.needle_due)
            .map(|(_, token)| token.as_str());
        let connection = self
            .connections
            .get_mut(slot)
            .expect("there are as many connections as slots");
        let event = connection.step(self.offset_ns, self.corpus, &mut needle, &mut self.random);
        self.needle_due = needle.is_some();
        if connection.is_over() {
            *connection = Connection::open(slot, &mut self.random);
        }
        event
    }

    /// A line typed into a shell, a query, or the end of some socket.
    fn other(&mut self) -> GeneratedEvent {
        const QUERIES: &[&str] = &[
            "SELECT id, name, email FROM users WHERE id = 4711",
            "INSERT INTO orders (customer_id, amount, created_at) VALUES (17, 4200, now())",
            "UPDATE invoices SET status = 'paid' WHERE id = 90210 AND status = 'open'",
            "SELECT o.id, o.amount, c.name FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY o.created_at DESC LIMIT 50",
        ];
        const LINES: &[&str] = &[
            "ls -la /var/log",
            "git status",
            "ssh build-7.example",
            "for i in 1 2; do\necho $i; done",
        ];
        let random = &mut self.random;
        let query = random.word(QUERIES);
        let line = random.word(LINES);
        let (pid, comm, probe, payload) = match random.below(6) {
            0 => (
                1_200,
                "bash",
                Probe::Bash(i32::from(random.percent(10))),
                line,
            ),
            1 => (1_300, "zsh", Probe::Zsh, line),
            2 => {
                let probe = Probe::MySql {
                    total_bytes: query.len(),
                    status: "SUCCESS",
                };
                (777, "mysqld", probe, query)
            }
            3 => (778, "postgres", Probe::Postgres, query),
            _ => (0, "", Probe::Destroy, ""),
        };
        GeneratedEvent {
            offset_ns: self.offset_ns,
            pid,
            tid: pid,
            uid: 1_000,
            comm: Bytes::from_static(comm.as_bytes()),
            fd: 0,
            written: true,
            tuple: None,
            probe,
            payload: Bytes::from_static(payload.as_bytes()),
        }
    }
}

impl Iterator for Traffic {
    type Item = GeneratedEvent;

    fn next(&mut self) -> Option<GeneratedEvent> {
        self.offset_ns += i64::from(self.random.between(1_000, 2 * GAP_NS));
        if self.only_tls {
            loop {
                let event = self.tls();
                if event.probe != Probe::Connect {
                    return Some(event);
                }
            }
        }
        if self.random.percent(3) {
            return Some(self.other());
        }
        Some(self.tls())
    }
}

/// Builds what all traffic is cut from, so that a benchmark does not measure it.
pub(crate) fn warm_up() {
    Pools::shared();
}
