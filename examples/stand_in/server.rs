//! The stand-in itself: a WebSocket server on loopback that behaves as eCapture's does, wire.md section 3.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::calendar::{self, SECOND_NS};
use super::dialect::{Encoder, Message};
use super::event::GeneratedEvent;
use super::link;
use super::options::Options;
use super::run_log;

/// The first lines of a run log that every new client gets.
const REPLAYED_LINES: usize = 129;

/// How the server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Stopped,
    Crashed,
}

/// What the server's parts share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: Options,
    /// Each change cuts all links.
    pub(super) cut: watch::Sender<u64>,
    pub(super) exit: watch::Sender<Option<Exit>>,
    encoder: Encoder,
    hub: Mutex<Hub>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Hub {
    clients: Vec<(u64, mpsc::Sender<Message>)>,
    /// Links that are served, kicked ones included.
    links: usize,
    accepted: u64,
    refused: u64,
    kicked: u64,
    events: u64,
    lost: u64,
    runs: i64,
    replay: Vec<Message>,
    leaving: bool,
}

impl Shared {
    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new client: its number, its queue and what it gets first.
    pub(super) fn register(&self) -> (u64, mpsc::Receiver<Message>, Vec<Message>) {
        let (sender, queue) = mpsc::channel(self.options.queue.max(1));
        let mut hub = self.hub();
        hub.accepted += 1;
        hub.links += 1;
        let number = hub.accepted;
        if !hub.leaving {
            hub.clients.push((number, sender));
        }
        let replay = hub.replay.clone();
        drop(hub);
        self.changed.notify_all();
        (number, queue, replay)
    }

    /// A client has gone.
    pub(super) fn unregister(&self, number: u64) {
        let mut hub = self.hub();
        hub.clients.retain(|(client, _)| *client != number);
        hub.links -= 1;
        drop(hub);
        self.changed.notify_all();
    }

    pub(super) fn count_refused(&self) {
        self.hub().refused += 1;
        self.changed.notify_all();
    }

    /// Whether this client's queue is closed because it was full, and not because the stand-in leaves.
    pub(super) fn was_kicked(&self, number: u64) -> bool {
        let hub = self.hub();
        !hub.leaving && hub.clients.iter().all(|(client, _)| *client != number)
    }

    /// Gives `message` to every client; one whose queue is full is kicked.
    fn broadcast(&self, message: &Message) {
        let mut hub = self.hub();
        let before = hub.clients.len();
        hub.clients
            .retain(|(_, queue)| queue.try_send(message.clone()).is_ok());
        let kicked = before - hub.clients.len();
        hub.kicked += kicked as u64;
        drop(hub);
        if kicked > 0 {
            self.changed.notify_all();
        }
    }

    /// The run log of a new start.
    fn begin_run(&self) {
        let mut hub = self.hub();
        let base = self.options.start_ns.unwrap_or_else(calendar::now_ns);
        let started_ns = match self.options.start_ns {
            // Runs must differ in their times; live ones do by themselves, as far as whole seconds can.
            Some(_) => base + hub.runs * 60 * SECOND_NS,
            None => base + hub.runs * SECOND_NS,
        };
        hub.runs += 1;
        let (release, zone) = (self.options.release, self.options.zone_seconds);
        hub.replay = run_log::start_lines(release, started_ns, zone)
            .iter()
            .chain(&self.options.logs)
            .take(REPLAYED_LINES)
            .map(|line| run_log::message(release, line))
            .collect();
    }

    /// Waits until `reached`, and says whether it was in time.
    fn wait(&self, timeout: Duration, reached: impl Fn(&Hub) -> bool) -> bool {
        let (hub, _) = self
            .changed
            .wait_timeout_while(self.hub(), timeout, |hub| !reached(hub))
            .unwrap_or_else(PoisonError::into_inner);
        reached(&hub)
    }

