//! Where a recording stands, for Prometheus: `GET /metrics` in the text format of `OpenMetrics`.
//!
//! On a thread and a runtime of its own, so that no scrape holds up the socket. It answers from the meters alone and
//! never touches the capture, but for the sizes of its files. There is no request that changes anything, nothing
//! captured is in an answer, and who may ask is decided by the address that it is told to listen at.

use std::convert::Infallible;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::Semaphore;

use super::error::Error;
use super::meters::{Meters, SourceStatus};

/// How many scrapes are answered at a time; more wait.
const AT_A_TIME: usize = 8;

/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The format of the answers. `OpenMetrics` 1.0, section "Overall structure".
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// An address that is listened at, and where nobody answers yet.
pub(super) struct Exporter {
    listener: TcpListener,
    address: SocketAddr,
}

impl Exporter {
    /// Listens. Port 0 is one that the system chooses.
    pub(super) fn listen(address: SocketAddr) -> Result<Self, Error> {
        let failed = |source| Error::Metrics { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            address: listener.local_addr().map_err(failed)?,
            listener,
        })
    }

    /// Answers, from a thread of its own, until the program ends. Tells the address.
    pub(super) fn answer(self, meters: Arc<Meters>) -> Result<SocketAddr, Error> {
        let registry = Arc::new(registry(meters));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        // It holds nothing that has to be put in order, so nobody waits for its end.
        std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || runtime.block_on(serve(self.listener, registry)))?;
        Ok(self.address)
    }
}

async fn serve(listener: TcpListener, registry: Arc<Registry>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Too many files are open, say; a scrape is lost, and the next comes.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let registry = Arc::clone(&registry);
        tokio::spawn(async move {
            let answer =
                |request| std::future::ready(Ok::<_, Infallible>(answer(&request, &registry)));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service_fn(answer));
            // A scraper that went away misses its answer, and nobody else does.
            drop(tokio::time::timeout(PATIENCE * 2, connection).await);
            drop(place);
        });
    }
}

fn answer(request: &Request<Incoming>, registry: &Registry) -> Response<Full<Bytes>> {
    let plain = |status, text: &'static str| {
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        response
    };
    if request.uri().path() != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "ask for /metrics\n");
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "");
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let mut body = String::new();
    if text::encode(&mut body, registry).is_err() {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "");
    }
    let mut response = Response::new(Full::from(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(FORMAT));
    response
}

fn registry(meters: Arc<Meters>) -> Registry {
    let mut registry = Registry::with_prefix("ecq");
    registry.register(
        "build",
        "The program",
        Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
    );
    registry.register_collector(Box::new(Recording { meters }));
    registry
}

/// What is counted of each source: name, help, unit and count.
const COUNTERS: [(&str, &str, Option<Unit>, Of<u64>); 11] = [
    (
        "received_frames",
        "Frames that eCapture sent",
        None,
        |source| source.received_frames,
    ),
    (
        "received",
        "Bytes of frames that eCapture sent",
        Some(Unit::Bytes),
        |source| source.received_bytes,
    ),
    (
        "dropped_frames",
        "Frames dropped because the disk did not keep up",
        None,
        |source| source.dropped_frames,
    ),
    (
        "stored_events",
        "Events committed to the capture",
        None,
        |source| source.stored_events,
    ),
    (
        "filtered_events",
        "Events that a filter left out",
        None,
        |source| source.filtered_events,
    ),
    (
        "filtered",
        "Bytes of payloads of events that a filter left out",
        Some(Unit::Bytes),
        |source| source.filtered_bytes,
    ),
    (
        "shortened_events",
        "Events of whose payloads --snaplen left something out",
        None,
        |source| source.shortened_events,
    ),
    (
        "shortened",
        "Bytes of payloads that --snaplen left out",
        Some(Unit::Bytes),
        |source| source.shortened_bytes,
    ),
    (
        "redacted_secrets",
        "Secrets that --redact replaced",
        None,
        |source| source.redacted_secrets,
    ),
    (
        "opaque_events",
        "Events of whose payloads --redact left out what cannot be looked into",
        None,
        |source| source.opaque_events,
    ),
    (
        "opaque",
        "Bytes of payloads that --redact left out",
        Some(Unit::Bytes),
        |source| source.opaque_bytes,
    ),
];

