"""A relay on loopback that writes down what passes, and who its neighbors are.

It stands where TLS would be: what it receives from a program is what that program would have given to SSL_write, and
what it hands to one is what that program would have got from SSL_read. No piece is larger than a TLS record (16,384
bytes), which is as much as SSL_read gives at a time.
"""

import os
import queue
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from frames import TLS_BUFFER_BYTES


@dataclass
class Process:
    pid: int
    tid: int
    comm: str
    fd: int
    # What eCapture prints with data: 0 for programs that hand OpenSSL a BIO of their own (docs/wire.md, section 9).
    data_fd: int


@dataclass
class Piece:
    time_ns: int
    is_request: bool
    # Empty at the end of the direction.
    data: bytes
    # Whether it could be handed on. What was sent to a program that is gone, that program never read.
    is_delivered: bool = True


@dataclass
class Connection:
    client_address: tuple
    server_address: tuple
    opened_ns: int
    client: Process | None = None
    server: Process | None = None
    closed_ns: int = 0
    pieces: list = field(default_factory=list)


class Relay:
    """Listens on a port of its own; each connection goes on to `upstream`."""

    def __init__(self, upstream, host="127.0.0.1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family)
        self.host = host
        self.port = self.listener.getsockname()[1]
        self.upstream = upstream
        self.connections = []
        self.threads = []
        self.lock = threading.Lock()
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()

    def _accept(self):
        while True:
            try:
                client, address = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.upstream)
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            here = client.getsockname()[:2]
            connection = Connection(address[:2], here, opened_ns=time.time_ns())
            self.connections.append(connection)
            known = threading.Event()
            for source, sink, is_request in ((client, server, True), (server, client, False)):
                pieces = queue.SimpleQueue()
                self._start(self._read, connection, source, is_request, pieces)
                self._start(self._hand_on, sink, pieces, known)
            connection.client = owner(address[:2], here)
            connection.server = owner(server.getpeername()[:2], server.getsockname()[:2])
            # Not before: the server may answer and close at once.
            known.set()

    def _start(self, task, *arguments):
        thread = threading.Thread(target=task, args=arguments)
        thread.start()
        self.threads.append(thread)

    def _read(self, connection, source, is_request, pieces):
        """Never waits for the other side, so that what a program wrote in two calls stays two pieces."""
        while True:
            try:
                data = source.recv(TLS_BUFFER_BYTES)
            except ConnectionError:
                data = b""
            with self.lock:
                piece = Piece(time.time_ns(), is_request, data)
                connection.pieces.append(piece)
            connection.closed_ns = piece.time_ns
            pieces.put(piece)
            if not data:
                break

    def _hand_on(self, sink, pieces, known):
        known.wait()
        while True:
            piece = pieces.get()
            try:
                if piece.data:
                    sink.sendall(piece.data)
                else:
                    sink.shutdown(socket.SHUT_WR)
            except OSError:
                piece.is_delivered = False
            if not piece.data:
                break

    def finish(self, patience_s=10):
        """Ends listening and waits until every connection is over."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.accepting.join()
        for thread in self.threads:
            thread.join(patience_s)
            if thread.is_alive():
                raise RuntimeError("a connection does not end")


def owner(local, remote, patience_s=5):
    """The process that has the socket with these ends. A server may take a moment to accept it."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        process = holder(inode_of(local, remote))
        if process:
            return process
        time.sleep(0.002)
    raise RuntimeError(f"no process has the socket {local} -> {remote}")


def holder(inode):
    """Which of our programs has a socket."""
    if inode in (None, "0"):
        return None
    target = f"socket:[{inode}]"
    for process in children():
        try:
            for entry in (process / "fd").iterdir():
                if os.readlink(entry) == target:
                    comm = (process / "comm").read_text().rstrip("\n")
                    pid, fd = int(process.name), int(entry.name)
                    return Process(pid, pid, comm, fd, 0 if comm == "curl" else fd)
        except OSError:
            continue
    return None


def children():
    """The programs that were started here. Looking at all of /proc takes so long that pieces would run together."""
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            yield Path("/proc") / pid


def inode_of(local, remote):
    table = "tcp6" if ":" in local[0] else "tcp"
    wanted = [kernel_form(local), kernel_form(remote)]
    for name in dict.fromkeys([table, "tcp6"]):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            words = line.split()
            ends = [words[1], words[2]]
            # An IPv4 connection of a socket that takes both: ::ffff:127.0.0.1.
            mapped = ["0000000000000000FFFF0000" + end for end in wanted]
            if ends == wanted or ends == mapped:
                return words[9]
    return None


def kernel_form(address):
    host, port = address
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    words = [packed[at : at + 4][::-1].hex().upper() for at in range(0, len(packed), 4)]
    return "".join(words) + f":{port:04X}"