    async fn accept(self: &Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            drop(tokio::spawn(link::serve(Arc::clone(self), stream)));
        }
    }

    /// Serves until told to exit. What is still running then ends with the runtime: links break without a farewell.
    async fn run(self: Arc<Self>, listener: TcpListener) {
        let mut exit = self.exit.subscribe();
        tokio::select! {
            () = self.accept(listener) => {}
            _ = exit.wait_for(Option::is_some) => {}
        }
        let crashed = *self.exit.borrow() == Some(Exit::Crashed);
        let polite = self.options.closes_politely && !crashed;
        {
            let mut hub = self.hub();
            hub.leaving = true;
            hub.clients.clear();
        }
        self.changed.notify_all();
        let deadline = Instant::now() + Duration::from_secs(2);
        while polite && self.hub().links > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A stand-in for eCapture that serves until it is dropped. It runs on a thread of its own.
#[derive(Debug)]
pub(crate) struct StandIn {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl StandIn {
    /// Starts one. Fails if the address cannot be listened at.
    pub(crate) fn start(options: Options) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        // Not by way of the runtime, so that a test can start one from a runtime of its own.
        let listener = std::net::TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _entered = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let shared = Arc::new(Shared {
            encoder: options.encoder(),
            options,
            cut: watch::Sender::new(0),
            exit: watch::Sender::new(None),
            hub: Mutex::default(),
            changed: Condvar::new(),
        });
        shared.begin_run();
        let server = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name(String::from("stand-in"))
            .spawn(move || runtime.block_on(server.run(listener)))?;
        Ok(Self {
            shared,
            address,
            thread: Some(thread),
        })
    }

    /// Where clients connect.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// The host and port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a message to every client as it is.
    pub(crate) fn send(&self, message: &Message) {
        self.shared.broadcast(message);
    }

    /// Sends an event in the release's words; nothing if it sends no such events, or if it is one to be lost.
    pub(crate) fn send_event(&self, event: &GeneratedEvent) {
        let unix_ns = self
            .shared
            .options
            .start_ns
            .map_or_else(calendar::now_ns, |start| start + event.offset_ns);
        let Some(message) = self.shared.encoder.encode(event, unix_ns) else {
            return;
        };
        {
            let mut hub = self.shared.hub();
            hub.events += 1;
            let every = self.shared.options.lose_every;
            if every.is_some_and(|every| hub.events.is_multiple_of(every)) {
                hub.lost += 1;
                return;
            }
        }
        self.shared.broadcast(&message);
    }

    /// Writes a line of level info to the run log, as eCapture does while it runs.
    pub(crate) fn log(&self, text: &str) {
        let (release, zone) = (
            self.shared.options.release,
            self.shared.options.zone_seconds,
        );
        let line = run_log::line("", text, calendar::now_ns(), zone);
        let message = run_log::message(release, &line);
        let mut hub = self.shared.hub();
        let kept = hub.replay.len() < REPLAYED_LINES;
        if kept {
            hub.replay.push(message.clone());
        }
        drop(hub);
        // From 1.4.3 on a line that is kept for later clients is not sent to the present ones.
        if release.sends_json() || !kept {
            self.shared.broadcast(&message);
        }
    }

    /// Plays events and says how many. With a rate, so many a second, come what may; without, as fast as clients
    /// take them, so that none is kicked. Ends early when the server has ended.
    pub(crate) fn play(
        &self,
        events: impl IntoIterator<Item = GeneratedEvent>,
        rate: Option<f64>,
    ) -> u64 {
        let began = Instant::now();
        let mut played = 0_u32;
        for event in events {
            match rate {
                Some(rate) => {
                    let due = Duration::from_secs_f64(f64::from(played) / rate.max(0.001));
                    thread::sleep(due.saturating_sub(began.elapsed()));
                }
                None => self.wait_for_room(),
            }
            if self.has_ended() {
                break;
            }
            self.send_event(&event);
            played += 1;
        }
        u64::from(played)
    }

    /// Waits until no client's queue is more than half full.
    fn wait_for_room(&self) {
        let crowded = |hub: &Hub| {
            hub.clients
                .iter()
                .any(|(_, queue)| queue.capacity() * 2 < queue.max_capacity())
        };
        while crowded(&self.shared.hub()) {
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// Waits until every message is handed to the clients' sockets, and says whether it was in time.
    pub(crate) fn wait_for_empty_queues(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        loop {
            let hub = self.shared.hub();
            let mut clients = hub.clients.iter();
            if clients.all(|(_, queue)| queue.capacity() == queue.max_capacity()) {
                return true;
            }
            drop(hub);
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until at least `count` clients are connected, and says whether it was in time.
    pub(crate) fn wait_for_clients(&self, count: usize, timeout: Duration) -> bool {
        self.shared.wait(timeout, |hub| hub.clients.len() >= count)
    }

    /// Waits until no link is left, kicked ones included, and says whether it was in time.
    pub(crate) fn wait_for_nobody(&self, timeout: Duration) -> bool {
        self.shared.wait(timeout, |hub| hub.links == 0)
    }

    /// Clients that are connected and not kicked.
    pub(crate) fn clients(&self) -> usize {
        self.shared.hub().clients.len()
    }

    /// Handshakes that succeeded, and that did not.
    pub(crate) fn handshakes(&self) -> (u64, u64) {
        let hub = self.shared.hub();
        (hub.accepted, hub.refused)
    }

    /// Clients that were kicked because their queue was full.
    pub(crate) fn kicked(&self) -> u64 {
        self.shared.hub().kicked
    }

    /// Events that were lost by `lose_every`.
    pub(crate) fn lost(&self) -> u64 {
        self.shared.hub().lost
    }

    /// Whether a client made it crash.
    pub(crate) fn crashed(&self) -> bool {
        *self.shared.exit.borrow() == Some(Exit::Crashed)
    }

    /// Whether it has stopped or crashed.
    pub(crate) fn has_ended(&self) -> bool {
        self.shared.exit.borrow().is_some()
    }

    /// Breaks every link without a farewell; the server goes on.
    pub(crate) fn drop_clients(&self) {
        self.shared.cut.send_modify(|cuts| *cuts += 1);
    }

    /// As if eCapture had been started anew at the same address: links break, and the run log is a new one.
    pub(crate) fn restart_run(&self) {
        self.shared.begin_run();
        self.drop_clients();
    }

    /// Ends the server, and returns when its port is closed.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // A crash stays a crash.
        self.shared.exit.send_if_modified(|exit| {
            let running = exit.is_none();
            exit.get_or_insert(Exit::Stopped);
            running
        });
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !thread::panicking()
        {
            panic!("the stand-in's thread panicked");
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.end();
    }
}
