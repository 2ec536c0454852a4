"""Frames as eCapture 2.5.1 sends them (docs/wire.md, section 2), and files of them as ecq saves them
(src/record/frames_file.rs)."""

import struct
import subprocess
from datetime import datetime, timezone

TLS_BUFFER_BYTES = 16_384  # MAX_DATA_SIZE_OPENSSL, kern/common.h:39@v2.5.1
VERSION = "linux_amd64:v2.5.1:rendered"


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number_field(tag, number):
    # proto3 leaves a field out that is 0.
    return varint(tag << 3) + varint(number) if number else b""


def bytes_field(tag, data):
    return varint(tag << 3 | 2) + varint(len(data)) + data


def event(text):
    """LogEntry { log_type = 2, event_payload { length, payload } }"""
    if not text.endswith(b"\n"):
        text += b"\n"
    body = number_field(10, len(text)) + bytes_field(11, text)
    return number_field(1, 2) + bytes_field(2, body)


def heartbeat(seconds, count):
    """LogEntry { heartbeat_payload { timestamp, count, message } }"""
    body = number_field(1, seconds) + number_field(2, count) + bytes_field(3, f"heartbeat:{count}".encode())
    return bytes_field(3, body)


def run_log(line):
    """LogEntry { log_type = 1, run_log }"""
    return number_field(1, 1) + bytes_field(4, line.encode() + b"\n")


def utc(time_ns):
    return datetime.fromtimestamp(time_ns // 1_000_000_000, timezone.utc)


def openssl(time_ns, process, direction, payload):
    """internal/probe/openssl/event.go:179@v2.5.1, in a zone without offset."""
    time = f"{utc(time_ns):%Y-%m-%d %H:%M:%S}.{time_ns // 1_000_000 % 1000:03}"
    head = (
        f"[{time}] PID:{process.pid} TID:{process.tid} Comm:{process.comm} FD:{process.data_fd} "
        f"{direction} ({len(payload)} bytes):\n"
    )
    return event(head.encode() + payload)


def endpoint(address):
    return f"[{address[0]}]:{address[1]}"


def connection(process, client, server):
    """internal/probe/openssl/event_connect.go:140@v2.5.1: who opened it comes first."""
    text = (
        f"PID:{process.pid}, Comm:{process.comm}, TID:{process.tid}, FD:{process.fd}, "
        f"Tuple: {endpoint(client)}->{endpoint(server)}\n"
    )
    return event(text.encode())


DESTROYED = event(b"PID:0, Comm:, TID:0, FD:0, Tuple: [::]:0->[::]:0\n")


def opening(time_ns):
    """What eCapture sends first: lines of its run log, which tell version and zone, and a heartbeat."""
    time = f"{utc(time_ns):%Y-%m-%dT%H:%M:%S}+00:00"
    return [
        run_log(f'{{"level":"info","AppName":"eCapture(旁观者)","time":"{time}"}}'),
        run_log(f'{{"level":"info","Version":"{VERSION}","time":"{time}"}}'),
        run_log(f'{{"level":"info","probeName":"OpenSSL","time":"{time}","message":"probe started successfully."}}'),
        heartbeat(time_ns // 1_000_000_000, 0),
    ]


def save(path, frames):
    """Writes (receive time, message) pairs, compressed: both ends of a conversation are hardly more than one."""
    out = bytearray(b"ecqframes\0" + struct.pack("<HI", 1, 0))
    for received, message in frames:
        out += struct.pack("<qIBI", received, 1, 2, len(message)) + message
    command = ["zstd", "-q", "-19", "--long=24", "-f", "-o", str(path)]
    subprocess.run(command, input=bytes(out), check=True)
