//! What the traffic is made of, built once for the whole program: hosts, paths, and long texts to cut bodies from.

use std::sync::OnceLock;

use super::random::{BASE64, HEX, Random, decimal};

/// The length of each text in bytes. Long enough that two bodies of one batch seldom overlap.
const TEXT_BYTES: usize = 4 << 20;

const HOSTS: usize = 200;
const PATHS: usize = 400;

/// How many entries a table has that turns an even draw into one by some law.
const TABLE: usize = 4096;

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "account", "address", "amount", "archive", "asset", "balance", "basket", "branch", "budget", "camera", "catalog",
    "channel", "client", "cluster", "column", "comment", "config", "contact", "country", "customer", "delivery",
    "device", "document", "domain", "editor", "engine", "export", "feature", "filter", "folder", "gateway", "group",
    "history", "image", "import", "index", "invoice", "item", "journal", "kernel", "label", "language", "ledger",
    "library", "license", "limit", "market", "member", "message", "metric", "monitor", "network", "notice", "number",
    "object", "order", "owner", "package", "page", "partner", "payment", "person", "picture", "policy", "price",
    "product", "profile", "project", "queue", "quota", "record", "region", "report", "request", "result", "review",
    "sample", "search", "secret", "section", "sensor", "server", "service", "signal", "source", "status", "storage",
    "stream", "student", "subject", "summary", "supply", "system", "target", "team", "ticket", "topic", "track",
    "transfer", "update", "upload", "user", "value", "vendor", "version", "video", "volume", "window", "worker",
];

/// The pools.
#[derive(Debug)]
pub(super) struct Pools {
    /// Host names, the most visited first.
    pub(super) hosts: Vec<String>,
    /// Paths that are asked for again and again.
    pub(super) paths: Vec<String>,
    pub(super) json: Vec<u8>,
    pub(super) html: Vec<u8>,
    pub(super) text: Vec<u8>,
    zipf: Vec<usize>,
    sizes: Vec<f64>,
}

impl Pools {
    /// The pools; built when first asked for.
    pub(super) fn shared() -> &'static Self {
        static POOLS: OnceLock<Pools> = OnceLock::new();
        POOLS.get_or_init(Self::build)
    }

    /// A host, by a law like Zipf's.
    pub(super) fn host(&self, random: &mut Random) -> &'static str {
        let pools = Self::shared();
        let rank = *random.pick(&self.zipf);
        pools.hosts.get(rank).map_or("example.com", String::as_str)
    }

    /// A size in bytes whose logarithm is spread normally around that of `median`.
    pub(super) fn size(&self, median: f64, random: &mut Random) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number of some thousands"
        )]
        let size = (median * random.pick(&self.sizes)) as usize;
        size
    }

    /// A piece of one of the texts, of `size` bytes or the text's length.
    pub(super) fn cut<'a>(text: &'a [u8], size: usize, random: &mut Random) -> &'a [u8] {
        let size = size.min(text.len());
        let start = random.below(text.len() - size + 1);
        text.get(start..start + size).unwrap_or_default()
    }

    fn build() -> Self {
        let mut random = Random::new(0x0EC9);
        let hosts = (0..HOSTS)
            .map(|_| {
                let [service, name] = [random.word(WORDS), random.word(WORDS)];
                let kind = random.word(&["api", "www", "cdn", "auth", "static", "img"]);
                format!("{kind}.{service}-{name}.example")
            })
            .collect();
        let paths = (0..PATHS)
            .map(|number| {
                let [first, second] = [random.word(WORDS), random.word(WORDS)];
                match number % 5 {
                    0 => format!("/api/v1/{first}s/{second}"),
                    1 => format!("/static/{first}/{second}.{:08x}.js", random.bits() >> 32),
                    2 => format!("/{first}/{second}.html"),
                    3 => format!("/api/v2/{first}s?{second}={}&limit=50", number % 17),
                    _ => format!("/{first}"),
                }
            })
            .collect();
        Self {
            hosts,
            paths,
            json: fill(&mut random, json_record),
            html: fill(&mut random, html_element),
            text: fill(&mut random, sentence),
            zipf: zipf_table(),
            sizes: lognormal_table(&mut random),
        }
    }
}