/// What is counted of a source.
type Of<T> = fn(&SourceStatus) -> T;

/// The meters of a recording, read when they are asked for.
struct Recording {
    meters: Arc<Meters>,
}

impl fmt::Debug for Recording {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Recording")
            .field("capture", &self.meters.capture())
            .finish_non_exhaustive()
    }
}

impl Collector for Recording {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let status = self.meters.status();
        for (name, help, unit, of) in COUNTERS {
            let family = Family::<Labels, Counter>::default();
            for source in &status.sources {
                family.get_or_create(&of_source(source)).inc_by(of(source));
            }
            put(&mut encoder, (name, help, unit), &family)?;
        }
        let pruned = ConstCounter::new(status.pruned_events);
        put(
            &mut encoder,
            ("pruned_events", "Events that were pruned", None),
            &pruned,
        )?;
        let files = ConstCounter::new(status.files);
        put(
            &mut encoder,
            ("files", "Files that the recording was written to", None),
            &files,
        )?;
        let linked = Family::<Labels, Gauge>::default();
        for source in &status.sources {
            let is_linked = i64::from(source.is_linked);
            linked.get_or_create(&of_source(source)).set(is_linked);
        }
        put(
            &mut encoder,
            ("linked", "Whether a link to eCapture is up", None),
            &linked,
        )?;
        let gauges = [
            (
                "uncommitted_events",
                "Events that wait for the next commit",
                None,
                status.uncommitted_events,
            ),
            (
                "queue_frames",
                "Frames that wait for the writer",
                None,
                status.backlog.frames,
            ),
            (
                "queue",
                "Bytes of frames that wait for the writer",
                Some(Unit::Bytes),
                status.backlog.bytes as u64,
            ),
            (
                "wal_held",
                "Bytes by which the -wal is larger than it need be because a reader holds it",
                Some(Unit::Bytes),
                status.held_bytes,
            ),
        ];
        for (name, help, unit, value) in gauges {
            let gauge = ConstGauge::new(number(value));
            put(&mut encoder, (name, help, unit), &gauge)?;
        }
        let holders = Family::<Labels, Gauge>::default();
        for holder in self.meters.holders() {
            let labels = vec![
                ("pid", holder.pid.to_string()),
                ("pname", holder.name.unwrap_or_default()),
            ];
            holders.get_or_create(&labels).set(1);
        }
        let described = ("wal_holder", "Processes that hold the -wal", None);
        put(&mut encoder, described, &holders)?;
        let capture = self.meters.capture();
        let sizes = Family::<Labels, Gauge>::default();
        for (name, suffix) in [("database", ""), ("wal", "-wal"), ("shm", "-shm")] {
            let mut path = capture.as_os_str().to_owned();
            path.push(suffix);
            let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
            let labels = vec![("file", name.to_owned())];
            sizes.get_or_create(&labels).set(number(bytes));
        }
        let described = (
            "capture_file",
            "Bytes of the capture's files",
            Some(Unit::Bytes),
        );
        put(&mut encoder, described, &sizes)
    }
}

type Labels = Vec<(&'static str, String)>;

fn of_source(source: &SourceStatus) -> Labels {
    vec![("source", source.name.clone())]
}

/// Writes a metric with its name, its help and its unit.
fn put(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, unit): (&str, &str, Option<Unit>),
    metric: &impl EncodeMetric,
) -> fmt::Result {
    let place = encoder.encode_descriptor(name, help, unit.as_ref(), metric.metric_type())?;
    metric.encode(place)
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
