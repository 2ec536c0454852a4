"""What a reader of the frames is to find: told by the programs and by the files they exchanged, not by the bytes."""

import hashlib
import json

from frames import DESTROYED, connection as connection_event, opening, openssl, save

# A server on the same host reads what its client wrote a little later, and writes what its client reads a little earlier.
ON_THE_WAY_NS = 60_000


def digest(data):
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


class Scenario:
    """One file of frames, and the exchanges in it."""

    def __init__(self, name, about, both_ends=False, server_read_bytes=None):
        self.name = name
        self.about = about
        self.both_ends = both_ends
        # How much the server asks SSL_read for; None: a whole record.
        self.server_read_bytes = server_read_bytes
        self.relays = []
        self.exchanges = []

    def exchange(
        self,
        *,
        port,
        http,
        method,
        target,
        host,
        status,
        request=b"",
        response=b"",
        request_headers=None,
        response_headers=None,
        request_trailers=None,
        response_trailers=None,
        **more,
    ):
        """`request` and `response` are the bodies with every coding undone; `None` where nobody can know."""
        if any(target == other["target"] and host == other["host"] for other in self.exchanges):
            raise ValueError(f"{self.name}: {target} is asked for twice")
        self.exchanges.append(
            {
                "type": "exchange",
                "scenario": self.name,
                "client_port": port,
                "http": http,
                "method": method,
                "target": target,
                "host": host,
                "status": status,
                "request_body": None if request is None else digest(request),
                "response_body": None if response is None else digest(response),
                "request_coding": coding(request_headers),
                "response_coding": coding(response_headers),
                "request_headers": request_headers,
                "response_headers": response_headers,
                "request_trailers": request_trailers or [],
                "response_trailers": response_trailers or [],
                **more,
            }
        )

    def write(self, folder):
        """Writes the frames; gives the lines of the expectation."""
        connections = [each for relay in self.relays for each in relay.connections]
        connections.sort(key=lambda each: each.opened_ns)
        numbers = {each.client_address[1]: number for number, each in enumerate(connections)}
        events = []
        for each in connections:
            events += self.of_client(each)
            if self.both_ends:
                events += self.of_server(each)
            events.append((each.closed_ns, None, None, DESTROYED))
        events.sort(key=lambda event: event[0])
        start_ns = events[0][0] - 2_000_000_000
        frames = [(start_ns, message) for message in opening(start_ns)]
        sums = {}
        for time_ns, key, size, message in events:
            frames.append((time_ns, message))
            if key and size is not None:
                entry = sums.setdefault(key, {"events": 0, "bytes": 0})
                entry["events"] += 1
                entry["bytes"] += size
        save(folder / f"{self.name}.frames.zst", frames)
        shown = [
            {
                "client": endpoint(each.client_address),
                "server": endpoint(each.server_address),
                "client_pname": each.client.comm,
                "client_pid": each.client.pid,
                "client_fd": each.client.data_fd,
                "server_pname": each.server.comm if self.both_ends else None,
                "server_pid": each.server.pid if self.both_ends else None,
            }
            for each in connections
        ]
        lines = [
            {
                "type": "scenario",
                "scenario": self.name,
                "about": self.about,
                "frames": len(frames),
                # Without the notices of destroyed sockets, which say nothing and are not kept.
                "events": len(frames) - len(opening(start_ns)) - len(connections),
                "connections": shown,
                "data": [
                    {"pname": pname, "direction": direction, **entry}
                    for (pname, direction), entry in sorted(sums.items())
                ],
            }
        ]
        counts = {}
        for exchange in self.exchanges:
            number = numbers[exchange.pop("client_port")]
            place = counts.setdefault(number, 0)
            counts[number] += 1
            lines.append({**exchange, "connection": number, "order": place})
        return lines

    def of_client(self, each):
        who = each.client
        yield each.opened_ns, None, None, connection_event(who, each.client_address, each.server_address)
        for piece in each.pieces:
            if piece.is_request:
                # A program that closes its connection writes nothing by that.
                if piece.data:
                    yield data_event(piece.time_ns, who, "WRITE", piece.data)
            elif piece.is_delivered:
                yield data_event(piece.time_ns + ON_THE_WAY_NS, who, "READ", piece.data)

    def of_server(self, each):
        who = each.server
        opened = each.opened_ns + ON_THE_WAY_NS
        yield opened, None, None, connection_event(who, each.client_address, each.server_address)
        for piece in each.pieces:
            if not piece.is_request:
                if piece.data:
                    yield data_event(piece.time_ns, who, "WRITE", piece.data)
            elif piece.is_delivered:
                size = self.server_read_bytes or max(1, len(piece.data))
                for at in range(0, max(1, len(piece.data)), size):
                    yield data_event(piece.time_ns + ON_THE_WAY_NS, who, "READ", piece.data[at : at + size])


def data_event(time_ns, process, direction, data):
    key = (process.comm, "in" if direction == "READ" else "out")
    return time_ns, key, len(data), openssl(time_ns, process, direction, data)


def coding(headers):
    values = [value for name, value in headers or [] if name.lower() == "content-encoding"]
    return ", ".join(values) or None


def endpoint(address):
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"


def write_lines(path, lines):
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")