/// Entry i of the table is the rank at quantile i of Zipf's law.
fn zipf_table() -> Vec<usize> {
    let weights: Vec<f64> = (1..=200_u32).map(|rank| 1.0 / f64::from(rank)).collect();
    let total: f64 = weights.iter().sum();
    let (mut rank, mut reached) = (0, 0.0);
    (0..4096_u32)
        .map(|entry| {
            let quantile = f64::from(entry) / 4096.0 * total;
            while reached + weights.get(rank).copied().unwrap_or(total) < quantile {
                reached += weights.get(rank).copied().unwrap_or(0.0);
                rank += 1;
            }
            rank
        })
        .collect()
}

/// Factors whose logarithm is normal with a deviation of 1.15: the sum of twelve even draws is near enough.
fn lognormal_table(random: &mut Random) -> Vec<f64> {
    (0..TABLE)
        .map(|_| {
            let sum: u32 = (0..12).map(|_| random.between(0, 1_000_000)).sum();
            ((f64::from(sum) / 1_000_000.0 - 6.0) * 1.15).exp()
        })
        .collect()
}

fn fill(random: &mut Random, append: fn(&mut Random, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(TEXT_BYTES + 1024);
    while out.len() < TEXT_BYTES {
        append(random, &mut out);
    }
    out.truncate(TEXT_BYTES);
    out
}

fn push(out: &mut Vec<u8>, pieces: &[&str]) {
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
}

fn json_record(random: &mut Random, out: &mut Vec<u8>) {
    push(out, &["{\"id\":"]);
    decimal(random.bits() % 10_000_000, out);
    push(out, &[",\"uuid\":\""]);
    random.text(HEX, 32, out);
    push(
        out,
        &[
            "\",\"name\":\"",
            random.word(WORDS),
            " ",
            random.word(WORDS),
        ],
    );
    push(
        out,
        &[
            "\",\"status\":\"",
            random.word(&["active", "closed", "pending"]),
        ],
    );
    push(out, &["\",\"amount\":"]);
    decimal(random.bits() % 100_000, out);
    push(out, &[",\"created_at\":\"2026-"]);
    for (limit, end) in [(12, "-"), (28, "T"), (24, ":"), (60, ":"), (60, "Z\"")] {
        let number = random.below(limit) as u64;
        if number < 10 {
            out.push(b'0');
        }
        decimal(number, out);
        push(out, &[end]);
    }
    push(
        out,
        &[
            ",\"tags\":[\"",
            random.word(WORDS),
            "\",\"",
            random.word(WORDS),
        ],
    );
    push(
        out,
        &["\"],\"enabled\":", random.word(&["true", "false"]), "},"],
    );
}

fn html_element(random: &mut Random, out: &mut Vec<u8>) {
    let class = random.word(WORDS);
    push(
        out,
        &[
            "<div class=\"",
            class,
            "-",
            random.word(WORDS),
            "\">\n  <a href=\"/",
            class,
        ],
    );
    push(out, &["/"]);
    decimal(random.bits() % 100_000, out);
    push(out, &["\"><span>"]);
    sentence(random, out);
    push(out, &["</span></a>\n</div>\n"]);
}

fn sentence(random: &mut Random, out: &mut Vec<u8>) {
    for _ in 0..random.between(5, 14) {
        push(
            out,
            &[
                random.word(WORDS),
                random.word(&[" ", " ", " ", "s ", "s ", ", ", " of ", " the ", " to "]),
            ],
        );
    }
    if random.percent(20) {
        random.text(BASE64, 12, out);
    }
    push(out, &[".\n"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_host_is_the_most_visited() {
        let table = zipf_table();
        assert_eq!(table.len(), TABLE);
        let visits = |rank| table.iter().filter(|drawn| **drawn == rank).count();
        assert!(visits(0) > visits(1) && visits(1) > visits(10));
        assert!(table.iter().all(|rank| *rank < HOSTS));
    }
}
